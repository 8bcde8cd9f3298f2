//! Draws rows uniformly without replacement.
//!
//! ```text
//! for each row: bits = 64 random bits of the seed and the row
//! rows = those of the k smallest bits, in the order of their bits
//! ```
//!
//! It deviates from that in two ways, neither of which changes the result:
//!
//! - The k-th smallest of uniform bits is known in advance but for its spread. So the pass needs no sample: its
//!   threshold is a ceiling that at least k rows stay below, with near certainty. If it fails, the draw repeats with
//!   a higher ceiling.
//! - Entries hold the leading 32 bits below the ceiling, in half the memory of all bits. The few rows that tie in them
//!   are ordered by computing their bits again.

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
use crate::exec::job::Job;

/// The largest population, 2^48. Computing the bits of that many rows takes days.
const MAX_POPULATION: u64 = 1 << 48;

/// Fills `rows` with `k = rows.len()` rows of a population, drawn uniformly without replacement, in random order. They
/// count from its first one.
///
/// Every row has 64 random bits, which depend on the seed and its number in `population` alone. The `k` rows with the smallest bits are
/// the sample, in the order of their bits. So a smaller sample is the beginning of a larger one, and the result does
/// not depend on the threads. Memory: proportional to `k`.
pub fn sample(
    population: &Range<u64>,
    rows: &mut [i64],
    seed: u64,
    exclude: &Exclude<'_>,
    job: &Job<'_>,
) -> Result<()> {
    let k = rows.len() as u64;
    let bits = check_population(population, k, seed, exclude)?;
    if k == 0 {
        return Ok(());
    }
    let (draw, population) = (UniformDraw { k, bits }, bits.rows);
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
        // Six standard deviations fail for one draw in 10^9.
        spread *= 4.0;
    }
}

/// Checks that `k` rows of a population can be drawn; returns the ranker by all their bits.
pub(super) fn check_population<'a>(
    population: &Range<u64>,
    k: u64,
    seed: u64,
    exclude: &'a Exclude<'a>,
) -> Result<ByRandomBits<'a>> {
    let rows = checked::sub(population.end, population.start)?;
    if i64::try_from(population.end).is_err() {
        return Err(Error::Value(format!("the population is {}, and rows are below 2^63", population.end)));
    }
    check_k(k, rows, exclude.count())?;
    if rows > MAX_POPULATION && k > 0 {
        return Err(Error::Value(format!(
            "the population is {rows}, and at most {MAX_POPULATION} rows are drawn from: each has its own random bits, and computing those of more would take days; draw from parts of it, or use random.sample(range(n), k)"
        )));
    }
    let philox = Philox::new(seed, Philox::SAMPLE);
    Ok(ByRandomBits { first_row: population.start, rows, philox, exclude, shift: 0 })
}

/// Returns bits that at least `k` of `valid` rows stay below, but for a chance of so many standard deviations.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a share of 2^64; casts saturate
fn ceiling(k: u64, valid: u64, spread: f64) -> u64 {
    let share = (k as f64 + spread * (k as f64).sqrt() + 16.0) / valid as f64;
    // The cast saturates.
    (share * 2f64.powi(64)) as u64
}

struct UniformDraw<'a> {
    k: u64,
    bits: ByRandomBits<'a>,
}

