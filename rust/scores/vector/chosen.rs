//! What of a file is the vector, where the file holds more than one thing: a column by its name, a tensor by its key.

use std::fmt;
use std::path::Path;

use crate::error::{At, Error, Result};

/// What was taken of a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Chosen {
    /// A column of an Arrow or Parquet table.
    Column(String),
    /// A tensor of a torch file that holds a dict, a list or a tuple, or of a safetensors file; an array of an .npz archive.
    Key(String),
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(name) => write!(f, "column {name:?}"),
            Self::Key(name) => write!(f, "key {name:?}"),
        }
    }
}

impl Chosen {
    /// The option that names one.
    fn option(&self) -> &'static str {
        match self {
            Self::Column(_) => "column=",
            Self::Key(_) => "key=",
        }
    }
}

/// Fails if the files of one vector have it under different names: then they are not parts of one thing.
///
/// A file that holds nothing but the vector has no name for it and goes with any.
pub(crate) fn common<'a>(
    found: impl Iterator<Item = (&'a Path, Option<&'a Chosen>)>,
) -> Result<Option<Chosen>> {
    let mut first: Option<(&Path, &Chosen)> = None;
    for (path, chosen) in found {
        let Some(chosen) = chosen else { continue }; // Proof: a file that has no name for it goes with any.
        match first {
            Some((origin, other)) if other != chosen => {
                let message = format!(
                    "the scores are {chosen} here and {other} in {}; one vector is read from one of them: name it with {}",
                    origin.display(),
                    chosen.option()
                );
                return Err(Error::schema(path, At::Field(chosen.to_string()), message));
            }
            Some(_) => {}
            None => first = Some((path, chosen)),
        }
    }
    Ok(first.map(|(_, chosen)| chosen.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_vector_has_one_name() {
        let (a, b) = (Path::new("a"), Path::new("b"));
        let (score, id) = (Chosen::Column("score".into()), Chosen::Column("id".into()));
        assert_eq!(
            common([(a, Some(&score)), (b, None), (b, Some(&score))].into_iter()).unwrap(),
            Some(score.clone())
        );
        assert_eq!(common([(a, None)].into_iter()).unwrap(), None);
        let error = common([(a, Some(&score)), (b, Some(&id))].into_iter()).unwrap_err();
        assert!(matches!(error, Error::Schema(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains("column \"id\"") && text.contains("column \"score\" in a"), "{text}");
        assert!(common([(a, Some(&score)), (b, Some(&Chosen::Key("score".into())))].into_iter()).is_err());
    }
}
