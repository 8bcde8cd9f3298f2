//! What a sample of the rows shows of the k best: a threshold, so that one pass collects little more than those.
//!
//! A sample decides only the speed. Should it mislead, the pass notices that it found too few, or tightens the
//! threshold on the way.

use std::ops::Range;

use super::ranker::{Ranker, Workspace};
use crate::checked;
use crate::error::Result;
use crate::parallel::{Job, Queue};
use crate::select::candidates::entry::Entry;
use crate::select::noise::philox::Philox;

/// Runs of rows in a sample at most, spread evenly and each at a random place of its stretch.
const MAX_RUNS: u64 = 4096;
/// Rows of a run: adjacent rows share a cache line and a page.
const RUN_ROWS: u64 = 64;
/// One run in so many is looked at first, for a rough threshold that keeps the rest of the sample small.
const ROUGH_EVERY: u64 = 4;
/// One run in so many is looked at to learn whether the sample is in memory.
const PROBE_EVERY: usize = 64;
/// Runs that a thread takes at once.
const RUNS_PER_TASK: u64 = 64;
/// One row in so many is sampled at most.
const ROWS_PER_SAMPLED: u64 = 4;
/// Vectors of fewer rows are not worth a sample.
const MIN_ROWS: u64 = RUNS_PER_TASK * RUN_ROWS * ROWS_PER_SAMPLED;
/// Parts of that size that are worth a thread.
const TASKS_PER_THREAD: u64 = 8;
/// One in so many of the sampled entries within the threshold may be better than the range of the buckets.
const ROWS_PER_OUTLIER: usize = 256;

/// What a sample shows.
pub(super) struct Estimate<E> {
    /// An entry that with near certainty at least `k` others do not exceed, and not many more.
    pub(super) threshold: E,
    /// Nearly all entries within it are at least so bad.
    pub(super) low: u64,
    /// They are at most so bad.
    pub(super) high: u64,
}

/// Estimates the threshold of the `k` best.
pub(super) fn estimate<E: Entry>(ranker: &dyn Ranker<E>, k: u64, job: &Job<'_>) -> Result<Estimate<E>> {
    let rows = ranker.rows();
    if rows < MIN_ROWS {
        return Ok(Estimate { threshold: E::WORST, low: 0, high: 0 });
    }
    // As many as threads take at once, or a multiple of that.
    let runs = (rows / MIN_ROWS * RUNS_PER_TASK).min(MAX_RUNS);
    let sample = Sample { ranker, jitter: Philox::new(0, Philox::THRESHOLD), runs, stratum: rows / runs };
    if let Some(source) = ranker.source() {
        let missing = |number: u64| source.announce(sample.run(number));
        if (0..runs).step_by(PROBE_EVERY).any(missing) {
            (0..runs).for_each(|number| _ = missing(number));
        }
    }
    let mut found = sample.collect(E::WORST, |number| number.is_multiple_of(ROUGH_EVERY), job)?;
    let rough = sample_rank(k, rows, runs / ROUGH_EVERY * RUN_ROWS, 10.0);
    if rough >= found.len() {
        return Ok(summarize(&mut found, None));
    }
    let (_, &mut threshold, _) = found.select_nth_unstable(rough);
    found.truncate(rough + 1);
    found.extend(sample.collect(threshold, |number| !number.is_multiple_of(ROUGH_EVERY), job)?);
    let rank = sample_rank(k, rows, runs * RUN_ROWS, 5.0).min(found.len() - 1);
    Ok(summarize(&mut found, Some(rank)))
}

/// How many of `sampled` rows are at most among the `k` best of `rows`, but for a chance of so many standard
/// deviations: their number is binomial.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // an estimate; it saturates
fn sample_rank(k: u64, rows: u64, sampled: u64, deviations: f64) -> usize {
    let mean = k as f64 * sampled as f64 / rows as f64;
    (mean + deviations * mean.sqrt() + 8.0) as usize
}

/// The threshold of that rank among the found entries, or none, and the range of nearly all within it.
fn summarize<E: Entry>(found: &mut [E], rank: Option<usize>) -> Estimate<E> {
    let Some(last) = found.len().checked_sub(1) else {
        // Proof: no threshold excludes no row.
        return Estimate { threshold: E::WORST, low: 0, high: 0 };
    };
    let (within, &mut threshold, _) = found.select_nth_unstable(rank.unwrap_or(last)); // Proof: without a rank, of all.
    let low = match within.len() {
        0 => threshold.sort_key(),
        len => within.select_nth_unstable(len / ROWS_PER_OUTLIER).1.sort_key(),
    };
    Estimate { threshold: if rank.is_some() { threshold } else { E::WORST }, low, high: threshold.sort_key() }
}

struct Sample<'a, E: Entry> {
    ranker: &'a dyn Ranker<E>,
    jitter: Philox,
    runs: u64,
    stratum: u64,
}

impl<E: Entry> Sample<'_, E> {
    /// The rows of one run.
    fn run(&self, number: u64) -> Range<u64> {
        // Proof: a run that fills its stretch has one place.
        let room = self.stratum.saturating_sub(RUN_ROWS).max(1);
        let start = number * self.stratum + self.jitter.bits(number) % room;
        start..start + RUN_ROWS.min(self.stratum)
    }

    /// The entries within a threshold of the runs that are chosen.
    fn collect(&self, threshold: E, chosen: impl Fn(u64) -> bool + Sync, job: &Job<'_>) -> Result<Vec<E>> {
        let queue = Queue::new(self.runs / RUNS_PER_TASK);
        // A thread takes as long to start as it takes to look at some parts.
        let threads = checked::index(self.runs / RUNS_PER_TASK / TASKS_PER_THREAD)?;
        let parts = job.run_on(threads, |_, _| {
            let (mut work, mut mine) = (Workspace::default(), Vec::new());
            while let Some(part) = queue.take() {
                for number in
                    (part * RUNS_PER_TASK..(part + 1) * RUNS_PER_TASK).filter(|&number| chosen(number))
                {
                    self.ranker.collect(self.run(number), threshold, &mut work, &mut mine)?;
                }
            }
            Ok(mine)
        })?;
        Ok(parts.concat())
    }
}
