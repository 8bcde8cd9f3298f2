//! Quantiles: the scores on either side of a share of those that may be chosen, in one pass.
//!
//! ```text
//! for each share: a window of keys, in which a sample has its scores              (pass/threshold)
//! for each block of rows, in parallel:
//!     count the rows that may be chosen, and for each window those below it
//!     tally the keys within each window
//! the places of the shares, now that the rows are counted, and the keys there     (tally)
//! ```
//!
//! A place outside its window, or in one that has too many keys to hold, is found by digits (`ranks`), in some passes
//! more. The sample changes the speed alone.

use std::ops::RangeInclusive;

use super::ranks::keys_at;
use super::tally::Tally;
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::scores::Source;
use crate::select::candidates::entry::Entry;
use crate::select::count::{any_nan, count_passing};
use crate::select::exclude::Exclude;
use crate::select::key::Keyed;
use crate::select::number::{Nan, Number};
use crate::select::options::SelectOptions;
use crate::select::pass::blocks::{Block, each_block};
use crate::select::pass::ranker::{PassStats, Ranker, Visit};
use crate::select::pass::scan::find_passing;
use crate::select::pass::threshold;
use crate::select::top_k;
use crate::select::validate::check_nan;
use crate::with_dtype;

/// The most shares of one call: each has a window, which each thread tallies.
const MOST_SHARES: usize = 64;
/// How many standard deviations of a place in the sample its window reaches to either side.
const DEVIATIONS: f64 = 6.0;

/// A share from 0 to 1, as a decimal number: `digits / 10^decimals`.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    digits: u64,
    decimals: u32,
}

impl Share {
    /// Takes the digits and how many of them stand behind the point.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for a number above 1.
    pub fn new(digits: u64, decimals: u32) -> Result<Self> {
        match 10_u64.checked_pow(decimals) {
            Some(one) if digits > one => {
                Err(Error::Value(format!("{digits}e-{decimals} is no share: it is above 1")))
            }
            _ => Ok(Self { digits, decimals }),
        }
    }

    /// Returns the places of the two scores between which the share of so many lies, which may be one. There are some.
    fn places(self, count: u64) -> Result<(u64, u64)> {
        let product = u128::from(self.digits) * u128::from(checked::sub(count, 1)?);
        // Proof: a product of two numbers of 64 bits is below 10^39.
        let below =
            10_u128.checked_pow(self.decimals).map_or((0, product), |one| (product / one, product % one));
        let place = checked::to::<u64, _>(below.0)?;
        Ok((place, checked::add(place, u64::from(below.1 > 0))?))
    }

    #[allow(clippy::cast_precision_loss)] // for a guess
    fn approximate(self) -> f64 {
        // Proof: decimals beyond an i32 leave 0.
        self.digits as f64 / 10_f64.powi(i32::try_from(self.decimals).unwrap_or(i32::MAX))
    }
}

/// The scores at shares.
#[derive(Debug, Clone, PartialEq)]
pub struct AtShares {
    /// The rows that may be chosen.
    pub count: u64,
    /// For each share the score below it and the one above, which are one where it lies on a score; none without rows.
    pub ends: Vec<(Number, Number)>,
}

/// Returns the scores on either side of shares of the rows that may be chosen, by the places `share * (count - 1)` of
/// their ascending scores.
///
/// The order of the options means nothing here. It takes one pass, or some more where a sample misleads. Memory: at
/// most 40 MB for each share and thread.
///
/// # Errors
///
/// [`Error::Value`] for more than 64 shares, and for a NaN that counts as a number: quantiles are those of numbers.
pub fn scores_at_shares(
    source: &dyn Source,
    shares: &[Share],
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<AtShares> {
    if shares.len() > MOST_SHARES {
        return Err(Error::Value(format!("{} shares; there can be at most {MOST_SHARES}", shares.len())));
    }
    if matches!(options.nan, Nan::Largest | Nan::Smallest) {
        let message = "a NaN is beside all quantiles; it is omitted, or an error";
        return Err(Error::Value(message.to_owned()));
    }
    source.check_unchanged()?;
    source.prepare(job)?;
    let sample = if source.len() > options.exclude.count() {
        top_k::visit(source, false, options, &Sampled { job })?
    } else {
        Vec::new()
    };
    with_dtype!(source.dtype(), T => at::<T>(source, shares, options, &sample, job))
}

/// Takes a sample of the keys, ascending.
struct Sampled<'a> {
    job: &'a Job<'a>,
}

impl Visit for Sampled<'_> {
    type Output = Vec<u64>;

    fn visit<E: Entry>(&self, ranker: &dyn Ranker<E>) -> Result<Vec<u64>> {
        threshold::sampled(ranker, self.job)
    }
}

