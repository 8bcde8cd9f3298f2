//! What files are known by, as frozen classes: in a manifest, and to the machine on which they lie.

use std::ffi::OsString;
use std::path::PathBuf;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyType};

use crate::io::identity::{self, Inode, Pinned};

/// The device, the inode, and the time of change of a file in seconds and nanoseconds.
type HereFields = (u64, u64, Option<(i64, i64)>);

/// A file as it was: its size, its time, its rows, and a digest of its first and last bytes.
#[pyclass(frozen, eq, from_py_object, module = "dsdm._native")]
#[derive(Clone, PartialEq)]
pub(crate) struct FileIdentity {
    inner: identity::FileIdentity,
}

impl FileIdentity {
    pub(crate) fn all(files: Vec<identity::FileIdentity>) -> Vec<Self> {
        files.into_iter().map(Self::of).collect()
    }

    /// Of a file, without what is of this machine.
    fn of(file: identity::FileIdentity) -> Self {
        Self { inner: identity::FileIdentity { here: None, ..file } }
    }
}

#[pymethods]
impl FileIdentity {
    #[new]
    #[pyo3(signature = (path, bytes, modified_ns, rows=None, ends=None))]
    fn new(path: PathBuf, bytes: u64, modified_ns: u64, rows: Option<u64>, ends: Option<String>) -> Self {
        Self { inner: identity::FileIdentity { path, bytes, modified_ns, rows, ends, here: None } }
    }

    /// The path, as it was named.
    #[getter]
    fn path(&self) -> OsString {
        self.inner.path.clone().into_os_string()
    }

    /// Its size.
    #[getter]
    fn bytes(&self) -> u64 {
        self.inner.bytes
    }

    /// The time of its last change, in nanoseconds since 1970; 0 where there is none.
    #[getter]
    fn modified_ns(&self) -> u64 {
        self.inner.modified_ns
    }

    /// The rows it has, where that is known.
    #[getter]
    fn rows(&self) -> Option<u64> {
        self.inner.rows
    }

    /// The digest of its first and last bytes, where that is known.
    #[getter]
    fn ends(&self) -> Option<String> {
        self.inner.ends.clone()
    }

    /// What is known of it as ``dsdm.json`` has it.
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let fields = PyDict::new(py);
        fields.set_item("path", self.path())?;
        fields.set_item("bytes", self.bytes())?;
        fields.set_item("modified_ns", self.modified_ns())?;
        if let Some(rows) = self.rows() {
            fields.set_item("rows", rows)?;
        }
        if let Some(ends) = self.ends() {
            fields.set_item("ends", ends)?;
        }
        Ok(fields)
    }

    /// The same file at another path.
    fn at(&self, path: PathBuf) -> Self {
        Self { inner: identity::FileIdentity { path, ..self.inner.clone() } }
    }

    /// In what the file that has its path now differs; None if it is the same. Times are not compared.
    fn difference(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let then = &self.inner;
        let now = py.detach(|| identity::FileIdentity::of_path(&then.path, then.rows))?;
        Ok(then.difference(&now, false))
    }

    #[allow(clippy::type_complexity)] // what makes it again, and with what
    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> (Bound<'py, PyType>, (OsString, u64, u64, Option<u64>, Option<String>)) {
        let file = slf.get();
        (slf.get_type(), (file.path(), file.bytes(), file.modified_ns(), file.rows(), file.ends()))
    }
}

/// A file as it was, with what tells on the same machine whether it is that file still.
#[pyclass(frozen, from_py_object, module = "dsdm._native")]
#[derive(Clone)]
pub(crate) struct PinnedFile {
    inner: Pinned,
}

impl PinnedFile {
    pub(crate) fn all(files: Vec<identity::FileIdentity>) -> Vec<Self> {
        Pinned::all(files).into_iter().map(|inner| Self { inner }).collect()
    }
}

#[pymethods]
impl PinnedFile {
    #[new]
    fn new(file: FileIdentity, here: Option<HereFields>, boot: Option<String>) -> Self {
        let here = here.map(|(device, inode, changed)| Inode { device, inode, changed });
        Self { inner: Pinned { file: file.inner, here, boot } }
    }

    /// What it is known by anywhere.
    #[getter]
    fn file(&self) -> FileIdentity {
        FileIdentity::of(self.inner.file.clone())
    }

    /// The same file at another path.
    fn at(&self, path: PathBuf) -> Self {
        let file = identity::FileIdentity { path, ..self.inner.file.clone() };
        Self { inner: Pinned { file, ..self.inner.clone() } }
    }

    #[allow(clippy::type_complexity)] // as above
    fn __reduce__<'py>(
        slf: &Bound<'py, Self>,
    ) -> (Bound<'py, PyType>, (FileIdentity, Option<HereFields>, Option<String>)) {
        let pinned = slf.get();
        let here = pinned.inner.here.as_ref().map(|here| (here.device, here.inode, here.changed));
        (slf.get_type(), (pinned.file(), here, pinned.inner.boot.clone()))
    }
}

/// Fails if files are no longer what they were.
#[pyfunction]
fn check_files(py: Python<'_>, files: Vec<PinnedFile>) -> PyResult<()> {
    let pinned: Vec<_> = files.into_iter().map(|file| file.inner).collect();
    Ok(py.detach(|| Pinned::check_all(&pinned))?)
}

/// Adds the classes and the function to the module.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<FileIdentity>()?;
    module.add_class::<PinnedFile>()?;
    module.add_function(wrap_pyfunction!(check_files, module)?)
}
