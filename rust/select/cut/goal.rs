//! What is searched for, within how much memory.

use super::place::Rows;
use super::ranked::Ranked;
use super::weights::Weights;
use crate::checked;
use crate::error::Result;
use crate::scores::Scratch;
use crate::select::candidates::entry::Entry;
use crate::select::quota::Groups;

/// How much memory a search may take. It changes the number of passes alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Buckets of one histogram, at most, as a power of two.
    pub(super) bucket_bits: u32,
    /// Entries that all threads keep at most.
    pub(super) kept: usize,
}

impl Limits {
    /// 32 MB of entries, and 16 MB of buckets for each thread where there are many groups.
    pub(super) const USUAL: Self = Self { bucket_bits: 14, kept: 1 << 20 };
}

/// What is searched for: of each group, or of all rows, the entry with which a sum is reached.
pub(super) struct Goal<'a> {
    pub(super) rows: Rows,
    /// The greatest sort key that a row may have.
    pub(super) last_key: u64,
    pub(super) groups: Option<&'a Groups<'a>>,
    pub(super) weights: Option<&'a Weights<'a>>,
    pub(super) targets: Vec<u64>,
    pub(super) limits: Limits,
}

/// An entry that was kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept<E> {
    pub(super) lane: u32,
    pub(super) weight: u64,
    pub(super) entry: E,
}

impl<'a> Goal<'a> {
    /// Makes the goal of so many sums as there are groups, or of one.
    pub(super) fn new(
        ranked: &Ranked<'_>,
        groups: Option<&'a Groups<'a>>,
        weights: Option<&'a Weights<'a>>,
        targets: Vec<u64>,
    ) -> Result<Self> {
        checked::equal("sums of groups", targets.len(), groups.map_or(1, Groups::count))?;
        let (rows, last_key, limits) = (ranked.rows()?, ranked.last_key(), Limits::USUAL);
        Ok(Self { rows, last_key, groups, weights, targets, limits })
    }

    /// Writes the weights of entries, if they have some.
    pub(super) fn weigh<E: Entry>(
        &self,
        entries: &[E],
        scratch: &mut Scratch,
        into: &mut Vec<u64>,
    ) -> Result<()> {
        self.weights.map_or(Ok(()), |weights| weights.read(entries, scratch, into))
    }

    /// Returns an entry with its lane and its weight, which is 1 if it has none.
    pub(super) fn kept<E: Entry>(&self, entry: E, weight: Option<u64>) -> Result<Kept<E>> {
        let lane = self.groups.map_or(Ok(0), |groups| groups.of(entry.row()))?;
        Ok(Kept { lane: checked::to(lane)?, weight: weight.unwrap_or(1), entry }) // Proof: counted once.
    }
}
