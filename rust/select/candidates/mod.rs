//! The candidates: the entries that the pass collected, and the cut to the k best of them.
//!
//! Equal keys are stored in ascending row order, so the first wins the tie: tasks ascend by row, and so do the
//! entries within a bucket of a task. After the pass, algorithms therefore compare sort keys alone.

pub(super) mod arena;
pub(super) mod buckets;
pub(super) mod entry;
pub(super) mod order;
pub(super) mod radix_sort;

use std::ops::RangeInclusive;
use std::sync::Mutex;

use arena::Arena;
use buckets::{Buckets, TaskEntries, bit_length, leading_digits};
use entry::Entry;

use crate::checked::{self, impossible};
use crate::error::Result;
use crate::exec::job::Job;
use crate::exec::locks::lock;
use crate::exec::simd::{Kernel, dispatch};

/// Bits of the sort key that one step of the search for the k-th best resolves.
const DIGIT_BITS: u32 = 12;

/// Returns the least and the greatest sort key, and `(u64::MAX, 0)` for no entries.
pub(super) fn sort_key_range<E: Entry>(entries: &[E]) -> (u64, u64) {
    dispatch(SortKeyRange { entries })
}

struct SortKeyRange<'a, E> {
    entries: &'a [E],
}

impl<E: Entry> Kernel for SortKeyRange<'_, E> {
    type Output = (u64, u64);

    #[inline(always)]
    fn run(self) -> (u64, u64) {
        self.entries.iter().fold((u64::MAX, 0), |(low, high), entry| {
            let sort_key = entry.sort_key();
            (low.min(sort_key), high.max(sort_key))
        })
    }
}

/// Entries, grouped by the task that collected them.
#[derive(Debug)]
pub(crate) struct Candidates<E> {
    pub(crate) arenas: Vec<Arena<E>>,
    pub(crate) buckets: Buckets,
}

