//! Counts the rows whose score lies between two bounds, in one pass.

use std::ops::RangeInclusive;

use super::between::Between;
use super::exclude::Exclude;
use super::key::Keyed;
use super::number::Nan;
use super::options::SelectOptions;
use super::pass::blocks::{Block, each_block};
use super::pass::ranker::PassStats;
use super::validate::check_nan;
use crate::checked;
use crate::error::Result;
use crate::exec::job::Job;
use crate::exec::simd::{Kernel, dispatch};
use crate::scores::Source;
use crate::with_dtype;

/// Returns how many rows that are not excluded have a score between the bounds of the options.
///
/// A NaN counts where the options let it be chosen: as the largest where there is no upper bound, as the smallest where
/// there is no lower one. The order of the options means nothing here.
pub fn count_between(source: &dyn Source, options: &SelectOptions<'_>, job: &Job<'_>) -> Result<u64> {
    let counts = counts_between(source, options, &[options.between], job)?;
    counts.into_iter().try_fold(0, checked::add)
}

/// Returns how many rows that are not excluded have a score between each of some bounds, in one pass. The bounds of the
/// options mean nothing here; else it counts as [`count_between`] does.
pub fn counts_between(
    source: &dyn Source,
    options: &SelectOptions<'_>,
    bounds: &[Between],
    job: &Job<'_>,
) -> Result<Vec<u64>> {
    source.prepare(job)?;
    let (mut sums, mut stats) = (vec![0; bounds.len()], PassStats::default());
    for (counts, seen) in with_dtype!(source.dtype(), T => counted::<T>(source, options, bounds, job))? {
        for (sum, count) in checked::zip(&mut sums, counts)? {
            *sum = checked::add(*sum, count)?;
        }
        stats.merge(&seen)?;
    }
    check_nan(options.nan, stats)?;
    Ok(sums)
}

/// What each thread counted.
fn counted<T: Keyed>(
    source: &dyn Source,
    options: &SelectOptions<'_>,
    bounds: &[Between],
    job: &Job<'_>,
) -> Result<Vec<(Vec<u64>, PassStats)>> {
    // Where no number of the type lies between the bounds, the rows are read all the same: a NaN may be an error.
    let keys: Vec<_> = bounds.iter().map(Between::keys::<T>).collect();
    each_block::<T, _>(
        source,
        job,
        || (vec![0; keys.len()], PassStats::default()),
        |(counts, seen), block| count(block, &keys, options, counts, seen),
    )
}

fn count<T: Keyed>(
    (start, values): Block<'_, T>,
    keys: &[Option<RangeInclusive<u64>>],
    options: &SelectOptions<'_>,
    counts: &mut [u64],
    stats: &mut PassStats,
) -> Result<()> {
    if matches!(options.exclude, Exclude::Nothing) && !any_nan(values) {
        for (count, keys) in checked::zip(counts, keys)? {
            *count = checked::add(*count, count_passing(values, keys.as_ref()))?;
        }
        return Ok(());
    }
    let mut excluded = options.exclude.cursor(start);
    // Proof: rows are counted, as many as there are values.
    for (row, &value) in (start..).zip(values) {
        if excluded.excludes(row) {
            continue;
        }
        if value.is_nan() && matches!(options.nan, Nan::Raise | Nan::Omit) {
            stats.add_nan(row);
            continue;
        }
        let key = value.key_with(options.nan);
        for (count, keys) in checked::zip(&mut *counts, keys)? {
            *count += u64::from(keys.as_ref().is_some_and(|keys| keys.contains(&key)));
        }
    }
    Ok(())
}

/// Returns whether a value is NaN.
pub(super) fn any_nan<T: Keyed>(values: &[T]) -> bool {
    dispatch(AnyNan { values })
}

/// Returns how many values have some keys. None of the values is NaN.
pub(super) fn count_passing<T: Keyed>(values: &[T], keys: Option<&RangeInclusive<u64>>) -> u64 {
    let Some(keys) = keys else { return 0 }; // Proof: no number of the type lies between the bounds.
    let (low, high) = (T::bound::<true>(*keys.start()), T::bound::<false>(*keys.end()));
    if T::nothing_passes(low) || T::nothing_passes(high) {
        return 0; // Proof: as above.
    }
    dispatch(CountPassing::<T> { values, low, high })
}

struct AnyNan<'a, T> {
    values: &'a [T],
}

impl<T: Keyed> Kernel for AnyNan<'_, T> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        self.values.iter().fold(false, |any, value| any | value.is_nan())
    }
}

/// Counts the values that pass both bounds. None of them is NaN.
struct CountPassing<'a, T: Keyed> {
    values: &'a [T],
    low: T::Bound,
    high: T::Bound,
}

impl<T: Keyed> Kernel for CountPassing<'_, T> {
    type Output = u64;

    #[inline(always)]
    fn run(self) -> u64 {
        let Self { values, low, high } = self;
        // Blocks are short, so 32 bits hold the count, and a vector holds more of them.
        let passing =
            values.iter().map(|value| u32::from(value.passes::<true>(low) & value.passes::<false>(high)));
        u64::from(passing.sum::<u32>())
    }
}
