//! The k best rows by their score.

use std::marker::PhantomData;
use std::ops::Range;

use super::candidates::entry::{Entry, Key32Row32, Key64Row32, Key64Row64};
use super::candidates::order;
use super::exclude::Exclude;
use super::key::Keyed;
use super::options::{Nan, Order, SelectOptions};
use super::pass::ranker::{Ranker, Workspace};
use super::pass::{Collected, collect, scan};
use super::validate::{check_count, check_k, check_nan};
use crate::checked::{self, impossible};
use crate::error::Result;
use crate::parallel::Job;
use crate::scores::Source;
use crate::simd::{Kernel, dispatch};
use crate::with_dtype;

/// Fills `rows` with the rows of the largest (or smallest) scores, as many as there is room for: `k`.
///
/// Ties go to the lower row, -0.0 equals 0.0, infinities are ordinary. The result does not depend on the
/// threads of the job. Memory: in proportion to `k`, at most 64 MB + 32 bytes for each.
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
    let SelectOptions { order, nan, ref exclude } = *options;
    let ranker = ByScore::<T> { source, largest, nan, exclude, value: PhantomData };
    // Of no rows, the scores are looked at as for one: what is wrong with them is told for every k.
    let Collected { candidates, stats, .. } = collect::<E>(&ranker, k.max(1), order != Order::Row, job)?;
    check_nan(nan, stats)?;
    if k == 0 {
        return Ok(());
    }
    check_count(k, candidates.count() as u64, source.len(), exclude.count(), stats)?;
    order::fill(candidates, rows, order, None, job)
}

/// Ranks rows by the scores of a source, which are of type `T`.
struct ByScore<'a, T> {
    source: &'a dyn Source,
    largest: bool,
    nan: Nan,
    exclude: &'a Exclude<'a>,
    value: PhantomData<fn() -> T>,
}

impl<T: Keyed> ByScore<'_, T> {
    const LAST_KEY: u64 = u64::MAX >> (64 - T::KEY_BITS);

    /// From a key to a sort key, and back.
    #[inline(always)]
    fn flip(&self, key: u64) -> u64 {
        let key = key.min(Self::LAST_KEY);
        if self.largest { Self::LAST_KEY - key } else { key }
    }

    /// The bound that just the scores within a threshold reach, in rows from `start` on; none if no score can.
    ///
    /// Rows after the threshold's own must be better than it.
    fn bound(&self, threshold: impl Entry, start: u64) -> Option<T::Bound> {
        let mut key = self.flip(threshold.sort_key());
        if start > threshold.row() {
            key = if self.largest { key.checked_add(1) } else { key.checked_sub(1) }?;
        }
        Some(if self.largest { T::bound::<true>(key) } else { T::bound::<false>(key) })
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
        let pairs = hits.iter().zip(picked); // Proof: both are cut to one count.
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
        // Proof: no score is better than the threshold, and NaN, if it is to be counted, is never as good.
        let Some(bound) = self.bound(threshold, rows.start) else { return Ok(()) };
        let picked = picked.values::<T>(values.len());
        let count = scan::select_at_least(values, bound, self.largest, hits, picked);
        let (hits, picked) = (&hits[..count], &picked[..count]);
        let plain = matches!(self.exclude, Exclude::Nothing) && !rows.contains(&threshold.row());
        if plain && !picked.iter().fold(false, |any, value| any | value.is_nan()) {
            // What reaches the bound lies within the threshold: one loop without a question.
            dispatch(PushEntries { ranker: self, start: rows.start, hits, picked, found });
            return Ok(());
        }
        let mut excluded = self.exclude.cursor(rows.start);
        // Proof: both are cut to one count.
        for (&offset, &value) in hits.iter().zip(picked) {
            let row = rows.start + u64::from(offset);
            if excluded.excludes(row) {
                continue;
            }
            if value.is_nan() && matches!(self.nan, Nan::Raise | Nan::Omit) {
                stats.add_nan(row);
                continue;
            }
            let entry = E::new(self.flip(value.key_with(self.nan)), row);
            if entry <= threshold {
                found.push(entry);
            }
        }
        Ok(())
    }

    fn source(&self) -> Option<&dyn Source> {
        Some(self.source)
    }
}
