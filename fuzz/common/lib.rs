//! What the targets share: where files lie, which errors may be, how the other reader is run, and values as bytes.

pub mod folders;
pub mod lines;
mod other;
mod place;
mod rows;
mod scores;
mod values;

pub use other::{quietly, until};
pub use place::{place, written};
pub use rows::{MANY, Unit, check_rows, draw, job};
pub use scores::{all_values, check_column, same_by_both};
pub use values::value;

use dsdm::error::Error;

/// Ends the run at an error that no file may cause.
pub fn check_refusal(error: &Error) {
    let documented = matches!(
        error,
        Error::Format(_)
            | Error::UnsafePickle(_)
            | Error::Truncated(_)
            | Error::Checksum(_)
            | Error::Schema(_)
            | Error::Value(_)
            | Error::Type(_)
            | Error::Memory(_)
    );
    assert!(documented, "not an error of a file: {error:?}");
    let said = error.to_string();
    assert!(said.len() < 20_000 && !said.contains('\0'), "not a message: {} bytes: {said:?}", said.len());
}

/// What was read, or nothing where it was refused as files are.
pub fn accepted<T>(outcome: Result<T, Error>) -> Option<T> {
    outcome.inspect_err(check_refusal).ok()
}
