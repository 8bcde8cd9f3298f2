//! Expressions over score vectors, computed a block at a time and never stored.
//!
//! Each operation rounds once, in the type of its result, left to right as written: `(a + b + c) / 3` has
//! the bits that numpy and torch give for float32.

use std::ops::Range;
use std::sync::Arc;

use super::arithmetic::{Base, Step, compute, convert};
use super::exact::check_exact;
use super::stats::Known;
use super::stored::Stored;
use super::{DType, Float, Scores, Scratch, Source, Values, shared};
use crate::checked::{self, impossible};
use crate::error::{Error, Result};
use crate::exec::job::Job;

/// Operations that one expression may have, each counted once; reading recurses so deep.
pub(super) const MAX_OPERATIONS: u32 = 200;

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

/// A vector or a number.
#[derive(Debug, Clone)]
pub enum Operand {
    /// One value per row.
    Scores(Scores),
    /// The same for every row.
    Number(f64),
}

impl Operand {
    pub(super) fn scores(&self) -> Option<&Scores> {
        match self {
            Self::Scores(scores) => Some(scores),
            Self::Number(_) => None,
        }
    }
}

/// How the values of a vector come about.
#[derive(Debug)]
pub(super) enum Node {
    /// They lie in files.
    Stored(Stored),
    /// By an operation.
    Binary { operator: Operator, left: Operand, right: Operand },
    /// With the other sign.
    Negated(Scores),
    /// In float32 or float64.
    Widened(Scores),
    /// Less the mean, divided by the standard deviation.
    Standardized { of: Scores, ddof: u64, moments: Arc<Known> },
    /// From row `start` on.
    Slice { of: Scores, start: u64 },
}

impl Node {
    /// The vectors that it is computed from.
    pub(super) fn operands(&self) -> impl Iterator<Item = &Scores> {
        let (first, second) = match self {
            Self::Stored(_) => (None, None),
            Self::Binary { left, right, .. } => (left.scores(), right.scores()),
            Self::Negated(of)
            | Self::Widened(of)
            | Self::Standardized { of, .. }
            | Self::Slice { of, .. } => (Some(of), None),
        };
        first.into_iter().chain(second)
    }
}

/// [`Source::read`] of a vector.
pub(super) fn read<'a>(scores: &'a Scores, rows: Range<u64>, scratch: &'a mut Scratch) -> Result<Values<'a>> {
    match scores.node() {
        Node::Stored(stored) => stored.read(rows, scratch),
        Node::Slice { of, start } => of.read(rows.start + start..rows.end + start, scratch),
        _ if scores.dtype() == DType::F32 => computed::<f32>(scores, rows, scratch),
        _ => computed::<f64>(scores, rows, scratch),
    }
}

fn computed<'a, F: Float>(scores: &Scores, rows: Range<u64>, scratch: &'a mut Scratch) -> Result<Values<'a>> {
    let len = checked::len(&rows)?;
    let (out, operands) = scratch.split::<F>(len, 1);
    let [operand] = operands else { return Err(no_scratch()) };
    if scores.operations().are_shared() {
        shared::read(scores, &rows, out)?;
    } else {
        fill(scores, rows, out, operand)?;
    }
    Ok(F::wrap(out))
}

fn no_scratch() -> Error {
    impossible("no scratch for an operand")
}

/// Computes `rows` into `out`, in `out`'s type if that is the type of the expression, else converted to it.
fn fill<F: Float>(scores: &Scores, rows: Range<u64>, out: &mut [F], scratch: &mut Scratch) -> Result<()> {
    match scores.node() {
        Node::Slice { of, start } => fill(of, rows.start + start..rows.end + start, out, scratch),
        Node::Widened(of) if scores.dtype() == F::DTYPE => fill(of, rows, out, scratch),
        Node::Binary { .. } | Node::Negated(_) | Node::Standardized { .. } if scores.dtype() == F::DTYPE => {
            fill_chain(scores, rows, out, scratch)
        }
        _ => {
            let values = scores.read(rows.clone(), scratch)?;
            check_exact(scores, &rows, values)?;
            convert(values, out)
        }
    }
}

