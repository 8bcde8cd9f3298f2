//! Scores as numpy arrays: the bytes where they lie, or a copy made without the GIL.

use std::ops::Range;

use numpy::{PyArray1, PyArrayMethods, PyReadonlyArray1};
use pyo3::exceptions::{PyIndexError, PyOverflowError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PySlice};

use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::python::call;
use crate::python::numbers::said;
use crate::scores::{DType, Scores, Source, copy_rows, take_rows};

/// A vector whose bytes numpy reads where they lie; it keeps their file mapped.
#[pyclass(frozen, module = "dsdm")]
pub(super) struct ArrayInterface {
    scores: Scores,
}

#[pymethods]
impl ArrayInterface {
    #[getter(__array_interface__)]
    fn array_interface<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let values = self.scores.borrow_all();
        let values = values.ok_or_else(|| Error::Internal("the values are not one run in memory".into()))?;
        let interface = PyDict::new(py);
        interface.set_item("version", 3)?;
        interface.set_item("shape", (values.len(),))?;
        let dtype = if values.dtype() == DType::BF16 { DType::U16 } else { values.dtype() };
        interface.set_item("typestr", numpy_dtype(py, dtype)?.getattr("str")?)?;
        interface.set_item("data", (values.as_bytes().as_ptr().addr(), true))?;
        Ok(interface)
    }
}

/// The numpy type that values are given in: their own, and float32 for bfloat16.
pub(super) fn numpy_dtype(py: Python<'_>, dtype: DType) -> PyResult<Bound<'_, PyAny>> {
    let dtype = if dtype == DType::BF16 { DType::F32 } else { dtype };
    py.import("numpy")?.call_method1("dtype", (dtype.name(),))
}

/// Whether numpy can read the values where they lie.
fn in_place(scores: &Scores) -> bool {
    scores.dtype() != DType::BF16 && !scores.is_empty() && scores.borrow_all().is_some()
}

/// `Scores.__array__`.
pub(super) fn array<'py>(
    py: Python<'py>,
    scores: &Scores,
    dtype: Option<&Bound<'py, PyAny>>,
    copy: Option<bool>,
) -> PyResult<Bound<'py, PyAny>> {
    let own = numpy_dtype(py, scores.dtype())?;
    let wanted = match dtype {
        Some(dtype) => py.import("numpy")?.call_method1("dtype", (dtype,))?,
        None => own.clone(),
    };
    let same = wanted.eq(&own)?;
    if copy == Some(false) && !(same && in_place(scores)) {
        return Err(PyValueError::new_err(format!(
            "{} scores cannot be an array of {wanted} where they lie; leave copy=False out",
            scores.dtype()
        )));
    }
    match (same, copy) {
        (true, Some(true)) => copied(py, scores),
        (true, _) => view_or_copy(py, scores),
        (false, _) => view_or_copy(py, scores)?.call_method1("astype", (wanted,)),
    }
}

/// `scores[key]`.
pub(super) fn item<'py>(
    py: Python<'py>,
    scores: &Scores,
    key: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    match key.cast::<PySlice>() {
        Ok(key) => slice(py, scores, key),
        Err(_) => index(py, scores, key),
    }
}

/// `scores[a:b:step]`.
fn slice<'py>(py: Python<'py>, scores: &Scores, slice: &Bound<'py, PySlice>) -> PyResult<Bound<'py, PyAny>> {
    let len = isize::try_from(scores.len()).map_err(|_| Error::Value("more rows than an index".into()))?;
    let taken = slice.indices(len)?;
    let rows = run_of(taken.start, taken.step, taken.slicelength)
        .ok_or_else(|| Error::Internal("a slice outside the rows".into()))?;
    let run = view_or_copy(py, &scores.slice(rows)?)?;
    // numpy takes the steps, from the end of the run if they go backwards.
    if taken.step == 1 {
        Ok(run)
    } else {
        run.get_item(py.get_type::<PySlice>().call1((py.None(), py.None(), taken.step))?)
    }
}

/// The rows from the lowest to the highest that a slice takes.
fn run_of(start: isize, step: isize, count: usize) -> Option<Range<u64>> {
    let Some(steps) = count.checked_sub(1) else { return Some(0..0) }; // Proof: a slice of none.
    let last = start.checked_add(step.checked_mul(isize::try_from(steps).ok()?)?)?;
    let (low, high) = (u64::try_from(start.min(last)).ok()?, u64::try_from(start.max(last)).ok()?);
    Some(low..high.checked_add(1)?)
}

