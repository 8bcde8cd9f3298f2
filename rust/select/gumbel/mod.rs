//! Draws rows without replacement, with probability proportional to `exp(score / temperature)`.
//!
//! ```text
//! for each row: key = score / temperature + Gumbel noise of the row
//! rows = those of the k largest keys
//! ```
//!
//! This is such a draw (Kool, van Hoof, Welling 2019, "Stochastic Beams and Where to Find Them"). The noise is
//! `-ln(-ln(1 - p))` with `p` uniform, which takes two logarithms a row. It deviates from the above to avoid nearly all
//! of them: for a threshold on the key, a row's score bounds the `p` that the row needs, and [`prefilter`] rules out
//! the rows above that bound by comparing integers.
//!
//! The noise of Philox is that of the row in the whole that a vector is a part of ([`Source::first_row`]): the draw of a
//! part is that of its rows in the draw of the whole. Noise of numpy is what numpy gives for a vector of that length.

use std::ops::{Range, RangeInclusive};

use super::between::Between;
use super::candidates::entry::{Entry, Key64Row32, Key64Row64};
use super::candidates::order;
use super::exclude::Exclude;
use super::key::Keyed;
use super::noise::gumbel::{NoiseSource, NumpyNoise};
use super::noise::pcg64::Pcg64;
use super::noise::philox::Philox;
use super::noise::prefilter::{self, GumbelPrefilter};
use super::number::Nan;
use super::options::{Order, SelectOptions};
use super::pass::ranker::{PassStats, Ranker, Visit, Workspace};
use super::pass::scan::find_passing;
use super::pass::{Collected, collect};
use super::validate::{check_between, check_count, check_k, check_nan};
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::exec::simd::{Kernel, dispatch};
use crate::scores::{Source, Values, with_values};
use crate::with_dtype;

/// Where the noise comes from.
#[derive(Debug, Clone, Copy)]
pub enum Noise {
    /// Philox4x32-10, with the seed as the key and the row of the whole as the counter. Its 64-bit uniforms reach far into the tail.
    Philox {
        /// The seed.
        seed: u64,
    },
    /// The noise that `numpy.random.Generator(PCG64).gumbel(size=n)` draws from this state, bit for bit.
    Numpy {
        /// As in `numpy.random.PCG64(seed).state`.
        state: u128,
        /// As in `numpy.random.PCG64(seed).state`.
        increment: u128,
    },
}

/// Fills `rows` with `k = rows.len()` rows, drawn without replacement with probability proportional to
/// `exp(score / temperature)`.
///
/// Keys are float64. The largest key comes first, and ties go to the lower row. A score of -inf is never drawn. Scores
/// of +inf are always drawn, in row order. A finite score that the temperature makes infinite is an error. Integers
/// count as float64. Memory: as for `top_k`.
pub fn gumbel_top_k(
    source: &dyn Source,
    rows: &mut [i64],
    noise: Noise,
    temperature: f64,
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<()> {
    let k = rows.len() as u64;
    check_temperature(temperature)?;
    check_k(k, source.len(), options.exclude.count())?;
    source.check_unchanged()?;
    source.prepare(job)?;
    if source.len() == options.exclude.count() {
        return Ok(());
    }
    let draw = GumbelDraw { source, noise, temperature, options };
    if source.len() <= 1 << 32 {
        draw.fill::<Key64Row32>(rows, job)
    } else {
        draw.fill::<Key64Row64>(rows, job)
    }
}

fn check_temperature(temperature: f64) -> Result<()> {
    if temperature.is_finite() && temperature > 0.0 {
        return Ok(());
    }
    Err(Error::Value(format!("temperature is {temperature:?}; a finite number above 0 is needed")))
}

/// Fails if a score divided by the temperature was infinite.
pub(super) fn check_overflow(stats: PassStats, temperature: f64) -> Result<()> {
    let Some(row) = stats.first_overflow else { return Ok(()) }; // Proof: all quotients are finite.
    Err(Error::Value(format!(
        "the score of row {row} divided by the temperature {temperature:?} is infinite; use a higher one"
    )))
}

/// Lets the rows be ranked by a draw for what is done with the ranker.
pub(super) fn visit<V: Visit>(
    source: &dyn Source,
    noise: Noise,
    temperature: f64,
    options: &SelectOptions<'_>,
    visit: &V,
) -> Result<V::Output> {
    check_temperature(temperature)?;
    let draw = GumbelDraw { source, noise, temperature, options };
    if source.len() <= 1 << 32 {
        draw.ranked(|ranker| visit.visit::<Key64Row32>(ranker))
    } else {
        draw.ranked(|ranker| visit.visit::<Key64Row64>(ranker))
    }
}

/// The arguments of a draw.
struct GumbelDraw<'a> {
    source: &'a dyn Source,
    noise: Noise,
    temperature: f64,
    options: &'a SelectOptions<'a>,
}

