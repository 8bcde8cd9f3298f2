//! Counts the rows whose score lies between two bounds, in one pass.

use std::ops::RangeInclusive;

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
    source.prepare(job)?;
    let (mut sum, mut stats) = (0, PassStats::default());
    for (count, seen) in with_dtype!(source.dtype(), T => counted::<T>(source, options, job))? {
        sum = checked::add(sum, count)?;
        stats.merge(&seen)?;
    }
    check_nan(options.nan, stats)?;
    Ok(sum)
}

/// What each thread counted.
fn counted<T: Keyed>(
    source: &dyn Source,
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<Vec<(u64, PassStats)>> {
    // Where no number of the type lies between the bounds, the rows are read all the same: a NaN may be an error.
    let keys = options.between.keys::<T>();
    each_block::<T, _>(
        source,
        job,
        || (0, PassStats::default()),
        |(count, seen), block| {
            *count = checked::add(*count, count_of(block, keys.as_ref(), options, seen))?;
            Ok(())
        },
    )
}

fn count_of<T: Keyed>(
    (start, values): Block<'_, T>,
    keys: Option<&RangeInclusive<u64>>,
    options: &SelectOptions<'_>,
    stats: &mut PassStats,
) -> u64 {
    if matches!(options.exclude, Exclude::Nothing) && !dispatch(AnyNan { values }) {
        let Some(keys) = keys else { return 0 }; // Proof: no number of the type lies between the bounds.
        let (low, high) = (T::bound::<true>(*keys.start()), T::bound::<false>(*keys.end()));
        if T::nothing_passes(low) || T::nothing_passes(high) {
            return 0; // Proof: as above.
        }
        return dispatch(CountPassing::<T> { values, low, high });
    }
    let mut excluded = options.exclude.cursor(start);
    let mut count = 0;
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
        count += u64::from(keys.is_some_and(|keys| keys.contains(&key)));
    }
    count
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
