//! What a selection tells the pass, and the memory and the counters of one thread.

use std::ops::Range;

use crate::checked;
use crate::error::Result;
use crate::scores::{Scratch, Source};
use crate::select::candidates::entry::Entry;
use crate::select::noise::bits::BlockBits;

/// Rows that are read and tested at once, so that their scores stay in the cache.
pub(crate) const BLOCK_ROWS: u64 = 1 << 14;

/// Turns rows into entries.
pub(crate) trait Ranker<E: Entry>: Sync {
    /// Returns the number of rows.
    fn rows(&self) -> u64;

    /// Appends the entries of `rows` that are not worse than `threshold`, in ascending row order. There are at most
    /// [`BLOCK_ROWS`] rows.
    fn collect(&self, rows: Range<u64>, threshold: E, work: &mut Workspace, found: &mut Vec<E>)
    -> Result<()>;

    /// Leaves in `found`, which is empty, the entries of `rows` that are worse than `better` and not worse than
    /// `threshold`, in ascending row order; returns how many others are not worse than `better`. There are at most
    /// [`BLOCK_ROWS`] rows, and `better` is better than the threshold.
    fn collect_between(
        &self,
        rows: Range<u64>,
        better: Option<E>,
        threshold: E,
        work: &mut Workspace,
        found: &mut Vec<E>,
    ) -> Result<u64> {
        self.collect(rows, threshold, work, found)?;
        Ok(leave_worse(better, found))
    }

    /// Returns the source of the scores, or `None` if the ranker reads none.
    fn source(&self) -> Option<&dyn Source> {
        None
    }
}

/// Leaves the entries that are worse than `better`, and returns how many were not.
pub(crate) fn leave_worse<E: Entry>(better: Option<E>, found: &mut Vec<E>) -> u64 {
    let Some(better) = better else { return 0 }; // Proof: no entry is better than all.
    let all = found.len();
    let mut kept = 0;
    for at in 0..all {
        let entry = found[at];
        found[kept] = entry;
        kept += usize::from(entry > better);
    }
    found.truncate(kept);
    (all - kept) as u64
}

/// What is done with the ranker of a selection, whatever its entries are.
pub(crate) trait Visit {
    /// What it gives.
    type Output;

    /// Does it. A draw whose noise turns out to be another than was assumed has it done again.
    fn visit<E: Entry>(&self, ranker: &dyn Ranker<E>) -> Result<Self::Output>;
}

/// One thread's memory and counters, reused for every block.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// Memory for the source of the scores.
    pub scratch: Scratch,
    /// Offsets within the block of the rows that passed the filter.
    pub hits: Vec<u32>,
    /// The scores of the block, as float32.
    pub rounded: Vec<f32>,
    /// The random bits of the block.
    pub bits: BlockBits,
    /// The random bits of the hits.
    pub drawn: Vec<u64>,
    /// The noise that those bits mean.
    pub noise: Vec<f64>,
    /// The scores of the hits.
    pub weights: Vec<f64>,
    /// The values of the hits.
    pub picked: Scratch,
    /// What the pass counted.
    pub stats: PassStats,
}

/// What the pass counts besides collecting entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PassStats {
    /// Rows that were read.
    pub rows: u64,
    /// Rows whose score is NaN.
    pub nan: u64,
    /// The first row whose score is NaN.
    pub first_nan: Option<u64>,
    /// Rows of probability 0, which are never drawn.
    pub never_drawn: u64,
    /// The first row whose score, divided by the temperature, overflows.
    pub first_overflow: Option<u64>,
}

impl PassStats {
    /// Counts a row whose score is NaN.
    pub(crate) fn add_nan(&mut self, row: u64) {
        self.nan += 1;
        self.first_nan = first(self.first_nan, Some(row));
    }

    /// Records a row whose score overflows.
    pub(crate) fn add_overflow(&mut self, row: u64) {
        self.first_overflow = first(self.first_overflow, Some(row));
    }

    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_adds_counts_and_keeps_the_first_rows() {
        let mut rows = [7, 3, 9].map(|row| {
            let mut stats = PassStats { rows: 10, ..PassStats::default() };
            stats.add_nan(row);
            stats.add_overflow(row + 1);
            stats
        });
        let mut all = PassStats { never_drawn: 2, ..PassStats::default() };
        rows[1].first_overflow = None;
        for stats in &rows {
            all.merge(stats).unwrap();
        }
        let expected =
            PassStats { rows: 30, nan: 3, first_nan: Some(3), never_drawn: 2, first_overflow: Some(8) };
        assert_eq!(all, expected);
        all.rows = u64::MAX;
        assert!(all.merge(&rows[0]).is_err());
    }
}
