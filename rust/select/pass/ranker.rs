//! What the pass asks of a selection, and what each of its threads works with and counts.

use std::ops::Range;

use crate::checked;
use crate::error::Result;
use crate::scores::{Scratch, Source};
use crate::select::candidates::entry::Entry;
use crate::select::noise::bits::BlockBits;

/// Rows that are read, compared and resolved at once: their scores stay in the first-level caches.
pub(super) const BLOCK_ROWS: u64 = 1 << 14;

/// Something that gives each row an entry.
pub(crate) trait Ranker<E: Entry>: Sync {
    /// The number of rows.
    fn rows(&self) -> u64;

    /// Appends the entries of `rows` (at most [`BLOCK_ROWS`]) that are not worse than `threshold`, in ascending rows.
    fn collect(&self, rows: Range<u64>, threshold: E, work: &mut Workspace, found: &mut Vec<E>)
    -> Result<()>;

    /// What the rows are ranked by, if it is read.
    fn source(&self) -> Option<&dyn Source> {
        None
    }
}

/// What one thread works with and what it counts.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// For the source of the scores.
    pub scratch: Scratch,
    /// Offsets of rows in a block.
    pub hits: Vec<u32>,
    /// Scores of a block as float32, rounded.
    pub rounded: Vec<f32>,
    /// Random bits of the rows of a block.
    pub bits: BlockBits,
    /// Random bits of the hits.
    pub drawn: Vec<u64>,
    /// The noise that they mean.
    pub noise: Vec<f64>,
    /// Scores of the hits.
    pub weights: Vec<f64>,
    /// Values of a block that hits were picked from.
    pub picked: Scratch,
    /// What the pass came across.
    pub stats: PassStats,
}

/// What a pass came across besides entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PassStats {
    /// Rows that were looked at.
    pub rows: u64,
    /// Rows whose score is NaN.
    pub nan: u64,
    /// The first of them.
    pub first_nan: Option<u64>,
    /// Rows that can never be drawn: of probability 0.
    pub never_drawn: u64,
    /// The first row whose score overflows when divided by the temperature.
    pub first_overflow: Option<u64>,
}

impl PassStats {
    /// Counts a NaN.
    pub(crate) fn add_nan(&mut self, row: u64) {
        self.nan += 1;
        self.first_nan = first(self.first_nan, Some(row));
    }

    /// Remembers a row whose score overflows.
    pub(crate) fn add_overflow(&mut self, row: u64) {
        self.first_overflow = first(self.first_overflow, Some(row));
    }

    pub(super) fn merge(&mut self, other: &Self) -> Result<()> {
        self.rows = checked::add(self.rows, other.rows)?;
        self.nan = checked::add(self.nan, other.nan)?;
        self.never_drawn = checked::add(self.never_drawn, other.never_drawn)?;
        self.first_nan = first(self.first_nan, other.first_nan);
        self.first_overflow = first(self.first_overflow, other.first_overflow);
        Ok(())
    }
}

fn first(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
