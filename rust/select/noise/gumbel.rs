//! Gumbel noise by row: from Philox, and as numpy draws it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::bits::BlockBits;
use super::ln::{exponential_quantile, ln};
use super::pcg64::Pcg64;
use super::philox::Philox;
use crate::simd::{Kernel, dispatch};

/// Random bits for each row, and the noise that they mean.
pub(crate) trait NoiseSource: Sync {
    /// The bits of the rows from `start` on.
    fn fill_bits(&self, start: u64, bits: &mut BlockBits);

    /// The noise of some bits, into as many places: it falls as the bits, read as an integer, rise.
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
        // Proof: slices of one length.
        for (noise, &bits) in self.noise[..self.bits.len()].iter_mut().zip(self.bits) {
            // p lies in the middle of its cell, so it is never 0; rounding could make it 1.
            let p =
                ((bits as f64 + 0.5) * (1.0 / 18_446_744_073_709_551_616.0)).min(1.0 - f64::EPSILON / 2.0);
            *noise = -ln(exponential_quantile(p));
        }
    }
}

/// The stream of `numpy.random.Generator.gumbel`, cut into blocks by advancing the generator.
///
/// numpy throws a draw away when its 53 bits are all 0, one in 2^53, and draws again, which shifts the rows
/// after it. Where that happened is remembered, and the pass repeated with what was learned.
pub(crate) struct NumpyNoise {
    start: Pcg64,
    /// Bits of a draw that count; all 0 means it is thrown away.
    mantissa: u64,
    /// Positions in the stream that are known to be thrown away, ascending.
    rejected: Vec<u64>,
    /// All positions that were come across since.
    met: Mutex<BTreeSet<u64>>,
}

impl NumpyNoise {
    /// The stream from its start.
    pub(crate) fn new(start: Pcg64) -> Self {
        Self { start, mantissa: !0 << 11, rejected: Vec::new(), met: Mutex::default() }
    }

    /// Takes over the rejected positions that were met; whether there were new ones.
    pub(crate) fn learn_rejected(&mut self) -> bool {
        // Proof: positions are put in while it is held, each of which was met.
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
    fn fill_bits(&self, start: u64, bits: &mut BlockBits) {
        let mut position = self.position(start);
        let mut stream = self.start.advanced(position);
        for at in 0..bits.high.len() {
            let mut drawn = stream.next();
            while drawn & self.mantissa == 0 {
                // Proof: positions are put in while it is held, each of which was met.
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
        // Proof: slices of one length.
        for (noise, bits) in noise[..bits.len()].iter_mut().zip(bits) {
            // The system's logarithm, as numpy uses it: the results must have its bits.
            let u = 1.0 - (bits >> 11) as f64 * 2f64.powi(-53);
            *noise = -(-u.ln()).ln();
        }
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
