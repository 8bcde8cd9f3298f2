//! Rows drawn without replacement with probability proportional to `exp(score / temperature)`.
//!
//! Add independent Gumbel noise to each log-weight and take the k largest: that is such a draw (Kool, van
//! Hoof, Welling 2019, "Stochastic Beams and Where to Find Them"). The noise is `-ln(-ln(1 - p))` with `p`
//! uniform, so it is large where `p` is small, and for a limit on the sum a row's score bounds the `p` it
//! needs. Rows above that bound, nearly all of them, are ruled out by [`noisy`] without a logarithm.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::entry::{Entry, Wide};
use super::noisy::Bound;
use super::pass::{Collected, Ranker, Workspace, collect};
use super::rank::Rank;
use super::rng::{Bits, Pcg64, Philox};
use super::top_k::{check_count, check_nan};
use super::{Exclude, Nan, Options, Order, check_k, noisy, order};
use crate::error::{Error, Result};
use crate::parallel::Job;
use crate::scores::Source;

/// Where the noise comes from.
#[derive(Debug, Clone, Copy)]
pub enum Noise {
    /// Philox4x32-10 keyed by the seed and counted by the row; 64-bit uniforms, exact in the far tail.
    Philox {
        /// The key.
        seed: u64,
    },
    /// Bit for bit what `numpy.random.Generator(PCG64).gumbel(size=n)` draws from this state.
    Numpy {
        /// As `numpy.random.PCG64(seed).state` shows it.
        state: u128,
        /// As `numpy.random.PCG64(seed).state` shows it.
        increment: u128,
    },
}

/// Fills `rows` with rows drawn without replacement with probability proportional to `exp(score / temperature)`, as
/// many as there is room for: `k`.
///
/// Keys are float64; the best key comes first, ties to the lower row. A score of -inf is never drawn, one of
/// +inf always, by row. Integers are taken as float64. Memory: as for `top_k`.
pub fn gumbel_top_k(
    source: &dyn Source,
    rows: &mut [i64],
    noise: Noise,
    temperature: f64,
    options: &Options<'_>,
    job: &Job<'_>,
) -> Result<()> {
    let k = rows.len() as u64;
    if !(temperature.is_finite() && temperature > 0.0) {
        return Err(Error::Value(format!(
            "temperature is {temperature:?}; a finite number above 0 is needed"
        )));
    }
    check_k(k, source.len(), options.exclude.count())?;
    if k == 0 {
        return Ok(());
    }
    source.prepare(job)?;
    let Options { order, nan, ref exclude } = *options;
    let sorted = order != Order::Row;
    let Collected { pieces, count, tally } = match noise {
        Noise::Philox { seed } => {
            let noise = Philox::new(seed, Philox::GUMBEL);
            collect::<Wide>(&ByNoisyScore { source, noise, temperature, nan, exclude }, k, sorted, job)?
        }
        Noise::Numpy { state, increment } => {
            let mut noise = NumpyNoise::new(Pcg64::new(state, increment));
            loop {
                let ranker = ByNoisyScore { source, noise: &noise, temperature, nan, exclude };
                let collected = collect::<Wide>(&ranker, k, sorted, job)?;
                if !noise.learn() {
                    break collected;
                }
            }
        }
    };
    check_nan(nan, tally)?;
    if let Some(row) = tally.overflow {
        return Err(Error::Value(format!(
            "the score of row {row} divided by the temperature {temperature:?} is infinite; use a higher one"
        )));
    }
    check_count(k, count, source.len(), exclude.count(), tally)?;
    order::fill(pieces, rows, order, None, job)
}

/// Random bits for each row, and the noise that they mean.
trait NoiseSource: Sync {
    /// The bits of the rows from `start` on.
    fn fill(&self, start: u64, bits: &mut Bits);

    /// The noise of some bits: it falls as the bits, read as an integer, rise.
    fn gumbel(&self, bits: u64) -> f64;
}

impl NoiseSource for Philox {
    fn fill(&self, start: u64, bits: &mut Bits) {
        Philox::fill(*self, start, bits);
    }

    #[allow(clippy::cast_precision_loss)]
    fn gumbel(&self, bits: u64) -> f64 {
        // p lies in the middle of its cell, so it is never 0; rounding could make it 1. The logarithms are this
        // crate's own and not the system's, whose last bits differ from place to place.
        let p = ((bits as f64 + 0.5) * 2f64.powi(-64)).min(1.0 - f64::EPSILON / 2.0);
        -libm::log(-libm::log1p(-p))
    }
}

/// The stream of `numpy.random.Generator.gumbel`, cut into blocks by advancing the generator.
///
/// numpy throws a draw away when its 53 bits are all 0, one in 2^53, and draws again, which shifts the rows
/// after it. Where that happened is remembered, and the pass repeated with what was learned.
struct NumpyNoise {
    start: Pcg64,
    /// Bits of a draw that count; all 0 means it is thrown away.
    mantissa: u64,
    /// Positions in the stream that are known to be thrown away, ascending.
    rejected: Vec<u64>,
    /// All positions that were come across since.
    met: Mutex<BTreeSet<u64>>,
}

impl NumpyNoise {
    fn new(start: Pcg64) -> Self {
        Self { start, mantissa: !0 << 11, rejected: Vec::new(), met: Mutex::default() }
    }

    /// Takes over the rejected positions that were met; whether there were new ones.
    fn learn(&mut self) -> bool {
        let met = self.met.get_mut().unwrap_or_else(PoisonError::into_inner);
        met.extend(&self.rejected);
        let news = met.len() > self.rejected.len();
        self.rejected = met.iter().copied().collect();
        news
    }

