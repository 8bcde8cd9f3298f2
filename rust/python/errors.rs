//! One conversion from this crate's error to Python's exceptions: builtins, or small subclasses of them.

use std::io;
use std::path::PathBuf;

use pyo3::create_exception;
use pyo3::exceptions::{
    PyIndexError, PyIsADirectoryError, PyKeyboardInterrupt, PyMemoryError, PyOSError, PyRuntimeError,
    PyTypeError, PyValueError,
};
use pyo3::prelude::*;

use crate::error::{Error, Shown};
use crate::shown::told;

create_exception!(
    dsdm,
    FormatError,
    PyValueError,
    "The bytes are not the format they should be, or a part of it that is not supported."
);
create_exception!(
    dsdm,
    UnsafePickleError,
    FormatError,
    "A pickle asks for something that is not data. Nothing of it was run."
);
create_exception!(dsdm, TruncatedError, FormatError, "A file ends before what it promises.");
create_exception!(dsdm, ChecksumError, FormatError, "Stored and computed checksums differ.");
create_exception!(dsdm, SchemaError, FormatError, "Readable, but not of the type or shape that is needed.");
create_exception!(dsdm, SourceChangedError, PyOSError, "A file changed while it was read.");
create_exception!(
    dsdm,
    ResumeMismatchError,
    PyValueError,
    "An interrupted run cannot be continued by this call."
);
create_exception!(
    dsdm,
    InternalError,
    PyRuntimeError,
    "A defect of dsdm: please report it, with what ``dsdm doctor`` prints."
);

/// Adds the exceptions to the module.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("FormatError", py.get_type::<FormatError>())?;
    module.add("UnsafePickleError", py.get_type::<UnsafePickleError>())?;
    module.add("TruncatedError", py.get_type::<TruncatedError>())?;
    module.add("ChecksumError", py.get_type::<ChecksumError>())?;
    module.add("SchemaError", py.get_type::<SchemaError>())?;
    module.add("SourceChangedError", py.get_type::<SourceChangedError>())?;
    module.add("ResumeMismatchError", py.get_type::<ResumeMismatchError>())?;
    module.add("InternalError", py.get_type::<InternalError>())
}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Format(_) => FormatError::new_err(text),
            Error::UnsafePickle(_) => UnsafePickleError::new_err(text),
            Error::Truncated(_) => TruncatedError::new_err(text),
            Error::Checksum(_) => ChecksumError::new_err(text),
            Error::Schema(_) => SchemaError::new_err(text),
            Error::SourceChanged(_) => SourceChangedError::new_err(text),
            Error::ResumeMismatch(_) => ResumeMismatchError::new_err(text),
            Error::Io { path, doing, source } => os_error(path, &doing, &source),
            Error::Value(_) => PyValueError::new_err(text),
            Error::Type(_) => PyTypeError::new_err(text),
            Error::Index(_) => PyIndexError::new_err(text),
            Error::Memory(_) => PyMemoryError::new_err(text),
            Error::Interrupted => PyKeyboardInterrupt::new_err(()),
            Error::Internal(_) => InternalError::new_err(text),
        }
    }
}

/// `OSError(errno, message, filename)`: Python itself picks the subclass (`FileNotFoundError`, …) by the errno.
///
/// The filename is the path itself, as Python spells bytes that are no UTF-8.
fn os_error(path: PathBuf, doing: &str, source: &io::Error) -> PyErr {
    match (source.raw_os_error(), source.kind()) {
        (Some(errno), _) => {
            let message = source.to_string();
            let message = message.split_once(" (os error").map_or(message.as_str(), |(said, _)| said);
            // That it was to be opened goes without saying.
            let said = if doing == "opening" { message.to_owned() } else { format!("{doing}: {message}") };
            PyOSError::new_err((errno, told(said), path.into_os_string()))
        }
        (None, io::ErrorKind::IsADirectory) => {
            PyIsADirectoryError::new_err((21, format!("{doing}: this is a directory"), path.into_os_string()))
        }
        _ => PyOSError::new_err(told(format_args!("{}: {doing}: {source}", Shown(&path)))),
    }
}
