//! The entries that a pass collected, and their cut to the k best.
//!
//! Of entries as bad as each other, the first are those of the lower rows, and so the best: candidates are of
//! ascending rows, and within a bucket of a task rows ascend. It lets everything after the pass look at sort key
//! alone.

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
use crate::locks::lock;
use crate::parallel::Job;
use crate::simd::{Kernel, dispatch};

/// Bits of sort key that are told apart at once when the k-th best is looked for.
const DIGIT_BITS: u32 = 12;

/// The least and the greatest sort key; `(u64::MAX, 0)` of none.
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

/// Entries in candidates of ascending rows.
#[derive(Debug)]
pub(crate) struct Candidates<E> {
    pub(crate) arenas: Vec<Arena<E>>,
    pub(crate) buckets: Buckets,
}

impl<E: Entry> Candidates<E> {
    /// Each run of entries as a task, in their order.
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

    /// The candidates in the order of their rows.
    pub(crate) fn by_row(&self) -> Vec<TaskEntries<'_, E>> {
        let mut all: Vec<_> = self.arenas.iter().flat_map(Arena::tasks).collect();
        all.sort_unstable_by_key(|&(task, _)| task);
        all.into_iter().map(|(_, task)| task).collect()
    }

    /// Their number.
    pub(crate) fn count(&self) -> usize {
        self.arenas.iter().flat_map(Arena::tasks).map(|(_, task)| task.entries.len()).sum()
    }

    /// The least and the greatest sort key, if there are entries.
    fn range(&self, job: &Job<'_>) -> Result<Option<RangeInclusive<u64>>> {
        let none = || (u64::MAX, 0);
        let join = |(a, b): (u64, u64), (c, d): (u64, u64)| (a.min(c), b.max(d));
        let found =
            self.fold_tasks(job, none, |sofar, _, task| *sofar = join(*sofar, sort_key_range(task)))?;
        let (low, high) = found.into_iter().fold(none(), join);
        Ok((low <= high).then_some(low..=high))
    }

    /// The worst entry; that than which none is worse, if there are none.
    pub(crate) fn worst(&self, job: &Job<'_>) -> Result<E> {
        let worst =
            self.fold_tasks(job, || None, |worst, _, task| *worst = task.iter().copied().max().max(*worst))?;
        // Proof: a thread without candidates has no worst, and of no entries the default is what is asked for.
        Ok(worst.into_iter().flatten().max().unwrap_or(E::WORST))
    }

    /// Cuts to the `k` best: all, if there are no more.
    pub(crate) fn cut(&mut self, k: usize, job: &Job<'_>) -> Result<()> {
        if self.count() <= k {
            return Ok(());
        }
        let Some(last) = k.checked_sub(1) else {
            self.arenas.clear(); // Proof: the 0 best are none.
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

    /// Of the entries that bad, the first `room` stay: how many in each task of each arena.
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

    /// The sort key of the entry that `rank` others precede, and how many of those are as bad as it.
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
            // An entry has that digit, so that neither bound passes the range there was.
            low = checked::add(low, (digit.ok_or_else(lost)? as u64) << shift)?;
            high = low + checked::sub(high, low)?.min((1 << shift) - 1);
        }
        Ok((low, rank))
    }

    /// How many entries of that range have each digit above its start.
    fn histogram(&self, range: RangeInclusive<u64>, shift: u32, job: &Job<'_>) -> Result<Vec<usize>> {
        let none = || vec![0usize; 1 << DIGIT_BITS];
        let counts = self.fold_tasks(job, none, |counts, _, task| {
            for entry in task.iter().filter(|entry| range.contains(&entry.sort_key())) {
                counts[leading_digits(entry.sort_key(), *range.start(), shift)] += 1;
            }
        })?;
        Ok(counts.into_iter().fold(none(), |mut sums, counts| {
            // Proof: each is as long as `none` makes it.
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            sums
        }))
    }

    /// What `look` gives for each task, in their order.
    fn map_tasks<R: Send>(&self, job: &Job<'_>, look: impl Fn(&[E]) -> R + Sync) -> Result<Vec<R>> {
        let found = self.fold_tasks(job, Vec::new, |mine, index, task| mine.push((index, look(task))))?;
        let mut found = found.into_iter().flatten().collect::<Vec<_>>(); // Proof: lists, each whole.
        found.sort_unstable_by_key(|&(index, _)| index);
        Ok(found.into_iter().map(|(_, result)| result).collect())
    }

    /// What each thread makes of the candidates that it is given, by their numbers.
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
                let Some((index, task)) = next else { return Ok(mine) }; // Proof: no task is left.
                step(&mut mine, index, task.entries);
                state.check()?;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::select::candidates::entry::{Key32Row32, Key64Row32, Key64Row64};

    fn check<E: Entry>(sort_key: &[u64], task: usize, k: usize) {
        let entries: Vec<E> =
            sort_key.iter().zip(0..).map(|(&sort_key, row)| E::new(sort_key, row)).collect();
        let mut best = entries.clone();
        best.sort_unstable();
        best.truncate(k);
        let worst = best.last().copied().unwrap_or(E::WORST);
        best.sort_unstable();
        for threads in [1, 2, 7] {
            let buckets = Buckets::new::<E>(1, u64::from(u32::MAX), 1 << 30);
            let mut candidates = Candidates::of_runs(entries.chunks(task), buckets).unwrap();
            candidates.cut(k, &Job::new(threads)).unwrap();
            assert_eq!(candidates.worst(&Job::new(threads)).unwrap(), worst);
            let mut kept = candidates.by_row().iter().map(|task| task.entries).collect::<Vec<_>>().concat();
            kept.sort_unstable();
            assert_eq!(kept, best);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(120))]
        #[test]
        fn the_best_stay(
            sort_key in proptest::collection::vec(
                prop_oneof![0u64..4, any::<u64>(), u64::MAX - 3.., (0u32..64).prop_map(|bit| !0 << bit)],
                0..200,
            ),
            task in 1usize..50,
            k in 0usize..220,
        ) {
            check::<Key64Row64>(&sort_key, task, k);
            check::<Key64Row32>(&sort_key, task, k);
            let short: Vec<u64> = sort_key.iter().map(|sort_key| sort_key & u64::from(u32::MAX)).collect();
            check::<Key32Row32>(&short, task, k);
        }
    }
}