impl UniformDraw<'_> {
    /// Draws with entries of the leading 32 bits below `ceiling`, and breaks ties by all bits. Returns whether there
    /// were enough.
    fn by_leading_bits(&self, ceiling: u64, rows: &mut [i64], job: &Job<'_>) -> Result<bool> {
        let shift = bit_length(ceiling) - bit_length(ceiling).min(32);
        // Proof: rows of the population, whose end fits.
        let tie_break = |row: u64| self.bits.philox.bits(self.bits.first_row.wrapping_add(row));
        let ranker = ByRandomBits { shift, ..self.bits };
        let buckets = Buckets::new::<Key32Row32>(0, ceiling >> shift, self.k);
        let threshold = Key32Row32::new(ceiling >> shift, u64::from(u32::MAX));
        let collected = collect_within::<Key32Row32>(&ranker, self.k, threshold, buckets, job)?;
        if (collected.candidates.count() as u64) < self.k {
            return Ok(false);
        }
        if collected.cuts > 0 {
            // A cut breaks ties by row, so it may have kept the wrong ones. It is rare: that takes far too many rows.
            drop(collected);
            return self.by_all_bits(ceiling, rows, job);
        }
        order::fill(collected.candidates, rows, Order::BestFirst, Some(&tie_break), job)?;
        Ok(true)
    }

    /// Draws with entries of all bits, which also hold rows beyond 32 bits. Returns whether there were enough.
    fn by_all_bits(&self, ceiling: u64, rows: &mut [i64], job: &Job<'_>) -> Result<bool> {
        let ranker = self.bits;
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
#[derive(Clone, Copy)]
pub(super) struct ByRandomBits<'a> {
    /// The row of the bits that the first row has.
    first_row: u64,
    rows: u64,
    philox: Philox,
    exclude: &'a Exclude<'a>,
    shift: u32,
}

impl<E: Entry> Ranker<E> for ByRandomBits<'_> {
    fn rows(&self) -> u64 {
        self.rows
    }

    #[allow(clippy::cast_possible_truncation)] // the upper half
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
        self.philox.fill(checked::add(self.first_row, rows.start)?, bits);
        // The upper half of the greatest bits whose leading bits equal the threshold's sort key.
        let most = ((threshold.sort_key() << self.shift) | !(!0 << self.shift)) >> 32;
        let picked = picked.values::<u32>(len);
        let count = scan::select_at_least(&bits.high, Some(most as u32), false, hits, picked);
        let mut excluded = self.exclude.cursor(rows.start);
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

    /// If a cut on the way were kept, ties in the leading bits would be broken by row.
    #[test]
    fn a_ceiling_that_lets_too_many_through_costs_no_row() {
        let (population, k) = (3 << 19, 40_000);
        let exclude = Exclude::rows(&(0..100_000).collect::<Vec<i64>>(), population).unwrap();
        let draw = UniformDraw { k, bits: check_population(&(0..population), k, 8, &exclude).unwrap() };
        let mut expected = vec![0; 40_000];
        sample(&(0..population), &mut expected, 8, &exclude, &Job::new(2)).unwrap();
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
        let error = sample(&(0..1 << 63), &mut [0], 1, &Exclude::Nothing, &Job::new(1)).unwrap_err();
        assert!(
            matches!(&error, Error::Value(message) if message.contains("9223372036854775808")),
            "{error}"
        );
    }

    #[test]
    fn the_population_of_a_part_has_the_bits_of_its_rows_in_the_whole() {
        let philox = Philox::new(3, Philox::SAMPLE);
        for (start, len) in [(0, 10), (5, 70_000), ((1 << 40) + 1023, 5000)] {
            let mut expected: Vec<i64> = (0..len).collect();
            expected.sort_by_key(|row| philox.bits(start + row.cast_unsigned()));
            let mut found = vec![-1; expected.len() / 2];
            sample(&(start..start + len.cast_unsigned()), &mut found, 3, &Exclude::Nothing, &Job::new(2))
                .unwrap();
            assert_eq!(found, expected[..found.len()]);
        }
    }

    #[test]
    fn rows_are_those_of_a_sort_by_random_bits() {
        for population in [1, 100, 70_000] {
            let excluded: Vec<i64> = (0..population / 10).map(|row| row * 7).collect();
            let exclude = Exclude::rows(&excluded, population.cast_unsigned()).unwrap();
            let philox = Philox::new(3, Philox::SAMPLE);
            let mut expected: Vec<i64> =
                (0..population).filter(|row| excluded.binary_search(row).is_err()).collect();
            expected.sort_by_key(|row| philox.bits(row.cast_unsigned()));
            for k in [0, 1, expected.len() / 3, expected.len()] {
                let mut found = vec![-1; k];
                sample(&(0..population.cast_unsigned()), &mut found, 3, &exclude, &Job::new(2)).unwrap();
                assert_eq!(found, expected[..k]);
            }
        }
    }
}
