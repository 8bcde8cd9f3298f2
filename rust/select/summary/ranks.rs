//! Order statistics: the scores that are at some places of the ascending scores, exactly.
//!
//! Keys ascend with the scores, so a place is found digit by digit of its key: a pass counts how many keys have each
//! digit behind the digits that are known, and the place lies where the counts reach it.

use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::scores::Source;
use crate::select::key::Keyed;
use crate::select::number::{Nan, Number};
use crate::select::options::SelectOptions;
use crate::select::pass::blocks::each_block;
use crate::with_dtype;

/// The most bits of a digit.
const MOST_BITS: u32 = 16;
/// The most counters of a thread, in bits: a pass for many places has shorter digits.
const COUNTER_BITS: u32 = 20;

/// Returns the scores at some places, from 0 on, of the ascending scores that are numbers. NaN has no place there.
///
/// It takes 1 to 4 passes for few places. Memory: at most 8 MB for each thread.
///
/// # Errors
///
/// [`Error::Value`] for a place that there is not: also where values in memory are changed meanwhile.
pub fn scores_at(source: &dyn Source, places: &[u64], job: &Job<'_>) -> Result<Vec<Number>> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    source.check_unchanged()?;
    source.prepare(job)?;
    let options = SelectOptions { nan: Nan::Omit, ..SelectOptions::default() };
    with_dtype!(source.dtype(), T => {
        Ok(keys_at::<T>(source, places, &options, job)?.into_iter().map(T::number_of).collect())
    })
}

/// A place among the keys that begin with the digits that are known of its own.
#[derive(Debug, Clone, Copy)]
struct Place {
    digits: u64,
    place: u64,
}

/// Returns the keys at some places of the ascending scores that may be chosen. NaN has no place there, and is no error.
pub(super) fn keys_at<T: Keyed>(
    source: &dyn Source,
    places: &[u64],
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<Vec<u64>> {
    let mut found: Vec<Place> = places.iter().map(|&place| Place { digits: 0, place }).collect();
    let mut left = u64::BITS - T::number_keys().end().leading_zeros();
    while left > 0 {
        let mut known: Vec<u64> = found.iter().map(|place| place.digits).collect();
        known.sort_unstable();
        known.dedup();
        // Proof: with more than 2^20 different beginnings, a digit has one bit.
        let bits = COUNTER_BITS.saturating_sub(known.len().next_power_of_two().trailing_zeros());
        let bits = bits.clamp(1, MOST_BITS).min(left);
        left = checked::sub(left, bits)?;
        let counts = count::<T>(source, &known, (left, bits), options, job)?;
        for place in &mut found {
            // Proof: the digits of every place are among those that are known.
            let of = known.binary_search(&place.digits).unwrap_or_default();
            *place = within(*place, checked::get(&counts, of << bits..(of + 1) << bits)?, bits)?;
        }
    }
    Ok(found.into_iter().map(|place| place.digits).collect())
}

/// Counts the keys that begin with each of the digits that are known, by the digit behind them.
fn count<T: Keyed>(
    source: &dyn Source,
    known: &[u64],
    (left, bits): (u32, u32),
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<Vec<u64>> {
    let len = known.len() << bits;
    let keys = options.between.keys::<T>();
    let parts = each_block::<T, Vec<u64>>(
        source,
        job,
        || vec![0; len],
        |counts, (start, values)| {
            let mut excluded = options.exclude.cursor(start);
            // Proof: rows are counted, as many as there are values.
            for (row, value) in (start..).zip(values) {
                if value.is_nan() || excluded.excludes(row) {
                    continue;
                }
                let key = value.key();
                if !keys.as_ref().is_some_and(|keys| keys.contains(&key)) {
                    continue;
                }
                let digits = key >> left;
                if let Ok(of) = known.binary_search(&(digits >> bits)) {
                    counts[of << bits | low_bits(digits, bits)] += 1;
                }
            }
            Ok(())
        },
    )?;
    let mut all = vec![0; len];
    for part in parts {
        for (sum, count) in checked::zip(&mut all, part)? {
            *sum = checked::add(*sum, count)?;
        }
    }
    Ok(all)
}

#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // at most 16 bits are left
fn low_bits(digits: u64, bits: u32) -> usize {
    (digits & ((1 << bits) - 1)) as usize
}

/// Returns a place with one digit more.
fn within(place: Place, counts: &[u64], bits: u32) -> Result<Place> {
    let mut before = place.place;
    for (digit, &count) in (0..).zip(counts) {
        if before < count {
            return Ok(Place { digits: place.digits << bits | digit, place: before });
        }
        before -= count;
    }
    Err(Error::Value(format!(
        "place {} of ascending scores is beyond the last; scores in memory must stay as they are while they are read",
        place.place
    )))
}
