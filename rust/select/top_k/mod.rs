//! Selects the k best rows by score.

use std::marker::PhantomData;
use std::ops::{Range, RangeInclusive};

use super::candidates::entry::{Entry, Key32Row32, Key64Row32, Key64Row64};
use super::candidates::order;
use super::count::{any_nan, count_passing};
use super::exclude::Exclude;
use super::key::Keyed;
use super::number::Nan;
use super::options::{Order, SelectOptions};
use super::pass::ranker::{Ranker, Visit, Workspace, leave_worse};
use super::pass::scan::find_passing;
use super::pass::{Collected, collect, scan};
use super::validate::{check_between, check_count, check_k, check_nan};
use crate::checked::{self, impossible};
use crate::error::Result;
use crate::exec::job::Job;
use crate::exec::simd::{Kernel, dispatch};
use crate::scores::Source;
use crate::with_dtype;

/// Fills `rows` with the `k = rows.len()` rows of the largest (or smallest) scores.
///
/// Ties go to the lower row, -0.0 equals 0.0, and infinities are ordinary scores. The result does not depend on the
/// threads of the job. Memory: proportional to `k`, at most 64 MB and 32 bytes per row.
pub fn top_k(
    source: &dyn Source,
    rows: &mut [i64],
    largest: bool,
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<()> {
    check_k(rows.len() as u64, source.len(), options.exclude.count())?;
    source.check_unchanged()?;
    source.prepare(job)?;
    if source.len() == options.exclude.count() {
        return Ok(());
    }
    with_dtype!(source.dtype(), T => {
        match (T::KEY_BITS, source.len() <= 1 << 32) {
            (32, true) => best::<T, Key32Row32>(source, rows, largest, options, job),
            (_, true) => best::<T, Key64Row32>(source, rows, largest, options, job),
            _ => best::<T, Key64Row64>(source, rows, largest, options, job),
        }
    })
}

fn best<T: Keyed, E: Entry>(
    source: &dyn Source,
    rows: &mut [i64],
    largest: bool,
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<()> {
    let k = rows.len() as u64;
    let SelectOptions { order, nan, ref exclude, ref between } = *options;
    let ranker = ByScore::<T>::new(source, largest, options);
    // For k = 0 this ranks rows as for k = 1, so that every k reports the same errors in the scores.
    let Collected { candidates, stats, .. } = collect::<E>(&ranker, k.max(1), order != Order::Row, job)?;
    check_nan(nan, stats)?;
    if k == 0 {
        return Ok(());
    }
    check_between(k, candidates.count() as u64, between)?;
    check_count(k, candidates.count() as u64, source.len(), exclude.count(), stats)?;
    order::fill(candidates, rows, order, None, job)
}

/// Lets the rows be ranked by their scores for what is done with the ranker.
pub(super) fn visit<V: Visit>(
    source: &dyn Source,
    largest: bool,
    options: &SelectOptions<'_>,
    visit: &V,
) -> Result<V::Output> {
    with_dtype!(source.dtype(), T => {
        let ranker = ByScore::<T>::new(source, largest, options);
        match (T::KEY_BITS, source.len() <= 1 << 32) {
            (32, true) => visit.visit::<Key32Row32>(&ranker),
            (_, true) => visit.visit::<Key64Row32>(&ranker),
            _ => visit.visit::<Key64Row64>(&ranker),
        }
    })
}

/// The keys of some numbers, or of none.
type Keys = Option<RangeInclusive<u64>>;

/// The keys of no score.
#[allow(clippy::reversed_empty_ranges)] // what it is for
const NO_KEYS: RangeInclusive<u64> = 1..=0;

/// Ranks rows by the scores of a source, which are of type `T`.
struct ByScore<'a, T> {
    source: &'a dyn Source,
    largest: bool,
    nan: Nan,
    exclude: &'a Exclude<'a>,
    /// The keys of the scores that may be chosen.
    keys: RangeInclusive<u64>,
    value: PhantomData<fn() -> T>,
}

impl<'a, T: Keyed> ByScore<'a, T> {
    const LAST_KEY: u64 = u64::MAX >> (64 - T::KEY_BITS);

    fn new(source: &'a dyn Source, largest: bool, options: &'a SelectOptions<'a>) -> Self {
        let SelectOptions { nan, ref exclude, ref between, .. } = *options;
        // Proof: where no number of the type lies between the bounds, no score may be chosen.
        let keys = between.keys::<T>().unwrap_or(NO_KEYS);
        Self { source, largest, nan, exclude, keys, value: PhantomData }
    }

    /// Turns a key into a sort key, and a sort key into a key: it is its own inverse.
    #[inline(always)]
    fn flip(&self, key: u64) -> u64 {
        let key = key.min(Self::LAST_KEY);
        if self.largest { Self::LAST_KEY - key } else { key }
    }

    /// Returns the bound that exactly the scores within the threshold pass, in rows from `start` on, or `None` if no
    /// score can.
    ///
    /// Rows after the threshold's own lose ties with it, so they must be better.
    fn bound(&self, threshold: impl Entry, start: u64) -> Option<T::Bound> {
        let mut key = self.flip(threshold.sort_key());
        if start > threshold.row() {
            key = if self.largest { key.checked_add(1) } else { key.checked_sub(1) }?;
        }
        Some(if self.largest {
            T::bound::<true>(key.max(*self.keys.start()))
        } else {
            T::bound::<false>(key.min(*self.keys.end()))
        })
    }

    /// Returns the keys of the numbers that may be chosen and are not worse than `better`, and of those that are, and are
    /// within `threshold`, in rows from `start` on, which have neither entry's row.
    fn keys_between(&self, better: impl Entry, threshold: impl Entry, start: u64) -> (Keys, Keys) {
        let (numbers, may) = (T::number_keys(), &self.keys);
        let (first, last) = (*numbers.start().max(may.start()), *numbers.end().min(may.end()));
        // Keys as numbers that ascend from the best to the worst, and one more where rows that tie are better.
        let behind = |entry: (u64, u64)| u128::from(entry.0) + u128::from(start <= entry.1);
        let (near, far) = (
            behind((better.sort_key().min(Self::LAST_KEY), better.row())),
            behind((threshold.sort_key().min(Self::LAST_KEY), threshold.row())),
        );
        let keys = |from: u128, to: u128| -> Keys {
            // Sort keys from the one up to and without the other.
            let last_sort_key = to.checked_sub(1).filter(|last| *last >= from)?;
            let (from, to) = (u64::try_from(from).ok()?, u64::try_from(last_sort_key).ok()?);
            let (low, high) = if self.largest { (self.flip(to), self.flip(from)) } else { (from, to) };
            let (low, high) = (low.max(first), high.min(last));
            (low <= high).then_some(low..=high)
        };
        (keys(0, near), keys(near, far))
    }

    /// Returns whether every number that passes the bound may be chosen: none is better than the best that may be.
    fn takes_the_best(&self) -> bool {
        let numbers = T::number_keys();
        if self.largest { self.keys.end() >= numbers.end() } else { self.keys.start() <= numbers.start() }
    }
}

/// Appends an entry for each hit.
struct PushEntries<'a, T, E> {
    ranker: &'a ByScore<'a, T>,
    start: u64,
    hits: &'a [u32],
    picked: &'a [T],
    found: &'a mut Vec<E>,
}

