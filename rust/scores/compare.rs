//! Comparing a vector with a number or with another vector: one byte for each row, 1 where it holds.
//!
//! Numbers are compared as numpy 2 compares them: integers with integers as they are, everything else as float32 or
//! float64, whichever numpy has for both types. Nothing is less than, equal to or greater than NaN.

use std::ops::Range;

use super::Source;
use super::dtype::{DType, Scratch, Values};
use super::float::{Float, convert};
use super::vector::take::by_blocks;
use crate::checked::{self, impossible};
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::exec::simd::{Kernel, dispatch};

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names are the documentation
pub enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    /// The one that holds for the sides the other way round.
    fn turned(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Equal | Self::NotEqual => self,
        }
    }
}

/// What every row is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// A whole number, for scores of an integer type.
    Integer(i128),
    /// A float, in which integers are compared as float64.
    Float(f64),
}

/// Compares each score with a number; `into` has a byte for each.
///
/// # Errors
///
/// What reading the scores fails with.
pub fn compare_with_number(
    source: &dyn Source,
    how: Comparison,
    number: Threshold,
    into: &mut [u8],
    job: &Job<'_>,
) -> Result<()> {
    by_rows(&[source], into, job, |rows, into, scratch| {
        let (_, [own, converted]) = two(scratch)?;
        let values = source.read(rows, own)?;
        match number {
            Threshold::Integer(number) => with_integer(values, how, number, into),
            Threshold::Float(number) if fits_single(values.dtype(), number) => {
                with_float(in_floats::<f32>(values, converted)?, how, f32::of(number), into)
            }
            Threshold::Float(number) => with_float(in_floats::<f64>(values, converted)?, how, number, into),
        }
    })
}

/// Compares the scores of two vectors, row by row; `into` has a byte for each row.
///
/// # Errors
///
/// [`Error::Value`] if they differ in length; what reading the scores fails with.
pub fn compare(
    left: &dyn Source,
    how: Comparison,
    right: &dyn Source,
    into: &mut [u8],
    job: &Job<'_>,
) -> Result<()> {
    if left.len() != right.len() {
        return Err(Error::Value(format!("{} scores are compared with {}", left.len(), right.len())));
    }
    by_rows(&[left, right], into, job, |rows, into, scratch| {
        let (others, [own, converted]) = two(scratch)?;
        let [other, other_converted] = others else { return Err(impossible("no scratch for a comparison")) };
        let (left, right) = (left.read(rows.clone(), own)?, right.read(rows, other)?);
        match (left.dtype(), right.dtype()) {
            (one, two) if !one.is_float() && !two.is_float() => {
                integers(left, how, right, into, (converted, other_converted))
            }
            (one, two) if is_single(one) && is_single(two) => {
                let (left, right) = (in_floats::<f32>(left, converted)?, in_floats(right, other_converted)?);
                pairs(left, how, right, into)
            }
            _ => {
                let (left, right) = (in_floats::<f64>(left, converted)?, in_floats(right, other_converted)?);
                pairs(left, how, right, into)
            }
        }
    })
}

/// Calls `work` for blocks of rows, with their part of `into`.
fn by_rows(
    sources: &[&dyn Source],
    into: &mut [u8],
    job: &Job<'_>,
    work: impl Fn(Range<u64>, &mut [u8], &mut Scratch) -> Result<()> + Sync,
) -> Result<()> {
    for source in sources {
        checked::equal("bytes of room for a comparison", into.len() as u64, source.len())?;
        source.prepare(job)?;
        source.check_unchanged()?;
    }
    by_blocks(into, 1, job, |start, into, scratch| {
        let rows = start as u64..checked::add(start, into.len())? as u64;
        sources.iter().try_for_each(|source| source.prefetch(rows.clone()))?;
        work(rows, into, scratch)
    })?;
    sources.iter().try_for_each(|source| source.check_unchanged())
}

/// Scratch for two vectors, each with one for its values in another type.
fn two(scratch: &mut Scratch) -> Result<(&mut [Scratch], [&mut Scratch; 2])> {
    let (_, four) = scratch.split::<u8>(0, 4);
    let [first, second, others @ ..] = four else { return Err(impossible("no scratch for a comparison")) };
    Ok((others, [first, second]))
}

/// Whether float32 holds all values of a type.
fn is_single(dtype: DType) -> bool {
    matches!(dtype, DType::F16 | DType::BF16 | DType::F32 | DType::I8 | DType::I16 | DType::U8 | DType::U16)
}

/// Whether float32 holds all values of a type and a number too, so that they compare in it as in float64.
fn fits_single(dtype: DType, number: f64) -> bool {
    is_single(dtype) && (number.is_nan() || f64::from(f32::of(number)).to_bits() == number.to_bits())
}

/// Values as floats of one type: where they lie, if they are such.
fn in_floats<'a, F: Float>(values: Values<'a>, scratch: &'a mut Scratch) -> Result<&'a [F]> {
    if let Some(same) = F::values(values) {
        return Ok(same);
    }
    let out = scratch.values::<F>(values.len());
    convert(values, out)?;
    Ok(out)
}

fn with_float<F: Float>(values: &[F], how: Comparison, number: F, into: &mut [u8]) -> Result<()> {
    checked::equal("values that are compared", values.len(), into.len())?;
    dispatch(WithNumber { values, how, number, into });
    Ok(())
}

