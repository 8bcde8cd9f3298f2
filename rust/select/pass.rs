//! The one pass over the rows: a limit from a sample, then every entry within it, collected in parallel.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::entry::Entry;
use super::order;
use super::rng::Philox;
use crate::error::Result;
use crate::parallel::{Job, Queue, State};
use crate::scores::Scratch;

/// Rows that a thread takes at once.
const TASK: u64 = 1 << 18;
/// Rows that are read, compared and resolved at once: their scores stay in the first-level caches.
pub(super) const BLOCK: u64 = 1 << 14;
/// Entries of one piece of the collection: large enough to be rare, small enough to be freed piece by piece.
const SEGMENT: usize = 1 << 17;

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
    /// Scores of a block as float64.
    pub scaled: Vec<f64>,
    /// Random bits of the rows of a block.
    pub bits: Vec<u64>,
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
    /// In pieces, in no order.
    pub segments: Vec<Vec<E>>,
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
fn collect_within<E: Entry>(
    ranker: &dyn Ranker<E>,
    k: u64,
    mut limit: E,
    job: &Job<'_>,
) -> Result<Collected<E>> {
    let budget = k + k / 2 + (1 << 20);
    let rows = ranker.rows();
    let queue = Queue::new(rows.div_ceil(TASK));
    let count = AtomicU64::new(0);
    let mut all = Collected { segments: Vec::new(), count: 0, tally: Tally::default() };
    loop {
        let parts = job.run(|_, state| {
            let mut work = Workspace::default();
            let mut segments = Segments::new();
            while count.load(Ordering::Relaxed) < budget {
                let Some(task) = queue.take() else { break };
                let task = task * TASK..rows.min((task + 1) * TASK);
                let before = segments.count;
                collect_task(ranker, task, limit, &mut work, &mut segments, state)?;
                count.fetch_add(segments.count - before, Ordering::Relaxed);
            }
            Ok((segments.pieces, work.tally))
        })?;
        for (pieces, tally) in parts {
            all.segments.extend(pieces);
            all.tally.merge(tally);
        }
        all.count = count.load(Ordering::Relaxed);
        if queue.is_empty() {
            ranker.check_unchanged()?;
            return Ok(all);
        }
        (all.segments, limit) = order::cut(all.segments, k, job)?;
        all.count = k;
        count.store(k, Ordering::Relaxed);
    }
}

fn collect_task<E: Entry>(
    ranker: &dyn Ranker<E>,
    task: Range<u64>,
    limit: E,
    work: &mut Workspace,
    segments: &mut Segments<E>,
    state: &State,
) -> Result<()> {
    ranker.prefetch(task.clone())?;
    let mut start = task.start;
    while start < task.end {
        let end = task.end.min(start + BLOCK);
        segments.collect(|found| ranker.collect(start..end, limit, work, found))?;
        start = end;
    }
    state.advance(task.end - task.start)
}

/// A growing list that never moves what it holds.
struct Segments<E> {
    pieces: Vec<Vec<E>>,
    count: u64,
}

impl<E> Segments<E> {
    fn new() -> Self {
        Self { pieces: Vec::new(), count: 0 }
    }

    /// Lets `append` add at most [`BLOCK`] entries.
    fn collect(&mut self, append: impl FnOnce(&mut Vec<E>) -> Result<()>) -> Result<()> {
        let full = self.pieces.last().is_none_or(|piece| (piece.len() as u64 + BLOCK) > SEGMENT as u64);
        if full {
            self.pieces.push(Vec::with_capacity(SEGMENT));
        }
        if let Some(piece) = self.pieces.last_mut() {
            let before = piece.len();
            append(piece)?;
            self.count += (piece.len() - before) as u64;
        }
        Ok(())
    }
}
