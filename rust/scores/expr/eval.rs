//! Reading an expression, a block at a time.
//!
//! Each operation rounds once, in the type of its result, left to right as written: `(a + b + c) / 3` has
//! the bits that numpy and torch give for float32.

use std::collections::HashSet;
use std::ops::Range;
use std::path::PathBuf;

use super::exact::check_exact;
use super::kernels::{Base, Step, compute};
use super::{Node, Operand, Scores, address, shared};
use crate::checked::{self, impossible};
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::scores::Source;
use crate::scores::dtype::{DType, Scratch, Values};
use crate::scores::float::{Float, convert};

impl Source for Scores {
    fn len(&self) -> u64 {
        self.len
    }

    fn dtype(&self) -> DType {
        self.dtype
    }

    fn prepare(&self, job: &Job<'_>) -> Result<()> {
        self.prepare_once(job, &mut HashSet::new())
    }

    fn read<'a>(&'a self, rows: Range<u64>, scratch: &'a mut Scratch) -> Result<Values<'a>> {
        let len = checked::sub(rows.end, rows.start)?;
        if rows.end > self.len {
            return Err(impossible(format_args!("row {} of {} rows is read", rows.end - 1, self.len)));
        }
        let values =
            read(self, rows, scratch).map_err(|error| error.unless_changed(|| self.check_unchanged()))?;
        checked::equal("values that were read", values.len() as u64, len)?;
        Ok(values)
    }

    fn prefetch(&self, rows: Range<u64>) -> Result<()> {
        let mut outcome = Ok(());
        self.each_read(0, &mut |stored, ahead| {
            if outcome.is_ok() {
                outcome = stored.prefetch(rows.start + ahead..rows.end + ahead);
            }
        });
        outcome
    }

    fn hint_will_need(&self, rows: Range<u64>) -> bool {
        let mut missing = false;
        self.each_read(0, &mut |stored, ahead| {
            missing |= stored.hint_will_need(rows.start + ahead..rows.end + ahead);
        });
        missing
    }

    fn check_unchanged(&self) -> Result<()> {
        let mut outcome = Ok(());
        self.each_stored(&mut |stored| {
            if outcome.is_ok() {
                outcome = stored.check_unchanged();
            }
        });
        outcome
    }

    fn borrow_all(&self) -> Option<Values<'_>> {
        match self.node() {
            Node::Stored(stored) => stored.borrow_all(),
            Node::Held(held) => held.values().ok(), // Proof: then the vector is read, which fails.
            _ => None,
        }
    }

    fn first_row(&self) -> u64 {
        self.first_row.row()
    }

    fn place_of(&self, row: u64) -> Result<(PathBuf, u64)> {
        match self.node() {
            Node::Stored(stored) => stored.place_of(row),
            Node::Held(held) => Ok((PathBuf::new(), held.row(row)?)),
            // Proof: names in a message.
            _ => Ok((self.paths().first().cloned().unwrap_or_default(), row)),
        }
    }
}

impl Scores {
    /// Computes what values need to know of all rows, the innermost first.
    fn prepare_once(&self, job: &Job<'_>, done: &mut HashSet<usize>) -> Result<()> {
        if !done.insert(address(self)) {
            return Ok(());
        }
        self.node().operands().try_for_each(|scores| scores.prepare_once(job, done))?;
        if let Node::Standardized { of, ddof, moments } = self.node() {
            moments.get_or_compute(of, *ddof, job)?;
        }
        Ok(())
    }
}

/// [`Source::read`] of a vector.
fn read<'a>(scores: &'a Scores, rows: Range<u64>, scratch: &'a mut Scratch) -> Result<Values<'a>> {
    match scores.node() {
        Node::Stored(stored) => stored.read(rows, scratch),
        Node::Held(held) => held.read(&rows),
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
            Node::Stored(_) | Node::Held(_) if first.dtype() == F::DTYPE => {
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
            Node::Stored(_) | Node::Held(_) | Node::Widened(_) | Node::Slice { .. } => {
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
            Node::Stored(_) | Node::Held(_) | Node::Widened(_) | Node::Slice { .. } => break,
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
