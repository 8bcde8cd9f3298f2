//! Rules rows out before their noise is computed. This kernel tests every row of a Gumbel draw.
//!
//! A row belongs to the candidates if its score over the temperature plus its noise is at least `least`:
//!
//! ```text
//! score / temperature - ln(-ln(1 - p)) >= least          (p from the row's random bits, uniform)
//!             p <= 1 - exp(-exp(z))                      with z = score / temperature - least
//! implies     p <= exp(z)                                as 1 - exp(-x) <= x
//! implies     log2(p) <= z * log2(e)
//! implies     float_bits(p) <= z * log2(e)               in units of the exponent
//! ```
//!
//! The last step reads the float32 of `p` as an integer: exponent and fraction together are a lower bound of `log2(p)`
//! that is off by at most 0.0861. So a row costs a multiplication, some additions and a comparison.
//!
//! It must never rule out a candidate, and may let others pass, which are few:
//!
//! - Every rounding on the way is covered by a slack in favour of passing.
//! - NaN passes, because the comparison is negated; the caller decides what it means.
//! - Temperatures that leave the range of float32 let every row pass.

use crate::checked;
use crate::error::Result;
use crate::exec::simd::{Kernel, dispatch};
use crate::scores::Values;
use crate::select::hits::{Hits, STRIDE};

/// Temperatures outside this range would leave that of float32, so every row passes.
const TEMPERATURES: std::ops::RangeInclusive<f64> = 1e-30..=1e30;
/// A step of one in the exponent of a float32, read as an integer.
const OCTAVE: f64 = (1 << 23) as f64;
/// Covers the roundings of the score, the scale, the product and the sums, relative to the terms.
const SLACK: f32 = 1.0 / 2_097_152.0;

/// The test of a row's score and random bits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GumbelPrefilter {
    scale: f32,
    offset: f32,
}

impl GumbelPrefilter {
    /// Makes the filter of rows whose score over the temperature, plus noise, is at least `least`.
    #[allow(clippy::cast_possible_truncation)] // the slack covers the rounding
    pub(crate) fn new(least: f64, temperature: f64) -> Self {
        use std::f64::consts::LOG2_E;
        if !TEMPERATURES.contains(&temperature) {
            return Self { scale: 0.0, offset: f32::INFINITY };
        }
        // The upper half of the bits, halved to fit a signed integer, is below p * 2^31. A float32 exponent has a
        // bias of 127. As a float32, that integer is off by at most 64.
        let offset = (31.0 + 127.0 - least * LOG2_E) * OCTAVE;
        let offset = offset + offset.abs() * f64::from(SLACK) + 64.0;
        Self { scale: (LOG2_E / temperature * OCTAVE) as f32, offset: offset as f32 }
    }

    /// Writes the offsets of the rows that may reach `least`, and of every NaN, ascending, to `hits`. Returns their
    /// number. `high` holds the upper halves of the rows' bits; `hits` is at least as long as `scores`.
    pub(crate) fn select_passing(self, scores: &[f32], high: &[u32], hits: &mut [u32]) -> usize {
        let (high, hits) = (&high[..scores.len()], &mut hits[..scores.len()]);
        dispatch(SelectPassing { prefilter: self, scores, high, hits })
    }

    /// Keeps of some rows those that [`Self::select_passing`] would find, in front of `hits`. Returns their number.
    pub(crate) fn keep_passing(self, scores: &[f32], high: &[u32], hits: &mut [u32]) -> usize {
        let mut kept = 0;
        for at in 0..hits.len() {
            let hit = hits[at];
            hits[kept] = hit;
            kept += usize::from(self.passes(scores[hit as usize], high[hit as usize]));
        }
        kept
    }

    /// Returns false only for a row that cannot reach `least`.
    #[inline(always)]
    #[allow(clippy::cast_precision_loss, clippy::neg_cmp_op_on_partial_ord)] // a NaN must pass
    fn passes(self, score: f32, high: u32) -> bool {
        let logarithm = ((high >> 1).cast_signed() as f32).to_bits().cast_signed() as f32;
        let scaled = score * self.scale;
        let slack = scaled.abs().min(f32::MAX) * SLACK;
        !(logarithm > scaled + self.offset + slack)
    }
}

struct SelectPassing<'a> {
    prefilter: GumbelPrefilter,
    scores: &'a [f32],
    high: &'a [u32],
    hits: &'a mut [u32],
}

