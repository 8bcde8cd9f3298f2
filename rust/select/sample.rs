//! Rows drawn uniformly without replacement.

use std::ops::Range;

use super::entry::{Entry, Packed, Wide};
use super::parting::Parting;
use super::pass::{Ranker, Workspace, collect_within};
use super::rng::Philox;
use super::{Exclude, Order, check_k, order, scan};
use crate::error::Result;
use crate::parallel::Job;

/// Fills `rows` with rows of `0..population`, uniformly without replacement, in random order: `k`, as many as there
/// is room for.
///
/// Every row has 64 random bits that depend on the seed and the row alone; the `k` rows of the smallest are
/// the sample, in the order of their bits. So a smaller sample is the beginning of a larger one, and the
/// result does not depend on the threads. Memory: in proportion to `k`.
pub fn sample(
    population: u64,
    rows: &mut [i64],
    seed: u64,
    exclude: &Exclude<'_>,
    job: &Job<'_>,
) -> Result<()> {
    let k = rows.len() as u64;
    check_k(k, population, exclude.count())?;
    if k == 0 {
        return Ok(());
    }
    let draw = Draw { population, k, philox: Philox::new(seed, Philox::SAMPLE), exclude };
    let mut spread = 6.0;
    loop {
        let ceiling = ceiling(k, population - exclude.count(), spread);
        let short = population <= 1 << 32;
        if if short { draw.short(ceiling, rows, job)? } else { draw.long(ceiling, rows, job)? } {
            return Ok(());
        }
        // One draw in 10^9 falls short of six standard deviations.
        spread *= 4.0;
    }
}

/// The bits that at least `k` of `valid` rows have or stay below, but for a chance of so many standard deviations.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn ceiling(k: u64, valid: u64, spread: f64) -> u64 {
    let share = (k as f64 + spread * (k as f64).sqrt() + 16.0) / valid as f64;
    // The cast saturates.
    (share * 2f64.powi(64)) as u64
}

struct Draw<'a> {
    population: u64,
    k: u64,
    philox: Philox,
    exclude: &'a Exclude<'a>,
}

impl Draw<'_> {
    /// By entries of the leading 32 bits below the ceiling; the few rows that agree in them are told apart by
    /// computing their bits again. Says whether there were enough.
    fn short(&self, ceiling: u64, rows: &mut [i64], job: &Job<'_>) -> Result<bool> {
        let shift = 32u32.saturating_sub(ceiling.leading_zeros());
        let finer = |row| self.philox.bits(row);
        let ranker = ByChance { draw: self, shift };
        let parting = Parting::new::<Packed>(0, ceiling >> shift, self.k);
        let limit = Packed::new(ceiling >> shift, u64::from(u32::MAX));
        let collected = collect_within::<Packed>(&ranker, self.k, limit, parting, job)?;
        if (collected.pieces.count() as u64) < self.k {
            return Ok(false);
        }
        order::fill(collected.pieces, rows, Order::BestFirst, Some(&finer), job)?;
        Ok(true)
    }

    /// By entries of all bits, for more rows than 32 bits number.
    fn long(&self, ceiling: u64, rows: &mut [i64], job: &Job<'_>) -> Result<bool> {
        let ranker = ByChance { draw: self, shift: 0 };
        let parting = Parting::new::<Wide>(0, ceiling, self.k);
        let limit = Wide::new(ceiling, u64::MAX);
        let collected = collect_within::<Wide>(&ranker, self.k, limit, parting, job)?;
        if (collected.pieces.count() as u64) < self.k {
            return Ok(false);
        }
        order::fill(collected.pieces, rows, Order::BestFirst, None, job)?;
        Ok(true)
    }
}

/// Ranks rows by their random bits, without the lowest `shift` of them.
struct ByChance<'a> {
    draw: &'a Draw<'a>,
    shift: u32,
}

impl<E: Entry> Ranker<E> for ByChance<'_> {
    fn rows(&self) -> u64 {
        self.draw.population
    }

    #[allow(clippy::cast_possible_truncation)] // a block is short, and halves are halves
    fn collect(&self, rows: Range<u64>, limit: E, work: &mut Workspace, found: &mut Vec<E>) -> Result<()> {
        let Workspace { bits, hits, picked, .. } = work;
        let len = (rows.end - rows.start) as usize;
        bits.resize(len);
        hits.resize(len, 0);
        self.draw.philox.fill(rows.start, bits);
        let most = (limit.badness().wrapping_add(1) << self.shift).wrapping_sub(1) >> 32;
        let picked = picked.values::<u32>(len);
        let count = scan::reaching(&bits.high, Some(most as u32), false, hits, picked);
        let mut excluded = self.draw.exclude.from(rows.start);
        for &offset in &hits[..count] {
            let row = rows.start + u64::from(offset);
            let entry = E::new(bits.get(offset as usize) >> self.shift, row);
            if entry <= limit && !excluded.excludes(row) {
                found.push(entry);
            }
        }
        Ok(())
    }
}