/// `scores[i]` and `scores[array]`.
fn index<'py>(py: Python<'py>, scores: &Scores, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    if !key.is_instance_of::<PyBool>() {
        match key.extract::<i64>() {
            Ok(row) => return taken(py, scores, &[row])?.get_item(0),
            Err(error) if error.is_instance_of::<PyOverflowError>(py) => {
                return Err(outside(&said(key)?, scores.len()));
            }
            Err(_) => {} // it may be several
        }
    }
    let rows = row_numbers(py, key, scores.len())?;
    let rows: PyReadonlyArray1<'py, i64> = rows.extract()?;
    let rows = rows.as_slice().map_err(|e| Error::Internal(e.to_string()))?;
    taken(py, scores, rows)
}

/// An array of row numbers or of one boolean per row, as contiguous int64 row numbers.
fn row_numbers<'py>(py: Python<'py>, key: &Bound<'py, PyAny>, len: u64) -> PyResult<Bound<'py, PyAny>> {
    let numpy = py.import("numpy")?;
    let array = py.import("dsdm.checks")?.call_method1("plain_array", ("rows", key))?;
    let kind: String = array.getattr("dtype")?.getattr("kind")?.extract()?;
    let size: u64 = array.getattr("size")?.extract()?;
    if array.getattr("ndim")?.extract::<usize>()? != 1 {
        let message =
            "rows are given as one number, a slice, or a one-dimensional array of numbers or booleans";
        return Err(if kind == "b" || kind == "i" || kind == "u" {
            PyIndexError::new_err(message)
        } else {
            PyTypeError::new_err(message)
        });
    }
    if kind == "b" && size != len {
        return Err(PyIndexError::new_err(format!("{size} booleans for {len} rows; one per row is needed")));
    }
    let beyond = py.import("dsdm.checks")?.call_method1("first_beyond", (&array,))?;
    if let Some((_, row)) = beyond.extract::<Option<(u64, String)>>()? {
        return Err(outside(&row, len));
    }
    if size > 0 && !matches!(kind.as_str(), "b" | "i" | "u") {
        let dtype = array.getattr("dtype")?;
        return Err(PyTypeError::new_err(format!("rows are whole numbers or booleans, and not {dtype}")));
    }
    if kind == "b" {
        return numpy.call_method1("flatnonzero", (array,))?.call_method1("astype", ("int64",));
    }
    // A field of packed records lies anywhere.
    py.import("dsdm.checks")?.call_method1("aligned", (array, "int64"))
}

/// The error for a row that 64 bits have no room for.
fn outside(row: &str, len: u64) -> PyErr {
    PyIndexError::new_err(format!("row {row} lies outside the {len} rows there are"))
}

/// All values as an array: where they lie if they can be, else copied.
fn view_or_copy<'py>(py: Python<'py>, scores: &Scores) -> PyResult<Bound<'py, PyAny>> {
    if !in_place(scores) {
        return copied(py, scores);
    }
    scores.check_unchanged()?;
    as_they_lie(py, scores)
}

/// The values where they lie, which are one run in memory; those of bfloat16 as uint16.
pub(super) fn as_they_lie<'py>(py: Python<'py>, scores: &Scores) -> PyResult<Bound<'py, PyAny>> {
    let owner = Bound::new(py, ArrayInterface { scores: scores.clone() })?;
    py.import("numpy")?.call_method1("asarray", (owner,))
}

/// All values, copied.
pub(super) fn copied<'py>(py: Python<'py>, scores: &Scores) -> PyResult<Bound<'py, PyAny>> {
    let rows = 0..scores.len();
    filled(py, scores, rows.end, |scores, into, job| copy_rows(scores, &rows, into, job))
}

/// The values of rows in any order.
fn taken<'py>(py: Python<'py>, scores: &Scores, rows: &[i64]) -> PyResult<Bound<'py, PyAny>> {
    filled(py, scores, rows.len() as u64, |scores, into, job| take_rows(scores, rows, into, job))
}

/// A new array of `len` values that `fill` writes, without the GIL.
fn filled<'py>(
    py: Python<'py>,
    scores: &Scores,
    len: u64,
    fill: impl FnOnce(&Scores, &mut [u8], &Job<'_>) -> Result<()> + Send,
) -> PyResult<Bound<'py, PyAny>> {
    let widened = if scores.dtype() == DType::BF16 { scores.widened()? } else { scores.clone() };
    let dtype = numpy_dtype(py, widened.dtype())?;
    let array = py.import("numpy")?.call_method1("empty", (len, dtype))?;
    let bytes = array.call_method1("view", ("uint8",))?;
    let bytes = bytes.cast::<PyArray1<u8>>().map_err(|e| Error::Internal(e.to_string()))?;
    let mut bytes = bytes.readwrite();
    let into = bytes.as_slice_mut().map_err(|e| Error::Internal(e.to_string()))?;
    // Short copies are not worth threads.
    let threads = if len < 1 << 20 { 1 } else { call::threads(None)? };
    call::run(py, threads, None, |job| fill(&widened, into, job))?;
    Ok(array)
}
