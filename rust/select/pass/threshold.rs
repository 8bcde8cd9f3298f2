//! Estimates a threshold for the k best from a sample, so that the pass collects little more than k entries.
//!
//! ```text
//! sample = up to 4096 runs of 64 rows, one at a random place in each of as many equal stretches of the vector
//! rough = the entry at rank mean + 10 deviations + 8 in a quarter of the runs
//! found = the entries of all runs that are not worse than rough
//! threshold = the entry at rank mean + 5 deviations + 8 of found
//! ```
//!
//! Of `s` sampled rows, `k * s / n` belong to the k best of `n` on average, and binomially many if the rows are in no
//! particular order. Five deviations more let fewer than k entries pass less than once in a million times. The rough
//! step keeps the rest of the sample from producing entries that cannot matter.
//!
//! A sample changes the speed alone. If it misleads, the pass finds too few entries and starts over, or finds too many
//! and tightens the threshold on the way.

use std::ops::Range;

use super::ranker::{Ranker, Workspace};
use crate::checked;
use crate::error::Result;
use crate::exec::job::{Job, Queue};
use crate::select::candidates::entry::Entry;
use crate::select::noise::philox::Philox;

/// The most runs in a sample.
const MAX_RUNS: u64 = 4096;
/// Rows of a run. Adjacent rows share a cache line and a page, so they cost little more than one.
const RUN_ROWS: u64 = 64;
/// One run in this many belongs to the rough step.
const ROUGH_EVERY: u64 = 4;
/// One run in this many is probed to learn whether the sample is in memory.
const PROBE_EVERY: usize = 64;
/// Runs that a thread takes at once.
const RUNS_PER_TASK: u64 = 64;
/// At most one row in this many is sampled.
const ROWS_PER_SAMPLED: u64 = 4;
/// Vectors with fewer rows skip the sample.
const MIN_ROWS: u64 = RUNS_PER_TASK * RUN_ROWS * ROWS_PER_SAMPLED;
/// Tasks that take as long as starting a thread does.
const TASKS_PER_THREAD: u64 = 8;
/// One in this many of the sampled entries within the threshold may lie below the range of the buckets.
const ROWS_PER_OUTLIER: usize = 256;

/// What the sample says about the k best.
pub(super) struct ThresholdEstimate<E> {
    /// An entry that, almost certainly, at least `k` others do not exceed, and not many more.
    pub(super) threshold: E,
    /// The sort key that nearly all entries within the threshold reach ...
    pub(super) low: u64,
    /// ... and the one that they do not exceed.
    pub(super) high: u64,
}

/// Estimates the threshold of the `k` best.
pub(super) fn estimate<E: Entry>(
    ranker: &dyn Ranker<E>,
    k: u64,
    job: &Job<'_>,
) -> Result<ThresholdEstimate<E>> {
    let rows = ranker.rows();
    let Some(sample) = Sample::of(ranker) else {
        // Proof: no threshold rules no row out.
        return Ok(ThresholdEstimate { threshold: E::WORST, low: 0, high: 0 });
    };
    let runs = sample.runs;
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

/// Returns the sort keys of a sample of the rows that can be chosen, ascending; none of few rows.
pub(in crate::select) fn sampled<E: Entry>(ranker: &dyn Ranker<E>, job: &Job<'_>) -> Result<Vec<u64>> {
    let Some(sample) = Sample::of(ranker) else { return Ok(Vec::new()) }; // Proof: as documented.
    let found = sample.collect(E::WORST, |_| true, job)?;
    let mut keys: Vec<u64> = found.into_iter().map(Entry::sort_key).collect();
    keys.sort_unstable();
    Ok(keys)
}

/// Returns the entries of a sample of the rows, those that can be chosen, and how many rows were sampled; nothing of few
/// rows.
pub(in crate::select) fn sampled_entries<E: Entry>(
    ranker: &dyn Ranker<E>,
    job: &Job<'_>,
) -> Result<Option<(Vec<E>, u64)>> {
    let Some(sample) = Sample::of(ranker) else { return Ok(None) }; // Proof: as documented.
    Ok(Some((sample.collect(E::WORST, |_| true, job)?, checked::mul(sample.runs, RUN_ROWS)?)))
}

/// Returns how many of `sampled` rows belong to the `k` best of `rows`, at most, up to so many standard deviations.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // an estimate; it saturates
fn sample_rank(k: u64, rows: u64, sampled: u64, deviations: f64) -> usize {
    let mean = k as f64 * sampled as f64 / rows as f64;
    (mean + deviations * mean.sqrt() + 8.0) as usize
}

/// Returns the threshold of that rank among the found entries, or none, and the range of sort keys within it.
fn summarize<E: Entry>(found: &mut [E], rank: Option<usize>) -> ThresholdEstimate<E> {
    let Some(last) = found.len().checked_sub(1) else {
        // Proof: no threshold rules no row out.
        return ThresholdEstimate { threshold: E::WORST, low: 0, high: 0 };
    };
    let (within, &mut threshold, _) = found.select_nth_unstable(rank.unwrap_or(last)); // Proof: without a rank, the range spans all entries.
    let low = match within.len() {
        0 => threshold.sort_key(),
        len => within.select_nth_unstable(len / ROWS_PER_OUTLIER).1.sort_key(),
    };
    ThresholdEstimate {
        threshold: if rank.is_some() { threshold } else { E::WORST },
        low,
        high: threshold.sort_key(),
    }
}

struct Sample<'a, E: Entry> {
    ranker: &'a dyn Ranker<E>,
    jitter: Philox,
    runs: u64,
    stratum: u64,
}

