//! The loops of expressions, compiled for each instruction set.

use half::slice::HalfFloatSliceExt;

use super::expr::{Operator, with_values};
use super::float::ToFloat;
use super::stats::Moments;
use super::{Float, Values};
use crate::checked;
use crate::error::Result;
use crate::exec::simd::{Kernel, dispatch};

/// Values that go through all steps before the next ones: few enough for the processor to load what comes next
/// while it computes.
const TILE: usize = 256;

/// What is done to every value of a run.
pub(super) enum Step<'a, F> {
    /// `value operator operand`, for one operand to each value.
    Values(Operator, &'a [F]),
    /// `value operator number`.
    Number(Operator, F),
    /// `-value`.
    Negate,
    /// `(value - mean) / deviation`, in float64.
    Standardize(Moments),
}

/// What the first step is done to.
pub(super) enum Base<'a, F> {
    /// Values that lie elsewhere.
    Values(&'a [F]),
    /// One number.
    Number(F),
    /// What the run holds already.
    InPlace,
}

/// Takes every value of `out` from the base through all steps.
pub(super) fn compute<F: Float>(out: &mut [F], base: &Base<'_, F>, steps: &[Step<'_, F>]) -> Result<()> {
    if let Base::Values(values) = base {
        checked::equal("values of an operand", values.len(), out.len())?;
    }
    for step in steps {
        if let Step::Values(_, values) = step {
            checked::equal("values of an operand", values.len(), out.len())?;
        }
    }
    dispatch(Compute { out, base, steps });
    Ok(())
}

struct Compute<'a, F> {
    out: &'a mut [F],
    base: &'a Base<'a, F>,
    steps: &'a [Step<'a, F>],
}

impl<F: Float> Kernel for Compute<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { out, base, steps } = self;
        let (tiles, rest) = out.as_chunks_mut::<TILE>();
        let mut at = 0;
        for tile in tiles {
            compute_tile(tile, at, base, steps);
            at += TILE;
        }
        compute_tile(rest, at, base, steps);
    }
}

/// [`compute`] for the values from `at` on.
#[inline(always)]
fn compute_tile<F: Float>(tile: &mut [F], at: usize, base: &Base<'_, F>, steps: &[Step<'_, F>]) {
    match base {
        Base::Values(values) => tile.copy_from_slice(&values[at..at + tile.len()]),
        Base::Number(number) => tile.fill(*number),
        Base::InPlace => {}
    }
    for step in steps {
        match step {
            Step::Values(operator, values) => {
                // Proof: `compute` compared the lengths, and those after the tile are for the next.
                let pairs = tile.iter_mut().zip(&values[at..]);
                match operator {
                    Operator::Add => pairs.for_each(|(out, &right)| *out = *out + right),
                    Operator::Subtract => pairs.for_each(|(out, &right)| *out = *out - right),
                    Operator::Multiply => pairs.for_each(|(out, &right)| *out = *out * right),
                    Operator::Divide => pairs.for_each(|(out, &right)| *out = *out / right),
                }
            }
            Step::Number(operator, number) => {
                let values = tile.iter_mut();
                match operator {
                    Operator::Add => values.for_each(|out| *out = *out + *number),
                    Operator::Subtract => values.for_each(|out| *out = *out - *number),
                    Operator::Multiply => values.for_each(|out| *out = *out * *number),
                    Operator::Divide => values.for_each(|out| *out = *out / *number),
                }
            }
            Step::Negate => tile.iter_mut().for_each(|out| *out = -*out),
            Step::Standardize(Moments { mean, std }) => {
                for out in tile.iter_mut() {
                    *out = F::of_f64((out.to_f64() - mean) / std);
                }
            }
        }
    }
}

impl Values<'_> {
    /// All values as float32, rounded to nearest; `out` has room for just as many.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::Internal`], if it has not.
    pub fn round_to_f32(&self, out: &mut [f32]) -> Result<()> {
        checked::equal("room for values", out.len(), self.len())?;
        match self {
            // Short floats have conversions of whole slices by instructions of their own.
            Self::F16(values) => values.convert_to_f32_slice(out),
            Self::BF16(values) => values.convert_to_f32_slice(out),
            _ => convert(*self, out)?,
        }
        Ok(())
    }

    /// Those at some offsets as float64, each as [`Values::to_f64`] has it.
    pub fn pick_f64(&self, offsets: &[u32], out: &mut Vec<f64>) {
        out.clear();
        with_values!(self, values => out.extend(offsets.iter().map(|&at| values[at as usize].to_f64())));
    }

    /// One value as float64, rounded to nearest where an integer is longer.
    #[inline]
    pub fn to_f64(&self, at: usize) -> f64 {
        with_values!(self, values => values[at].to_f64())
    }
}

/// The values in the type of `out`.
pub(super) fn convert<F: Float>(values: Values<'_>, out: &mut [F]) -> Result<()> {
    checked::equal("room for values", out.len(), values.len())?;
    if let Some(same) = F::values(values) {
        out.copy_from_slice(same);
        return Ok(());
    }
    with_values!(values, values => {
        // Proof: the lengths were just compared.
        dispatch(Convert { values: out.iter_mut().zip(values), set: |(out, &value): (&mut F, &_)| *out = F::of(value) });
    });
    Ok(())
}

struct Convert<I, S> {
    values: I,
    set: S,
}

impl<I: Iterator, S: FnMut(I::Item)> Kernel for Convert<I, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.values.for_each(self.set);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_of_another_length_are_a_defect() {
        let mut out = [0_f32; 3];
        for len in [0, 2, 4] {
            let values = vec![1_f32; len];
            assert!(convert(Values::F32(&values), &mut out).is_err());
            assert!(convert(Values::I8(&vec![1; len]), &mut out).is_err());
            assert!(Values::F16(&vec![half::f16::ONE; len]).round_to_f32(&mut out).is_err());
            assert!(compute(&mut out, &Base::Values(&values), &[]).is_err());
            assert!(compute(&mut out, &Base::InPlace, &[Step::Values(Operator::Add, &values)]).is_err());
        }
        compute(&mut out, &Base::Number(2.0), &[Step::Values(Operator::Subtract, &[1.0, 2.0, 3.0])]).unwrap();
        assert_eq!(out.map(f32::to_bits), [1.0_f32, 0.0, -1.0].map(f32::to_bits));
    }
}
