//! The one pass over the rows: a limit from a sample, then every entry within it, collected in parallel.

pub(super) mod ranker;
pub(super) mod scan;
mod threshold;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use ranker::{BLOCK, Ranker, Tally, Workspace};
use threshold::{Estimate, estimate};

use crate::checked;
use crate::error::Result;
use crate::locks::lock;
use crate::parallel::{Job, Queue, State};
use crate::scores::Source;
use crate::select::candidates::Pieces;
use crate::select::candidates::arena::Slab;
use crate::select::candidates::buckets::Parting;
use crate::select::candidates::entry::Entry;

/// Rows that a thread takes at once.
const TASK: u64 = 1 << 18;
/// The entries within a limit: at least the k best, if there are as many.
#[derive(Debug)]
pub(crate) struct Collected<E> {
    /// The entries.
    pub pieces: Pieces<E>,
    /// What the pass came across.
    pub tally: Tally,
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
    let Estimate { limit, low, high } = estimate(ranker, k, job)?;
    let parting = if to_be_sorted { Parting::new::<E>(low, high, k) } else { Parting::WHOLE };
    let collected = collect_within(ranker, k, limit, parting, job)?;
    if collected.pieces.count() as u64 >= k || limit == E::WORST {
        return Ok(collected);
    }
    // The sample misled: it happens to vectors made for it. Without a limit the pass finds its own.
    drop(collected);
    collect_within(ranker, k, E::WORST, parting, job)
}

/// Collects the entries within `limit`, in as many rounds as memory in proportion to `k` asks for.
///
/// When more entries lie within the limit than are to be kept in memory, the threads stop, the entries are
/// cut to the k best, and the worst of those is the limit for the rows that remain.
pub(crate) fn collect_within<E: Entry>(
    ranker: &dyn Ranker<E>,
    k: u64,
    mut limit: E,
    parting: Parting,
    job: &Job<'_>,
) -> Result<Collected<E>> {
    let budget = checked::add(checked::add(k, k / 2)?, 1 << 20)?;
    let pass = Pass {
        ranker,
        queue: Queue::new(ranker.rows().div_ceil(TASK)),
        count: AtomicU64::new(0),
        parting,
        slab_len: Slab::<E>::len_for(budget, job.threads()),
        slabs: Mutex::default(),
    };
    let tasks = checked::index(ranker.rows().div_ceil(TASK))?;
    let (mut tally, mut cuts) = (Tally::default(), 0);
    loop {
        for part in job.run_on(tasks, |_, state| pass.work(limit, budget, state))? {
            tally.merge(&part)?;
        }
        let mut pieces = Pieces { slabs: std::mem::take(&mut *lock(&pass.slabs)?), parting };
        if pass.queue.is_empty() {
            checked::equal("rows that were looked at", tally.rows, ranker.rows())?;
            ranker.source().map_or(Ok(()), Source::check_unchanged)?;
            return Ok(Collected { pieces, tally, cuts });
        }
        pieces.cut(checked::index(k)?, job)?;
        limit = pieces.worst(job)?;
        cuts = checked::add(cuts, 1)?;
        pass.count.store(pieces.count() as u64, Ordering::Relaxed);
        // What was cut leaves room in the slabs, which are filled up in the next round.
        *lock(&pass.slabs)? = pieces.slabs;
    }
}

/// What the threads of a pass share.
struct Pass<'a, E: Entry> {
    ranker: &'a dyn Ranker<E>,
    queue: Queue,
    /// Entries that are kept.
    count: AtomicU64,
    parting: Parting,
    slab_len: usize,
    /// Slabs that no thread is filling.
    slabs: Mutex<Vec<Slab<E>>>,
}

impl<E: Entry> Pass<'_, E> {
    /// Does tasks while there are some and their entries are within the budget.
    fn work(&self, limit: E, budget: u64, state: &State) -> Result<Tally> {
        let mut work = Workspace::default();
        // Collected in memory that stays in the cache, and kept in a slab.
        let (mut slab, mut entries, mut parted) = (None, Vec::new(), Vec::new());
        while self.count.load(Ordering::Relaxed) < budget {
            let Some(task) = self.queue.take() else { break }; // Proof: every task was taken.
            entries.clear();
            self.task(task, limit, &mut work, &mut entries, state)?;
            if !entries.is_empty() {
                self.count.fetch_add(entries.len() as u64, Ordering::Relaxed);
                let slab = self.with_room(&mut slab, entries.len())?;
                slab.add(task, &entries, self.parting, &mut parted)?;
            }
        }
        lock(&self.slabs)?.extend(slab);
        Ok(work.tally)
    }

    /// The slab that a thread fills: another, if so many entries do not fit.
    fn with_room<'s>(&self, slab: &'s mut Option<Slab<E>>, entries: usize) -> Result<&'s mut Slab<E>> {
        if slab.as_ref().is_none_or(|slab| slab.room() < entries) {
            let mut slabs = lock(&self.slabs)?;
            slabs.extend(slab.take());
            let fitting = slabs.iter().position(|slab| slab.room() >= entries);
            *slab = fitting.map(|at| slabs.swap_remove(at));
        }
        match slab {
            Some(slab) => Ok(slab),
            None => Ok(slab.insert(Slab::new(self.slab_len.max(entries))?)),
        }
    }

    fn task(
        &self,
        task: u64,
        limit: E,
        work: &mut Workspace,
        found: &mut Vec<E>,
        state: &State,
    ) -> Result<()> {
        let start = checked::mul(task, TASK)?;
        // Proof: the end of the last task may lie beyond all numbers, and so beyond the rows.
        let rows = start..self.ranker.rows().min(start.saturating_add(TASK));
        self.ranker.source().map_or(Ok(()), |source| source.prefetch(rows.clone()))?;
        let mut start = rows.start;
        while start < rows.end {
            let end = start + BLOCK.min(rows.end - start);
            self.ranker.collect(start..end, limit, work, found)?;
            start = end;
        }
        let len = checked::sub(rows.end, rows.start)?;
        work.tally.rows += len;
        state.advance(len)
    }
}