fn at<T: Keyed>(
    source: &dyn Source,
    shares: &[Share],
    options: &SelectOptions<'_>,
    sample: &[u64],
    job: &Job<'_>,
) -> Result<AtShares> {
    let numbers = T::number_keys();
    let keys = options.between.keys::<T>();
    // Without bounds, keys of NaN are among them.
    let keys = keys.map(|keys| *keys.start().max(numbers.start())..=*keys.end().min(numbers.end()));
    let windows: Vec<_> = match &keys {
        None => Vec::new(),
        Some(keys) => shares.iter().map(|&share| window(share, keys, sample)).collect(),
    };
    let scan = Scan { options, keys, windows };
    let mut all = scan.start();
    for part in each_block::<T, _>(source, job, || scan.start(), |part, block| scan.block(block, part))? {
        all.count = checked::add(all.count, part.count)?;
        all.stats.merge(&part.stats)?;
        for (sum, below) in checked::zip(&mut all.below, part.below)? {
            *sum = checked::add(*sum, below)?;
        }
        for (sum, tally) in checked::zip(&mut all.tallies, part.tallies)? {
            sum.merge(tally)?;
        }
    }
    check_nan(options.nan, all.stats)?;
    let count = all.count;
    if count == 0 {
        return Ok(AtShares { count, ends: Vec::new() });
    }
    let places = shares.iter().map(|share| share.places(count)).collect::<Result<Vec<_>>>()?;
    let mut ends = Vec::with_capacity(shares.len());
    let (mut missing, mut missing_of) = (Vec::new(), Vec::new());
    let found = checked::zip(all.below, all.tallies)?;
    for (at, ((low, high), (below, tally))) in checked::zip(&places, found)?.enumerate() {
        let key = |place: u64| place.checked_sub(below).and_then(|place| tally.key_at(place));
        let both = key(*low).zip(key(*high)); // Proof: both or none, which is looked at.
        if both.is_none() {
            missing.extend([*low, *high]);
            missing_of.push(at);
        }
        ends.push(both.unwrap_or_default()); // Proof: those that are missing come now.
    }
    if !missing.is_empty() {
        let found = keys_at::<T>(source, &missing, options, job)?;
        let (pairs, _) = found.as_chunks::<2>();
        for (at, &[low, high]) in checked::zip(missing_of, pairs)? {
            ends[at] = (low, high);
        }
    }
    let ends = ends.into_iter().map(|(low, high)| (T::number_of(low), T::number_of(high))).collect();
    source.check_unchanged()?;
    Ok(AtShares { count, ends })
}

/// Returns the keys among which a share of the scores almost certainly lies, by an ascending sample.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a guess; it saturates
fn window(share: Share, keys: &RangeInclusive<u64>, sample: &[u64]) -> RangeInclusive<u64> {
    let share = share.approximate();
    let len = sample.len() as f64;
    let (place, slack) = (share * len, DEVIATIONS * (len * share * (1.0 - share)).max(0.0).sqrt() + 8.0);
    let at = |place: f64| if place < 0.0 { None } else { sample.get(place as usize).copied() };
    // Proof: a place beyond the sample may be any up to the end of the keys.
    let (low, high) = (at(place - slack).unwrap_or(*keys.start()), at(place + slack).unwrap_or(*keys.end()));
    low..=high
}

/// What is looked for in each block.
struct Scan<'a> {
    options: &'a SelectOptions<'a>,
    /// The keys of the rows that may be chosen, or `None` if no number of the type may be.
    keys: Option<RangeInclusive<u64>>,
    /// The window of each share.
    windows: Vec<RangeInclusive<u64>>,
}

/// What a thread found.
struct Part {
    count: u64,
    below: Vec<u64>,
    tallies: Vec<Tally>,
    stats: PassStats,
    hits: Vec<u32>,
}

impl Scan<'_> {
    fn start(&self) -> Part {
        let tallies = self.windows.iter().map(Tally::new).collect();
        let below = vec![0; self.windows.len()];
        Part { count: 0, below, tallies, stats: PassStats::default(), hits: Vec::new() }
    }

    fn block<T: Keyed>(&self, (start, values): Block<'_, T>, part: &mut Part) -> Result<()> {
        if !matches!(self.options.exclude, Exclude::Nothing) || any_nan(values) {
            return self.one_by_one((start, values), part);
        }
        let Some(keys) = &self.keys else { return Ok(()) }; // Proof: no number of the type may be chosen.
        let here =
            if *keys == T::number_keys() { values.len() as u64 } else { count_passing(values, Some(keys)) };
        part.count = checked::add(part.count, here)?;
        part.hits.resize(part.hits.len().max(values.len()), 0);
        let tallied = checked::zip(&mut part.below, &mut part.tallies)?;
        for (window, (below, tally)) in checked::zip(&self.windows, tallied)? {
            if window.start() > keys.start() {
                let lower = *keys.start()..=window.start() - 1;
                *below = checked::add(*below, count_passing(values, Some(&lower)))?;
            }
            let found = find_passing(values, Some(window), &mut part.hits);
            tally.extend(part.hits[..found].iter().map(|&hit| values[hit as usize].key()))?;
        }
        Ok(())
    }

    fn one_by_one<T: Keyed>(&self, (start, values): Block<'_, T>, part: &mut Part) -> Result<()> {
        let mut excluded = self.options.exclude.cursor(start);
        // Proof: rows are counted, as many as there are values.
        for (row, value) in (start..).zip(values) {
            if excluded.excludes(row) {
                continue;
            }
            if value.is_nan() {
                part.stats.add_nan(row);
                continue;
            }
            let key = value.key();
            if !self.keys.as_ref().is_some_and(|keys| keys.contains(&key)) {
                continue;
            }
            part.count += 1;
            for (at, window) in self.windows.iter().enumerate() {
                part.below[at] += u64::from(key < *window.start());
                if window.contains(&key) {
                    part.tallies[at].extend(std::iter::once(key))?;
                }
            }
        }
        Ok(())
    }
}
