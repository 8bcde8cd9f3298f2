//! Expressions over score vectors, computed a block at a time and never stored.
//!
//! Each operation rounds once, in the type of its result, left to right as written: `(a + b + c) / 3` has
//! the bits that numpy and torch give for float32.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::arithmetic::{apply, combine, combine_number, convert, join};
use super::stats::Moments;
use super::stored::Stored;
use super::{DType, Float, Scores, Scratch, Source, Values};
use crate::error::{Error, Result};
use crate::parallel::Job;

/// Operations that one expression may have one inside the other; reading recurses so deep.
pub(super) const MAX_DEPTH: u32 = 200;

/// Values that go through all operations before the next ones: they stay in the first-level cache.
const RUN: usize = 1 << 12;

/// An operation of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    Standardized { of: Scores, ddof: u64, moments: Arc<Mutex<Option<Moments>>> },
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
    let len = usize::try_from(rows.end.saturating_sub(rows.start))
        .map_err(|_| Error::Memory("a run of rows is longer than memory".into()))?;
    let (out, operands) = scratch.split::<F>(len, 1);
    let [operand] = operands else { return Err(Error::Internal("no scratch for an operand".into())) };
    for (run, start) in out.chunks_mut(RUN).zip((rows.start..).step_by(RUN)) {
        fill(scores, start..start + run.len() as u64, run, operand)?;
    }
    Ok(F::wrap(out))
}

/// Computes `rows` into `out`, in `out`'s type if that is the type of the expression, else converted to it.
fn fill<F: Float>(scores: &Scores, rows: Range<u64>, out: &mut [F], scratch: &mut Scratch) -> Result<()> {
    match scores.node() {
        Node::Slice { of, start } => fill(of, rows.start + start..rows.end + start, out, scratch),
        Node::Binary { operator, left, right } if scores.dtype() == F::DTYPE => {
            if let (Some(left), Some(right)) = (stored::<F>(left), stored::<F>(right)) {
                return fill_joined(*operator, (left, right), rows, out, scratch);
            }
            match left {
                Operand::Scores(left) => fill(left, rows.clone(), out, scratch)?,
                Operand::Number(number) => out.fill(F::of_f64(*number)),
            }
            match right {
                Operand::Scores(right) => combine(*operator, out, right.read(rows, scratch)?),
                Operand::Number(number) => combine_number(*operator, out, F::of_f64(*number)),
            }
            Ok(())
        }
        Node::Negated(of) if scores.dtype() == F::DTYPE => {
            fill(of, rows, out, scratch)?;
            apply(out, |value| -value);
            Ok(())
        }
        Node::Widened(of) if scores.dtype() == F::DTYPE => fill(of, rows, out, scratch),
        Node::Standardized { of, ddof, moments } if scores.dtype() == F::DTYPE => {
            let moments = Scores::moments(of, *ddof, moments, &Job::new(1))?;
            fill(of, rows, out, scratch)?;
            apply(out, |value| F::of_f64((value.to_f64() - moments.mean) / moments.std));
            Ok(())
        }
        _ => {
            convert(scores.read(rows, scratch)?, out);
            Ok(())
        }
    }
}

/// A vector in files whose values are of this type.
fn stored<F: Float>(operand: &Operand) -> Option<&Stored> {
    match operand.scores().map(|scores| (scores.dtype(), scores.node())) {
        Some((dtype, Node::Stored(stored))) if dtype == F::DTYPE => Some(stored),
        _ => None,
    }
}

/// Computes an operation of two stored vectors from where they lie.
fn fill_joined<F: Float>(
    operator: Operator,
    (left, right): (&Stored, &Stored),
    rows: Range<u64>,
    out: &mut [F],
    scratch: &mut Scratch,
) -> Result<()> {
    let other = || Error::Internal("a stored vector gave another type than it says".into());
    let (_, operands) = scratch.split::<F>(0, 2);
    let [first, second] = operands else { return Err(Error::Internal("no scratch for operands".into())) };
    let left = F::values(left.read(rows.clone(), first)?).ok_or_else(other)?;
    let right = F::values(right.read(rows, second)?).ok_or_else(other)?;
    join(operator, out, left, right);
    Ok(())
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
