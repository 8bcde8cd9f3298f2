//! The pass: estimates a threshold from a sample, then collects every entry within it, in parallel.
//!
//! ```text
//! threshold = estimate from a sample                        (threshold.rs)
//! while rows are left:
//!     threads, until the budget of entries is used up:
//!         take a task of 262,144 rows
//!         for each block of 16,384 rows: append the entries that are not worse than threshold   (Ranker)
//!         store the entries of the task in an arena, in buckets                                 (candidates)
//!     if rows are left:
//!         cut the candidates to the k best, and make the worst of them the threshold
//! if fewer than k were found, and threshold ruled rows out: start over with no threshold
//! ```
//!
//! The answer never depends on the sample. A threshold that is too loose costs cuts on the way; one that is too
//! tight costs a second pass.

pub(super) mod blocks;
pub(super) mod ranker;
pub(super) mod scan;
pub(super) mod tasks;
pub(super) mod threshold;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ranker::{BLOCK_ROWS, PassStats, Ranker, Workspace};
use threshold::{ThresholdEstimate, estimate};

use crate::checked;
use crate::error::Result;
use crate::exec::job::{Job, Queue, State};
use crate::exec::locks::lock;
use crate::scores::Source;
use crate::select::candidates::Candidates;
use crate::select::candidates::arena::Arena;
use crate::select::candidates::buckets::Buckets;
use crate::select::candidates::entry::Entry;

/// Rows that a thread takes at once.
pub(crate) const TASK_ROWS: u64 = 1 << 18;
/// The entries within the threshold: at least the k best, or all if there are fewer.
#[derive(Debug)]
pub(crate) struct Collected<E> {
    /// The entries.
    pub candidates: Candidates<E>,
    /// What the pass counted.
    pub stats: PassStats,
    /// How many times the candidates were cut to the k best on the way.
    pub cuts: u32,
}

/// Collects at least the `k` best entries, or all if there are fewer. Uses buckets if the entries are `to_be_sorted`.
pub(crate) fn collect<E: Entry>(
    ranker: &dyn Ranker<E>,
    k: u64,
    to_be_sorted: bool,
    job: &Job<'_>,
) -> Result<Collected<E>> {
    let ThresholdEstimate { threshold, low, high } = estimate(ranker, k, job)?;
    let buckets = if to_be_sorted { Buckets::new::<E>(low, high, k) } else { Buckets::ONE };
    let collected = collect_within(ranker, k, threshold, buckets, job)?;
    if collected.candidates.count() as u64 >= k || threshold == E::WORST {
        return Ok(collected);
    }
    // The sample misled, as it can for vectors made to mislead it. Starting without a threshold always works.
    drop(collected);
    collect_within(ranker, k, E::WORST, buckets, job)
}

/// Collects the entries within `threshold`, in rounds that keep memory proportional to `k`.
///
/// When the entries exceed the budget, the threads stop, the candidates are cut to the k best, and the worst of them
/// becomes the threshold for the remaining rows.
pub(crate) fn collect_within<E: Entry>(
    ranker: &dyn Ranker<E>,
    k: u64,
    mut threshold: E,
    buckets: Buckets,
    job: &Job<'_>,
) -> Result<Collected<E>> {
    let budget = checked::add(checked::add(k, k / 2)?, 1 << 20)?;
    let pass = Pass {
        ranker,
        queue: Queue::new(ranker.rows().div_ceil(TASK_ROWS)),
        count: AtomicU64::new(0),
        buckets,
        arena_len: Arena::<E>::capacity_for(budget, job.threads()),
        arenas: Mutex::default(),
    };
    let tasks = checked::index(ranker.rows().div_ceil(TASK_ROWS))?;
    let (mut stats, mut cuts) = (PassStats::default(), 0);
    loop {
        for part in job.run_on(tasks, |_, state| pass.work(threshold, budget, state))? {
            stats.merge(&part)?;
        }
        let mut candidates = Candidates { arenas: std::mem::take(&mut *lock(&pass.arenas)?), buckets };
        if pass.queue.is_empty() {
            checked::equal("rows that were looked at", stats.rows, ranker.rows())?;
            ranker.source().map_or(Ok(()), Source::check_unchanged)?;
            return Ok(Collected { candidates, stats, cuts });
        }
        candidates.cut(checked::index(k)?, job)?;
        threshold = candidates.worst(job)?;
        cuts = checked::add(cuts, 1)?;
        pass.count.store(candidates.count() as u64, Ordering::Relaxed);
        // The cut left free space in the arenas; the next round fills it.
        *lock(&pass.arenas)? = candidates.arenas;
    }
}

