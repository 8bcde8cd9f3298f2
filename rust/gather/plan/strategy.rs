//! How the rows of each part are read, and what the environment forces for debugging.

use std::ffi::OsStr;
use std::path::Path;

use crate::error::{Error, Result, Shown};

/// The environment variable that forces a strategy.
const VARIABLE: &str = "DSDM_STRATEGY";

/// How the rows of a part are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// Copied from where they lie: for each unit from the map or by their position, whichever costs less.
    Cheapest,
    /// Copied from the map, all pages of which are brought into memory first.
    Copy,
    /// Read one by one, by their position.
    Positional,
    /// Read into memory in the order in which they lie, and decoded if they are encoded.
    Decode,
    /// As `Decode`, and all of it by the decoders of libraries: lists of numbers in Parquet as well.
    Expand,
}

impl Strategy {
    /// Whether rows are read into memory in the order in which they lie.
    pub(crate) fn decodes(self) -> bool {
        matches!(self, Self::Decode | Self::Expand)
    }
}

/// Returns the strategy that the environment forces, if it names one.
pub(super) fn forced() -> Result<Option<Strategy>> {
    std::env::var_os(VARIABLE).map_or(Ok(None), |name| named(&name))
}

fn named(name: &OsStr) -> Result<Option<Strategy>> {
    match name.to_str() {
        Some("") => Ok(None),
        Some("copy") => Ok(Some(Strategy::Copy)),
        Some("decode") => Ok(Some(Strategy::Decode)),
        Some("expand") => Ok(Some(Strategy::Expand)),
        Some("positional") => Ok(Some(Strategy::Positional)),
        _ => {
            let name = Shown(Path::new(name));
            let choices = r#"it is one of "copy", "decode", "expand", "positional", or not set"#;
            Err(Error::Value(format!("{VARIABLE} is {name}; {choices}")))
        }
    }
}

/// Chooses how each part is read, by whether its rows can be copied from where they lie.
///
/// `fits` tells whether all rows that would be copied stay in the page cache. What is forced counts for parts that can
/// be copied from; of the others, rows are decoded in any case, and by libraries alone if that is forced.
pub(super) fn choose(
    may_be_copied: impl Iterator<Item = bool>,
    fits: bool,
    forced: Option<Strategy>,
) -> Vec<Strategy> {
    let own = if fits { Strategy::Cheapest } else { Strategy::Decode };
    let copied = forced.unwrap_or(own); // Proof: where nothing is forced, the choice is our own.
    let decoded = forced.filter(|&forced| forced == Strategy::Expand).unwrap_or(Strategy::Decode); // Proof: as above.
    may_be_copied.map(|may_be| if may_be { copied } else { decoded }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_names_are_known_and_others_are_refused() {
        let known = |name: &str| named(OsStr::new(name)).unwrap();
        assert_eq!(known(""), None);
        assert_eq!(known("copy"), Some(Strategy::Copy));
        assert_eq!(known("decode"), Some(Strategy::Decode));
        assert_eq!(known("expand"), Some(Strategy::Expand));
        assert_eq!(known("positional"), Some(Strategy::Positional));
        for name in ["Copy", "copy ", "mmap", "cheapest"] {
            let error = named(OsStr::new(name)).unwrap_err();
            let said = error.to_string();
            assert!(matches!(error, Error::Value(_)), "{said}");
            assert!(
                ["copy", "decode", "expand", "positional", VARIABLE, name].iter().all(|it| said.contains(it)),
                "{said}"
            );
        }
    }

    #[test]
    fn parts_that_cannot_be_copied_are_decoded_whatever_is_forced() {
        let parts = || [true, false, true].into_iter();
        let (cheapest, decode) = (Strategy::Cheapest, Strategy::Decode);
        assert_eq!(choose(parts(), true, None), [cheapest, decode, cheapest]);
        assert_eq!(choose(parts(), false, None), [decode; 3]);
        for forced in [Strategy::Copy, Strategy::Positional, decode] {
            for fits in [true, false] {
                assert_eq!(choose(parts(), fits, Some(forced)), [forced, decode, forced]);
            }
        }
        assert_eq!(choose(parts(), true, Some(Strategy::Expand)), [Strategy::Expand; 3]);
    }
}
