//! The loops of expressions: one operation over a run of values, compiled for each instruction set.

use super::expr::{Operator, with_values};
use super::{Float, Values};
use crate::simd::{Kernel, dispatch};

/// Sets one value after the other.
struct Each<I, S> {
    values: I,
    set: S,
}

impl<I: Iterator, S: FnMut(I::Item)> Kernel for Each<I, S> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        self.values.for_each(|value| (self.set)(value));
    }
}

/// Sets each of `values`.
fn each<I: Iterator>(values: I, set: impl FnMut(I::Item)) {
    dispatch(Each { values, set });
}

/// Sets `$out` to `$left operator $right` for each of some values.
macro_rules! each {
    ($operator:expr, $values:expr, |$value:pat_param| $out:ident = $left:expr, $right:expr) => {{
        let values = $values;
        match $operator {
            Operator::Add => each(values, |$value| *$out = $left + $right),
            Operator::Subtract => each(values, |$value| *$out = $left - $right),
            Operator::Multiply => each(values, |$value| *$out = $left * $right),
            Operator::Divide => each(values, |$value| *$out = $left / $right),
        }
    }};
}

/// `out = out operator right`, value by value.
pub(super) fn combine<F: Float>(operator: Operator, out: &mut [F], right: Values<'_>) {
    with_values!(right, right => {
        each!(operator, out.iter_mut().zip(right), |(out, &right)| out = *out, F::of(right));
    });
}

/// `out = left operator right`, value by value.
pub(super) fn join<F: Float>(operator: Operator, out: &mut [F], left: &[F], right: &[F]) {
    let values = out.iter_mut().zip(left.iter().zip(right));
    each!(operator, values, |(out, (&left, &right))| out = left, right);
}

/// `out = out operator right`, for one number.
pub(super) fn combine_number<F: Float>(operator: Operator, out: &mut [F], right: F) {
    each!(operator, out.iter_mut(), |out| out = *out, right);
}

/// Every value by a function of itself.
pub(super) fn apply<F: Float>(out: &mut [F], function: impl Fn(F) -> F) {
    each(out.iter_mut(), |out| *out = function(*out));
}

/// The values in the type of `out`.
pub(super) fn convert<F: Float>(values: Values<'_>, out: &mut [F]) {
    if let Some(same) = F::values(values) {
        out.copy_from_slice(same);
        return;
    }
    with_values!(values, values => {
        each(out.iter_mut().zip(values), |(out, &value)| *out = F::of(value));
    });
}
