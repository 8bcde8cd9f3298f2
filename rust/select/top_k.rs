//! The k best rows by their score.

use std::marker::PhantomData;
use std::ops::Range;

use super::candidates::entry::{Entry, Halved, Packed, Wide};
use super::candidates::order;
use super::exclude::Exclude;
use super::key::Rank;
use super::options::{Nan, Options, Order};
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
    options: &Options<'_>,
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
            (32, true) => best::<T, Packed>(source, rows, largest, options, job),
            (_, true) => best::<T, Halved>(source, rows, largest, options, job),
            _ => best::<T, Wide>(source, rows, largest, options, job),
        }
    })
}

fn best<T: Rank, E: Entry>(
    source: &dyn Source,
    rows: &mut [i64],
    largest: bool,
    options: &Options<'_>,
    job: &Job<'_>,
) -> Result<()> {
    let k = rows.len() as u64;
    let Options { order, nan, ref exclude } = *options;
    let ranker = ByScore::<T> { source, largest, nan, exclude, value: PhantomData };
    // Of no rows, the scores are looked at as for one: what is wrong with them is told for every k.
    let Collected { pieces, tally, .. } = collect::<E>(&ranker, k.max(1), order != Order::Row, job)?;
    check_nan(nan, tally)?;
    if k == 0 {
        return Ok(());
    }
    check_count(k, pieces.count() as u64, source.len(), exclude.count(), tally)?;
    order::fill(pieces, rows, order, None, job)
}

/// Ranks rows by the scores of a source, which are of type `T`.
struct ByScore<'a, T> {
    source: &'a dyn Source,
    largest: bool,
    nan: Nan,
    exclude: &'a Exclude<'a>,
    value: PhantomData<fn() -> T>,
}

impl<T: Rank> ByScore<'_, T> {
    const LAST_KEY: u64 = u64::MAX >> (64 - T::KEY_BITS);

    /// From a key to a badness, and back.
    #[inline(always)]
    fn turned(&self, key: u64) -> u64 {
        let key = key.min(Self::LAST_KEY);
        if self.largest { Self::LAST_KEY - key } else { key }
    }

    /// The bound that just the scores within a limit reach, in rows from `start` on; none if no score can.
    ///
    /// Rows after the limit's own must be better than it.
    fn bound(&self, limit: impl Entry, start: u64) -> Option<T::Bound> {
        let mut key = self.turned(limit.badness());
        if start > limit.row() {
            key = if self.largest { key.checked_add(1) } else { key.checked_sub(1) }?;
        }
        Some(if self.largest { T::bound::<true>(key) } else { T::bound::<false>(key) })
    }
}

/// Appends an entry for each hit.
struct Extend<'a, T, E> {
    ranker: &'a ByScore<'a, T>,
    start: u64,
    hits: &'a [u32],
    picked: &'a [T],
    found: &'a mut Vec<E>,
}

impl<T: Rank, E: Entry> Kernel for Extend<'_, T, E> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { ranker, start, hits, picked, found } = self;
        let pairs = hits.iter().zip(picked); // Proof: both are cut to one count.
        found.extend(pairs.map(|(&at, value)| E::new(ranker.turned(value.key()), start + u64::from(at))));
    }
}

impl<T: Rank, E: Entry> Ranker<E> for ByScore<'_, T> {
    fn rows(&self) -> u64 {
        self.source.len()
    }

    fn collect(&self, rows: Range<u64>, limit: E, work: &mut Workspace, found: &mut Vec<E>) -> Result<()> {
        let Workspace { scratch, hits, picked, tally, .. } = work;
        let values = T::values(self.source.read(rows.clone(), scratch)?)
            .ok_or_else(|| impossible("a source gave another type than it says"))?;
        checked::equal("scores of a run of rows", values.len() as u64, checked::sub(rows.end, rows.start)?)?;
        if hits.len() < values.len() {
            hits.resize(values.len(), 0);
        }
        // Proof: no score is better than the limit, and NaN, if it is to be counted, is never as good.
        let Some(bound) = self.bound(limit, rows.start) else { return Ok(()) };
        let picked = picked.values::<T>(values.len());
        let count = scan::reaching(values, bound, self.largest, hits, picked);
        let (hits, picked) = (&hits[..count], &picked[..count]);
        let plain = matches!(self.exclude, Exclude::Nothing) && !rows.contains(&limit.row());
        if plain && !picked.iter().fold(false, |any, value| any | value.is_nan()) {
            // What reaches the bound lies within the limit: one loop without a question.
            dispatch(Extend { ranker: self, start: rows.start, hits, picked, found });
            return Ok(());
        }
        let mut excluded = self.exclude.from(rows.start);
        // Proof: both are cut to one count.
        for (&offset, &value) in hits.iter().zip(picked) {
            let row = rows.start + u64::from(offset);
            if excluded.excludes(row) {
                continue;
            }
            if value.is_nan() && matches!(self.nan, Nan::Raise | Nan::Omit) {
                tally.add_nan(row);
                continue;
            }
            let entry = E::new(self.turned(value.key_with(self.nan)), row);
            if entry <= limit {
                found.push(entry);
            }
        }
        Ok(())
    }

    fn source(&self) -> Option<&dyn Source> {
        Some(self.source)
    }
}
