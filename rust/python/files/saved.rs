//! What `save_to_disk` of the package `datasets` wrote of its shards.

use std::path::PathBuf;

use pyo3::prelude::*;

use crate::io::save_to_disk;
use crate::python::arguments::parsed;

/// What a `state.json` says.
#[pyclass(frozen, get_all, module = "dsdm._native")]
struct SavedState {
    /// The names of the shards, in the order of their rows.
    shards: Vec<String>,
    /// All fields, a dict.
    fields: Py<PyAny>,
}

#[pymethods]
impl SavedState {
    /// Read the state of a path.
    #[staticmethod]
    fn read(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let state = py.detach(|| save_to_disk::SavedState::read(&path))?;
        Ok(Self { fields: parsed(py, &state.text)?, shards: state.shards })
    }
}

/// Whether a `state.json` is one of `datasets`, by the names of its fields: it may be damaged.
#[pyfunction]
fn is_state(py: Python<'_>, path: PathBuf) -> PyResult<bool> {
    Ok(py.detach(|| save_to_disk::is_state(&path))?)
}

/// Adds the class and the function to the module.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<SavedState>()?;
    module.add_function(wrap_pyfunction!(is_state, module)?)
}