impl GumbelDraw<'_> {
    /// Calls `then` with the ranker; once more where the noise of numpy turns out to reject other rows than was assumed.
    fn ranked<E: Entry, R>(&self, then: impl Fn(&dyn Ranker<E>) -> Result<R>) -> Result<R> {
        let &Self { source, noise, temperature, options } = self;
        let SelectOptions { nan, ref exclude, ref between, .. } = *options;
        let keys = with_dtype!(source.dtype(), T => between.keys::<T>());
        match noise {
            Noise::Philox { seed } => {
                let noise = Philox::new(seed, Philox::GUMBEL);
                let first_row = source.first_row();
                then(&ByNoisyScore { source, noise, first_row, temperature, nan, exclude, between, keys })
            }
            Noise::Numpy { state, increment } => {
                let mut noise = NumpyNoise::new(Pcg64::new(state, increment));
                loop {
                    let keys = keys.clone();
                    let met = &noise;
                    let ranker = ByNoisyScore {
                        source,
                        noise: met,
                        first_row: 0,
                        temperature,
                        nan,
                        exclude,
                        between,
                        keys,
                    };
                    let found = then(&ranker)?;
                    if !noise.learn_rejected() {
                        return Ok(found);
                    }
                }
            }
        }
    }

    /// Fills `rows`, using entries of type `E`.
    fn fill<E: Entry>(&self, rows: &mut [i64], job: &Job<'_>) -> Result<()> {
        let &Self { source, temperature, options, .. } = self;
        // For k = 0 this ranks rows as for k = 1, so that every k reports the same errors in the scores.
        let k = (rows.len() as u64).max(1);
        let SelectOptions { order, nan, ref exclude, ref between } = *options;
        let sorted = order != Order::Row;
        let Collected { candidates, stats, .. } =
            self.ranked(|ranker| collect::<E>(ranker, k, sorted, job))?;
        check_nan(nan, stats)?;
        check_overflow(stats, temperature)?;
        if rows.is_empty() {
            return Ok(());
        }
        check_between(k, candidates.count() as u64, between)?;
        check_count(k, candidates.count() as u64, source.len(), exclude.count(), stats)?;
        order::fill(candidates, rows, order, None, job)
    }
}

/// Ranks rows by their score over the temperature, plus noise.
struct ByNoisyScore<'a, N> {
    source: &'a dyn Source,
    noise: N,
    /// The row of the noise that the first row has.
    first_row: u64,
    temperature: f64,
    nan: Nan,
    exclude: &'a Exclude<'a>,
    between: &'a Between,
    /// The keys of the scores between the bounds, or `None` if no number of their type lies there.
    keys: Option<RangeInclusive<u64>>,
}

