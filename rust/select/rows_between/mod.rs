//! Collects all rows whose score lies between two bounds, in one pass.
//!
//! ```text
//! for each task of 262,144 rows, in parallel:
//!     keep where the rows of the task lie that pass, in 32 bits each, and where the worst of them is
//! write the rows of all tasks, one after the other, in parallel
//! ```
//!
//! How many there are is known only when the pass has ended: then they are written to where they are wanted.

use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::sync::Mutex;

use crate::checked::{self, impossible};
use crate::error::Result;
use crate::exec::job::{Job, Queue, State};
use crate::exec::locks::lock;
use crate::exec::memory::reserved;
use crate::exec::simd::{Kernel, dispatch};
use crate::scores::{Scratch, Source};
use crate::select::exclude::Exclude;
use crate::select::hits::{Hits, STRIDE};
use crate::select::key::Keyed;
use crate::select::number::Nan;
use crate::select::options::SelectOptions;
use crate::select::pass::TASK_ROWS;
use crate::select::pass::ranker::{BLOCK_ROWS, PassStats};
use crate::select::validate::check_nan;
use crate::with_dtype;

/// Collects the rows that are not excluded and have a score between the bounds of the options.
///
/// A NaN counts where the options let it be chosen: as the largest where there is no upper bound, as the smallest where
/// there is no lower one. The order of the options means nothing here. Memory: 4 bytes a row that is found.
pub fn rows_between(
    source: &dyn Source,
    largest: bool,
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<RowsBetween> {
    source.check_unchanged()?;
    source.prepare(job)?;
    let SelectOptions { nan, ref exclude, ref between, .. } = *options;
    let (found, stats) = with_dtype!(source.dtype(), T => {
        let keys = between.keys::<T>();
        Scan::<T> { source, largest, nan, exclude, keys, value: PhantomData }.collect(job)
    })?;
    source.check_unchanged()?;
    checked::equal("rows that were looked at", stats.rows, source.len())?;
    check_nan(nan, stats)?;
    Ok(found)
}

/// Rows whose score lies between two bounds.
#[derive(Debug)]
pub struct RowsBetween {
    /// For each task that has some, its first row, and how far behind it the rows lie.
    tasks: Vec<(u64, Vec<u32>)>,
    len: u64,
    worst: Option<Worst>,
}

/// The worst score among rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worst {
    /// The first row that has it.
    pub row: u64,
    /// How many rows have it.
    pub tied: u64,
}

impl RowsBetween {
    /// Returns how many rows there are.
    #[allow(clippy::len_without_is_empty)] // nobody asks
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns where the worst score is, and `None` without rows.
    pub fn worst(&self) -> Option<Worst> {
        self.worst
    }

    /// Writes all rows, ascending.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`](crate::error::Error::Internal) unless there is room for exactly as many.
    pub fn fill(&self, rows: &mut [i64], job: &Job<'_>) -> Result<()> {
        checked::equal("rows between two scores", rows.len() as u64, self.len)?;
        let mut parts = reserved(self.tasks.len(), "runs of rows")?;
        let mut rest = rows;
        for (start, offsets) in &self.tasks {
            let (part, after) = rest
                .split_at_mut_checked(offsets.len())
                .ok_or_else(|| impossible("tasks found more rows than were counted"))?;
            parts.push((part, *start, offsets));
            rest = after;
        }
        let parts = Mutex::new(parts.into_iter());
        job.run_on(self.tasks.len(), |_, state| {
            loop {
                let next = lock(&parts)?.next();
                let Some((part, start, offsets)) = next else { return Ok(()) }; // Proof: every run was written.
                for (row, &offset) in checked::zip(part, offsets)? {
                    *row = (start + u64::from(offset)).cast_signed();
                }
                state.check()?;
            }
        })?;
        Ok(())
    }
}

/// The scan of one type of scores.
struct Scan<'a, T> {
    source: &'a dyn Source,
    largest: bool,
    nan: Nan,
    exclude: &'a Exclude<'a>,
    /// The keys of the scores between the bounds, or `None` if no number of the type lies there.
    keys: Option<RangeInclusive<u64>>,
    value: PhantomData<fn() -> T>,
}