/// Computes an operation together with those that its left operand is made by, value by value: no result but
/// the last is ever stored.
fn fill_chain<F: Float>(
    scores: &Scores,
    rows: Range<u64>,
    out: &mut [F],
    scratch: &mut Scratch,
) -> Result<()> {
    let (chain, first) = chain::<F>(scores);
    let (_, operands) = scratch.split::<F>(0, chain.len() + 1);
    let mut operands = operands.iter_mut();
    let mut next = || operands.next().ok_or_else(no_scratch);
    let base = match first {
        First::Number(number) => Base::Number(F::of_f64(number)),
        First::Scores(first) => match first.node() {
            Node::Stored(_) if first.dtype() == F::DTYPE => {
                Base::Values(values_of(first, rows.clone(), next()?)?)
            }
            _ => {
                fill(first, rows.clone(), out, next()?)?;
                Base::InPlace
            }
        },
    };
    let mut steps = Vec::with_capacity(chain.len());
    for scores in chain.into_iter().rev() {
        match scores.node() {
            Node::Binary { operator, right: Operand::Number(number), .. } => {
                steps.push(Step::Number(*operator, F::of_f64(*number)));
            }
            Node::Binary { operator, right: Operand::Scores(right), .. } => {
                steps.push(Step::Values(*operator, values_of(right, rows.clone(), next()?)?));
            }
            Node::Standardized { of, ddof, moments } => {
                steps.push(Step::Standardize(moments.get_or_compute(of, *ddof, &Job::new(1))?));
            }
            Node::Negated(_) => steps.push(Step::Negate),
            Node::Stored(_) | Node::Widened(_) | Node::Slice { .. } => {
                return Err(impossible("a chain of operations holds what is none"));
            }
        }
    }
    compute(out, &base, &steps)
}

/// What the innermost operation of a chain is done to.
enum First<'a> {
    Scores(&'a Scores),
    Number(f64),
}

/// The operations of one type from an expression down its left operands, and what the last of them is done to.
fn chain<F: Float>(mut scores: &Scores) -> (Vec<&Scores>, First<'_>) {
    let mut chain = Vec::new();
    while scores.dtype() == F::DTYPE {
        let of = match scores.node() {
            Node::Binary { left: Operand::Number(number), .. } => {
                chain.push(scores);
                return (chain, First::Number(*number));
            }
            Node::Binary { left: Operand::Scores(of), .. }
            | Node::Negated(of)
            | Node::Standardized { of, .. } => of,
            Node::Stored(_) | Node::Widened(_) | Node::Slice { .. } => break,
        };
        chain.push(scores);
        scores = of;
    }
    (chain, First::Scores(scores))
}

/// The values of an operand in the type of the expression: where they lie, if they can be.
fn values_of<'a, F: Float>(
    operand: &'a Scores,
    rows: Range<u64>,
    scratch: &'a mut Scratch,
) -> Result<&'a [F]> {
    if operand.dtype() == F::DTYPE {
        let values = operand.read(rows, scratch)?;
        return F::values(values).ok_or_else(|| impossible("a vector gave another type than it says"));
    }
    let len = checked::len(&rows)?;
    let (values, operands) = scratch.split::<F>(len, 1);
    let [inner] = operands else { return Err(no_scratch()) };
    let read = operand.read(rows.clone(), inner)?;
    check_exact(operand, &rows, read)?;
    convert(read, values)?;
    Ok(values)
}

/// Runs `$body` with `$slice` bound to the values of a [`Values`], whatever their type.
macro_rules! with_values {
    ($values:expr, $slice:ident => $body:expr) => {
        match $values {
            Values::F16($slice) => $body,
            Values::BF16($slice) => $body,
            Values::F32($slice) => $body,
            Values::F64($slice) => $body,
            Values::I8($slice) => $body,
            Values::I16($slice) => $body,
            Values::I32($slice) => $body,
            Values::I64($slice) => $body,
            Values::U8($slice) => $body,
            Values::U16($slice) => $body,
            Values::U32($slice) => $body,
            Values::U64($slice) => $body,
        }
    };
}
pub(super) use with_values;
