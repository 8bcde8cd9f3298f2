//! What arithmetic and slices of scores take beside them: another vector, a number, a bound.

use numpy::PyUntypedArray;
use pyo3::prelude::*;
use pyo3::types::PyBool;

use crate::error::Error;
use crate::python::numbers::{if_there_is_room, said, whole};
use crate::scores::{Operand, Scores};

/// A vector, which `scores` knows, or a number; anything else is left to its own arithmetic.
pub(super) fn operand(
    value: &Bound<'_, PyAny>,
    scores: impl Fn(&Bound<'_, PyAny>) -> Option<Scores>,
) -> PyResult<Option<Operand>> {
    if let Some(scores) = scores(value) {
        return Ok(Some(Operand::Scores(scores)));
    }
    let numbers = value.py().import("numbers")?.getattr("Real")?;
    if value.cast::<PyUntypedArray>().is_ok() {
        let message = "scores and a numpy array do not go together, as scores are read block by block; give numpy.asarray(scores) in their place for an array, or save the array with numpy.save and open it with dsdm.open_scores";
        return Err(Error::Type(message.to_owned()).into());
    }
    if value.is_instance_of::<PyBool>() || !value.is_instance(&numbers)? {
        return Ok(None);
    }
    let Some(number) = if_there_is_room(value.py(), value.extract::<f64>())? else {
        let message =
            format!("the number {} is beyond a float64, in which arithmetic on scores is done", said(value)?);
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

/// A bound of a slice of `len` rows: counted from the end, if it is negative. Nothing, if it lies outside.
pub(super) fn bound(
    name: &str,
    given: Option<&Bound<'_, PyAny>>,
    default: u64,
    len: u64,
) -> PyResult<Option<u64>> {
    let Some(given) = given else { return Ok(Some(default)) }; // Proof: Python's own default.
    let row = whole(name, given)?.and_then(|row| {
        let back = row.unsigned_abs();
        if row < 0 { len.checked_sub(back) } else { Some(back) }
    });
    Ok(row.filter(|&row| row <= len))
}
