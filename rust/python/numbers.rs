//! Whole numbers as arguments: of any size, and named where they cannot be.

use std::convert::Infallible;

use pyo3::exceptions::PyOverflowError;
use pyo3::prelude::*;

/// What was given for an argument that has a default, whatever it is: it is looked at by whoever knows its name.
pub(super) struct Given<'py>(pub(super) Option<Bound<'py, PyAny>>);

impl<'py> FromPyObject<'_, 'py> for Given<'py> {
    type Error = Infallible;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> Result<Self, Infallible> {
        Ok(Self(Some(object.to_owned())))
    }
}

/// A whole number, if 64 bits have room for it.
///
/// # Errors
/// A `TypeError` for anything else, which names the argument.
pub(super) fn whole(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<i64>> {
    let number = value.py().import("dsdm.checks")?.call_method1("whole", (name, value))?;
    if_there_is_room(value.py(), number.extract())
}

/// A number that was taken out of Python, or nothing where Python has a larger one.
pub(super) fn if_there_is_room<T>(py: Python<'_>, taken: PyResult<T>) -> PyResult<Option<T>> {
    match taken {
        Err(error) if error.is_instance_of::<PyOverflowError>(py) => Ok(None),
        other => other.map(Some),
    }
}

/// A number for a message.
pub(super) fn said(value: &Bound<'_, PyAny>) -> PyResult<String> {
    value.py().import("dsdm.checks")?.call_method1("said", (value,))?.extract()
}
