//! Selects the k rows whose scores are nearest to a value: one pass, by exact distances.

mod rank;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;
use std::ops::{Range, RangeInclusive};

use rank::Nearness;

use super::candidates::entry::{Entry, Key32Row32, Key64Row32, Key64Row64};
use super::candidates::order;
use super::key::Keyed;
use super::number::{Nan, Number};
use super::options::{Order, SelectOptions};
use super::pass::ranker::{Ranker, Visit, Workspace};
use super::pass::scan::find_passing;
use super::pass::{Collected, collect};
use super::validate::{check_between, check_count, check_k, check_nan};
use crate::checked::{self, impossible};
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::scores::Source;
use crate::with_dtype;

/// Fewer rows than this, such as those of a sample, are ranked one by one.
const FEW_ROWS: usize = 256;

/// Fills `rows` with the `k = rows.len()` rows whose scores are nearest to a value, which is finite.
///
/// Distances are compared as they are, without rounding; an infinite score is farther than every other. Ties go to the
/// lower row. Scores that are floats are compared with the float64 next to the value. The result does not depend on the
/// threads of the job. Memory: proportional to `k`.
///
/// # Errors
///
/// [`Error::Value`] if fewer rows can be chosen, for a value that is not finite, and for a NaN that counts as a number:
/// it has no distance.
pub fn nearest(
    source: &dyn Source,
    rows: &mut [i64],
    value: Number,
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<()> {
    check_k(rows.len() as u64, source.len(), options.exclude.count())?;
    source.check_unchanged()?;
    source.prepare(job)?;
    if source.len() == options.exclude.count() {
        return Ok(());
    }
    check_options(value, options)?;
    with_dtype!(source.dtype(), T => {
        match (T::KEY_BITS, source.len() <= 1 << 32) {
            (32, true) => best::<T, Key32Row32>(source, rows, value, options, job),
            (_, true) => best::<T, Key64Row32>(source, rows, value, options, job),
            _ => best::<T, Key64Row64>(source, rows, value, options, job),
        }
    })
}

fn best<T: Keyed, E: Entry>(
    source: &dyn Source,
    rows: &mut [i64],
    value: Number,
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<()> {
    let k = rows.len() as u64;
    let SelectOptions { order, nan, ref exclude, ref between } = *options;
    let ranker = ByDistance::<T>::new(source, value, options);
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

/// Lets the rows be ranked by how near their scores are to a value for what is done with the ranker.
pub(super) fn visit<V: Visit>(
    source: &dyn Source,
    value: Number,
    options: &SelectOptions<'_>,
    visit: &V,
) -> Result<V::Output> {
    check_options(value, options)?;
    with_dtype!(source.dtype(), T => {
        let ranker = ByDistance::<T>::new(source, value, options);
        match (T::KEY_BITS, source.len() <= 1 << 32) {
            (32, true) => visit.visit::<Key32Row32>(&ranker),
            (_, true) => visit.visit::<Key64Row32>(&ranker),
            _ => visit.visit::<Key64Row64>(&ranker),
        }
    })
}

fn check_options(value: Number, options: &SelectOptions<'_>) -> Result<()> {
    if matches!(value, Number::Float(value) if !value.is_finite()) {
        return Err(Error::Value(format!("near is {value}; a finite number is needed")));
    }
    match options.nan {
        Nan::Raise | Nan::Omit => Ok(()),
        Nan::Largest | Nan::Smallest => {
            Err(Error::Value("a NaN has no distance to a value; it is omitted, or an error".to_owned()))
        }
    }
}

/// Ranks rows by how near their scores, which are of type `T`, are to a value.
struct ByDistance<'a, T> {
    source: &'a dyn Source,
    nearness: Nearness,
    options: &'a SelectOptions<'a>,
    /// The keys of the scores that may be chosen, or `None` if no number of the type may be.
    keys: Option<RangeInclusive<u64>>,
    value: PhantomData<fn() -> T>,
}

impl<'a, T: Keyed> ByDistance<'a, T> {
    fn new(source: &'a dyn Source, value: Number, options: &'a SelectOptions<'a>) -> Self {
        let numbers = T::number_keys();
        let keys = options.between.keys::<T>();
        // Without bounds, keys of NaN are among them.
        let keys = keys.map(|keys| *keys.start().max(numbers.start())..=*keys.end().min(numbers.end()));
        Self { source, nearness: Nearness::new::<T>(value), options, keys, value: PhantomData }
    }

    /// Returns the keys of the scores from `start` on that are within the threshold and may be chosen.
    fn keys_within(&self, threshold: impl Entry, start: u64) -> Option<RangeInclusive<u64>> {
        let keys = self.keys.clone()?;
        // Rows after the threshold's own lose ties with it, so they must be nearer.
        let rank = threshold.sort_key().checked_sub(u64::from(start > threshold.row()))?;
        let within = self.nearness.within::<T>(rank)?;
        let (low, high) = (*keys.start().max(within.start()), *keys.end().min(within.end()));
        (low <= high).then_some(low..=high)
    }
}

impl<T: Keyed, E: Entry> Ranker<E> for ByDistance<'_, T> {
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
        let Workspace { scratch, hits, stats, .. } = work;
        let values = T::values(self.source.read(rows.clone(), scratch)?)
            .ok_or_else(|| impossible("a source gave another type than it says"))?;
        checked::equal("scores of a run of rows", values.len() as u64, checked::sub(rows.end, rows.start)?)?;
        if hits.len() < values.len() {
            hits.resize(values.len(), 0);
        }
        let keys =
            if values.len() < FEW_ROWS { self.keys.clone() } else { self.keys_within(threshold, rows.start) };
        let count = find_passing(values, keys.as_ref(), hits);
        let mut excluded = self.options.exclude.cursor(rows.start);
        for &offset in &hits[..count] {
            let (row, value) = (rows.start + u64::from(offset), values[offset as usize]);
            if excluded.excludes(row) {
                continue;
            }
            if value.is_nan() {
                stats.add_nan(row);
                continue;
            }
            let entry = E::new(self.nearness.rank::<T>(value.key()), row);
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
