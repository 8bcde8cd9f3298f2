//! Outputs and the files that they tell of: whether they are what they were.

use std::path::PathBuf;

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use super::arguments::{format_named, parsed, places};
use super::call;
use super::reports::VerifiedFiles;
use crate::write;

/// What an interrupted run that would write `target` was to make, as a dict; None if nothing was left.
#[pyfunction]
fn unfinished(py: Python<'_>, target: PathBuf) -> PyResult<Option<Py<PyAny>>> {
    let left = write::unfinished(&target)?;
    left.map(|fields| parsed(py, &serde_json::Value::Object(fields).to_string())).transpose()
}

/// Fails if an output cannot get its name: there is something, and it is not to be replaced.
#[pyfunction]
fn check_target(target: PathBuf, overwrite: bool) -> PyResult<()> {
    Ok(write::check_target(&target, overwrite).map(drop)?)
}

/// Compares a directory that was written with its `dsdm.json`.
#[pyfunction]
#[pyo3(signature = (folder, *, threads=None))]
fn verify(py: Python<'_>, folder: PathBuf, threads: Option<i64>) -> PyResult<VerifiedFiles> {
    let threads = call::threads(threads)?;
    let found = call::run(py, threads, None, |job| write::verify(job, &folder))?;
    VerifiedFiles::new(py, found)
}

/// The digest by which `dsdm.json` knows row numbers: XXH3 of 128 bits, in hexadecimal digits.
#[pyfunction]
fn digest_of_rows(py: Python<'_>, indices: PyReadonlyArray1<'_, i64>) -> PyResult<String> {
    let rows = indices.as_slice()?;
    call::run(py, 1, None, |job| job.run_one(|| write::digest_of_rows(rows)))
}

/// A file as the manifest of an output at `target` names it.
#[pyfunction]
fn located(path: PathBuf, target: PathBuf, absolute: bool) -> PyResult<PathBuf> {
    Ok(write::located(&path, &target, places(absolute))?)
}

/// The bytes of a file of JSON, which stay within the limits: a regular file, neither long nor deep.
#[pyfunction]
fn json_bytes(py: Python<'_>, path: PathBuf) -> PyResult<Vec<u8>> {
    Ok(py.detach(|| crate::io::json::bytes_of(&path))?)
}

/// The names of the types that tokens can have in a format: none if it holds other rows than tokens.
#[pyfunction]
fn token_dtypes(format: &str) -> PyResult<Vec<String>> {
    Ok(write::dtypes_of(format_named(format)?))
}

/// Adds the functions to the module.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(digest_of_rows, module)?)?;
    module.add_function(wrap_pyfunction!(token_dtypes, module)?)?;
    module.add_function(wrap_pyfunction!(verify, module)?)?;
    module.add_function(wrap_pyfunction!(json_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(located, module)?)?;
    module.add_function(wrap_pyfunction!(check_target, module)?)?;
    module.add_function(wrap_pyfunction!(unfinished, module)?)
}
