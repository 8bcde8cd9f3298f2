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
use crate::error::Result;
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