impl Kernel for SelectPassing<'_> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let Self { prefilter, scores, high, hits } = self;
        let mut found = Hits { offsets: hits, count: 0, next: 0 };
        let (scores, last_scores) = scores.as_chunks::<STRIDE>();
        let (high, last_high) = high.as_chunks::<STRIDE>();
        // Proof: strides of slices of one length.
        for (scores, high) in scores.iter().zip(high) {
            found.push_stride(|at| prefilter.passes(scores[at], high[at]));
        }
        found.push_rest(last_scores.len(), |at| prefilter.passes(last_scores[at], last_high[at]));
        found.count
    }
}

/// Returns the values as float32: as they are, or rounded into `into`.
///
/// A rounded value never lies below its value by more than rounding, since what lies below the range of float32
/// becomes the lowest number. Where the temperature makes a finite float64 infinite, the result is NaN, which passes
/// every filter: the row is an error, which must surface whatever the threshold is. Other types reach that only at
/// temperatures outside [`TEMPERATURES`], where all rows pass.
pub(crate) fn to_f32<'a>(values: Values<'a>, temperature: f64, into: &'a mut Vec<f32>) -> Result<&'a [f32]> {
    if let Values::F32(values) = values {
        return Ok(values);
    }
    into.resize(values.len(), 0.0);
    values.round_to_f32(into)?;
    if let Values::F64(values) = values {
        for (rounded, value) in checked::zip(into.iter_mut(), values)? {
            if *rounded == f32::NEG_INFINITY {
                let overflows = value.is_finite() && (value / temperature).is_infinite();
                *rounded = if overflows { f32::NAN } else { f32::MIN };
            }
        }
    }
    Ok(into)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The noise of bits, as `gumbel` computes it.
    #[allow(clippy::cast_precision_loss)]
    fn noise(bits: u64) -> f64 {
        let p = ((bits as f64 + 0.5) * 2f64.powi(-64)).min(1.0 - f64::EPSILON / 2.0);
        -libm::log(-libm::log1p(-p))
    }

    fn passes(score: f64, bits: u64, least: f64, temperature: f64) -> bool {
        let mut into = Vec::new();
        let scores =
            to_f32(Values::F64(std::slice::from_ref(&score)), temperature, &mut into).unwrap().to_vec();
        let high = u32::try_from(bits >> 32).unwrap();
        GumbelPrefilter::new(least, temperature).select_passing(&scores, &[high], &mut [0]) == 1
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn every_row_that_reaches_the_limit_passes(
            score in prop_oneof![-10.0..10.0, -1e6..1e6, any::<f64>()],
            temperature in prop_oneof![0.1..10.0, 1e-40..1e-20, 1e20..1e40],
            bits: u64,
            shift in 0u32..64,
        ) {
            let bits = bits >> shift;
            let sum = score / temperature + noise(bits);
            prop_assert!(passes(score, bits, sum, temperature), "{score} {temperature} {bits}");
        }

        #[test]
        fn rows_that_lack_a_tenth_are_ruled_out(score in -10.0..10.0, bits: u64, shift in 6u32..18) {
            // For larger p the bound 1 - exp(-x) <= x is loose; for smaller p the upper half has few digits.
            let bits = (bits | 1 << 63) >> shift;
            let sum = score + noise(bits);
            prop_assert!(!passes(score, bits, sum + 0.1, 1.0), "{score} {bits}");
        }
    }

    #[test]
    fn what_is_no_number_passes_and_what_is_never_drawn_does_not() {
        assert!(passes(f64::NAN, !0, 50.0, 1.0));
        assert!(passes(f64::INFINITY, !0, 50.0, 1.0));
        assert!(!passes(f64::NEG_INFINITY, 0, -50.0, 1.0));
        assert!(passes(0.0, !0, f64::NEG_INFINITY, 1.0));
    }

    #[test]
    fn what_the_temperature_makes_infinite_passes_whatever_the_limit_is() {
        assert!(passes(-1e308, !0, 50.0, 0.5));
        assert!(passes(-1e279, !0, 50.0, 1e-30));
        assert!(!passes(-1e308, !0, 50.0, 1.0));
        assert!(!passes(f64::NEG_INFINITY, !0, 50.0, 0.5));
    }
}
