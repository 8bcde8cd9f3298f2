//! What stands between a bad file and a panic of a library that reads it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::error::{At, Error, Result};

/// Runs a decoder of another crate: what it says, and a panic of it, become a [`Error::Format`] at this place.
pub(crate) fn guard<R, E: std::fmt::Display>(
    path: &Path,
    at: &At,
    doing: &str,
    decode: impl FnOnce() -> Result<R, E>,
) -> Result<R> {
    let broken = |what: String| {
        Error::format(path, at.clone(), format!("{doing}: {what}; the file is damaged or written wrongly"))
    };
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(error)) => Err(broken(error.to_string())),
        Err(_) => Err(broken("the decoder gave up on the bytes".to_owned())),
    }
}
