//! The first touch of numpy, before any call that takes or gives an array.
//!
//! The `numpy` crate looks up numpy's functions when it first needs one, runs Python code for it, and panics where that
//! fails: with a Ctrl-C of just then too, which would become an exception that `except Exception` does not catch.

use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::{PyKeyboardInterrupt, PyMemoryError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::error::Error;
use crate::exec::catch_panic::silently;
use crate::exec::threads::panic_message;

/// Looks up once what calls with arrays need. What fails is raised, and the next call tries again.
pub(super) fn prepare(py: Python<'_>) -> PyResult<()> {
    static DONE: PyOnceLock<()> = PyOnceLock::new();
    DONE.get_or_try_init(py, || {
        import(py)?;
        silently(|| touch(py)).map_err(|panic| error_of(panic_message(panic.as_ref())))?
    })
    .map(|&()| ())
}

/// What the crate does, as far as it is Python code: an error of it is raised as it is.
fn import(py: Python<'_>) -> PyResult<()> {
    let version = py.import("numpy")?.getattr("__version__")?;
    py.import("numpy.lib")?.getattr("NumpyVersion")?.call1((version,))?;
    Ok(())
}

/// Makes an array and borrows it: all that the crate looks up.
fn touch(py: Python<'_>) -> PyResult<()> {
    let array = PyArray1::<i64>::from_slice(py, &[0]);
    array.try_readonly().map(drop).map_err(|e| Error::Internal(e.to_string()).into())
}

/// The error that a panic tells of, by its name.
fn error_of(said: String) -> PyErr {
    if said.contains("KeyboardInterrupt") {
        PyKeyboardInterrupt::new_err(())
    } else if said.contains("MemoryError") {
        PyMemoryError::new_err(said)
    } else {
        Error::Internal(said).into()
    }
}

/// Looks up numpy's functions, so that no later call fails at it.
#[pyfunction]
pub(super) fn prepare_arrays(py: Python<'_>) -> PyResult<()> {
    prepare(py)
}

/// Adds the function to the module.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(prepare_arrays, module)?)
}
