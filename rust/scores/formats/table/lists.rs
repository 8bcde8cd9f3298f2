//! The ends of lists, which are to be as long as each other: then their values lie as in a matrix.

use std::path::Path;

use super::column::ScoreColumn;
use crate::checked::{self, impossible};
use crate::error::{Error, Result};

/// The ends of the lists of a column, one after the other, from where the first begins on.
#[derive(Debug)]
pub(crate) struct ListEnds {
    column: ScoreColumn,
    width: Option<u64>,
    /// The row of the list that ends next.
    row: u64,
    /// Where the first list begins, and the last one that was looked at ends.
    span: Option<(u64, u64)>,
}

impl ListEnds {
    /// Those of lists from a row on, which have so many values each, or as many as the first.
    pub(crate) fn new(column: ScoreColumn, width: Option<u64>, row: u64) -> Self {
        Self { column, width, row, span: None }
    }

    /// Looks at the next ones, as numbers of four or eight bytes in the order of bytes of Arrow's files.
    pub(crate) fn add(&mut self, path: &Path, bytes: &[u8], size: usize) -> Result<()> {
        // Proof: nothing remains, as they are whole numbers.
        for end in bytes.chunks_exact(size) {
            let end = match (end.first_chunk(), end.first_chunk()) {
                (_, Some(end)) => i64::from_le_bytes(*end),
                (Some(end), None) => i64::from(i32::from_le_bytes(*end)),
                _ => return Err(impossible(format_args!("ends of {size} bytes"))),
            };
            self.next(path, end)?;
        }
        Ok(())
    }

    /// Looks at the end of the next list, or where the first begins.
    pub(crate) fn next(&mut self, path: &Path, end: i64) -> Result<()> {
        let broken = |before: u64| {
            let message = format!(
                "the list of row {} ends at value {end} and begins at {before}; the file is damaged",
                self.row
            );
            Error::format(path, self.column.at(), message)
        };
        let Some((first, before)) = self.span else {
            let start = u64::try_from(end).map_err(|_| broken(0))?;
            self.span = Some((start, start));
            return Ok(());
        };
        let end = u64::try_from(end).map_err(|_| broken(before))?;
        let length = end.checked_sub(before).ok_or_else(|| broken(before))?;
        let width = *self.width.get_or_insert(length);
        self.column.check_length(path, self.row, length, width)?;
        self.span = Some((first, end));
        self.row = checked::add(self.row, 1)?;
        Ok(())
    }

    /// The first value of the first list, and how many each has.
    pub(crate) fn found(&self) -> Result<(u64, u64)> {
        match (self.span, self.width) {
            (Some((first, _)), Some(width)) => Ok((first, width)),
            _ => Err(impossible("lists without a row")),
        }
    }
}