impl<E: Entry> Candidates<E> {
    /// Stores each run of entries as a task. The runs ascend by row.
    pub(crate) fn of_runs<'a>(runs: impl Iterator<Item = &'a [E]>, buckets: Buckets) -> Result<Self>
    where
        E: 'a,
    {
        let arena = |(task, run): (u64, &'a [E])| {
            let mut arena = Arena::new(run.len())?;
            arena.push_task(task, run, buckets, &mut Vec::new())?;
            Ok(arena)
        };
        Ok(Self { arenas: (0..).zip(runs).map(arena).collect::<Result<_>>()?, buckets })
    }

    /// Returns the entries of each task, in the order of their rows.
    pub(crate) fn by_row(&self) -> Vec<TaskEntries<'_, E>> {
        let mut all: Vec<_> = self.arenas.iter().flat_map(Arena::tasks).collect();
        all.sort_unstable_by_key(|&(task, _)| task);
        all.into_iter().map(|(_, task)| task).collect()
    }

    /// Returns the number of entries.
    pub(crate) fn count(&self) -> usize {
        self.arenas.iter().flat_map(Arena::tasks).map(|(_, task)| task.entries.len()).sum()
    }

    /// Returns the least and the greatest sort key, or `None` without entries.
    fn range(&self, job: &Job<'_>) -> Result<Option<RangeInclusive<u64>>> {
        let none = || (u64::MAX, 0);
        let join = |(a, b): (u64, u64), (c, d): (u64, u64)| (a.min(c), b.max(d));
        let found =
            self.fold_tasks(job, none, |sofar, _, task| *sofar = join(*sofar, sort_key_range(task)))?;
        let (low, high) = found.into_iter().fold(none(), join);
        Ok((low <= high).then_some(low..=high))
    }

    /// Returns the worst entry, or [`Entry::WORST`] without entries.
    pub(crate) fn worst(&self, job: &Job<'_>) -> Result<E> {
        let worst =
            self.fold_tasks(job, || None, |worst, _, task| *worst = task.iter().copied().max().max(*worst))?;
        // Proof: a thread without tasks has no worst entry, and `WORST` is the answer where no thread has one.
        Ok(worst.into_iter().flatten().max().unwrap_or(E::WORST))
    }

    /// Cuts the candidates to the `k` best, or keeps all if there are fewer.
    ///
    /// ```text
    /// key = sort key of the k-th best       (kth_sort_key: 12 bits per step, by counting)
    /// for each task, in the order of rows:
    ///     keep those of its entries that tie with key, up to what is left of the ties among the k best
    /// for each arena, in parallel:
    ///     drop the entries above key, and the ties that are not kept
    /// ```
    ///
    /// Selection by counting reads the candidates a few times and moves none; quickselect would need them in one piece
    /// of memory, and would reorder ties.
    pub(crate) fn cut(&mut self, k: usize, job: &Job<'_>) -> Result<()> {
        if self.count() <= k {
            return Ok(());
        }
        let Some(last) = k.checked_sub(1) else {
            self.arenas.clear(); // Proof: the best 0 are none.
            return Ok(());
        };
        let (sort_key, ties_before) = self.kth_sort_key(last, job)?;
        let ties_kept = self.ties_kept(sort_key, checked::add(ties_before, 1)?, job)?;
        let pairs = Mutex::new(checked::zip(&mut self.arenas, ties_kept)?);
        job.run(|_, state| {
            loop {
                let next = lock(&pairs)?.next();
                let Some((arena, mut ties_kept)) = next else { return Ok(()) }; // Proof: every arena was cut.
                arena.retain(|task, entry| {
                    let level = entry.sort_key() == sort_key && ties_kept[task] > 0;
                    ties_kept[task] -= usize::from(level);
                    level || entry.sort_key() < sort_key
                })?;
                state.check()?;
            }
        })?;
        drop(pairs);
        checked::equal("entries after a cut", self.count(), k)
    }

    /// Returns how many ties each task of each arena keeps: of all entries with this sort key, the first `room` by row.
    fn ties_kept(&self, sort_key: u64, mut room: usize, job: &Job<'_>) -> Result<Vec<Vec<usize>>> {
        let ties =
            self.map_tasks(job, |task| task.iter().filter(|entry| entry.sort_key() == sort_key).count())?;
        let mut order = Vec::with_capacity(ties.len());
        let mut ties_kept = Vec::with_capacity(self.arenas.len());
        for (number, arena) in self.arenas.iter().enumerate() {
            let before = order.len();
            order.extend(arena.tasks().enumerate().map(|(at, (task, _))| (task, number, at)));
            ties_kept.push(vec![0; order.len() - before]);
        }
        order.sort_unstable();
        for ((_, arena, at), ties) in checked::zip(order, ties)? {
            let here = ties.min(room);
            room -= here;
            ties_kept[arena][at] = here;
        }
        checked::equal("entries as bad as the last that are lacking", room, 0)?;
        Ok(ties_kept)
    }

    /// Returns the sort key of the entry that `rank` others precede, and how many of those have the same key.
    fn kth_sort_key(&self, mut rank: usize, job: &Job<'_>) -> Result<(u64, usize)> {
        let lost = || impossible("fewer entries were collected than counted");
        let (mut low, mut high) = self.range(job)?.ok_or_else(lost)?.into_inner();
        while low < high {
            let bits = bit_length(high - low);
            let shift = bits - bits.min(DIGIT_BITS);
            let counts = self.histogram(low..=high, shift, job)?;
            let digit = counts.iter().position(|&count| {
                let here = rank < count;
                rank -= if here { 0 } else { count };
                here
            });
            // Some entry has this digit, so the new bounds lie within the old.
            low = checked::add(low, (digit.ok_or_else(lost)? as u64) << shift)?;
            high = low + checked::sub(high, low)?.min((1 << shift) - 1);
        }
        Ok((low, rank))
    }

    /// Counts the entries in `range` by their leading digits above its start.
    fn histogram(&self, range: RangeInclusive<u64>, shift: u32, job: &Job<'_>) -> Result<Vec<usize>> {
        let none = || vec![0usize; 1 << DIGIT_BITS];
        let counts = self.fold_tasks(job, none, |counts, _, task| {
            for entry in task.iter().filter(|entry| range.contains(&entry.sort_key())) {
                counts[leading_digits(entry.sort_key(), *range.start(), shift)] += 1;
            }
        })?;
        Ok(counts.into_iter().fold(none(), |mut sums, counts| {
            // Proof: `none` makes every vector equally long.
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            sums
        }))
    }

    /// Returns what `look` returns for each task, in the order of rows.
    fn map_tasks<R: Send>(&self, job: &Job<'_>, look: impl Fn(&[E]) -> R + Sync) -> Result<Vec<R>> {
        let found = self.fold_tasks(job, Vec::new, |mine, index, task| mine.push((index, look(task))))?;
        let mut found = found.into_iter().flatten().collect::<Vec<_>>(); // Proof: flattens vectors, which drops nothing.
        found.sort_unstable_by_key(|&(index, _)| index);
        Ok(found.into_iter().map(|(_, result)| result).collect())
    }

    /// Lets each thread fold the tasks it takes, with their positions in row order; returns one result per thread.
    fn fold_tasks<R: Send>(
        &self,
        job: &Job<'_>,
        start: impl Fn() -> R + Sync,
        step: impl Fn(&mut R, usize, &[E]) + Sync,
    ) -> Result<Vec<R>> {
        let all = self.by_row();
        let candidates = Mutex::new(all.iter().enumerate());
        job.run_on(all.len(), |_, state| {
            let mut mine = start();
            loop {
                let next = lock(&candidates)?.next();
                let Some((index, task)) = next else { return Ok(mine) }; // Proof: every task was taken.
                step(&mut mine, index, task.entries);
                state.check()?;
            }
        })
    }
}

#[cfg(test)]
mod tests;
