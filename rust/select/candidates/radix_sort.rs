//! Entries to rows, best first: bucket by bucket, each gathered from the candidates into the second-level cache and
//! sorted there.
//!
//! Within a bucket entries come in ascending rows, and sorting keeps the order of those as bad as each other. So
//! only sort key is looked at, and only the bits of it in which entries differ.

use std::sync::Mutex;

use super::buckets::{TaskEntries, bit_length, leading_digits};
use super::entry::Entry;
use super::{Candidates, sort_key_range};
use crate::checked;
use crate::error::{Error, Result};
use crate::locks::lock;
use crate::parallel::Job;

/// Bits of a digit at most.
const DIGIT_BITS: u32 = 9;
/// Digits that entries are sorted by; those that agree in all of them are compared.
const MAX_DIGITS: usize = 3;
/// Their bits at most.
const SORTED_BITS: u32 = 27;
/// Bytes that are read twice for less than once from memory.
const CACHE_BYTES: usize = if cfg!(test) { 64 << 10 } else { 2 << 20 };
/// Buckets of fewer entries are sorted by comparison.
const COMPARISON_SORT_BELOW: usize = 256;

/// Tells entries apart that are as bad as each other and would else go by row: less is better.
pub(crate) type TieBreak<'a> = &'a (dyn Fn(u64) -> u64 + Sync);

/// Fills `rows` with the rows of the best entries, best first or best last. Fails if there are fewer.
pub(crate) fn fill<E: Entry>(
    candidates: &Candidates<E>,
    rows: &mut [i64],
    best_last: bool,
    tie_break: Option<TieBreak<'_>>,
    job: &Job<'_>,
) -> Result<()> {
    let (all, k) = (candidates.by_row(), rows.len());
    let buckets = Mutex::new(split_rows(&all, candidates.buckets.count(), rows, best_last)?.into_iter());
    let filled = job.run_on(candidates.buckets.count(), |_, state| {
        let (mut buffers, mut filled) = (SortBuffers::default(), 0);
        loop {
            let next = lock(&buckets)?.next();
            let Some((bucket, rows)) = next else { return Ok(filled) }; // Proof: no bucket is left.
            filled += rows.len();
            buffers.sort_bucket(
                &bucket_parts(&all, bucket)?,
                &mut BucketRows { rows, best_last },
                tie_break,
            )?;
            state.check()?;
        }
    })?;
    checked::equal("rows that were filled", filled.into_iter().sum(), k)
}

/// The entries of a bucket, from each task.
fn bucket_parts<'a, E: Entry>(candidates: &[TaskEntries<'a, E>], bucket: usize) -> Result<Vec<&'a [E]>> {
    candidates.iter().map(|task| task.bucket(bucket)).collect()
}

fn no_memory(rows: usize) -> Error {
    Error::Memory(format!("no memory for {rows} row indices; choose fewer"))
}

/// Pairs each bucket with its slice of the rows, the best bucket's at the start or, best last, at the end.
fn split_rows<'a, E: Entry>(
    candidates: &[TaskEntries<'_, E>],
    buckets: usize,
    mut rows: &'a mut [i64],
    best_last: bool,
) -> Result<Vec<(usize, &'a mut [i64])>> {
    let mut pairs = Vec::with_capacity(buckets);
    let mut found = 0;
    for bucket in 0..buckets {
        let here: usize = bucket_parts(candidates, bucket)?.iter().map(|part| part.len()).sum();
        found += here;
        let len = here.min(rows.len());
        let (mine, rest) = if best_last {
            let (rest, mine) = rows.split_at_mut(rows.len() - len);
            (mine, rest)
        } else {
            rows.split_at_mut(len)
        };
        if len > 0 {
            pairs.push((bucket, mine));
        }
        rows = rest;
    }
    let there: usize = candidates.iter().map(|task| task.entries.len()).sum();
    checked::equal("entries in buckets", found, there)?;
    checked::equal("rows without an entry", rows.len(), 0)?;
    Ok(pairs)
}

/// The rows that a bucket fills; what lies beyond them is dropped.
struct BucketRows<'a> {
    rows: &'a mut [i64],
    best_last: bool,
}

impl BucketRows<'_> {
    #[inline(always)]
    fn set(&mut self, rank: usize, entry: impl Entry) {
        // Proof: what wraps lies outside the rows, as do ranks beyond the best; each other rank has its row.
        let at = if self.best_last { self.rows.len().wrapping_sub(rank + 1) } else { rank };
        if let Some(row) = self.rows.get_mut(at) {
            *row = entry.row().cast_signed();
        }
    }
}

/// What one thread sorts buckets in.
struct SortBuffers<E> {
    entries: Vec<E>,
    spare: Vec<E>,
}

