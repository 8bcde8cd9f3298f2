//! The loops of expressions, compiled for each instruction set.

use crate::checked;
use crate::error::Result;
use crate::exec::simd::{Kernel, dispatch};
use crate::scores::float::Float;

/// Values that go through all steps before the next ones: few enough for the processor to load what comes next
/// while it computes.
const TILE: usize = 256;

/// An operation of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
}

/// What a vector is standardized by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moments {
    /// The mean.
    pub(crate) mean: f64,
    /// The standard deviation.
    pub(crate) std: f64,
}

/// What is done to every value of a run.
pub(crate) enum Step<'a, F> {
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
pub(crate) enum Base<'a, F> {
    /// Values that lie elsewhere.
    Values(&'a [F]),
    /// One number.
    Number(F),
    /// What the run holds already.
    InPlace,
}

/// Takes every value of `out` from the base through all steps.
pub(crate) fn compute<F: Float>(out: &mut [F], base: &Base<'_, F>, steps: &[Step<'_, F>]) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operands_of_another_length_are_a_defect() {
        let mut out = [0_f32; 3];
        for len in [0, 2, 4] {
            let values = vec![1_f32; len];
            assert!(compute(&mut out, &Base::Values(&values), &[]).is_err());
            assert!(compute(&mut out, &Base::InPlace, &[Step::Values(Operator::Add, &values)]).is_err());
        }
        compute(&mut out, &Base::Number(2.0), &[Step::Values(Operator::Subtract, &[1.0, 2.0, 3.0])]).unwrap();
        assert_eq!(out.map(f32::to_bits), [1.0_f32, 0.0, -1.0].map(f32::to_bits));
    }
}
