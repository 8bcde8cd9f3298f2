//! How many scores lie between the edges of bins, exactly.
//!
//! An edge is compared with a score as the numbers that they are. So that the pass need not compare numbers of two
//! types, each edge becomes the first key that reaches it. A table of the first bits of keys then says between which
//! edges a key may lie, which are mostly one bin.

use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::scores::Source;
use crate::select::between::first_key;
use crate::select::key::Keyed;
use crate::select::number::Number;
use crate::select::pass::blocks::each_block;
use crate::select::pass::ranker::PassStats;
use crate::with_dtype;
use std::cmp::Ordering;

/// The most bins that a histogram may have.
pub const MOST_BINS: usize = 1 << 20;
/// Bits of a key that the table looks at.
const TABLE_BITS: u32 = 16;

/// The scores of a vector by bins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// How many lie in each bin. Those outside all of them, and NaN, are in none.
    pub counts: Vec<u64>,
    /// Scores that are NaN.
    pub nan: u64,
    /// The first row whose score is NaN.
    pub first_nan: Option<u64>,
}

/// Returns how many scores lie in each bin, in one pass: from its edge up to but without the next, and in the last bin
/// up to the last edge.
///
/// # Errors
///
/// [`Error::Value`] unless there are 2 edges or more, none of them NaN or below the one before.
pub fn histogram(source: &dyn Source, edges: &[Number], job: &Job<'_>) -> Result<Histogram> {
    let is_nan = |edge: &Number| matches!(edge, Number::Float(edge) if edge.is_nan());
    let descend = |pair: &[Number]| pair.iter().is_sorted_by(|a, b| a.compare(**b) != Ordering::Greater);
    if edges.len() < 2 || edges.iter().any(is_nan) || !edges.windows(2).all(descend) {
        let message = "the edges of bins are at least 2 numbers that ascend, and none of them is NaN";
        return Err(Error::Value(message.to_owned()));
    }
    if edges.len() - 1 > MOST_BINS {
        let message = format!("{} bins; there can be at most {MOST_BINS}", edges.len() - 1);
        return Err(Error::Value(message));
    }
    source.check_unchanged()?;
    source.prepare(job)?;
    with_dtype!(source.dtype(), T => of::<T>(source, edges, job))
}

fn of<T: Keyed>(source: &dyn Source, edges: &[Number], job: &Job<'_>) -> Result<Histogram> {
    let bins = Bins::new::<T>(edges);
    let start = || (vec![0_u64; edges.len() + 1], PassStats::default());
    let parts = each_block::<T, _>(source, job, start, |(counts, stats), (first, values)| {
        for (row, value) in (first..).zip(values) {
            if value.is_nan() {
                stats.add_nan(row);
            } else {
                counts[bins.edges_up_to(value.key())] += 1;
            }
        }
        Ok(())
    })?;
    let (mut all, mut stats) = start();
    for (counts, seen) in parts {
        stats.merge(&seen)?;
        for (sum, count) in checked::zip(&mut all, counts)? {
            *sum = checked::add(*sum, count)?;
        }
    }
    // Scores below the first edge come first, and those above the last edge last.
    let counts = checked::get(&all, 1..edges.len())?.to_vec();
    Ok(Histogram { counts, nan: stats.nan, first_nan: stats.first_nan })
}

/// The edges of bins, as keys.
struct Bins {
    /// The first key that reaches each edge, and of the last edge the first that exceeds it. Edges that no number of
    /// the type reaches are left out, and so are all after them.
    keys: Vec<u64>,
    /// How many of them are below the keys that begin with some bits, and below those that begin with the next.
    table: Vec<u32>,
    /// How many bits of a key are behind those of the table.
    shift: u32,
}

impl Bins {
    fn new<T: Keyed>(edges: &[Number]) -> Self {
        let numbers = T::number_keys();
        let reached = |(at, edge): (usize, &Number)| {
            first_key(&numbers, |key| match T::number_of(key).compare(*edge) {
                Ordering::Less => false,
                Ordering::Equal => at + 1 < edges.len(),
                Ordering::Greater => true,
            })
        };
        // Proof: edges ascend, so that none is reached after one that is not.
        let keys: Vec<u64> = edges.iter().enumerate().map_while(reached).collect();
        let bits = u64::BITS - numbers.end().leading_zeros();
        // Proof: a key of fewer bits than the table looks at is in it as it is.
        let shift = bits.saturating_sub(TABLE_BITS);
        let below = |first: u64| keys.partition_point(|&key| key >> shift < first);
        #[allow(clippy::cast_possible_truncation)] // there are no more edges
        let table = (0..=1 << TABLE_BITS).map(|first| below(first) as u32).collect();
        Self { keys, table, shift }
    }

    /// Returns how many edges a key reaches.
    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // at most 16 bits are left
    fn edges_up_to(&self, key: u64) -> usize {
        let first = (key >> self.shift) as usize;
        let (low, high) = (self.table[first] as usize, self.table[first + 1] as usize);
        low + self.keys[low..high].partition_point(|&edge| edge <= key)
    }
}