impl<E> Default for SortBuffers<E> {
    fn default() -> Self {
        Self { entries: Vec::new(), spare: Vec::new() }
    }
}

impl<E: Entry> SortBuffers<E> {
    /// Sorts a bucket, whose entries as bad as each other are in ascending rows, and gives its rows.
    fn sort_bucket(
        &mut self,
        parts: &[&[E]],
        out: &mut BucketRows<'_>,
        tie_break: Option<TieBreak<'_>>,
    ) -> Result<()> {
        let len = parts.iter().map(|part| part.len()).sum();
        let cached = len <= CACHE_BYTES / size_of::<E>();
        let joined = |(a, b): (u64, u64), (c, d): (u64, u64)| (a.min(c), b.max(d));
        let mut bounds = (u64::MAX, 0);
        if !cached {
            // Not copied, if all are as bad as each other.
            bounds = parts.iter().map(|part| sort_key_range(part)).fold(bounds, joined);
            if bounds.0 == bounds.1 && tie_break.is_none() {
                let entries = parts.iter().copied().flatten(); // Proof: slices, each whole.
                entries.enumerate().for_each(|(rank, &entry)| out.set(rank, entry));
                return Ok(());
            }
        }
        self.entries.clear();
        self.entries.try_reserve(len).map_err(|_| no_memory(len))?;
        for part in parts {
            self.entries.extend_from_slice(part);
        }
        if cached {
            bounds = sort_key_range(&self.entries);
        }
        let mut done = false;
        if len < COMPARISON_SORT_BELOW {
            self.entries.sort_unstable();
        } else {
            if self.spare.len() < len {
                self.spare.try_reserve(len - self.spare.len()).map_err(|_| no_memory(len))?;
                self.spare.resize(len, E::WORST);
            }
            let to_rows = tie_break.is_none().then_some(&mut *out);
            done = sort_by_digits(&mut self.entries, &mut self.spare[..len], bounds, to_rows);
        }
        if done {
            return Ok(());
        }
        if let Some(tie_break) = tie_break {
            break_ties(&mut self.entries, tie_break);
        }
        self.entries.iter().enumerate().for_each(|(rank, &entry)| out.set(rank, entry));
        Ok(())
    }
}

/// Sorts by digits, the lowest first. Gives the rows on the way, if that is asked for and digits decide everything;
/// says whether it did.
fn sort_by_digits<E: Entry>(
    entries: &mut [E],
    spare: &mut [E],
    (low, high): (u64, u64),
    out: Option<&mut BucketRows<'_>>,
) -> bool {
    let bits = bit_length(high - low);
    let rest = bits - bits.min(SORTED_BITS);
    let digits = (bits - rest).div_ceil(DIGIT_BITS);
    let width = (bits - rest).div_ceil(digits.max(1)).max(1);
    let shifts = (rest..bits).step_by(width as usize);
    let count = shifts.len();
    debug_assert!(count <= MAX_DIGITS && width <= DIGIT_BITS);
    let digit = |shift| Digit { low, shift, mask: (1 << width) - 1 };
    let mut offsets = offsets(entries, shifts.clone().map(digit));
    let mut out = out.filter(|_| rest == 0);
    // Proof: at most `MAX_DIGITS` shifts, as at most `SORTED_BITS` bits are digit into digits of `DIGIT_BITS` bits.
    for (number, (shift, next)) in shifts.zip(&mut offsets).enumerate() {
        let moved = number % 2 == 1;
        let (from, to) = if moved { (&*spare, &mut *entries) } else { (&*entries, &mut *spare) };
        match &mut out {
            Some(out) if number + 1 == count => {
                // Ranked in the cache, and then written from end to end: the rows are memory that is cold.
                scatter(from, digit(shift), next, |rank, entry| to[rank] = entry);
                to.iter().enumerate().for_each(|(rank, &entry)| out.set(rank, entry));
                return true;
            }
            _ => scatter(from, digit(shift), next, |rank, entry| to[rank] = entry),
        }
    }
    if count % 2 == 1 {
        entries.copy_from_slice(spare);
    }
    if rest > 0 {
        let alike =
            |a: &E, b: &E| leading_digits(a.sort_key(), low, rest) == leading_digits(b.sort_key(), low, rest);
        entries.chunk_by_mut(alike).filter(|run| run.len() > 1).for_each(<[E]>::sort_unstable);
    }
    false
}

/// Cuts a digit out of sort key.
#[derive(Clone, Copy)]
struct Digit {
    low: u64,
    shift: u32,
    mask: usize,
}

impl Digit {
    #[inline(always)]
    fn of(self, entry: impl Entry) -> usize {
        leading_digits(entry.sort_key(), self.low, self.shift) & self.mask & ((1 << DIGIT_BITS) - 1)
    }
}