impl<T: Keyed, E: Entry> Kernel for PushEntries<'_, T, E> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { ranker, start, hits, picked, found } = self;
        let pairs = hits.iter().zip(picked); // Proof: the caller cut both to one length.
        found.extend(pairs.map(|(&at, value)| E::new(ranker.flip(value.key()), start + u64::from(at))));
    }
}

impl<T: Keyed, E: Entry> Ranker<E> for ByScore<'_, T> {
    fn rows(&self) -> u64 {
        self.source.len()
    }

    fn collect(
        &self,
        rows: Range<u64>,
        threshold: E,
        work: &mut Workspace,
        found: &mut Vec<E>,
    ) -> Result<()> {
        let Workspace { scratch, hits, picked, stats, .. } = work;
        let values = T::values(self.source.read(rows.clone(), scratch)?)
            .ok_or_else(|| impossible("a source gave another type than it says"))?;
        checked::equal("scores of a run of rows", values.len() as u64, checked::sub(rows.end, rows.start)?)?;
        if hits.len() < values.len() {
            hits.resize(values.len(), 0);
        }
        // Proof: only the extreme key has no bound. Integers have no NaN to count, and floats reach that key only
        // where a NaN is a score and not counted.
        let Some(bound) = self.bound(threshold, rows.start) else { return Ok(()) };
        let picked = picked.values::<T>(values.len());
        let count = scan::select_at_least(values, bound, self.largest, hits, picked);
        let (hits, picked) = (&hits[..count], &picked[..count]);
        let plain = matches!(self.exclude, Exclude::Nothing)
            && !rows.contains(&threshold.row())
            && self.takes_the_best();
        if plain && !picked.iter().fold(false, |any, value| any | value.is_nan()) {
            // Every hit lies within the threshold, so the loop needs no branch.
            dispatch(PushEntries { ranker: self, start: rows.start, hits, picked, found });
            return Ok(());
        }
        let mut excluded = self.exclude.cursor(rows.start);
        // Proof: both were cut to one length above.
        for (&offset, &value) in hits.iter().zip(picked) {
            let row = rows.start + u64::from(offset);
            if excluded.excludes(row) {
                continue;
            }
            if value.is_nan() && matches!(self.nan, Nan::Raise | Nan::Omit) {
                stats.add_nan(row);
                continue;
            }
            let key = value.key_with(self.nan);
            let entry = E::new(self.flip(key), row);
            if entry <= threshold && self.keys.contains(&key) {
                found.push(entry);
            }
        }
        Ok(())
    }

    /// Where no row needs a look by itself, the better ones are counted and have no entries.
    fn collect_between(
        &self,
        rows: Range<u64>,
        better: Option<E>,
        threshold: E,
        work: &mut Workspace,
        found: &mut Vec<E>,
    ) -> Result<u64> {
        let is_plain = matches!(self.exclude, Exclude::Nothing)
            && !rows.contains(&threshold.row())
            && better.is_none_or(|better| !rows.contains(&better.row()));
        let values = T::values(self.source.read(rows.clone(), &mut work.scratch)?)
            .ok_or_else(|| impossible("a source gave another type than it says"))?;
        checked::equal("scores of a run of rows", values.len() as u64, checked::sub(rows.end, rows.start)?)?;
        let (Some(better), true) = (better, is_plain && !any_nan(values)) else {
            self.collect(rows, threshold, work, found)?;
            return Ok(leave_worse(better, found));
        };
        let (near, far) = self.keys_between(better, threshold, rows.start);
        work.hits.resize(work.hits.len().max(values.len()), 0);
        let count = find_passing(values, far.as_ref(), &mut work.hits);
        found.extend(
            work.hits[..count]
                .iter()
                .map(|&at| E::new(self.flip(values[at as usize].key()), rows.start + u64::from(at))),
        );
        Ok(count_passing(values, near.as_ref()))
    }

    fn source(&self) -> Option<&dyn Source> {
        Some(self.source)
    }
}

#[cfg(test)]
mod tests;
