//! Sorts candidates by bucket: best first, each bucket within the second-level cache.
//!
//! ```text
//! for each bucket, in parallel:
//!     entries = its entries of every task, in the order of tasks      (ties ascend by row)
//!     for each digit of the sort key, lowest first:                   (LSD radix sort, stable)
//!         offsets = running sums of the counts of the digit's values
//!         place each entry at the next offset of its digit
//!     write the rows of the entries
//! ```
//!
//! It differs from the textbook:
//!
//! - It never looks at rows. Entries arrive in ascending row order, and a stable sort keeps ties so.
//! - It sorts by the bits in which the entries of a bucket differ, at most 27 of them as three digits of nine bits
//!   each. More passes would cost more than comparing what still ties, which is rare: buckets narrow the range.
//! - It counts all digits in one read.
//! - The last digit scatters in the cache, not into the result. The result is cold memory, which is fastest to write
//!   sequentially.
//! - A bucket that exceeds the cache is scanned for its range of keys before it is copied. If all keys are equal, the
//!   rows are written directly: then a tie of millions of rows needs no memory.

use std::sync::Mutex;

use super::buckets::{TaskEntries, bit_length, leading_digits};
use super::entry::Entry;
use super::{Candidates, sort_key_range};
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::exec::locks::lock;

/// The widest digit.
const DIGIT_BITS: u32 = 9;
/// The most digits that entries are sorted by; entries that tie in all of them are compared.
const MAX_DIGITS: usize = 3;
/// The bits of that many digits.
const SORTED_BITS: u32 = 27;
/// Reading this much twice costs less than reading it once from memory.
const CACHE_BYTES: usize = if cfg!(test) { 64 << 10 } else { 2 << 20 };
/// Smaller buckets are sorted by comparison.
const COMPARISON_SORT_BELOW: usize = 256;

/// Orders the rows of entries with equal sort keys in place of their row numbers; the least comes first.
pub(crate) type TieBreak<'a> = &'a (dyn Fn(u64) -> u64 + Sync);

/// Fills `rows` with the rows of the best entries, best first or best last. Fails if there are fewer entries than rows.
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
            let Some((bucket, rows)) = next else { return Ok(filled) }; // Proof: every bucket was taken.
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

/// Returns the entries of a bucket, one slice per task.
fn bucket_parts<'a, E: Entry>(candidates: &[TaskEntries<'a, E>], bucket: usize) -> Result<Vec<&'a [E]>> {
    candidates.iter().map(|task| task.bucket(bucket)).collect()
}

fn no_memory(rows: usize) -> Error {
    Error::Memory(format!("no memory for {rows} row indices; choose fewer"))
}

/// Pairs each bucket with the slice of `rows` that it fills: the best bucket's comes first, or last if `best_last`.
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

/// The rows that one bucket fills. Entries beyond them are not among the k best and are dropped.
struct BucketRows<'a> {
    rows: &'a mut [i64],
    best_last: bool,
}

impl BucketRows<'_> {
    #[inline(always)]
    fn set(&mut self, rank: usize, entry: impl Entry) {
        // Proof: for a rank beyond the rows, the position wraps to one outside them; every other rank has its row.
        let at = if self.best_last { self.rows.len().wrapping_sub(rank + 1) } else { rank };
        if let Some(row) = self.rows.get_mut(at) {
            *row = entry.row().cast_signed();
        }
    }
}

/// One thread's memory for sorting.
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
    /// Sorts the entries of a bucket, whose ties ascend by row, and writes their rows.
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
            // Equal keys need no sort, and so no copy.
            bounds = parts.iter().map(|part| sort_key_range(part)).fold(bounds, joined);
            if bounds.0 == bounds.1 && tie_break.is_none() {
                let entries = parts.iter().copied().flatten(); // Proof: flattens slices, which drops nothing.
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

/// Sorts by digits, the lowest first. If given `out` and no ties remain, also writes the rows; returns whether it did.
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
    // Proof: `SORTED_BITS` bits make at most `MAX_DIGITS` digits of `DIGIT_BITS` bits.
    for (number, (shift, next)) in shifts.zip(&mut offsets).enumerate() {
        let moved = number % 2 == 1;
        let (from, to) = if moved { (&*spare, &mut *entries) } else { (&*entries, &mut *spare) };
        match &mut out {
            Some(out) if number + 1 == count => {
                // Scatter within the cache, then write sequentially: the rows are cold memory.
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

/// One digit of the sort key.
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

/// The position of the next entry for each value of a digit.
type Offsets = [usize; 1 << DIGIT_BITS];

/// Returns the first positions for every digit, from one read of the entries.
fn offsets<E: Entry>(entries: &[E], digits: impl Iterator<Item = Digit>) -> [Offsets; MAX_DIGITS] {
    let mut offsets = [[0; 1 << DIGIT_BITS]; MAX_DIGITS];
    let mut all = [Digit { low: 0, shift: 0, mask: 0 }; MAX_DIGITS];
    // Proof: the caller passes at most `MAX_DIGITS` digits; `used` of both arrays are read.
    let used = all.iter_mut().zip(digits).map(|(to, digit)| *to = digit).count();
    for &entry in entries {
        // Proof: both have `used` items.
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

/// Moves each entry to its position by one digit. Entries with equal digits keep their order.
#[inline(always)]
fn scatter<E: Entry>(from: &[E], digit: Digit, next: &mut Offsets, mut put: impl FnMut(usize, E)) {
    for &entry in from {
        let next = &mut next[digit.of(entry)];
        put(*next, entry);
        *next += 1;
    }
}

/// Sorts each run of equal keys by the tie break.
fn break_ties<E: Entry>(entries: &mut [E], tie_break: TieBreak<'_>) {
    let alike = |a: &E, b: &E| a.sort_key() == b.sort_key();
    for run in entries.chunk_by_mut(alike).filter(|run| run.len() > 1) {
        run.sort_by_cached_key(|entry| (tie_break(entry.row()), entry.row()));
    }
}