/// For each value of a digit, where its entries begin.
type Offsets = [usize; 1 << DIGIT_BITS];

/// The offsets for each digit, by one look at the entries.
fn offsets<E: Entry>(entries: &[E], digits: impl Iterator<Item = Digit>) -> [Offsets; MAX_DIGITS] {
    let mut offsets = [[0; 1 << DIGIT_BITS]; MAX_DIGITS];
    let mut all = [Digit { low: 0, shift: 0, mask: 0 }; MAX_DIGITS];
    // Proof: there are at most `MAX_DIGITS` digits, and as many are used of either.
    let used = all.iter_mut().zip(digits).map(|(to, digit)| *to = digit).count();
    for &entry in entries {
        // Proof: the same number of both.
        for (counts, digit) in offsets[..used].iter_mut().zip(&all[..used]) {
            counts[digit.of(entry)] += 1;
        }
    }
    for counts in &mut offsets {
        let mut before = 0;
        for count in counts {
            (*count, before) = (before, before + *count);
        }
    }
    offsets
}

/// Puts each entry at its rank by one digit, keeping the order of those that agree in it.
#[inline(always)]
fn scatter<E: Entry>(from: &[E], digit: Digit, next: &mut Offsets, mut put: impl FnMut(usize, E)) {
    for &entry in from {
        let next = &mut next[digit.of(entry)];
        put(*next, entry);
        *next += 1;
    }
}

/// Orders entries that are as bad as each other by what tells them apart.
fn break_ties<E: Entry>(entries: &mut [E], tie_break: TieBreak<'_>) {
    let alike = |a: &E, b: &E| a.sort_key() == b.sort_key();
    for run in entries.chunk_by_mut(alike).filter(|run| run.len() > 1) {
        run.sort_by_cached_key(|entry| (tie_break(entry.row()), entry.row()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::select::candidates::buckets::Buckets;
    use crate::select::candidates::entry::{Key32Row32, Key64Row32, Key64Row64};

    fn of_runs<E: Entry>(entries: &[E], task: usize, buckets: Buckets) -> Candidates<E> {
        Candidates::of_runs(entries.chunks(task), buckets).unwrap()
    }

    fn check<E: Entry>(sort_key: &[u64], task: usize, k: usize) {
        let (low, high) = (
            sort_key.iter().min().map_or(0, |low| low.saturating_add(10)),
            sort_key.iter().max().map_or(0, |&high| high),
        );
        let entries: Vec<E> =
            sort_key.iter().zip(0..).map(|(&sort_key, row)| E::new(sort_key, row)).collect();
        let mut best = entries.clone();
        best.sort_unstable();
        let mut best: Vec<i64> = best.iter().map(|entry| entry.row().cast_signed()).take(k).collect();
        for best_last in [false, true] {
            for threads in [1, 2, 7] {
                let buckets = if threads == 1 { Buckets::ONE } else { Buckets::new::<E>(low, high, 1 << 20) };
                let candidates = of_runs(&entries, task, buckets);
                let mut rows = vec![0; best.len()];
                fill(&candidates, &mut rows, best_last, None, &Job::new(threads)).unwrap();
                assert_eq!(rows, best);
            }
            best.reverse();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn rows_come_as_a_sort_gives_them(
            seed: u64,
            bits in 0u32..64,
            low in prop_oneof![Just(0u64), any::<u64>()],
            len in prop_oneof![0usize..600, 20_000usize..30_000],
            task in 1_000usize..12_000,
        ) {
            let mask = (1u64 << bits) - 1;
            let philox = crate::select::noise::philox::Philox::new(seed, 9);
            let sort_key: Vec<u64> = (0..len as u64).map(|row| (low & !mask) + (philox.bits(row) & mask)).collect();
            check::<Key64Row64>(&sort_key, task, len * 3 / 4);
            check::<Key64Row32>(&sort_key, task, len * 3 / 4);
            let short: Vec<u64> = sort_key.iter().map(|sort_key| sort_key & u64::from(u32::MAX)).collect();
            check::<Key32Row32>(&short, task, len * 3 / 4);
        }
    }

    #[test]
    fn what_is_finer_decides_between_those_as_bad() {
        let entries: Vec<Key32Row32> = (0..1000).map(|row| Key32Row32::new(row / 400, row)).collect();
        let candidates = of_runs(&entries, 300, Buckets::ONE);
        let tie_break = |row: u64| 1000 - row;
        let mut found = vec![0; 900];
        fill(&candidates, &mut found, false, Some(&tie_break), &Job::new(2)).unwrap();
        let expected: Vec<i64> = (0..400).rev().chain((400..800).rev()).chain((800..1000).rev()).collect();
        assert_eq!(found, expected[..900]);
    }
}
