//! Bytes to one score vector.
//!
//! A [`Source`] is what selection reads: a stored vector, a lazy expression over several, or a borrowed
//! array. It is read block by block, so that nothing of the length of the vector is ever allocated.
//!
//! Files are read by `formats`, which find runs of values in them; `vector` joins these to one stored vector; `expr`
//! computes with vectors. `open` puts the three together.

mod check;
mod compare;
mod dtype;
mod expr;
mod float;
mod formats;
#[cfg(any(feature = "fuzzing", test))]
pub mod fuzzing;
mod open;
mod options;
mod row_file;
mod serialize;
mod vector;

use std::ops::Range;
use std::path::PathBuf;

pub use compare::{Comparison, Threshold, compare, compare_with_number};
pub(crate) use dtype::with_values;
pub use dtype::{DType, Scratch, Value, Values};
pub use expr::{HeldVector, Operand, Operator, Scores};
pub use formats::table::path::fields_named;
pub use options::{OpenOptions, RawShape, RawType, Reduce};
pub use row_file::RowFile;
pub use vector::chosen::Chosen;
pub use vector::take::{BLOCK, copy_rows, take_rows};

use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::Job;
pub use crate::io::file::Io;

/// One score per row, readable block by block from many threads.
pub trait Source: Sync {
    /// The number of rows.
    fn len(&self) -> u64;

    /// Whether there are no rows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type that [`Source::read`] gives.
    fn dtype(&self) -> DType;

    /// Computes what every value needs to know of all rows (the mean of a z-score), on the threads of a job.
    /// Called before a pass over the rows; a source that was not prepared does it at its first read.
    fn prepare(&self, _job: &Job<'_>) -> Result<()> {
        Ok(())
    }

    /// The values of `rows`, borrowed where they lie in memory as they are, else computed into `scratch`.
    ///
    /// `rows` lies within `0..len`. Callers read runs of some thousand rows, so that what is computed stays
    /// in the processor's cache.
    fn read<'a>(&'a self, rows: Range<u64>, scratch: &'a mut Scratch) -> Result<Values<'a>>;

    /// Brings the bytes of `rows` into memory, ahead of reading them.
    fn prefetch(&self, _rows: Range<u64>) -> Result<()> {
        Ok(())
    }

    /// Hint that a few rows will be read soon, out of order: the disk is asked for their bytes and not waited for.
    /// Return whether they were not in memory.
    fn hint_will_need(&self, _rows: Range<u64>) -> bool {
        false
    }

    /// All values where they lie in memory, if they lie there as one run.
    fn borrow_all(&self) -> Option<Values<'_>> {
        None
    }

    /// The number of the first row in the whole that this is a part of: noise by row counts from it.
    fn first_row(&self) -> u64 {
        0
    }

    /// Where a row lies, for messages: its file, which may have no name, and its number there.
    fn place_of(&self, row: u64) -> Result<(PathBuf, u64)> {
        Ok((PathBuf::new(), row))
    }

    /// Fails if what is read changed since it was opened. Called before each pass over the rows, as a file that was cut
    /// since the last call ends the process where its map is read, and after it.
    fn check_unchanged(&self) -> Result<()> {
        Ok(())
    }
}

/// Rows of a whole in a borrowed array, from one of them on.
#[derive(Debug, Clone, Copy)]
pub struct ArrayPart<'a> {
    values: Values<'a>,
    first_row: u64,
}

impl<'a> ArrayPart<'a> {
    /// The values of the rows from `first_row` on.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for rows beyond those that have a number.
    pub fn new(values: Values<'a>, first_row: u64) -> Result<Self> {
        let end = first_row.checked_add(values.len() as u64);
        if end.is_none_or(|end| i64::try_from(end).is_err()) {
            let len = values.len();
            return Err(Error::Value(format!(
                "{len} rows from row {first_row} on; row numbers are below 2^63"
            )));
        }
        Ok(Self { values, first_row })
    }
}

impl Source for ArrayPart<'_> {
    fn len(&self) -> u64 {
        Source::len(&self.values)
    }

    fn dtype(&self) -> DType {
        Source::dtype(&self.values)
    }

    fn read<'a>(&'a self, rows: Range<u64>, scratch: &'a mut Scratch) -> Result<Values<'a>> {
        self.values.read(rows, scratch)
    }

    fn borrow_all(&self) -> Option<Values<'_>> {
        Some(self.values)
    }

    fn first_row(&self) -> u64 {
        self.first_row
    }
}

/// A borrowed array is a source.
impl Source for Values<'_> {
    fn len(&self) -> u64 {
        Values::len(self) as u64
    }

    fn dtype(&self) -> DType {
        Values::dtype(self)
    }

    fn read<'a>(&'a self, rows: Range<u64>, _scratch: &'a mut Scratch) -> Result<Values<'a>> {
        Ok(self.slice(checked::span(&rows)?))
    }

    fn borrow_all(&self) -> Option<Values<'_>> {
        Some(*self)
    }
}
