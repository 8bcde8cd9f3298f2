//! What arithmetic and slices of scores take beside them: another vector, a number, a bound.

use std::ops::Range;

use pyo3::prelude::*;
use pyo3::types::PyBool;

use super::held::held;
use crate::error::Error;
use crate::python::numbers::{if_there_is_room, said, whole};
use crate::scores::{Operand, Scores};

/// A vector, which `scores` knows or which lies in memory, or a number; anything else is left to its own arithmetic.
pub(super) fn operand(
    value: &Bound<'_, PyAny>,
    scores: impl Fn(&Bound<'_, PyAny>) -> Option<Scores>,
) -> PyResult<Option<Operand>> {
    if let Some(scores) = scores(value) {
        return Ok(Some(Operand::Scores(scores)));
    }
    let numbers = value.py().import("numbers")?.getattr("Real")?;
    if value.is_instance_of::<PyBool>() || !value.is_instance(&numbers)? {
        return Ok(held(value)?.map(|held| Operand::Scores(Scores::of_held(held))));
    }
    let Some(number) = if_there_is_room(value.py(), value.extract::<f64>())? else {
        let message = format!("{} is beyond a float64, in which arithmetic on scores is done", said(value)?);
        return Err(Error::Value(message).into());
    };
    let integers = value.py().import("numbers")?.getattr("Integral")?;
    // An integer of numpy would be compared as the float64 that it is rounded to.
    let exact = || value.py().import("operator")?.call_method1("index", (value,))?.eq(number);
    if value.is_instance(&integers)? && !exact()? {
        let message = format!(
            "the number {value} is not exactly a float64, in which arithmetic on scores is done; give a float, or compute with numpy in integers"
        );
        return Err(Error::Value(message).into());
    }
    Ok(Some(Operand::Number(number)))
}

/// The rows of a slice of `len` rows, by its bounds.
pub(super) fn range(
    start: Option<&Bound<'_, PyAny>>,
    stop: Option<&Bound<'_, PyAny>>,
    len: u64,
) -> PyResult<Range<u64>> {
    let bounds = (bound("start", start, 0, len)?, bound("stop", stop, len, len)?);
    let (Some(first), Some(last)) = bounds else {
        let shown = |given: Option<&Bound<'_, PyAny>>| given.map_or(Ok("None".to_owned()), said);
        return Err(Error::Index(format!(
            "the slice from {} to {} of {len} scores; its bounds are from -{len} to {len}",
            shown(start)?,
            shown(stop)?
        ))
        .into());
    };
    Ok(first..last.max(first))
}

/// A bound of a slice of `len` rows: counted from the end, if it is negative. Nothing, if it lies outside.
fn bound(name: &str, given: Option<&Bound<'_, PyAny>>, default: u64, len: u64) -> PyResult<Option<u64>> {
    let Some(given) = given else { return Ok(Some(default)) }; // Proof: Python's own default.
    let row = whole(name, given)?.and_then(|row| {
        let back = row.unsigned_abs();
        if row < 0 { len.checked_sub(back) } else { Some(back) }
    });
    Ok(row.filter(|&row| row <= len))
}