impl<T: Keyed> Scan<'_, T> {
    fn collect(&self, job: &Job<'_>) -> Result<(RowsBetween, PassStats)> {
        let tasks = self.source.len().div_ceil(TASK_ROWS);
        let queue = Queue::new(tasks);
        let parts = job.run_on(checked::index(tasks)?, |_, state| self.work(&queue, state))?;
        let mut all = RowsBetween { tasks: Vec::new(), len: 0, worst: None };
        let (mut stats, mut worst) = (PassStats::default(), None);
        for part in parts {
            stats.merge(&part.stats)?;
            all.len = checked::add(all.len, part.len)?;
            all.tasks.extend(part.tasks);
            worst = worse(worst, part.worst)?;
        }
        all.tasks.sort_unstable_by_key(|&(start, _)| start);
        all.worst = worst.map(|(_, worst)| worst);
        Ok((all, stats))
    }

    /// Scans task after task, until none is left.
    fn work(&self, queue: &Queue, state: &State) -> Result<Part> {
        let (mut part, mut scratch) = (Part::default(), Scratch::default());
        let (mut hits, mut offsets) = (vec![0; checked::index(BLOCK_ROWS)?], Vec::new());
        while let Some(task) = queue.take() {
            let start = checked::mul(task, TASK_ROWS)?;
            // Proof: the end of the last task may exceed u64; the minimum is then the number of rows.
            let rows = start..self.source.len().min(start.saturating_add(TASK_ROWS));
            self.source.prefetch(rows.clone())?;
            offsets.clear();
            let mut block = rows.start;
            while block < rows.end {
                let end = block + BLOCK_ROWS.min(rows.end - block);
                let values = T::values(self.source.read(block..end, &mut scratch)?)
                    .ok_or_else(|| impossible("a source gave another type than it says"))?;
                checked::equal("scores of a run of rows", values.len() as u64, checked::sub(end, block)?)?;
                let found = self.block(values, block, &mut hits, &mut part)?;
                let before = checked::to::<u32, _>(checked::sub(block, rows.start)?)?;
                offsets.extend(hits[..found].iter().map(|hit| before + hit));
                block = end;
            }
            part.end_task(rows.start, &offsets)?;
            let len = checked::sub(rows.end, rows.start)?;
            part.stats.rows = checked::add(part.stats.rows, len)?;
            state.advance(len)?;
        }
        Ok(part)
    }

    /// Finds the rows of a block: where they lie in it comes to be in `hits`. Returns their number.
    fn block(&self, values: &[T], start: u64, hits: &mut [u32], part: &mut Part) -> Result<usize> {
        let bounds =
            self.keys.as_ref().map(|keys| (T::bound::<true>(*keys.start()), T::bound::<false>(*keys.end())));
        let bounds = bounds.filter(|&(low, high)| !T::nothing_passes(low) && !T::nothing_passes(high));
        let count = dispatch(FindPassing::<T> { values, bounds, hits });
        let worst = dispatch(WorstOf { values, hits: &hits[..count], largest: self.largest });
        if worst.any_nan || !matches!(self.exclude, Exclude::Nothing) {
            return self.block_one_by_one(values, start, &mut hits[..count], part);
        }
        part.look_at(worst.rank, || {
            let is_worst = |hit: &&u32| rank(values[**hit as usize].key(), self.largest) == worst.rank;
            let mut tied = hits[..count].iter().filter(is_worst);
            tied.next().map(|&first| (start + u64::from(first), 1 + tied.count() as u64))
        })?;
        Ok(count)
    }

    /// Looks at each hit of a block by itself: whether it is excluded, and what a NaN means.
    fn block_one_by_one(&self, values: &[T], start: u64, hits: &mut [u32], part: &mut Part) -> Result<usize> {
        let (mut excluded, mut kept) = (self.exclude.cursor(start), 0);
        for at in 0..hits.len() {
            let hit = hits[at];
            let (row, value) = (start + u64::from(hit), values[hit as usize]);
            if excluded.excludes(row) {
                continue;
            }
            if value.is_nan() && matches!(self.nan, Nan::Raise | Nan::Omit) {
                part.stats.add_nan(row);
                continue;
            }
            let key = value.key_with(self.nan);
            if self.keys.as_ref().is_some_and(|keys| keys.contains(&key)) {
                hits[kept] = hit;
                kept += 1;
                part.look_at(rank(key, self.largest), || Some((row, 1)))?;
            }
        }
        Ok(kept)
    }
}

