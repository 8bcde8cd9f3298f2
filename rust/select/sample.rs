//! Rows drawn uniformly without replacement.

use std::ops::Range;

use super::entry::{Entry, Wide};
use super::pass::{Ranker, Workspace, collect};
use super::rng::Philox;
use super::{Exclude, Order, check_k, order, scan};
use crate::error::Result;
use crate::parallel::Job;

/// `k` of the rows `0..rows`, uniformly without replacement, in random order.
///
/// Every row has 64 random bits that depend on the seed and the row alone; the `k` rows of the smallest are
/// the sample, in the order of their bits. So a smaller sample is the beginning of a larger one, and the
/// result does not depend on the threads. Memory: in proportion to `k`.
pub fn sample(rows: u64, k: u64, seed: u64, exclude: &Exclude<'_>, job: &Job<'_>) -> Result<Vec<i64>> {
    check_k(k, rows, exclude.count())?;
    if k == 0 {
        return Ok(Vec::new());
    }
    let ranker = ByChance { rows, philox: Philox::new(seed, Philox::SAMPLE), exclude };
    let collected = collect::<Wide>(&ranker, k, job)?;
    order::rows(collected.segments, k, Order::BestFirst, job)
}

struct ByChance<'a> {
    rows: u64,
    philox: Philox,
    exclude: &'a Exclude<'a>,
}

impl<E: Entry> Ranker<E> for ByChance<'_> {
    fn rows(&self) -> u64 {
        self.rows
    }

    #[allow(clippy::cast_possible_truncation)] // a block is short
    fn collect(&self, rows: Range<u64>, limit: E, work: &mut Workspace, found: &mut Vec<E>) -> Result<()> {
        let Workspace { bits, hits, .. } = work;
        bits.resize((rows.end - rows.start) as usize, 0);
        hits.resize(bits.len(), 0);
        self.philox.fill(rows.start, bits);
        let count = scan::reaching(bits, Some(limit.badness()), false, hits);
        let mut excluded = self.exclude.from(rows.start);
        for &offset in &hits[..count] {
            let row = rows.start + u64::from(offset);
            let entry = E::new(bits[offset as usize], row);
            if entry <= limit && !excluded.excludes(row) {
                found.push(entry);
            }
        }
        Ok(())
    }
}