    /// Where in the stream the draw of a row lies, as far as is known.
    fn position(&self, row: u64) -> u64 {
        self.rejected.iter().fold(row, |position, &rejected| position + u64::from(rejected <= position))
    }
}

impl NoiseSource for &NumpyNoise {
    fn fill(&self, start: u64, bits: &mut Bits) {
        let mut position = self.position(start);
        let mut stream = self.start.advanced(position);
        for at in 0..bits.high.len() {
            let mut drawn = stream.next();
            while drawn & self.mantissa == 0 {
                self.met.lock().unwrap_or_else(PoisonError::into_inner).insert(position);
                position += 1;
                drawn = stream.next();
            }
            bits.set(at, drawn);
            position += 1;
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn gumbel(&self, bits: u64) -> f64 {
        // The system's logarithm, as numpy uses it: the results must have its bits.
        let u = 1.0 - (bits >> 11) as f64 * 2f64.powi(-53);
        -(-u.ln()).ln()
    }
}

/// Ranks rows by their score over the temperature plus noise.
struct ByNoisyScore<'a, N> {
    source: &'a dyn Source,
    noise: N,
    temperature: f64,
    nan: Nan,
    exclude: &'a Exclude<'a>,
}

impl<N: NoiseSource> Ranker<Wide> for ByNoisyScore<'_, N> {
    fn rows(&self) -> u64 {
        self.source.len()
    }

    fn collect(
        &self,
        rows: Range<u64>,
        limit: Wide,
        work: &mut Workspace,
        found: &mut Vec<Wide>,
    ) -> Result<()> {
        let Workspace { scratch, bits, rounded, hits, tally, .. } = work;
        let values = self.source.read(rows.clone(), scratch)?;
        let approximate = noisy::rounded(values, rounded);
        bits.resize(values.len());
        hits.resize(values.len(), 0);
        self.noise.fill(rows.start, bits);
        let bound = Bound::new(f64::bound::<true>(u64::MAX - limit.badness()), self.temperature);
        let count = bound.reaching(approximate, &bits.high, hits);
        let mut excluded = self.exclude.from(rows.start);
        for &offset in &hits[..count] {
            let (at, row) = (offset as usize, rows.start + u64::from(offset));
            if excluded.excludes(row) {
                continue;
            }
            let Some(log_weight) = self.log_weight(noisy::exact(values, at), row, tally) else { continue };
            let key = (log_weight + self.noise.gumbel(bits.get(at))).key();
            let entry = Wide::new(u64::MAX - key, row);
            if entry <= limit {
                found.push(entry);
            }
        }
        Ok(())
    }

    fn prefetch(&self, rows: Range<u64>) -> Result<()> {
        self.source.prefetch(rows)
    }

    fn check_unchanged(&self) -> Result<()> {
        self.source.check_unchanged()
    }
}

impl<N> ByNoisyScore<'_, N> {
    /// The score over the temperature, unless the row cannot be drawn; that is counted.
    fn log_weight(&self, score: f64, row: u64, tally: &mut super::pass::Tally) -> Option<f64> {
        let score = match (score.is_nan(), self.nan) {
            (false, _) => score,
            (true, Nan::Largest) => f64::INFINITY,
            (true, Nan::Smallest) => f64::NEG_INFINITY,
            (true, Nan::Raise | Nan::Omit) => {
                tally.add_nan(row);
                return None;
            }
        };
        let scaled = score / self.temperature;
        if scaled == f64::INFINITY && score.is_finite() {
            tally.add_overflow(row);
        }
        if scaled == f64::NEG_INFINITY {
            tally.never += 1;
            return None;
        }
        Some(scaled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mantissa of few bits makes rejections common: blocks must still continue one stream.
    #[test]
    fn rejected_draws_shift_the_rows_after_them() {
        let start = Pcg64::new(12_345, 6789);
        let mut noise = NumpyNoise { mantissa: 0xff << 56, ..NumpyNoise::new(start) };
        let mut stream = start;
        let mut draw = || loop {
            let bits = stream.next();
            if bits & 0xff << 56 != 0 {
                return bits;
            }
        };
        let expected: Vec<u64> = (0..10_000).map(|_| draw()).collect();
        let mut drawn = Vec::new();
        loop {
            drawn.clear();
            let mut bits = Bits::default();
            bits.resize(100);
            for start in (0..10_000).step_by(100) {
                (&noise).fill(start, &mut bits);
                drawn.extend((0..100).map(|at| bits.get(at)));
            }
            if !noise.learn() {
                break;
            }
        }
        assert!(noise.rejected.len() > 10, "{}", noise.rejected.len());
        assert_eq!(drawn, expected);
    }

    /// Against 60-digit arithmetic (`-log(-log1p(-p))` at `p = (bits + 1/2) / 2^64`).
    #[test]
    fn noise_is_exact_in_the_far_tail() {
        let philox = Philox::new(0, Philox::GUMBEL);
        let cases =
            [(0, 45.054_566_736_396_445), (1 << 20, 30.498_475_467_800_52), (1 << 40, 16.635_532_303_635_91)];
        for (bits, expected) in cases {
            let noise: f64 = philox.gumbel(bits);
            assert!((noise - expected).abs() <= 1e-15 * expected, "{bits}: {noise} {expected}");
        }
        assert!(philox.gumbel(u64::MAX).is_finite());
        assert!(philox.gumbel(1) < philox.gumbel(0));
    }
}