impl<N: NoiseSource, E: Entry> Ranker<E> for ByNoisyScore<'_, N> {
    fn rows(&self) -> u64 {
        self.source.len()
    }

    fn collect(
        &self,
        rows: Range<u64>,
        threshold: E,
        work: &mut Workspace,
        found: &mut Vec<E>,
    ) -> Result<()> {
        let Workspace { scratch, bits, rounded, hits, drawn, noise, weights, stats, .. } = work;
        let values = self.source.read(rows.clone(), scratch)?;
        checked::equal("scores of a run of rows", values.len() as u64, checked::sub(rows.end, rows.start)?)?;
        let approximate = prefilter::to_f32(values, self.temperature, rounded)?;
        bits.resize(values.len());
        hits.resize(values.len(), 0);
        self.noise.fill_bits(checked::add(self.first_row, rows.start)?, bits);
        let prefilter =
            GumbelPrefilter::new(f64::bound::<true>(u64::MAX - threshold.sort_key()), self.temperature);
        let count = if self.between.is_everything() {
            prefilter.select_passing(approximate, &bits.high, hits)
        } else {
            // Among a few scores that tie, nearly all rows would pass the filter, and their noise is what takes long.
            let count = self.find_between(values, hits);
            prefilter.keep_passing(approximate, &bits.high, &mut hits[..count])
        };
        let hits = &hits[..count];
        drawn.clear();
        drawn.extend(hits.iter().map(|&at| bits.get(at as usize)));
        noise.resize(count, 0.0);
        self.noise.gumbel(drawn, noise);
        values.pick_f64(hits, weights);
        let plain = matches!(self.exclude, Exclude::Nothing) && self.between.is_everything();
        if plain && dispatch(DivideAll { weights, by: self.temperature }) {
            dispatch(PushEntries { start: rows.start, hits, weights, noise, threshold, found });
            return Ok(());
        }
        let mut excluded = self.exclude.cursor(rows.start);
        for (&offset, noise) in checked::zip(hits, &*noise)? {
            let (at, row) = (offset as usize, rows.start + u64::from(offset));
            if excluded.excludes(row) || !self.between.allows(values, at, self.nan) {
                continue;
            }
            // Proof: `log_weight` counted the row, which cannot be drawn.
            let Some(log_weight) = self.log_weight(values.to_f64(at), row, stats) else { continue };
            let key = (log_weight + *noise).key();
            let entry = E::new(u64::MAX - key, row);
            if entry <= threshold {
                found.push(entry);
            }
        }
        Ok(())
    }

    fn source(&self) -> Option<&dyn Source> {
        Some(self.source)
    }
}

/// Divides scores. Returns whether every quotient is finite.
struct DivideAll<'a> {
    weights: &'a mut [f64],
    by: f64,
}

impl Kernel for DivideAll<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let Self { weights, by } = self;
        weights.iter_mut().fold(true, |finite, weight| {
            *weight /= by;
            finite & weight.is_finite()
        })
    }
}

/// Appends the entries of the hits that lie within the threshold.
struct PushEntries<'a, E> {
    start: u64,
    hits: &'a [u32],
    weights: &'a [f64],
    noise: &'a [f64],
    threshold: E,
    found: &'a mut Vec<E>,
}

impl<E: Entry> Kernel for PushEntries<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { start, hits, weights, noise, threshold, found } = self;
        let before = found.len();
        found.resize(before + hits.len(), E::WORST);
        let mut end = before;
        let (weights, noise) = (&weights[..hits.len()], &noise[..hits.len()]);
        // Proof: the line above cut both to the length of `hits`.
        for ((&hit, weight), noise) in hits.iter().zip(weights).zip(noise) {
            let entry = E::new(u64::MAX - (weight + noise).key(), start + u64::from(hit));
            found[end] = entry;
            end += usize::from(entry <= threshold);
        }
        found.truncate(end);
    }
}

impl<N> ByNoisyScore<'_, N> {
    /// Writes the offsets of the scores between the bounds, and of every NaN; returns their number.
    fn find_between(&self, values: Values<'_>, hits: &mut [u32]) -> usize {
        with_values!(values, values => find_passing(values, self.keys.as_ref(), hits))
    }

    /// Returns the score over the temperature, or counts the row and returns `None` if it cannot be drawn.
    fn log_weight(&self, score: f64, row: u64, stats: &mut PassStats) -> Option<f64> {
        let score = match (score.is_nan(), self.nan) {
            (false, _) => score,
            (true, Nan::Largest) => f64::INFINITY,
            (true, Nan::Smallest) => f64::NEG_INFINITY,
            (true, Nan::Raise | Nan::Omit) => {
                stats.add_nan(row);
                return None;
            }
        };
        let scaled = score / self.temperature;
        if scaled.is_infinite() && score.is_finite() {
            stats.add_overflow(row);
        }
        if scaled == f64::NEG_INFINITY {
            stats.never_drawn += 1;
            return None;
        }
        Some(scaled)
    }
}

#[cfg(test)]
mod tests;
