//! Distributes the entries of a task over buckets while they are in the cache.
//!
//! Buckets are equal ranges of sort keys, between the keys that a sample found common. One more bucket on either side
//! takes the outliers, so that a single row far better than all others does not stretch the ranges. Buckets never
//! change a result, because each one is sorted whatever it holds.

use super::entry::Entry;
use crate::checked;
use crate::error::Result;

/// The aim for the bytes of one bucket's entries: two copies of them fit the second-level cache.
const BUCKET_BYTES: u64 = 512 << 10;
/// Where entries are few, buckets are made smaller until there are this many, so that each thread gets some.
const MIN_BUCKETS: u64 = 32;
/// The fewest entries that such a smaller bucket is made for.
const MIN_ENTRIES: u64 = 1 << 12;
/// The most buckets: the write positions of more would not fit the first-level cache.
const MAX_BUCKETS: u64 = 1 << 10;

/// Maps sort keys to buckets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Buckets {
    low: u64,
    shift: u32,
    count: usize,
}

impl Buckets {
    /// A single bucket, which keeps entries in row order.
    pub(crate) const ONE: Self = Self { low: 0, shift: 0, count: 1 };

    /// Makes buckets for `count` entries, nearly all of which have sort keys from `low` to `high`.
    #[allow(clippy::cast_possible_truncation)] // at most `MAX_BUCKETS` and some
    pub(crate) fn new<E: Entry>(low: u64, high: u64, count: u64) -> Self {
        // Proof: an estimate, which is capped at `MAX_BUCKETS`; buckets never change a result.
        let fitting = count.saturating_mul(size_of::<E>() as u64) / BUCKET_BYTES;
        let wanted = fitting.max((count / MIN_ENTRIES).min(MIN_BUCKETS)).min(MAX_BUCKETS);
        let Some(range) = high.checked_sub(low).filter(|_| wanted > 1) else {
            return Self::ONE; // Proof: one bucket is always right.
        };
        let (bits, wanted_bits) = (bit_length(range), bit_length(wanted - 1));
        let shift = bits - bits.min(wanted_bits);
        Self { low, shift, count: (range >> shift) as usize + 3 }
    }

    /// Returns the number of buckets.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Returns the bucket of a sort key: 0 for keys below the range, the last for keys above it.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // the minimum is a number of a bucket
    fn bucket(&self, sort_key: u64) -> usize {
        let above = sort_key.wrapping_sub(self.low) >> self.shift; // Proof: the next line drops what wraps.
        let bucket = if sort_key < self.low { 0 } else { above.saturating_add(1) }; // Proof: the minimum below is the last bucket.
        bucket.min(self.count as u64 - 1) as usize
    }

    /// Copies `entries` into `bucketed`, bucket after bucket, and returns where each bucket ends. Both slices have one
    /// length. Within a bucket the entries keep their order, which is by row.
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
            // Until all are placed, `ends` holds the next free position of each bucket.
            let next = &mut ends[self.bucket(entry.sort_key())];
            bucketed[*next as usize] = entry;
            *next += 1;
        }
        ends
    }
}

/// The entries of one task, in buckets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TaskEntries<'a, E> {
    /// All of them, bucket after bucket.
    pub(crate) entries: &'a [E],
    /// Where each bucket ends.
    pub(crate) ends: &'a [u32],
}

impl<'a, E: Entry> TaskEntries<'a, E> {
    /// Returns the entries of one bucket, in ascending order of their rows.
    pub(super) fn bucket(&self, bucket: usize) -> Result<&'a [E]> {
        let end = |bucket: usize| Ok(*checked::get(self.ends, bucket)? as usize);
        let start = bucket.checked_sub(1).map_or(Ok(0), end)?;
        checked::get(self.entries, start..end(bucket)?)
    }
}

/// Returns the number of bits up to the highest set bit.
pub(crate) fn bit_length(number: u64) -> u32 {
    u64::BITS - number.leading_zeros()
}

/// Returns the digits of `sort_key - low` that are left after dropping the lowest `shift` bits.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // callers choose `shift` so that few bits are left
pub(super) fn leading_digits(sort_key: u64, low: u64, shift: u32) -> usize {
    debug_assert!(sort_key >= low);
    // Proof: `low` is the least key that the caller asks about.
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
            sort_keys in proptest::collection::vec(prop_oneof![0u64..1000, any::<u64>(), u64::MAX - 9..], 0..300),
            (low, high) in prop_oneof![(0u64..1000, 0u64..1000), any::<(u64, u64)>(), any::<u64>().prop_map(|low| (low, u64::MAX))],
        ) {
            let entries: Vec<Key64Row64> = sort_keys.iter().zip(0..).map(|(&sort_key, row)| Key64Row64::new(sort_key, row)).collect();
            let buckets = Buckets::new::<Key64Row64>(low, high, 10 * BUCKET_BYTES);
            let mut bucketed = vec![Key64Row64::WORST; entries.len()];
            let ends = buckets.distribute(&entries, &mut bucketed);
            let task = TaskEntries { entries: &bucketed, ends: &ends };
            for bucket in 0..buckets.count() {
                let here = entries.iter().filter(|entry| buckets.bucket(entry.sort_key()) == bucket);
                assert_eq!(task.bucket(bucket).unwrap(), here.copied().collect::<Vec<_>>());
            }
            assert!(task.bucket(buckets.count()).is_err());
            assert_eq!(ends.last().copied(), u32::try_from(entries.len()).ok());
            let buckets: Vec<_> = bucketed.iter().map(|entry| buckets.bucket(entry.sort_key())).collect();
            assert!(buckets.is_sorted());
        }
    }
}
