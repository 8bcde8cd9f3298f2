//! The one pass over the rows: a threshold from a sample, then every entry within it, collected in parallel.

pub(super) mod ranker;
pub(super) mod scan;
mod threshold;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ranker::{BLOCK_ROWS, PassStats, Ranker, Workspace};
use threshold::{Estimate, estimate};

use crate::checked;
use crate::error::Result;
use crate::locks::lock;
use crate::parallel::{Job, Queue, State};
use crate::scores::Source;
use crate::select::candidates::Candidates;
use crate::select::candidates::arena::Arena;
use crate::select::candidates::buckets::Buckets;
use crate::select::candidates::entry::Entry;

/// Rows that a thread takes at once.
const TASK_ROWS: u64 = 1 << 18;
/// The entries within a threshold: at least the k best, if there are as many.
#[derive(Debug)]
pub(crate) struct Collected<E> {
    /// The entries.
    pub candidates: Candidates<E>,
    /// What the pass came across.
    pub stats: PassStats,
    /// How often what was collected was cut to the k best on the way.
    pub cuts: u32,
}

/// Collects at least the `k` best entries, or all if there are fewer; in buckets, if they are to be sorted.
pub(crate) fn collect<E: Entry>(
    ranker: &dyn Ranker<E>,
    k: u64,
    to_be_sorted: bool,
    job: &Job<'_>,
) -> Result<Collected<E>> {
    let Estimate { threshold, low, high } = estimate(ranker, k, job)?;
    let buckets = if to_be_sorted { Buckets::new::<E>(low, high, k) } else { Buckets::ONE };
    let collected = collect_within(ranker, k, threshold, buckets, job)?;
    if collected.candidates.count() as u64 >= k || threshold == E::WORST {
        return Ok(collected);
    }
    // The sample misled: it happens to vectors made for it. Without a threshold the pass finds its own.
    drop(collected);
    collect_within(ranker, k, E::WORST, buckets, job)
}

/// Collects the entries within `threshold`, in as many rounds as memory in proportion to `k` asks for.
///
/// When more entries lie within the threshold than are to be kept in memory, the threads stop, the entries are
/// cut to the k best, and the worst of those is the threshold for the rows that remain.
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
        // What was cut leaves room in the arenas, which are filled up in the next round.
        *lock(&pass.arenas)? = candidates.arenas;
    }
}

/// What the threads of a pass share.
struct Pass<'a, E: Entry> {
    ranker: &'a dyn Ranker<E>,
    queue: Queue,
    /// Entries that are kept.
    count: AtomicU64,
    buckets: Buckets,
    arena_len: usize,
    /// Slabs that no thread is filling.
    arenas: Mutex<Vec<Arena<E>>>,
}

impl<E: Entry> Pass<'_, E> {
    /// Does tasks while there are some and their entries are within the budget.
    fn work(&self, threshold: E, budget: u64, state: &State) -> Result<PassStats> {
        let mut work = Workspace::default();
        // Collected in memory that stays in the cache, and kept in an arena.
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

    /// The arena that a thread fills: another, if so many entries do not fit.
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
        // Proof: the end of the last task may lie beyond all numbers, and so beyond the rows.
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
