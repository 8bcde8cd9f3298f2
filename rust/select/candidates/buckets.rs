//! Parts the entries of a task into buckets while they are in the cache.
//!
//! Buckets are ranges of sort key of equal width between what a sample showed to be common, with one more for what
//! lies beyond them on either side: one row that is far better than all others then costs them nothing. They
//! decide no result: each is sorted whatever it holds.

use super::entry::Entry;
use crate::checked;
use crate::error::Result;

/// Bytes of the entries that one bucket should have: two copies of them fit the second-level cache.
const BUCKET_BYTES: u64 = 512 << 10;
/// Buckets are smaller than that where entries are few, so that there are some for each thread.
const MIN_BUCKETS: u64 = 32;
/// Entries of the smallest.
const MIN_ENTRIES: u64 = 1 << 12;
/// The most buckets that it takes: places in as many would no longer fit the first-level cache.
const MAX_BUCKETS: u64 = 1 << 10;

/// Which bucket an entry belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buckets {
    low: u64,
    shift: u32,
    count: usize,
}

impl Buckets {
    /// One bucket: entries stay in the order of their rows.
    pub(crate) const ONE: Self = Self { low: 0, shift: 0, count: 1 };

    /// For `count` entries, nearly all of a sort key from `low` to `high`.
    #[allow(clippy::cast_possible_truncation)] // there are few buckets
    pub(crate) fn new<E: Entry>(low: u64, high: u64, count: u64) -> Self {
        // Proof: buckets decide no result, and there are at most `MAX_BUCKETS`.
        let fitting = count.saturating_mul(size_of::<E>() as u64) / BUCKET_BYTES;
        let wanted = fitting.max((count / MIN_ENTRIES).min(MIN_BUCKETS)).min(MAX_BUCKETS);
        let Some(range) = high.checked_sub(low).filter(|_| wanted > 1) else {
            return Self::ONE; // Proof: buckets decide no result.
        };
        let (bits, wanted_bits) = (bit_length(range), bit_length(wanted - 1));
        let shift = bits - bits.min(wanted_bits);
        Self { low, shift, count: (range >> shift) as usize + 3 }
    }

    /// How many buckets there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The first bucket is for what is better than the range, the last for what is worse.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // what is cut off is beyond the last bucket
    fn bucket(&self, sort_key: u64) -> usize {
        let above = sort_key.wrapping_sub(self.low) >> self.shift; // Proof: not used below the low end.
        let bucket = if sort_key < self.low { 0 } else { above.saturating_add(1) }; // Proof: beyond the last bucket.
        bucket.min(self.count as u64 - 1) as usize
    }

    /// Copies entries in ascending rows into as much room, bucket after bucket, each in that order; gives where
    /// each bucket ends.
    pub(super) fn distribute<E: Entry>(&self, entries: &[E], bucketed: &mut [E]) -> Vec<u32> {
        let mut ends = vec![0; self.count];
        for entry in entries {
            ends[self.bucket(entry.sort_key())] += 1;
        }
        let mut before = 0;
        for end in &mut ends {
            (*end, before) = (before, before + *end);
        }
        for &entry in entries {
            // What is the start of a bucket now is its end when all are placed.
            let next = &mut ends[self.bucket(entry.sort_key())];
            bucketed[*next as usize] = entry;
            *next += 1;
        }
        ends
    }
}

/// Entries of a run of rows, in buckets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TaskEntries<'a, E> {
    /// All entries, bucket after bucket.
    pub(crate) entries: &'a [E],
    /// Where each bucket ends.
    pub(crate) ends: &'a [u32],
}

impl<'a, E: Entry> TaskEntries<'a, E> {
    /// The entries of one bucket, in ascending rows.
    pub(super) fn bucket(&self, bucket: usize) -> Result<&'a [E]> {
        let end = |bucket: usize| Ok(*checked::get(self.ends, bucket)? as usize);
        let start = bucket.checked_sub(1).map_or(Ok(0), end)?;
        checked::get(self.entries, start..end(bucket)?)
    }
}

/// Bits up to the highest that is set.
pub(crate) fn bit_length(number: u64) -> u32 {
    u64::BITS - number.leading_zeros()
}

/// What lies `shift` bits and more above `low`.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // callers choose the shift so that few bits are left
pub(super) fn leading_digits(sort_key: u64, low: u64, shift: u32) -> usize {
    debug_assert!(sort_key >= low);
    // Proof: callers take `low` as the least of what they ask for.
    (sort_key.wrapping_sub(low) >> shift) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::select::candidates::entry::Key64Row64;

    proptest! {
        #[test]
        fn buckets_hold_their_entries_in_order(
            sort_key in proptest::collection::vec(prop_oneof![0u64..1000, any::<u64>(), u64::MAX - 9..], 0..300),
            (low, high) in prop_oneof![(0u64..1000, 0u64..1000), any::<(u64, u64)>(), any::<u64>().prop_map(|low| (low, u64::MAX))],
        ) {
            let entries: Vec<Key64Row64> = sort_key.iter().zip(0..).map(|(&sort_key, row)| Key64Row64::new(sort_key, row)).collect();
            let buckets = Buckets::new::<Key64Row64>(low, high, 10 * BUCKET_BYTES);
            let mut bucketed = vec![Key64Row64::WORST; entries.len()];
            let ends = buckets.distribute(&entries, &mut bucketed);
            let piece = TaskEntries { entries: &bucketed, ends: &ends };
            for bucket in 0..buckets.count() {
                let here = entries.iter().filter(|entry| buckets.bucket(entry.sort_key()) == bucket);
                assert_eq!(piece.bucket(bucket).unwrap(), here.copied().collect::<Vec<_>>());
            }
            assert!(piece.bucket(buckets.count()).is_err());
            assert_eq!(ends.last().copied(), u32::try_from(entries.len()).ok());
            let buckets: Vec<_> = bucketed.iter().map(|entry| buckets.bucket(entry.sort_key())).collect();
            assert!(buckets.is_sorted());
        }
    }
}
