//! The kernels one by one, for the benchmarks. This is not part of the public interface.

use std::ops::Range;

use super::candidates::buckets::Buckets;
use super::candidates::entry::{Entry, Key32Row32};
use super::candidates::{Candidates, radix_sort};
use super::key::Keyed;
use super::noise::bits::BlockBits;
use super::noise::pcg64::Pcg64;
use super::noise::philox::Philox;
use super::noise::prefilter::GumbelPrefilter;
use super::number::Nan;
use super::pass::scan;
use crate::checked;
use crate::error::Result;
use crate::exec::job::Job;

/// Rows of a task.
const TASK_ROWS: usize = 1 << 18;

/// Counts the scores that reach `bound`, and leaves their offsets and values in `hits` and `picked`.
pub fn scan(scores: &[f32], bound: f32, hits: &mut [u32], picked: &mut [f32]) -> usize {
    scan::select_at_least(scores, f32::bound::<true>(bound.key_with(Nan::Largest)), true, hits, picked)
}

/// The entries of scores, as the pass collects them.
#[derive(Debug)]
pub struct BenchCandidates(Candidates<Key32Row32>);

impl BenchCandidates {
    /// Makes one entry for each score, in buckets for sorting.
    pub fn of(scores: &[f32]) -> Result<Self> {
        let entry = |(&score, row): (&f32, u64)| Key32Row32::new(u64::from(u32::MAX) - score.key(), row);
        let entries: Vec<Key32Row32> = scores.iter().zip(0..).map(entry).collect();
        let (best, worst) = (entries.iter().min(), entries.iter().max());
        // Proof: without entries, any range will do.
        let (low, high) = (best.map_or(0, |e| e.sort_key()), worst.map_or(0, |e| e.sort_key()));
        let buckets = Buckets::new::<Key32Row32>(low, high, scores.len() as u64);
        Ok(Self(Candidates::of_runs(entries.chunks(TASK_ROWS), buckets)?))
    }

    /// Cuts the entries to the `k` best. Returns the row of the worst of those.
    pub fn cut(&mut self, k: usize, job: &Job<'_>) -> Result<u64> {
        self.0.cut(k, job)?;
        Ok(self.0.worst(job)?.row())
    }

    /// Fills `rows` with the best rows, best first.
    pub fn order(&self, rows: &mut [i64], job: &Job<'_>) -> Result<()> {
        radix_sort::fill(&self.0, rows, false, None, job)
    }
}

/// The random bits of consecutive rows.
#[derive(Debug, Default)]
pub struct RandomBits(BlockBits);

impl RandomBits {
    /// Fills this with the Philox bits of `rows`.
    pub fn philox(&mut self, seed: u64, rows: &Range<u64>) -> Result<()> {
        self.0.resize(checked::len(rows)?);
        Philox::new(seed, Philox::GUMBEL).fill(rows.start, &mut self.0);
        Ok(())
    }

    /// Fills this with the PCG64 draws at the positions `draws` of a stream.
    pub fn pcg64(&mut self, state: u128, increment: u128, draws: &Range<u64>) -> Result<()> {
        self.0.resize(checked::len(draws)?);
        Pcg64::new(state, increment).advanced(draws.start).fill(&mut self.0);
        Ok(())
    }

    /// Returns the bits at one place.
    pub fn get(&self, at: usize) -> u64 {
        self.0.get(at)
    }

    /// Counts the rows whose score plus noise may reach `least`.
    pub fn gumbel_prefilter(&self, scores: &[f32], least: f64, hits: &mut [u32]) -> usize {
        GumbelPrefilter::new(least, 1.0).select_passing(scores, &self.0.high, hits)
    }
}

/// Returns the Philox bits of one row, computed alone.
pub fn philox(seed: u64, row: u64) -> u64 {
    Philox::new(seed, Philox::GUMBEL).bits(row)
}