impl<'a, E: Entry> Sample<'a, E> {
    /// Places the runs, and asks for their scores. Of few rows there is no sample.
    fn of(ranker: &'a dyn Ranker<E>) -> Option<Self> {
        let rows = ranker.rows();
        if rows < MIN_ROWS {
            return None;
        }
        // A multiple of what a thread takes at once.
        let runs = (rows / MIN_ROWS * RUNS_PER_TASK).min(MAX_RUNS);
        let sample = Self { ranker, jitter: Philox::new(0, Philox::THRESHOLD), runs, stratum: rows / runs };
        if let Some(source) = ranker.source() {
            let missing = |number: u64| source.hint_will_need(sample.run(number));
            if (0..runs).step_by(PROBE_EVERY).any(missing) {
                (0..runs).for_each(|number| _ = missing(number));
            }
        }
        Some(sample)
    }

    /// Returns the rows of one run.
    fn run(&self, number: u64) -> Range<u64> {
        // Proof: a run as long as its stretch has one place to start.
        let room = self.stratum.saturating_sub(RUN_ROWS).max(1);
        let start = number * self.stratum + self.jitter.bits(number) % room;
        start..start + RUN_ROWS.min(self.stratum)
    }

    /// Returns the entries within `threshold` of the chosen runs.
    fn collect(&self, threshold: E, chosen: impl Fn(u64) -> bool + Sync, job: &Job<'_>) -> Result<Vec<E>> {
        let queue = Queue::new(self.runs / RUNS_PER_TASK);
        // Starting a thread takes as long as several tasks.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::candidates::entry::Key64Row64;

    /// Ranks rows by a function of the row.
    struct ByFunction<F>(u64, F);

    impl<F: Fn(u64) -> u64 + Sync> Ranker<Key64Row64> for ByFunction<F> {
        fn rows(&self) -> u64 {
            self.0
        }

        fn collect(
            &self,
            rows: Range<u64>,
            threshold: Key64Row64,
            _work: &mut Workspace,
            found: &mut Vec<Key64Row64>,
        ) -> Result<()> {
            let entries = rows.map(|row| Key64Row64::new(self.1(row), row));
            found.extend(entries.filter(|&entry| entry <= threshold));
            Ok(())
        }
    }

    /// Returns how many entries the estimate lets through, and how many of those lie below the range of the buckets.
    fn passing(rows: u64, key: impl Fn(u64) -> u64 + Sync, k: u64, threads: usize) -> (u64, u64) {
        let ranker = ByFunction(rows, key);
        let ThresholdEstimate { threshold, low, high } = estimate(&ranker, k, &Job::new(threads)).unwrap();
        let mut found = Vec::new();
        ranker.collect(0..rows, threshold, &mut Workspace::default(), &mut found).unwrap();
        assert!(threshold == Key64Row64::WORST || found.iter().all(|entry| entry.sort_key() <= high));
        (found.len() as u64, found.iter().filter(|entry| entry.sort_key() < low).count() as u64)
    }

    #[test]
    fn slightly_more_than_k_entries_pass() {
        let rows = 20 * MIN_ROWS;
        let philox = Philox::new(1, 9);
        for k in [1, 100, 20_000, rows / 4] {
            for threads in [1, 3] {
                let (count, below) = passing(rows, |row| philox.bits(row), k, threads);
                assert!(count >= k, "{count} of {k}");
                assert!(count < k + k / 4 + 400, "{count} of {k}");
                assert!(below <= count / 50 + 64, "{below} of {count}");
            }
        }
        // Where the best rows are adjacent, runs are no independent samples: any number may pass.
        passing(rows, |row| row, 1000, 2);
    }

    #[test]
    fn few_rows_or_many_wanted_have_no_threshold() {
        let philox = Philox::new(1, 9);
        assert_eq!(passing(MIN_ROWS - 1, |row| philox.bits(row), 9, 1).0, MIN_ROWS - 1);
        assert_eq!(passing(4 * MIN_ROWS, |row| philox.bits(row), 4 * MIN_ROWS, 1).0, 4 * MIN_ROWS);
    }

    #[test]
    fn runs_lie_apart_and_within_the_rows() {
        let ranker = ByFunction(MIN_ROWS + 12_345, |row| row);
        let jitter = Philox::new(0, Philox::THRESHOLD);
        let sample: Sample<'_, Key64Row64> =
            Sample { ranker: &ranker, jitter, runs: 64, stratum: ranker.0 / 64 };
        let runs: Vec<_> = (0..64).map(|number| sample.run(number)).collect();
        assert!(runs.iter().all(|run| run.end - run.start == RUN_ROWS && run.end <= ranker.0));
        assert!(runs.windows(2).all(|pair| pair[0].end <= pair[1].start));
    }
}
