//! The one pass over the rows: a limit from a sample, then every entry within it, collected in parallel.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::entry::Entry;
use super::pieces::{Piece, Pieces};
use super::rng::{Bits, Philox};
use crate::error::Result;
use crate::parallel::{Job, Queue, State};
use crate::scores::Scratch;

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

    /// Brings what `rows` are ranked by into memory.
    fn prefetch(&self, _rows: Range<u64>) -> Result<()> {
        Ok(())
    }

    /// Fails if what the rows are ranked by changed during the pass.
    fn check_unchanged(&self) -> Result<()> {
        Ok(())
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
    /// The entries, in ascending rows.
    pub pieces: Pieces<E>,
    /// Their number.
    pub count: u64,
    /// What the pass came across.
    pub tally: Tally,
}

/// Collects at least the `k` best entries, or all if there are fewer.
pub(super) fn collect<E: Entry>(ranker: &dyn Ranker<E>, k: u64, job: &Job<'_>) -> Result<Collected<E>> {
    let limit = estimate(ranker, k)?;
    let collected = collect_within(ranker, k, limit, job)?;
    if collected.count >= k || limit == E::WORST {
        return Ok(collected);
    }
    // The sample misled: it happens to vectors made for it. Without a limit the pass finds its own.
    drop(collected);
    collect_within(ranker, k, E::WORST, job)
}

/// Runs of rows in a sample.
const RUNS: u64 = 1024;
/// Rows of a run: adjacent rows share a cache line and a page.
const RUN: u64 = 64;

/// An entry that with near certainty at least `k` others do not exceed, and not many more.
///
/// The wanted share of a sample is binomial with mean `k * sampled / rows`; five standard deviations above it
/// are taken. Should it fall short nevertheless, [`collect`] notices; should far more entries lie within it
/// (ties, sorted rows), [`collect_within`] tightens it on the way. So the sample decides only the speed.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn estimate<E: Entry>(ranker: &dyn Ranker<E>, k: u64) -> Result<E> {
    let rows = ranker.rows();
    if rows <= 4 * RUNS * RUN {
        return Ok(E::WORST);
    }
    let mut work = Workspace::default();
    let mut sample = Vec::new();
    let jitter = Philox::new(0, Philox::SAMPLING);
    let stratum = rows / RUNS;
    for run in 0..RUNS {
        let start = run * stratum + jitter.bits(run) % (stratum - RUN);
        ranker.collect(start..start + RUN, E::WORST, &mut work, &mut sample)?;
    }
    let mean = k as f64 * (RUNS * RUN) as f64 / rows as f64;
    let rank = (mean + 5.0 * mean.sqrt() + 8.0) as usize;
    if rank >= sample.len() {
        return Ok(E::WORST);
    }
    Ok(*sample.select_nth_unstable(rank).1)
}

/// Collects the entries within `limit`, in as many rounds as memory in proportion to `k` asks for.
///
/// When more entries lie within the limit than are to be kept in memory, the threads stop, the entries are
/// cut to the k best, and the worst of those is the limit for the rows that remain.
pub(super) fn collect_within<E: Entry>(
    ranker: &dyn Ranker<E>,
    k: u64,
    mut limit: E,
    job: &Job<'_>,
) -> Result<Collected<E>> {
    let budget = k + k / 2 + (1 << 20);
    let pass = Pass {
        ranker,
        queue: Queue::new(ranker.rows().div_ceil(TASK)),
        count: AtomicU64::new(0),
        expected: expected_per_task(k, ranker.rows()),
    };
    let mut all = Collected { pieces: Pieces::default(), count: 0, tally: Tally::default() };
    loop {
        let parts = job.run(|_, state| pass.work(limit, budget, state))?;
        // Tasks are taken in ascending order, so those of a later round lie behind those of this one.
        let mut found = Vec::new();
        for (pieces, tally) in parts {
            found.extend(pieces);
            all.tally.merge(tally);
        }
        found.sort_unstable_by_key(|&(task, _)| task);
        for (_, piece) in found {
            all.pieces.push(piece);
        }
        all.count = pass.count.load(Ordering::Relaxed);
        if pass.queue.is_empty() {
            ranker.check_unchanged()?;
            return Ok(all);
        }
        limit = all.pieces.cut(usize::try_from(k).unwrap_or(usize::MAX), job)?;
        pass.count.store(k.min(all.count), Ordering::Relaxed);
    }
}

/// Entries that a task finds, if they lie evenly: its list then need not grow.
fn expected_per_task(k: u64, rows: u64) -> usize {
    let even = u128::from(k) * u128::from(TASK) / u128::from(rows.max(1));
    usize::try_from(even + even / 4 + 64).unwrap_or(usize::MAX).min(1 << 18)
}

/// What the threads of a pass share.
struct Pass<'a, E: Entry> {
    ranker: &'a dyn Ranker<E>,
    queue: Queue,
    /// Entries that are kept.
    count: AtomicU64,
    expected: usize,
}

/// The entries of a task, by its number.
type Found<E> = Vec<(u64, Piece<E>)>;

impl<E: Entry> Pass<'_, E> {
    /// Does tasks while there are some and their entries are within the budget.
    fn work(&self, limit: E, budget: u64, state: &State) -> Result<(Found<E>, Tally)> {
        let mut work = Workspace::default();
        let mut found = Vec::new();
        while self.count.load(Ordering::Relaxed) < budget {
            let Some(task) = self.queue.take() else { break };
            let entries = self.task(task, limit, &mut work, state)?;
            self.count.fetch_add(entries.len() as u64, Ordering::Relaxed);
            if !entries.is_empty() {
                found.push((task, Piece::new(entries)));
            }
        }
        Ok((found, work.tally))
    }

    fn task(&self, task: u64, limit: E, work: &mut Workspace, state: &State) -> Result<Vec<E>> {
        let rows = task * TASK..self.ranker.rows().min((task + 1) * TASK);
        self.ranker.prefetch(rows.clone())?;
        let mut found = Vec::with_capacity(self.expected);
        let mut start = rows.start;
        while start < rows.end {
            let end = rows.end.min(start + BLOCK);
            self.ranker.collect(start..end, limit, work, &mut found)?;
            start = end;
        }
        if found.len() < found.capacity() / 2 {
            found.shrink_to_fit();
        }
        state.advance(rows.end - rows.start)?;
        Ok(found)
    }
}
