//! Opening score files.

use std::path::PathBuf;

use arrow::datatypes::Schema;
use arrow_pyarrow::PyArrowType;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict};

use super::{PyScores, array};
use crate::error::{At, Error};
use crate::python::{arrays, call};
use crate::scores::{OpenOptions, RawShape, RawType, Reduce, RowFile, Scores};

/// The rows and columns of raw values, as far as they are told.
type Shape = (Option<u64>, Option<u64>);

/// Opens files as one vector, in the order given.
#[pyfunction]
#[allow(clippy::needless_pass_by_value, clippy::too_many_arguments)] // those of Python, each by its name
fn open_scores(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    key: Option<String>,
    column: Option<String>,
    reduce: Option<&str>,
    transpose: bool,
    booleans: bool,
    shape: Option<Shape>,
    dtype: Option<&str>,
    io: &str,
    verify: bool,
) -> PyResult<PyScores> {
    arrays::prepare(py)?;
    let io = call::io(io)?;
    let reduce = reduce.map(Reduce::parse).transpose()?;
    let shape = shape.map(|(rows, columns)| RawShape { rows, columns });
    let dtype = dtype.map(RawType::parse).transpose()?;
    let options = OpenOptions { key, column, reduce, transpose, booleans, shape, dtype, io, verify };
    let threads = if verify { call::threads(None)? } else { 1 };
    let scores = call::run(py, threads, None, |job| Scores::open_in(job, &paths, &options))?;
    Ok(PyScores::new(scores))
}

/// The arguments of `dsdm.open_scores` that decide what is read, where they are not left out.
pub(super) fn arguments(py: Python<'_>, options: OpenOptions) -> PyResult<Bound<'_, PyDict>> {
    let given = PyDict::new(py);
    let OpenOptions { key, column, reduce, transpose, booleans, shape, dtype, .. } = options;
    let texts = [("key", key), ("column", column), ("dtype", dtype.map(RawType::name))];
    for (name, text) in texts {
        if let Some(text) = text {
            given.set_item(name, text)?;
        }
    }
    if let Some(reduce) = reduce {
        given.set_item("reduce", reduce.name())?;
    }
    for (name, flag) in [("transpose", transpose), ("booleans", booleans)] {
        if flag {
            given.set_item(name, true)?;
        }
    }
    if let Some(RawShape { rows, columns }) = shape {
        // -1 stands for as many as there are, as in numpy.
        let rows = rows.map_or(-1, i128::from); // Proof: so it was given.
        let shape: Vec<i128> = std::iter::once(rows).chain(columns.map(i128::from)).collect();
        given.set_item("shape", shape)?;
    }
    Ok(given)
}

/// Opens the files of scores that were pickled again, if they are still the same. Values in memory are given.
#[pyfunction]
#[pyo3(signature = (text, held = None))]
fn rebuild_scores(
    py: Python<'_>,
    text: &str,
    held: Option<Vec<(Bound<'_, PyAny>, String)>>,
) -> PyResult<PyScores> {
    arrays::prepare(py)?;
    let held = super::held::unpickled(&held.unwrap_or_default())?; // Proof: none were pickled.
    Ok(PyScores::new(call::run(py, call::threads(None)?, None, |job| Scores::rebuild(text, &held, job))?))
}

/// The row numbers in a `.npy` file, in the type that it has; or one boolean for each row.
#[pyfunction]
fn read_row_file(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyAny>> {
    arrays::prepare(py)?;
    let file = call::run(py, 1, None, |job| job.run_one(|| RowFile::open(&path)))?;
    let values = array::copied(py, &file.values)?;
    if !file.booleans {
        return Ok(values);
    }
    let most: u8 = values.call_method("max", (), Some(&[("initial", 0_u8)].into_py_dict(py)?))?.extract()?;
    if most > 1 {
        let message = "a boolean is 0 or 1, and the file holds other bytes; save it again with numpy.save";
        return Err(Error::format(path, At::File, message).into());
    }
    values.call_method1("view", ("bool",))
}

/// The columns and fields of structs that a name can mean: a text that means each alone, and the names that lead to it.
#[pyfunction]
fn fields_named(schema: PyArrowType<Schema>, name: &str) -> Vec<(String, Vec<String>)> {
    crate::scores::fields_named(&schema.0, name)
}

/// Adds the functions to the module.
pub(in crate::python) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(fields_named, module)?)?;
    module.add_function(wrap_pyfunction!(read_row_file, module)?)?;
    module.add_function(wrap_pyfunction!(rebuild_scores, module)?)?;
    module.add_function(wrap_pyfunction!(open_scores, module)?)
}
