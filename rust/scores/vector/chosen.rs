//! What of a file is the vector, where the file holds more than one thing: a column by its name or number, a tensor by
//! its key, what is made of the values of a row.

use std::fmt;
use std::path::Path;

use crate::error::{At, Error, Result};
use crate::scores::options::{Reduce, place};

/// What was taken of a file; of one that holds nothing but the vector, nothing of all this.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Chosen {
    /// A tensor of a torch file that holds a dict, a list or a tuple, or of a safetensors file; an array of an .npz archive.
    pub key: Option<String>,
    /// A column of an Arrow or Parquet table or of JSON lines; of a matrix, its number as `[3]`.
    pub column: Option<String>,
    /// What was made of the values of each row.
    pub reduce: Option<Reduce>,
    /// Whether the rows of a matrix are those of its second dimension.
    pub transposed: bool,
    /// Whether they are booleans, which are read as 0 and 1.
    pub booleans: bool,
}

impl Chosen {
    /// A column of a table.
    pub(crate) fn column(name: impl Into<String>) -> Self {
        Self { column: Some(name.into()), ..Self::default() }
    }

    /// A column of a matrix.
    pub(crate) fn place(number: u64) -> Self {
        Self::column(format!("[{number}]"))
    }

    /// The same, of the tensor or array that has a key, if it has one.
    pub(crate) fn of(self, key: Option<String>) -> Self {
        Self { key, ..self }
    }

    /// The number of the column of a matrix.
    pub fn number(&self) -> Option<u64> {
        self.column.as_deref().and_then(place)
    }

    /// Whether there was nothing to take anything from.
    pub fn is_all(&self) -> bool {
        self.what() == Self::default().what()
    }

    /// What it is by, but for whether they are booleans.
    fn what(&self) -> (&Option<String>, &Option<String>, Option<Reduce>, bool) {
        (&self.key, &self.column, self.reduce, self.transposed)
    }

    /// Whether each row of the file has several values.
    fn is_of_rows(&self) -> bool {
        self.transposed || self.reduce.is_some() || self.number().is_some()
    }
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.as_ref().map(|name| format!("key {name:?}"));
        let column = match (self.number(), &self.column) {
            (Some(number), _) => Some(format!("column {number}")),
            (None, column) => column.as_ref().map(|name| format!("column {name:?}")),
        };
        let reduce = self.reduce.map(|how| format!("the {} of each row", how.name()));
        let transposed = self.transposed.then(|| "transposed".to_owned());
        // Proof: what was not taken is not told.
        let said: Vec<_> = [key, transposed, column, reduce].into_iter().flatten().collect();
        f.write_str(&said.join(", "))
    }
}

/// Fails if the files of one vector have it under different names: then they are not parts of one thing.
///
/// A file that holds nothing but the vector has no name for it and goes with any, but for rows of several values.
pub(crate) fn common<'a>(found: impl Iterator<Item = (&'a Path, &'a Chosen)>) -> Result<Chosen> {
    let (mut all, mut first): (Option<&Path>, Option<(&Path, &Chosen)>) = (None, None);
    let mut booleans = false;
    for (path, chosen) in found {
        booleans |= chosen.booleans;
        match first {
            _ if chosen.is_all() => all = all.or(Some(path)),
            Some((origin, other)) if other.what() != chosen.what() => {
                let option = if other.key == chosen.key { "column=" } else { "key=" };
                let message = format!(
                    "the scores are {chosen} here and {other} in {}; one vector is read from one of them: name it with {option}",
                    origin.display()
                );
                return Err(Error::schema(path, At::Field(chosen.to_string()), message));
            }
            Some(_) => {}
            None => first = Some((path, chosen)),
        }
    }
    match (all, first) {
        (Some(all), Some((path, chosen))) if chosen.is_of_rows() => {
            let message = format!(
                "the scores are {chosen} here, and {} has one value in each row; open files of one shape together",
                all.display()
            );
            Err(Error::schema(path, At::Field(chosen.to_string()), message))
        }
        (_, Some((_, chosen))) => Ok(Chosen { booleans, ..chosen.clone() }),
        (_, None) => Ok(Chosen { booleans, ..Chosen::default() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_vector_has_one_name() {
        let (a, b) = (Path::new("a"), Path::new("b"));
        let (score, id, all) = (Chosen::column("score"), Chosen::column("id"), Chosen::default());
        assert_eq!(common([(a, &score), (b, &all), (b, &score)].into_iter()).unwrap(), score);
        assert_eq!(common([(a, &all)].into_iter()).unwrap(), all);
        let error = common([(a, &score), (b, &id)].into_iter()).unwrap_err();
        assert!(matches!(error, Error::Schema(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains("column \"id\"") && text.contains("column \"score\" in a"), "{text}");
        assert!(text.ends_with("name it with column="), "{text}");
        let error = common([(a, &score), (b, &all.clone().of(Some("score".into())))].into_iter())
            .unwrap_err()
            .to_string();
        assert!(error.ends_with("name it with key="), "{error}");
    }

    #[test]
    fn rows_of_several_values_go_with_their_like_alone() {
        let (a, b) = (Path::new("a"), Path::new("b"));
        let mean = Chosen { reduce: Some(Reduce::Mean), ..Chosen::default() };
        for chosen in [Chosen::place(3), mean.clone(), mean.of(Some("w".into()))] {
            assert_eq!(common([(a, &chosen), (b, &chosen)].into_iter()).unwrap(), chosen);
            for found in [[(a, &chosen), (b, &Chosen::default())], [(b, &Chosen::default()), (a, &chosen)]] {
                let text = common(found.into_iter()).unwrap_err().to_string();
                assert!(text.contains(&format!("are {chosen} here, and b has one value")), "{text}");
            }
        }
    }

    #[test]
    fn what_was_taken_is_told() {
        let of = |key: Option<&str>, column: Option<&str>, reduce| Chosen {
            key: key.map(str::to_owned),
            column: column.map(str::to_owned),
            reduce,
            transposed: false,
            booleans: false,
        };
        assert_eq!(of(Some("w"), Some("[3]"), None).to_string(), "key \"w\", column 3");
        assert_eq!(
            of(None, Some("a.b"), Some(Reduce::Max)).to_string(),
            "column \"a.b\", the max of each row"
        );
        assert!(of(None, None, None).is_all() && !of(None, None, Some(Reduce::Sum)).is_all());
    }
}
