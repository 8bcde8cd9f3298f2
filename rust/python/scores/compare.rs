//! Comparisons of scores: a boolean for each row, as a numpy array.

use numpy::{PyArray1, PyArrayMethods};
use pyo3::basic::CompareOp;
use pyo3::prelude::*;

use super::PyScores;
use super::array::numpy_dtype;
use super::held::held;
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::python::call;
use crate::scores::{self, Comparison, Scores, Source, Threshold};

/// What scores are compared with.
enum Other {
    Number(Threshold),
    Scores(Scores),
}

/// The mask of a comparison; nothing for what neither is a number nor holds scores.
pub(super) fn compared<'py>(
    this: &Bound<'py, PyScores>,
    how: CompareOp,
    other: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let (py, scores) = (this.py(), &this.get().scores);
    let Some(other) = other_of(scores, other)? else { return Ok(None) }; // Proof: Python then asks the other side.
    if let Other::Scores(other) = &other {
        scores.check_length(other)?;
    }
    let how = match how {
        CompareOp::Lt => Comparison::Less,
        CompareOp::Le => Comparison::LessOrEqual,
        CompareOp::Eq => Comparison::Equal,
        CompareOp::Ne => Comparison::NotEqual,
        CompareOp::Gt => Comparison::Greater,
        CompareOp::Ge => Comparison::GreaterOrEqual,
    };
    mask(py, scores.len(), |into, job| match &other {
        Other::Number(number) => scores::compare_with_number(scores, how, *number, into, job),
        Other::Scores(other) => scores::compare(scores, how, other, into, job),
    })
    .map(Some)
}

fn other_of(scores: &Scores, other: &Bound<'_, PyAny>) -> PyResult<Option<Other>> {
    if let Ok(other) = other.cast::<PyScores>() {
        return Ok(Some(Other::Scores(other.get().scores.clone())));
    }
    let py = other.py();
    let own = numpy_dtype(py, scores.dtype())?;
    let number = py.import("dsdm.selection.operands")?.call_method1("threshold", (own, other))?;
    match number.extract::<Option<(bool, Bound<'_, PyAny>)>>()? {
        Some((true, whole)) => Ok(Some(Other::Number(Threshold::Integer(whole.extract()?)))),
        Some((false, float)) => Ok(Some(Other::Number(Threshold::Float(float.extract()?)))),
        None => Ok(held(other)?.map(|held| Other::Scores(Scores::of_held(held)))),
    }
}

/// A new array of so many booleans, which `fill` writes without the GIL.
fn mask(
    py: Python<'_>,
    len: u64,
    fill: impl FnOnce(&mut [u8], &Job<'_>) -> Result<()> + Send,
) -> PyResult<Bound<'_, PyAny>> {
    let array = py.import("numpy")?.call_method1("empty", (len, "bool"))?;
    let bytes = array.call_method1("view", ("uint8",))?;
    let bytes = bytes.cast::<PyArray1<u8>>().map_err(|e| Error::Internal(e.to_string()))?;
    let mut bytes = bytes.readwrite();
    let into = bytes.as_slice_mut().map_err(|e| Error::Internal(e.to_string()))?;
    // Short comparisons are not worth threads.
    let threads = if len < 1 << 20 { 1 } else { call::threads(None)? };
    call::run(py, threads, None, |job| fill(into, job))?;
    Ok(array)
}
