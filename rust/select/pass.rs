//! The one pass over the rows: a limit from a sample, then every entry within it, collected in parallel.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::entry::Entry;
use super::parting::{Parting, Piece};
use super::pieces::Pieces;
use super::rng::Bits;
use super::sampling::{Estimate, estimate};
use crate::error::{Error, Result};
use crate::parallel::{Job, Queue, State};
use crate::scores::{Scratch, Source};

/// Rows that a thread takes at once.
const TASK: u64 = 1 << 18;
/// Rows that are read, compared and resolved at once: their scores stay in the first-level caches.
pub(super) const BLOCK: u64 = 1 << 14;

/// Something that gives each row an entry.
pub(super) trait Ranker<E: Entry>: Sync {
    /// The number of rows.
    fn rows(&self) -> u64;

    /// Appends the entries of `rows` (at most [`BLOCK`]) that are not worse than `limit`, in ascending rows.
    fn collect(&self, rows: Range<u64>, limit: E, work: &mut Workspace, found: &mut Vec<E>) -> Result<()>;

    /// What the rows are ranked by, if it is read.
    fn source(&self) -> Option<&dyn Source> {
        None
    }
}

/// What one thread works with and what it counts.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    /// For the source of the scores.
    pub scratch: Scratch,
    /// Offsets of rows in a block.
    pub hits: Vec<u32>,
    /// Scores of a block as float32, rounded.
    pub rounded: Vec<f32>,
    /// Random bits of the rows of a block.
    pub bits: Bits,
    /// Random bits of the hits.
    pub drawn: Vec<u64>,
    /// The noise that they mean.
    pub noise: Vec<f64>,
    /// Values of a block that hits were picked from.
    pub picked: Scratch,
    /// What the pass came across.
    pub tally: Tally,
}

/// What a pass came across besides entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Rows whose score is NaN.
    pub nan: u64,
    /// The first of them.
    pub first_nan: Option<u64>,
    /// Rows that can never be drawn: of probability 0.
    pub never: u64,
    /// The first row whose score overflows when divided by the temperature.
    pub overflow: Option<u64>,
}

impl Tally {
    /// Counts a NaN.
    pub(super) fn add_nan(&mut self, row: u64) {
        self.nan += 1;
        self.first_nan = first(self.first_nan, Some(row));
    }

    /// Remembers a row whose score overflows.
    pub(super) fn add_overflow(&mut self, row: u64) {
        self.overflow = first(self.overflow, Some(row));
    }

    fn merge(&mut self, other: Self) {
        self.nan += other.nan;
        self.never += other.never;
        self.first_nan = first(self.first_nan, other.first_nan);
        self.overflow = first(self.overflow, other.overflow);
    }
}

fn first(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// The entries within a limit: at least the k best, if there are as many.
#[derive(Debug)]
pub(super) struct Collected<E> {
    /// The entries.
    pub pieces: Pieces<E>,
    /// What the pass came across.
    pub tally: Tally,
}

/// Collects at least the `k` best entries, or all if there are fewer; in buckets, if they are to be sorted.
pub(super) fn collect<E: Entry>(
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
pub(super) fn collect_within<E: Entry>(
    ranker: &dyn Ranker<E>,
    k: u64,
    mut limit: E,
    parting: Parting,
    job: &Job<'_>,
) -> Result<Collected<E>> {
    let budget = k + k / 2 + (1 << 20);
    let queue = Queue::new(ranker.rows().div_ceil(TASK));
    let pass = Pass { ranker, queue, count: AtomicU64::new(0), parting };
    let mut all = Collected { pieces: Pieces::new(parting), tally: Tally::default() };
    loop {
        let parts = job.run(|_, state| pass.work(limit, budget, state))?;
        // Tasks are taken in ascending order, so those of a later round lie behind those of this one.
        let mut found = Vec::new();
        for (pieces, tally) in parts {
            found.extend(pieces);
            all.tally.merge(tally);
        }
        found.sort_unstable_by_key(|&(task, _)| task);
        all.pieces.all.extend(found.into_iter().map(|(_, piece)| piece));
        if pass.queue.is_empty() {
            ranker.source().map_or(Ok(()), Source::check_unchanged)?;
            return Ok(all);
        }
        all.pieces.cut(usize::try_from(k).unwrap_or(usize::MAX), job)?;
        limit = all.pieces.worst(job)?;
        pass.count.store(all.pieces.count() as u64, Ordering::Relaxed);
    }
}

/// What the threads of a pass share.
struct Pass<'a, E: Entry> {
    ranker: &'a dyn Ranker<E>,
    queue: Queue,
    /// Entries that are kept.
    count: AtomicU64,
    parting: Parting,
}

/// The entries of a task, by its number.
type Found<E> = Vec<(u64, Piece<E>)>;

impl<E: Entry> Pass<'_, E> {
    /// Does tasks while there are some and their entries are within the budget.
    fn work(&self, limit: E, budget: u64, state: &State) -> Result<(Found<E>, Tally)> {
        let mut work = Workspace::default();
        // Collected in memory that stays in the cache, and kept in as much as they need.
        let (mut found, mut entries) = (Vec::new(), Vec::new());
        while self.count.load(Ordering::Relaxed) < budget {
            let Some(task) = self.queue.take() else { break };
            entries.clear();
            self.task(task, limit, &mut work, &mut entries, state)?;
            if !entries.is_empty() {
                self.count.fetch_add(entries.len() as u64, Ordering::Relaxed);
                let piece = self.parting.part(&entries);
                let piece =
                    piece.ok_or_else(|| Error::Memory(format!("no memory for {} rows", entries.len())))?;
                found.push((task, piece));
            }
        }
        Ok((found, work.tally))
    }

    fn task(
        &self,
        task: u64,
        limit: E,
        work: &mut Workspace,
        found: &mut Vec<E>,
        state: &State,
    ) -> Result<()> {
        let rows = task * TASK..self.ranker.rows().min((task + 1) * TASK);
        self.ranker.source().map_or(Ok(()), |source| source.prefetch(rows.clone()))?;
        let mut start = rows.start;
        while start < rows.end {
            let end = rows.end.min(start + BLOCK);
            self.ranker.collect(start..end, limit, work, found)?;
            start = end;
        }
        state.advance(rows.end - rows.start)
    }
}