/// What the threads of a pass share.
struct Pass<'a, E: Entry> {
    ranker: &'a dyn Ranker<E>,
    queue: Queue,
    /// How many entries are stored.
    count: AtomicU64,
    buckets: Buckets,
    arena_len: usize,
    /// Arenas that no thread is filling.
    arenas: Mutex<Vec<Arena<E>>>,
}

impl<E: Entry> Pass<'_, E> {
    /// Runs tasks until none is left or the budget is used up.
    fn work(&self, threshold: E, budget: u64, state: &State) -> Result<PassStats> {
        let mut work = Workspace::default();
        // Entries are collected in memory that stays in the cache, then stored in an arena.
        let (mut arena, mut entries, mut scratch) = (None, Vec::new(), Vec::new());
        while self.count.load(Ordering::Relaxed) < budget {
            let Some(task) = self.queue.take() else { break }; // Proof: every task was taken.
            entries.clear();
            self.run_task(task, threshold, &mut work, &mut entries, state)?;
            if !entries.is_empty() {
                self.count.fetch_add(entries.len() as u64, Ordering::Relaxed);
                let arena = self.arena_with_room(&mut arena, entries.len())?;
                arena.push_task(task, &entries, self.buckets, &mut scratch)?;
            }
        }
        lock(&self.arenas)?.extend(arena);
        Ok(work.stats)
    }

    /// Returns the arena that this thread fills, and swaps it for another if the entries do not fit.
    fn arena_with_room<'s>(
        &self,
        arena: &'s mut Option<Arena<E>>,
        entries: usize,
    ) -> Result<&'s mut Arena<E>> {
        if arena.as_ref().is_none_or(|arena| arena.remaining() < entries) {
            let mut arenas = lock(&self.arenas)?;
            arenas.extend(arena.take());
            let fitting = arenas.iter().position(|arena| arena.remaining() >= entries);
            *arena = fitting.map(|at| arenas.swap_remove(at));
        }
        match arena {
            Some(arena) => Ok(arena),
            None => Ok(arena.insert(Arena::new(self.arena_len.max(entries))?)),
        }
    }

    fn run_task(
        &self,
        task: u64,
        threshold: E,
        work: &mut Workspace,
        found: &mut Vec<E>,
        state: &State,
    ) -> Result<()> {
        let start = checked::mul(task, TASK_ROWS)?;
        // Proof: the end of the last task may exceed u64; the minimum is then the number of rows.
        let rows = start..self.ranker.rows().min(start.saturating_add(TASK_ROWS));
        self.ranker.source().map_or(Ok(()), |source| source.prefetch(rows.clone()))?;
        let mut start = rows.start;
        while start < rows.end {
            let end = start + BLOCK_ROWS.min(rows.end - start);
            self.ranker.collect(start..end, threshold, work, found)?;
            start = end;
        }
        let len = checked::sub(rows.end, rows.start)?;
        work.stats.rows += len;
        state.advance(len)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use proptest::prelude::*;

    use super::*;
    use crate::select::candidates::entry::Key32Row32;
    use crate::select::noise::philox::Philox;

    /// Ranks rows by given sort keys, and remembers what it was asked for.
    #[derive(Default)]
    struct ByKeys {
        keys: Vec<u64>,
        sampled: Mutex<Vec<Range<u64>>>,
    }

    impl Ranker<Key32Row32> for ByKeys {
        fn rows(&self) -> u64 {
            self.keys.len() as u64
        }

        fn collect(
            &self,
            rows: Range<u64>,
            threshold: Key32Row32,
            _work: &mut Workspace,
            found: &mut Vec<Key32Row32>,
        ) -> Result<()> {
            self.sampled.lock().unwrap().push(rows.clone());
            let keys = &self.keys[checked::span(&rows)?];
            let entries = keys.iter().zip(rows).map(|(&key, row)| Key32Row32::new(key, row));
            found.extend(entries.filter(|&entry| entry <= threshold));
            Ok(())
        }
    }

    /// Checks that the k best were collected, in row order unless they go to buckets.
    fn check(keys: &[u64], k: usize, to_be_sorted: bool, threads: usize) {
        let mut best: Vec<Key32Row32> =
            keys.iter().zip(0..).map(|(&key, row)| Key32Row32::new(key, row)).collect();
        best.sort_unstable();
        best.truncate(k);
        let ranker = ByKeys { keys: keys.to_vec(), ..ByKeys::default() };
        let collected = collect::<Key32Row32>(&ranker, k as u64, to_be_sorted, &Job::new(threads)).unwrap();
        assert_eq!(collected.stats.rows, keys.len() as u64);
        let tasks = collected.candidates.by_row();
        let mut found = tasks.iter().map(|task| task.entries).collect::<Vec<_>>().concat();
        assert!(to_be_sorted || found.is_sorted_by_key(|entry| entry.row()));
        found.sort_unstable();
        assert!(found[..best.len()] == best[..], "k {k} of {}", keys.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn the_best_are_collected(seed: u64, bits in 0u32..32, len in 1usize..60_000, part in 0usize..=100, sort: bool) {
            let philox = Philox::new(seed, 9);
            let keys: Vec<u64> = (0..len as u64).map(|row| philox.bits(row) >> (63 - bits)).collect();
            check(&keys, len * part / 100, sort, 1 + len % 3);
        }
    }

    /// The best rows are just those that the sample looks at, so the estimate expects four times as many as there are.
    #[test]
    fn a_sample_that_misleads_costs_no_row() {
        let (rows, k) = (1 << 17, 1000);
        let mut ranker =
            ByKeys { keys: (0..rows).map(|row| row + rows).collect(), sampled: Mutex::default() };
        estimate(&ranker, k, &Job::new(1)).unwrap();
        let sampled = std::mem::take(&mut ranker.sampled).into_inner().unwrap();
        for row in sampled.into_iter().flatten() {
            ranker.keys[usize::try_from(row).unwrap()] = row;
        }
        let ThresholdEstimate { threshold, .. } = estimate(&ranker, k, &Job::new(1)).unwrap();
        let misled = collect_within(&ranker, k, threshold, Buckets::ONE, &Job::new(1)).unwrap();
        assert!((misled.candidates.count() as u64) < k);
        for threads in [1, 2] {
            check(&ranker.keys, 1000, true, threads);
        }
    }

    #[test]
    fn memory_is_kept_by_cuts() {
        // Ever better rows: each round finds more entries than the budget.
        let keys: Vec<u64> = (0..7 << 18).map(|row| (7 << 18) - row).collect();
        let ranker = ByKeys { keys: keys.clone(), ..ByKeys::default() };
        let mut best: Vec<u64> = keys[keys.len() - 1000..].to_vec();
        best.reverse();
        for threads in [1, 2] {
            let collected = collect_within::<Key32Row32>(
                &ranker,
                1000,
                Key32Row32::WORST,
                Buckets::ONE,
                &Job::new(threads),
            )
            .unwrap();
            assert!(collected.cuts > 0);
            let tasks = collected.candidates.by_row();
            let mut found = tasks.iter().map(|task| task.entries).collect::<Vec<_>>().concat();
            assert!(found.len() < 3 << 20, "{}", found.len());
            found.sort_unstable();
            assert!(found.iter().take(1000).map(|entry| entry.sort_key()).eq(best.iter().copied()));
        }
    }
}
