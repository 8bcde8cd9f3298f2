//! Gumbel noise by row: from Philox, or as numpy draws it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::bits::{BlockBits, halves};
use super::ln::{exponential_quantile, ln};
use super::pcg64::Pcg64;
use super::philox::Philox;
use crate::exec::simd::{Kernel, dispatch};

/// A source of random bits for each row, and of the noise that they mean.
pub(crate) trait NoiseSource: Sync {
    /// Fills `bits` with the bits of the rows from `start` on.
    fn fill_bits(&self, start: u64, bits: &mut BlockBits);

    /// Computes the noise of each of `bits` into `noise`. The noise falls as the bits, read as an integer, rise.
    fn gumbel(&self, bits: &[u64], noise: &mut [f64]);
}

impl NoiseSource for Philox {
    fn fill_bits(&self, start: u64, bits: &mut BlockBits) {
        Philox::fill(*self, start, bits);
    }

    fn gumbel(&self, bits: &[u64], noise: &mut [f64]) {
        dispatch(Gumbel { bits, noise });
    }
}

struct Gumbel<'a> {
    bits: &'a [u64],
    noise: &'a mut [f64],
}

impl Kernel for Gumbel<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(clippy::cast_precision_loss)]
    fn run(self) {
        // Proof: both have the length of `bits`.
        for (noise, &bits) in self.noise[..self.bits.len()].iter_mut().zip(self.bits) {
            // p is the middle of its cell and so never 0. Rounding could make it 1, so it is capped.
            let p =
                ((bits as f64 + 0.5) * (1.0 / 18_446_744_073_709_551_616.0)).min(1.0 - f64::EPSILON / 2.0);
            *noise = -ln(exponential_quantile(p));
        }
    }
}

/// The stream of `numpy.random.Generator.gumbel`, cut into blocks by advancing the generator.
///
/// numpy rejects a draw whose 53 bits are all 0, one in 2^53, and draws again. That shifts every later row by one. A
/// pass that meets a rejected draw records its position, and the whole pass is repeated with the recorded positions.
pub(crate) struct NumpyNoise {
    start: Pcg64,
    /// The bits of a draw that numpy uses; all 0 is a rejection.
    mantissa: u64,
    /// Known positions of rejected draws in the stream, ascending.
    rejected: Vec<u64>,
    /// Positions that this pass met.
    met: Mutex<BTreeSet<u64>>,
}

impl NumpyNoise {
    /// Starts at the beginning of the stream, knowing no rejections.
    pub(crate) fn new(start: Pcg64) -> Self {
        Self { start, mantissa: !0 << 11, rejected: Vec::new(), met: Mutex::default() }
    }

    /// Adds the rejections that the pass met to the known ones. Returns whether any were new.
    pub(crate) fn learn_rejected(&mut self) -> bool {
        // Proof: a panic cannot leave the set half changed, and each position in it was met.
        let met = self.met.get_mut().unwrap_or_else(PoisonError::into_inner);
        met.extend(&self.rejected);
        let news = met.len() > self.rejected.len();
        self.rejected = met.iter().copied().collect();
        news
    }

    /// Returns the position in the stream of a row's draw, as far as rejections are known.
    fn position(&self, row: u64) -> u64 {
        self.rejected.iter().fold(row, |position, &rejected| position + u64::from(rejected <= position))
    }
}

impl NoiseSource for &NumpyNoise {
    fn fill_bits(&self, start: u64, bits: &mut BlockBits) {
        let mut position = self.position(start);
        let mut stream = self.start.advanced(position);
        stream.fill(bits);
        // A draw that is rejected has none of the upper bits of the mantissa.
        let required = halves(self.mantissa).1;
        if bits.high.iter().fold(u32::MAX, |least, high| least.min(high & required)) > 0 {
            return;
        }
        // One may be rejected: these are drawn one by one.
        for at in 0..bits.high.len() {
            let mut drawn = stream.next();
            while drawn & self.mantissa == 0 {
                // Proof: as in `learn_rejected`.
                self.met.lock().unwrap_or_else(PoisonError::into_inner).insert(position);
                position += 1;
                drawn = stream.next();
            }
            bits.set(at, drawn);
            position += 1;
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn gumbel(&self, bits: &[u64], noise: &mut [f64]) {
        // Proof: both have the length of `bits`.
        for (noise, bits) in noise[..bits.len()].iter_mut().zip(bits) {
            // numpy calls the system's logarithm, so this must: the results have to agree to the last bit.
            let u = 1.0 - (bits >> 11) as f64 * 2f64.powi(-53);
            *noise = -(-u.ln()).ln();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mantissa of few bits makes rejections common; blocks must still continue one stream.
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
            let mut bits = BlockBits::default();
            bits.resize(100);
            for start in (0..10_000).step_by(100) {
                (&noise).fill_bits(start, &mut bits);
                drawn.extend((0..100).map(|at| bits.get(at)));
            }
            if !noise.learn_rejected() {
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
        let noise_of = |bits: u64| {
            let mut noise = [0.0f64];
            philox.gumbel(&[bits], &mut noise);
            noise[0]
        };
        for (bits, expected) in cases {
            let noise = noise_of(bits);
            assert!((noise - expected).abs() <= 1e-15 * expected, "{bits}: {noise} {expected}");
        }
        assert!(noise_of(u64::MAX).is_finite());
        assert!(noise_of(1) < noise_of(0));
    }
}