/// Runs `$body` with `$slice` bound to integers, whatever their type.
macro_rules! with_integers {
    ($values:expr, $slice:ident => $body:expr) => {
        match $values {
            Values::I8($slice) => $body,
            Values::I16($slice) => $body,
            Values::I32($slice) => $body,
            Values::I64($slice) => $body,
            Values::U8($slice) => $body,
            Values::U16($slice) => $body,
            Values::U32($slice) => $body,
            Values::U64($slice) => $body,
            Values::F16(_) | Values::BF16(_) | Values::F32(_) | Values::F64(_) => {
                Err(impossible("floats are compared as integers"))
            }
        }
    };
}

fn with_integer(values: Values<'_>, how: Comparison, number: i128, into: &mut [u8]) -> Result<()> {
    with_integers!(values, values => compare_whole(values, how, number, into))
}

fn compare_whole<T>(values: &[T], how: Comparison, number: i128, into: &mut [u8]) -> Result<()>
where
    T: Copy + PartialOrd + TryFrom<i128>,
{
    checked::equal("values that are compared", values.len(), into.len())?;
    if let Ok(number) = T::try_from(number) {
        dispatch(WithNumber { values, how, number, into });
        return Ok(());
    }
    // It is beyond all values of the type, on one side.
    let holds = match how {
        Comparison::Less | Comparison::LessOrEqual => number > 0,
        Comparison::Greater | Comparison::GreaterOrEqual => number < 0,
        Comparison::Equal => false,
        Comparison::NotEqual => true,
    };
    into.fill(u8::from(holds));
    Ok(())
}

/// Integers of any two types, none of which is rounded.
fn integers(
    left: Values<'_>,
    how: Comparison,
    right: Values<'_>,
    into: &mut [u8],
    (own, other): (&mut Scratch, &mut Scratch),
) -> Result<()> {
    match (left.dtype() == DType::U64, right.dtype() == DType::U64) {
        (false, false) => pairs(in_integers::<i64>(left, own)?, how, in_integers(right, other)?, into),
        (true, true) => pairs(in_integers::<u64>(left, own)?, how, in_integers(right, other)?, into),
        (false, true) => mixed(in_integers(left, own)?, how, in_integers(right, other)?, into),
        (true, false) => mixed(in_integers(right, other)?, how.turned(), in_integers(left, own)?, into),
    }
}

/// Integers as those of a type that holds all of them.
fn in_integers<'a, I>(values: Values<'a>, scratch: &'a mut Scratch) -> Result<&'a [I]>
where
    I: super::Value + TryFrom<i128>,
{
    if let Some(same) = I::values(values) {
        return Ok(same);
    }
    let out = scratch.values::<I>(values.len());
    with_integers!(values, values => {
        for (into, &value) in checked::zip(out.iter_mut(), values)? {
            let value = I::try_from(i128::from(value));
            *into = value.map_err(|_| impossible("an integer does not fit into a wider type"))?;
        }
        Ok::<(), Error>(())
    })?;
    Ok(out)
}

fn mixed(left: &[i64], how: Comparison, right: &[u64], into: &mut [u8]) -> Result<()> {
    let lengths = [left.len(), right.len()];
    lengths.iter().try_for_each(|&len| checked::equal("values that are compared", len, into.len()))?;
    // Proof: the lengths were just compared.
    let both = left.iter().zip(right).map(|(&left, &right)| (i128::from(left), i128::from(right)));
    fill(how, both, into);
    Ok(())
}

fn pairs<T: Copy + PartialOrd>(left: &[T], how: Comparison, right: &[T], into: &mut [u8]) -> Result<()> {
    let lengths = [left.len(), right.len()];
    lengths.iter().try_for_each(|&len| checked::equal("values that are compared", len, into.len()))?;
    dispatch(Pairs { left, how, right, into });
    Ok(())
}

struct WithNumber<'a, T> {
    values: &'a [T],
    how: Comparison,
    number: T,
    into: &'a mut [u8],
}

impl<T: Copy + PartialOrd> Kernel for WithNumber<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { values, how, number, into } = self;
        fill(how, values.iter().map(|&value| (value, number)), into);
    }
}

struct Pairs<'a, T> {
    left: &'a [T],
    how: Comparison,
    right: &'a [T],
    into: &'a mut [u8],
}

impl<T: Copy + PartialOrd> Kernel for Pairs<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { left, how, right, into } = self;
        // Proof: `pairs` compared the lengths.
        fill(how, left.iter().zip(right).map(|(&left, &right)| (left, right)), into);
    }
}

/// Whether each pair compares so.
#[inline(always)]
fn fill<T: PartialOrd>(how: Comparison, pairs: impl Iterator<Item = (T, T)>, into: &mut [u8]) {
    // Proof: callers compared the lengths.
    let rows = into.iter_mut().zip(pairs);
    match how {
        Comparison::Less => rows.for_each(|(into, (left, right))| *into = u8::from(left < right)),
        Comparison::LessOrEqual => rows.for_each(|(into, (left, right))| *into = u8::from(left <= right)),
        Comparison::Equal => rows.for_each(|(into, (left, right))| *into = u8::from(left == right)),
        Comparison::NotEqual => rows.for_each(|(into, (left, right))| *into = u8::from(left != right)),
        Comparison::Greater => rows.for_each(|(into, (left, right))| *into = u8::from(left > right)),
        Comparison::GreaterOrEqual => rows.for_each(|(into, (left, right))| *into = u8::from(left >= right)),
    }
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