/// Returns what is greater the worse a key is.
#[inline(always)]
fn rank(key: u64, largest: bool) -> u64 {
    if largest { !key } else { key }
}

/// Writes the offsets of the values between two bounds, and of every NaN; without bounds of NaN alone. Returns their
/// number.
struct FindPassing<'a, T: Keyed> {
    values: &'a [T],
    bounds: Option<(T::Bound, T::Bound)>,
    hits: &'a mut [u32],
}

impl<T: Keyed> Kernel for FindPassing<'_, T> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let Self { values, bounds, hits } = self;
        let found = Hits { offsets: &mut hits[..values.len()], count: 0, next: 0 };
        match bounds {
            None => find(values, found, T::is_nan),
            Some((low, high)) => {
                find(values, found, |value| value.passes::<true>(low) & value.passes::<false>(high))
            }
        }
    }
}

#[inline(always)]
fn find<T: Keyed>(values: &[T], mut found: Hits<'_>, passes: impl Fn(T) -> bool) -> usize {
    let (strides, rest) = values.as_chunks::<STRIDE>();
    for stride in strides {
        found.push_stride(|at| passes(stride[at]));
    }
    found.push_rest(rest.len(), |at| passes(rest[at]));
    found.count
}

/// Looks for the worst of the values at some offsets, and whether one is NaN.
struct WorstOf<'a, T> {
    values: &'a [T],
    hits: &'a [u32],
    largest: bool,
}

#[derive(Clone, Copy)]
struct WorstRank {
    rank: u64,
    any_nan: bool,
}

impl<T: Keyed> Kernel for WorstOf<'_, T> {
    type Output = WorstRank;

    #[inline(always)]
    fn run(self) -> WorstRank {
        let Self { values, hits, largest } = self;
        let none = WorstRank { rank: 0, any_nan: false };
        hits.iter().fold(none, |worst, &hit| {
            let value = values[hit as usize];
            let rank = rank(value.key(), largest);
            WorstRank { rank: worst.rank.max(rank), any_nan: worst.any_nan | value.is_nan() }
        })
    }
}

/// What one thread found.
#[derive(Default)]
struct Part {
    tasks: Vec<(u64, Vec<u32>)>,
    len: u64,
    /// The rank of the worst score, and where it is.
    worst: Option<(u64, Worst)>,
    stats: PassStats,
}

impl Part {
    /// Takes a rank of scores that were found into account: `rows` are the first row that has it and how many there are.
    fn look_at(&mut self, rank: u64, rows: impl FnOnce() -> Option<(u64, u64)>) -> Result<()> {
        if self.worst.is_none_or(|(worst, _)| worst <= rank) {
            let found = rows().map(|(row, tied)| (rank, Worst { row, tied }));
            self.worst = worse(self.worst, found)?;
        }
        Ok(())
    }

    fn end_task(&mut self, start: u64, offsets: &[u32]) -> Result<()> {
        const { assert!(TASK_ROWS <= 1 << 32, "32 bits hold where a row lies in its task") };
        if offsets.is_empty() {
            return Ok(());
        }
        let mut kept = reserved(offsets.len(), "chosen rows")?;
        kept.extend_from_slice(offsets);
        self.len = checked::add(self.len, kept.len() as u64)?;
        self.tasks.push((start, kept));
        Ok(())
    }
}

/// Returns the worse of two ranks, and of two as bad the first row with the rows of both.
fn worse(a: Option<(u64, Worst)>, b: Option<(u64, Worst)>) -> Result<Option<(u64, Worst)>> {
    Ok(match (a, b) {
        (Some((rank, a)), Some((other, b))) if rank == other => {
            Some((rank, Worst { row: a.row.min(b.row), tied: checked::add(a.tied, b.tied)? }))
        }
        (Some(a), Some(b)) => Some(if a.0 > b.0 { a } else { b }),
        (a, None) => a,
        (None, b) => b,
    })
}

#[cfg(test)]
mod tests;
