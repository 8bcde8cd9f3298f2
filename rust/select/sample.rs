//! Rows drawn uniformly without replacement.

use std::ops::Range;

use super::candidates::buckets::{Buckets, bit_length};
use super::candidates::entry::{Entry, Key32Row32, Key64Row64};
use super::candidates::order;
use super::exclude::Exclude;
use super::noise::philox::Philox;
use super::options::Order;
use super::pass::ranker::{Ranker, Workspace};
use super::pass::{collect_within, scan};
use super::validate::check_k;
use crate::checked::{self, impossible};
use crate::error::{Error, Result};
use crate::parallel::Job;

/// Rows that are drawn from at most, 2^48: of so many, computing the bits takes days.
const MAX_POPULATION: u64 = 1 << 48;

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
    if i64::try_from(population).is_err() {
        return Err(Error::Value(format!("the population is {population}, and rows are below 2^63")));
    }
    check_k(k, population, exclude.count())?;
    if population > MAX_POPULATION && k > 0 {
        return Err(Error::Value(format!(
            "the population is {population}, and at most {MAX_POPULATION} rows are drawn from: each has its own random bits, and computing those of more would take days; draw from parts of it, or use random.sample(range(n), k)"
        )));
    }
    if k == 0 {
        return Ok(());
    }
    let draw = UniformDraw { population, k, philox: Philox::new(seed, Philox::SAMPLE), exclude };
    let mut spread = 6.0;
    loop {
        let ceiling = ceiling(k, checked::sub(population, exclude.count())?, spread);
        let short = population <= 1 << 32;
        let enough = if short {
            draw.by_leading_bits(ceiling, rows, job)?
        } else {
            draw.by_all_bits(ceiling, rows, job)?
        };
        if enough {
            return Ok(());
        }
        if ceiling == u64::MAX {
            return Err(impossible(format_args!("fewer than {k} of {population} rows were found")));
        }
        // One draw in 10^9 falls short of six standard deviations.
        spread *= 4.0;
    }
}

/// The bits that at least `k` of `valid` rows have or stay below, but for a chance of so many standard deviations.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a share; it saturates
fn ceiling(k: u64, valid: u64, spread: f64) -> u64 {
    let share = (k as f64 + spread * (k as f64).sqrt() + 16.0) / valid as f64;
    // The cast saturates.
    (share * 2f64.powi(64)) as u64
}

struct UniformDraw<'a> {
    population: u64,
    k: u64,
    philox: Philox,
    exclude: &'a Exclude<'a>,
}

impl UniformDraw<'_> {
    /// By entries of the leading 32 bits below the ceiling; the few rows that agree in them are told apart by
    /// computing their bits again. Says whether there were enough.
    fn by_leading_bits(&self, ceiling: u64, rows: &mut [i64], job: &Job<'_>) -> Result<bool> {
        let shift = bit_length(ceiling) - bit_length(ceiling).min(32);
        let tie_break = |row| self.philox.bits(row);
        let ranker = ByRandomBits { draw: self, shift };
        let buckets = Buckets::new::<Key32Row32>(0, ceiling >> shift, self.k);
        let threshold = Key32Row32::new(ceiling >> shift, u64::from(u32::MAX));
        let collected = collect_within::<Key32Row32>(&ranker, self.k, threshold, buckets, job)?;
        if (collected.candidates.count() as u64) < self.k {
            return Ok(false);
        }
        if collected.cuts > 0 {
            // A cut looks at the leading bits alone. It takes many more rows below the ceiling than were due.
            drop(collected);
            return self.by_all_bits(ceiling, rows, job);
        }
        order::fill(collected.candidates, rows, Order::BestFirst, Some(&tie_break), job)?;
        Ok(true)
    }

    /// By entries of all bits, for more rows than 32 bits number.
    fn by_all_bits(&self, ceiling: u64, rows: &mut [i64], job: &Job<'_>) -> Result<bool> {
        let ranker = ByRandomBits { draw: self, shift: 0 };
        let buckets = Buckets::new::<Key64Row64>(0, ceiling, self.k);
        let threshold = Key64Row64::new(ceiling, u64::MAX);
        let collected = collect_within::<Key64Row64>(&ranker, self.k, threshold, buckets, job)?;
        if (collected.candidates.count() as u64) < self.k {
            return Ok(false);
        }
        order::fill(collected.candidates, rows, Order::BestFirst, None, job)?;
        Ok(true)
    }
}

/// Ranks rows by their random bits, without the lowest `shift` of them.
struct ByRandomBits<'a> {
    draw: &'a UniformDraw<'a>,
    shift: u32,
}

impl<E: Entry> Ranker<E> for ByRandomBits<'_> {
    fn rows(&self) -> u64 {
        self.draw.population
    }

    #[allow(clippy::cast_possible_truncation)] // the upper half is a half
    fn collect(
        &self,
        rows: Range<u64>,
        threshold: E,
        work: &mut Workspace,
        found: &mut Vec<E>,
    ) -> Result<()> {
        let Workspace { bits, hits, picked, .. } = work;
        let len = checked::len(&rows)?;
        bits.resize(len);
        hits.resize(len, 0);
        self.draw.philox.fill(rows.start, bits);
        // The upper half of the most bits that the threshold's sort key is the start of.
        let most = ((threshold.sort_key() << self.shift) | !(!0 << self.shift)) >> 32;
        let picked = picked.values::<u32>(len);
        let count = scan::select_at_least(&bits.high, Some(most as u32), false, hits, picked);
        let mut excluded = self.draw.exclude.cursor(rows.start);
        for &offset in &hits[..count] {
            let row = rows.start + u64::from(offset);
            let entry = E::new(bits.get(offset as usize) >> self.shift, row);
            if entry <= threshold && !excluded.excludes(row) {
                found.push(entry);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Were entries of the leading bits cut on the way, rows that agree in them would stay by their numbers.
    #[test]
    fn a_ceiling_that_lets_too_many_through_costs_no_row() {
        let (population, k) = (3 << 19, 40_000);
        let exclude = Exclude::rows(&(0..100_000).collect::<Vec<i64>>(), population).unwrap();
        let draw = UniformDraw { population, k, philox: Philox::new(8, Philox::SAMPLE), exclude: &exclude };
        let mut expected = vec![0; 40_000];
        sample(population, &mut expected, 8, &exclude, &Job::new(2)).unwrap();
        for ceiling in [u64::MAX, u64::MAX >> 4] {
            for threads in [1, 7] {
                let (mut short, mut long) = (vec![0; 40_000], vec![0; 40_000]);
                assert!(draw.by_leading_bits(ceiling, &mut short, &Job::new(threads)).unwrap());
                assert!(draw.by_all_bits(ceiling, &mut long, &Job::new(threads)).unwrap());
                assert!(short == expected && long == expected, "{ceiling} {threads}");
            }
        }
        assert!(!draw.by_leading_bits(1 << 32, &mut expected, &Job::new(2)).unwrap());
    }

    #[test]
    fn rows_that_have_no_number_are_not_drawn() {
        let error = sample(1 << 63, &mut [0], 1, &Exclude::Nothing, &Job::new(1)).unwrap_err();
        assert!(
            matches!(&error, Error::Value(message) if message.contains("9223372036854775808")),
            "{error}"
        );
    }
}
