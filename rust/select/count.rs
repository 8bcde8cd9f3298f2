//! Counts the rows whose score lies between two bounds, in one pass.

use std::marker::PhantomData;
use std::ops::{Range, RangeInclusive};

use super::exclude::Exclude;
use super::key::Keyed;
use super::number::Nan;
use super::options::SelectOptions;
use super::pass::TASK_ROWS;
use super::pass::ranker::{BLOCK_ROWS, PassStats};
use super::validate::check_nan;
use crate::checked::{self, impossible};
use crate::error::Result;
use crate::exec::job::{Job, Queue, State};
use crate::exec::simd::{Kernel, dispatch};
use crate::scores::{Scratch, Source};
use crate::with_dtype;

/// Returns how many rows that are not excluded have a score between the bounds of the options.
///
/// A NaN counts where the options let it be chosen: as the largest where there is no upper bound, as the smallest where
/// there is no lower one. The order of the options means nothing here.
pub fn count_between(source: &dyn Source, options: &SelectOptions<'_>, job: &Job<'_>) -> Result<u64> {
    source.check_unchanged()?;
    source.prepare(job)?;
    let (count, stats) = with_dtype!(source.dtype(), T => count::<T>(source, options, job))?;
    source.check_unchanged()?;
    checked::equal("rows that were looked at", stats.rows, source.len())?;
    check_nan(options.nan, stats)?;
    Ok(count)
}

fn count<T: Keyed>(
    source: &dyn Source,
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<(u64, PassStats)> {
    // Where no number of the type lies between the bounds, the rows are read all the same: a NaN may be an error.
    let keys = options.between.keys::<T>();
    let counter =
        Counter::<T> { source, keys, nan: options.nan, exclude: &options.exclude, value: PhantomData };
    let tasks = source.len().div_ceil(TASK_ROWS);
    let queue = Queue::new(tasks);
    let parts = job.run_on(checked::index(tasks)?, |_, state| counter.work(&queue, state))?;
    let (mut sum, mut all) = (0, PassStats::default());
    for (count, stats) in &parts {
        sum = checked::add(sum, *count)?;
        all.merge(stats)?;
    }
    Ok((sum, all))
}

struct Counter<'a, T> {
    source: &'a dyn Source,
    keys: Option<RangeInclusive<u64>>,
    nan: Nan,
    exclude: &'a Exclude<'a>,
    value: PhantomData<fn() -> T>,
}

impl<T: Keyed> Counter<'_, T> {
    /// Counts task after task, until none is left.
    fn work(&self, queue: &Queue, state: &State) -> Result<(u64, PassStats)> {
        let (mut count, mut seen, mut scratch) = (0, PassStats::default(), Scratch::default());
        while let Some(task) = queue.take() {
            let start = checked::mul(task, TASK_ROWS)?;
            // Proof: the end of the last task may exceed u64; the minimum is then the number of rows.
            let rows = start..self.source.len().min(start.saturating_add(TASK_ROWS));
            self.source.prefetch(rows.clone())?;
            let mut start = rows.start;
            while start < rows.end {
                let end = start + BLOCK_ROWS.min(rows.end - start);
                count = checked::add(count, self.block(start..end, &mut scratch, &mut seen)?)?;
                start = end;
            }
            let len = checked::sub(rows.end, rows.start)?;
            seen.rows = checked::add(seen.rows, len)?;
            state.advance(len)?;
        }
        Ok((count, seen))
    }

    fn block(&self, rows: Range<u64>, scratch: &mut Scratch, stats: &mut PassStats) -> Result<u64> {
        let values = T::values(self.source.read(rows.clone(), scratch)?)
            .ok_or_else(|| impossible("a source gave another type than it says"))?;
        checked::equal("scores of a run of rows", values.len() as u64, checked::sub(rows.end, rows.start)?)?;
        if matches!(self.exclude, Exclude::Nothing) && !dispatch(AnyNan { values }) {
            let Some(keys) = &self.keys else { return Ok(0) }; // Proof: no number of the type lies between the bounds.
            let (low, high) = (T::bound::<true>(*keys.start()), T::bound::<false>(*keys.end()));
            if T::nothing_passes(low) || T::nothing_passes(high) {
                return Ok(0); // Proof: as above.
            }
            return Ok(dispatch(CountPassing::<T> { values, low, high }));
        }
        let mut excluded = self.exclude.cursor(rows.start);
        let mut count = 0;
        // Proof: rows are as many as values, which was checked.
        for (row, &value) in (rows.start..).zip(values) {
            if excluded.excludes(row) {
                continue;
            }
            if value.is_nan() && matches!(self.nan, Nan::Raise | Nan::Omit) {
                stats.add_nan(row);
                continue;
            }
            let key = value.key_with(self.nan);
            count += u64::from(self.keys.as_ref().is_some_and(|keys| keys.contains(&key)));
        }
        Ok(count)
    }
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
