//! Entries between two others, counted by buckets of equal width, and what they add up to.

use serde::{Deserialize, Serialize};

use super::place::{Cut, Scale};
use crate::checked;
use crate::error::{Error, Result};

/// What some rows add up to by their place in the order of entries: 1 each for a count, or their lengths.
///
/// Histograms of parts of the rows between the same two entries merge, wherever they were counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyHistogram {
    /// The first entry of the buckets, and the last.
    low: Cut,
    high: Cut,
    scale: Scale,
    /// Bits of a place that a bucket spans.
    shift: u32,
    /// What the entries before the buckets add up to.
    before: u64,
    /// The worst of them.
    last_before: Option<Cut>,
    /// What those of each bucket add up to.
    sums: Vec<u64>,
    /// The worst of those in the buckets.
    last: Option<Cut>,
    /// How many entries there are before the buckets and in them.
    rows: u64,
}

/// Where the entry lies with which a sum is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// From the first of these entries to the last, which are all, or those of one bucket.
    Within(Cut, Cut),
    /// No entry is left: all that there are add up to less.
    NotReached,
}

impl KeyHistogram {
    /// Begins with no rows: buckets, some 2^`bits`, from the entry `low` to `high`, both included, of a whole of so many rows.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for a first entry behind the last, and for more than 2^24 buckets.
    pub fn new((low, high): (Cut, Cut), rows: u64, bits: u32) -> Result<Self> {
        let scale = Scale::of(rows);
        let Some(range) = scale.place(high).checked_sub(scale.place(low)).filter(|_| bits <= 24) else {
            return Err(Error::Value(format!("there are no 2^{bits} buckets from {low:?} to {high:?}")));
        };
        let range_bits = u128::BITS - range.leading_zeros();
        let shift = range_bits - range_bits.min(bits);
        let sums = vec![0; checked::index(range >> shift)? + 1];
        Ok(Self { low, high, scale, shift, before: 0, last_before: None, sums, last: None, rows: 0 })
    }

    /// Returns the first entry of the buckets, and the last.
    pub fn between(&self) -> (Cut, Cut) {
        (self.low, self.high)
    }

    /// Returns the last entry before the buckets, if there may be one.
    pub(super) fn before_low(&self) -> Option<Cut> {
        self.scale.before(self.low)
    }

    /// Returns how many rows were counted.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Returns what the entries before the buckets add up to, and the worst of them.
    pub(super) fn before(&self) -> (u64, Option<Cut>) {
        (self.before, self.last_before)
    }

    /// Returns the worst entry of all.
    pub(super) fn last(&self) -> Option<Cut> {
        self.last.max(self.last_before)
    }

    /// Returns what all entries add up to.
    pub fn total(&self) -> u64 {
        // Proof: whoever asks for a sum asks for one that is less than what saturates.
        self.sums.iter().fold(self.before, |sum, &more| sum.saturating_add(more))
    }

    /// Adds entries before the buckets, of which `last` is the worst.
    pub(super) fn add_before(&mut self, rows: u64, weight: u64, last: Option<Cut>) -> Result<()> {
        self.rows = checked::add(self.rows, rows)?;
        self.before = self.before.saturating_add(weight); // Proof: as in `total`.
        self.last_before = self.last_before.max(last);
        Ok(())
    }

    /// Adds an entry of the buckets.
    #[inline]
    pub(super) fn add(&mut self, cut: Cut, weight: u64) -> Result<()> {
        let behind_low = self.scale.place(cut).checked_sub(self.scale.place(self.low));
        let bucket = behind_low.and_then(|behind| usize::try_from(behind >> self.shift).ok());
        let Some(sum) = bucket.and_then(|bucket| self.sums.get_mut(bucket)) else {
            return Err(checked::impossible("an entry lies outside of the buckets"));
        };
        *sum = sum.saturating_add(weight); // Proof: as in `total`.
        self.rows = checked::add(self.rows, 1)?;
        self.last = self.last.max(Some(cut));
        Ok(())
    }

    /// Adds what was counted of other rows between the same two entries.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for a histogram of other buckets.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        let buckets = |of: &Self| (of.low, of.high, of.scale, of.shift, of.sums.len());
        if buckets(self) != buckets(other) {
            return Err(Error::Value(format!(
                "a histogram of entries from {:?} to {:?} and one from {:?} to {:?} do not merge: both must be of the same buckets, of a whole of as many rows",
                self.low, self.high, other.low, other.high
            )));
        }
        for (sum, &more) in checked::zip(&mut self.sums, &other.sums)? {
            *sum = sum.saturating_add(more); // Proof: as in `total`.
        }
        self.last = self.last.max(other.last);
        self.add_before(other.rows, other.before, other.last_before)
    }

    /// Returns where the first entry lies with which a sum of at least 1 is reached.
    pub fn find(&self, sum: u64) -> Result<NextStep> {
        if self.before >= sum {
            let last = self.before_low();
            let last = last.ok_or_else(|| checked::impossible("entries lie before the first of all"))?;
            return Ok(NextStep::Within(Cut::FIRST, last));
        }
        let mut reached = self.before;
        for (bucket, &more) in (0_u128..).zip(&self.sums) {
            // Proof: buckets are counted.
            reached = reached.saturating_add(more); // Proof: as in `total`.
            if reached >= sum {
                let low = self.scale.place(self.low) + (bucket << self.shift);
                let high = self.scale.place(self.high).min(low + ((1 << self.shift) - 1));
                return Ok(NextStep::Within(self.scale.cut(low), self.scale.cut(high)));
            }
        }
        let behind = self.scale.behind(self.high);
        Ok(behind.map_or(NextStep::NotReached, |first| NextStep::Within(first, Cut::ALL))) // Proof: none is left.
    }
}
