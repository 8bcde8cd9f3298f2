//! A file that a row names: its size, and its bytes.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};

pub(super) fn size_of(path: &str, column: &str, row: u64) -> Result<u64> {
    if path.contains("://") {
        return Err(Error::Value(format!(
            "the column {column:?} names {path:?} in row {row} of the output, and only files of this machine are taken in; download it, or leave the column out with columns="
        )));
    }
    let failed =
        |e| Error::io(path, format!("reading the file of column {column:?} in row {row} of the output"), e);
    let file = fs::metadata(path).map_err(failed)?;
    if file.is_file() {
        return Ok(file.len());
    }
    let message = format!(
        "the column {column:?} names {path:?} in row {row} of the output, which is not a file; leave the row out, or mend its path"
    );
    Err(Error::Value(message))
}

pub(super) fn read(path: &str, column: &str, row: u64) -> Result<Vec<u8>> {
    size_of(path, column, row)?;
    fs::read(Path::new(path)).map_err(|e| {
        Error::io(path, format!("reading the file of column {column:?} in row {row} of the output"), e)
    })
}
