//! Arrays in memory as vectors of an expression, where they lie.

use std::path::PathBuf;

use arrow::array::ArrayData;
use arrow::buffer::Buffer;
use arrow_pyarrow::PyArrowType;
use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::array::{as_they_lie, numpy_dtype};
use crate::error::{Error, Result};
use crate::scores::{DType, HeldVector, Scores, Source};

/// The bytes of an Arrow array, the name of their type, and the file that they are mapped from.
type Given = (PyArrowType<ArrayData>, String, Option<PathBuf>);

/// What holds scores in memory, as `dsdm.selection.operands` reads it; nothing for anything else.
pub(super) fn held(value: &Bound<'_, PyAny>) -> PyResult<Option<HeldVector>> {
    let found = value.py().import("dsdm.selection.operands")?.call_method1("held", (value,))?;
    let Some(given) = found.extract::<Option<Given>>()? else { return Ok(None) }; // Proof: it holds no scores.
    Ok(Some(vector(given)?))
}

/// Vectors that were pickled by their values.
pub(super) fn unpickled(values: &[(Bound<'_, PyAny>, String)]) -> PyResult<Vec<HeldVector>> {
    let read = |(values, dtype): &(Bound<'_, PyAny>, String)| {
        let found =
            values.py().import("dsdm.selection.operands")?.call_method1("unpickled", (values, dtype))?;
        Ok(vector(found.extract()?)?)
    };
    values.iter().map(read).collect()
}

fn vector((PyArrowType(array), name, file): Given) -> Result<HeldVector> {
    let dtype = DType::parse(&name).ok_or_else(|| Error::Type(format!("no scores are {name}")))?;
    let [bytes] = array.buffers() else {
        return Err(Error::Internal("an array of bytes is not one run of them".to_owned()));
    };
    let bytes = bytes.slice_with_length(array.offset(), array.len());
    HeldVector::new(Bytes::from_owner(ArrowBytes(bytes)), dtype, file)
}

/// Bytes that Python holds as long as they are here.
struct ArrowBytes(Buffer);

impl AsRef<[u8]> for ArrowBytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// What makes a vector again out of a pickle: a function, and its arguments.
pub(super) fn pickled<'py>(
    py: Python<'py>,
    scores: &Scores,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
    let (text, held) = py.detach(|| scores.describe())?;
    let held: Vec<_> = held.into_iter().map(|held| values_of(py, held)).collect::<PyResult<_>>()?;
    let given = if held.is_empty() { (text,).into_pyobject(py)? } else { (text, held).into_pyobject(py)? };
    Ok((py.import("dsdm._native")?.getattr("rebuild_scores")?, given))
}

/// The values of a vector in memory, for a pickle: an array where they lie, of uint16 for bfloat16, and their type.
fn values_of(py: Python<'_>, held: HeldVector) -> PyResult<(Bound<'_, PyAny>, &'static str)> {
    let scores = Scores::of_held(held);
    let dtype = scores.dtype();
    let own = numpy_dtype(py, if dtype == DType::BF16 { DType::U16 } else { dtype })?;
    // No values have no address.
    let values = if scores.is_empty() {
        py.import("numpy")?.call_method1("empty", (0, own))?
    } else {
        as_they_lie(py, &scores)?
    };
    Ok((values, dtype.name()))
}
