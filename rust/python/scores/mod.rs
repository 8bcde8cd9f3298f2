//! Score vectors in Python: `Scores`, and the opening of files.

mod array;
mod open;
mod operands;

use std::path::PathBuf;
use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PySlice};

use super::call;
use super::files::FileIdentity;
use super::numbers::{Given, said, whole};
use crate::error::{Error, Result, Shown};
use crate::scores::{Chosen, DType, Operand, Operator, Reduce, Scores, Source};
use crate::shown::told;
use operands::{bound, operand};

/// One score per row: a vector in files, or an expression over such vectors that is computed when read.
///
/// Arithmetic with another vector of the same length or with a number gives another vector, computed block by
/// block and never stored. Float16, bfloat16 and float32 are computed in float32, where numbers are rounded to
/// float32; anything with float64 or integers is computed in float64. Each operation rounds once, as in numpy.
///
/// Indexing gives numpy: a scalar for a number, an array for a slice, for row numbers (negative ones count from
/// the end) and for a boolean per row. Values of bfloat16 are given as float32.
#[pyclass(frozen, name = "Scores", module = "dsdm")]
pub(crate) struct PyScores {
    pub(super) scores: Scores,
    /// Whether the moments of z-scores were computed already.
    prepared: OnceLock<()>,
}

/// Files, the arguments that decide what of them was read, and how many rows of the beginning if not all.
type OpenedAs<'py> = (Vec<PathBuf>, Bound<'py, PyDict>, Option<u64>);

impl PyScores {
    pub(super) fn new(scores: Scores) -> Self {
        Self { scores, prepared: OnceLock::new() }
    }

    /// Computes, once and on all threads, what values need to know of all rows.
    pub(super) fn prepare(&self, py: Python<'_>) -> PyResult<()> {
        if self.scores.is_computed() && self.prepared.get().is_none() {
            call::run(py, call::threads(None)?, None, |job| self.scores.prepare(job))?;
            let _ = self.prepared.set(());
        }
        Ok(())
    }

    /// What was taken of the files, if it is one thing.
    fn only_chosen(&self) -> Option<Chosen> {
        let mut all = self.scores.chosen().into_iter();
        all.next().filter(|_| all.next().is_none())
    }

    /// The number by which a deviation divides less than by that of the rows.
    fn ddof(&self, given: &Bound<'_, PyAny>) -> PyResult<u64> {
        let number = whole("ddof", given)?.and_then(|number| u64::try_from(number).ok());
        match number {
            Some(number) => Ok(number),
            None => Err(Error::Value(format!(
                "ddof is {}; a number of at least 0 and below that of the rows, {}, is needed",
                said(given)?,
                self.scores.len()
            ))
            .into()),
        }
    }

    fn operate(
        &self,
        operator: Operator,
        other: &Bound<'_, PyAny>,
        reflected: bool,
    ) -> PyResult<Option<Self>> {
        let vector = |value: &Bound<'_, PyAny>| Some(value.cast::<Self>().ok()?.get().scores.clone());
        let Some(other) = operand(other, vector)? else { return Ok(None) }; // Proof: Python then asks the other side.
        let this = Operand::Scores(self.scores.clone());
        let (left, right) = if reflected { (other, this) } else { (this, other) };
        Ok(Some(Self::new(Scores::binary(operator, left, right)?)))
    }
}

/// The result of an operator: a vector, or `NotImplemented`.
fn answer(py: Python<'_>, result: PyResult<Option<PyScores>>) -> PyResult<Py<PyAny>> {
    match result? {
        Some(scores) => Ok(Py::new(py, scores)?.into_any()),
        None => Ok(py.NotImplemented()),
    }
}

#[pymethods]
#[allow(clippy::doc_markdown)] // docstrings, in the words of Python
impl PyScores {
    // Arithmetic with a numpy array on the left must come to this class, and not run value by value.
    #[classattr]
    #[pyo3(name = "__array_ufunc__")]
    const ARRAY_UFUNC: Option<bool> = None;

    fn __len__(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.scores.len())
            .map_err(|_| Error::Value("more rows than fit an index".into()))?)
    }

    /// The type of a value: a numpy type, or the string "bfloat16".
    #[getter]
    fn dtype(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if self.scores.dtype() == DType::BF16 {
            return Ok(pyo3::types::PyString::new(py, DType::BF16.name()).into_any().unbind());
        }
        Ok(array::numpy_dtype(py, self.scores.dtype())?.unbind())
    }

    /// The files that are read, each once, in the order of the expression.
    #[getter]
    fn paths(&self) -> Vec<PathBuf> {
        self.scores.paths()
    }

    /// The column of Arrow or Parquet files, or the number of the column of a matrix, that was taken.
    ///
    /// None for other files, and for several columns.
    #[getter]
    fn column<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(chosen) = self.only_chosen() else { return Ok(None) }; // Proof: nothing, or not one thing.
        match (chosen.number(), chosen.column) {
            (Some(number), _) => Ok(Some(number.into_pyobject(py)?.into_any())),
            (None, Some(name)) => Ok(Some(name.into_pyobject(py)?.into_any())),
            (None, None) => Ok(None),
        }
    }

    /// What was taken of ``.npz``, ``.safetensors`` and of ``.pt`` files that hold several tensors, as `column`.
    #[getter]
    fn key(&self) -> Option<String> {
        self.only_chosen().and_then(|chosen| chosen.key)
    }

    /// What each score was made by of the values of a row: "mean", "max", "min", "sum" or None.
    #[getter]
    fn reduce(&self) -> Option<&'static str> {
        self.only_chosen().and_then(|chosen| chosen.reduce).map(Reduce::name)
    }

    /// Whether the rows of a matrix are those of its second dimension, as was asked for.
    #[getter]
    fn transposed(&self) -> bool {
        self.scores.chosen().iter().any(|chosen| chosen.transposed)
    }

    /// Whether any of its values are booleans in files, which are read as 0 and 1.
    #[getter]
    fn booleans(&self) -> bool {
        self.scores.reads_booleans()
    }

    /// Whether every value is read through a map of its file, rather than copied or decoded.
    #[getter]
    fn is_mapped(&self) -> bool {
        self.scores.is_mapped()
    }

    /// Return what the files were known by when they were opened, each once.
    fn identities(&self, py: Python<'_>) -> PyResult<Vec<FileIdentity>> {
        Ok(FileIdentity::all(py.detach(|| self.scores.identities())?))
    }

    /// Return how the vector was opened.
    ///
    /// Its files, the arguments of :func:`dsdm.open_scores` that decide what was read, and the rows at the beginning
    /// that it is, if it is not all. None for rows from another place on, and for expressions.
    fn opened_as<'py>(&self, py: Python<'py>) -> PyResult<Option<OpenedAs<'py>>> {
        let Some(opened) = self.scores.opened_as() else { return Ok(None) }; // Proof: no files and nothing else.
        let given = open::arguments(py, opened.options)?;
        Ok(Some((opened.files, given, opened.rows)))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (String,))> {
        let text = py.detach(|| self.scores.describe())?;
        Ok((py.import("dsdm._native")?.getattr("rebuild_scores")?, (text,)))
    }

    fn __copy__(&self) -> Self {
        Self::new(self.scores.clone())
    }

    fn __deepcopy__(&self, _memo: &Bound<'_, PyAny>) -> Self {
        self.__copy__()
    }

    fn __repr__(&self) -> String {
        let paths: Vec<_> = self.scores.paths().iter().map(|path| Shown(path).to_string()).collect();
        let of = match paths.as_slice() {
            [] => "no file".to_owned(),
            [one] => one.clone(),
            [first, rest @ ..] => format!("{first} and {} more", rest.len()),
        };
        let how = if self.scores.is_computed() { "computed from " } else { "" };
        let chosen = self.scores.chosen().into_iter().map(|chosen| chosen.to_string());
        let of = std::iter::once(of).chain(chosen).collect::<Vec<_>>().join(", ");
        told(format_args!("<dsdm.Scores of {} rows, {}, {how}{of}>", self.scores.len(), self.scores.dtype()))
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        slf.get().prepare(slf.py())?;
        if let Ok(slice) = key.cast::<PySlice>() {
            return array::slice(slf.py(), &slf.get().scores, slice);
        }
        array::index(slf.py(), &slf.get().scores, key)
    }

    /// Return all values: read-only and without a copy where they lie as one run in a mapped file, else a copy.
    #[pyo3(signature = (dtype = None, copy = None))]
    fn __array__<'py>(
        slf: &Bound<'py, Self>,
        dtype: Option<&Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.get().prepare(slf.py())?;
        array::array(slf.py(), &slf.get().scores, dtype, copy)
    }

    fn __add__(&self, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        answer(other.py(), self.operate(Operator::Add, other, false))
    }

    fn __radd__(&self, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        answer(other.py(), self.operate(Operator::Add, other, true))
    }

    fn __sub__(&self, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        answer(other.py(), self.operate(Operator::Subtract, other, false))
    }

    fn __rsub__(&self, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        answer(other.py(), self.operate(Operator::Subtract, other, true))
    }

    fn __mul__(&self, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        answer(other.py(), self.operate(Operator::Multiply, other, false))
    }

    fn __rmul__(&self, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        answer(other.py(), self.operate(Operator::Multiply, other, true))
    }

    fn __truediv__(&self, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        answer(other.py(), self.operate(Operator::Divide, other, false))
    }

    fn __rtruediv__(&self, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        answer(other.py(), self.operate(Operator::Divide, other, true))
    }

    fn __neg__(&self) -> Result<Self> {
        Ok(Self::new(self.scores.negated()?))
    }

    /// Return the values less their mean, divided by their standard deviation.
    ///
    /// Both are taken over all rows in float64, once, when a value is first read. The sum of squares is divided
    /// by the number of rows less `ddof`. A deviation of 0 or NaN is then a ValueError.
    #[pyo3(signature = (ddof = Given(None)), text_signature = "($self, /, ddof=0)")]
    fn zscore(&self, ddof: Given<'_>) -> PyResult<Self> {
        let ddof = ddof.0.map_or(Ok(0), |given| self.ddof(&given))?;
        Ok(Self::new(self.scores.zscore(ddof)?))
    }

    /// Compare the bytes of the files with what they were when they were opened with ``verify=True``.
    ///
    /// Of each file, those blocks of 1 MiB are read again, on all threads, that hold values of this vector: of a slice
    /// of a vector in files, those of its rows; of an expression, those of all vectors that it is computed from.
    /// Where values were decoded when the file was opened (Parquet, packed Arrow), it is the whole file.
    ///
    /// Every call compares the size of each file, and the times of its last modification and change, which tell of
    /// most writes. They do not tell of a write through a map of the file (``numpy.memmap`` of another process) to a
    /// page that was written before it was opened, of one within the tick of the clock in which it was opened, or of
    /// a file system that keeps no such times.
    ///
    /// Raises
    /// ------
    /// SourceChangedError
    ///     For a file with another byte, with the bytes of its block and the rows that they hold.
    /// ValueError
    ///     For a vector that was opened without ``verify=True``.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        call::run(py, call::threads(None)?, None, |job| self.scores.check(job))
    }

    /// Return the rows `start` to `stop` as a vector; nothing is read. Rows outside are an IndexError.
    #[pyo3(signature = (start = None, stop = None))]
    fn slice(&self, start: Option<Bound<'_, PyAny>>, stop: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        let len = self.scores.len();
        let bounds = (bound("start", start.as_ref(), 0, len)?, bound("stop", stop.as_ref(), len, len)?);
        let (Some(first), Some(last)) = bounds else {
            let shown =
                |given: Option<Bound<'_, PyAny>>| given.map_or(Ok("None".to_owned()), |row| said(&row));
            return Err(Error::Index(format!(
                "the slice from {} to {} of {len} scores; its bounds are from -{len} to {len}",
                shown(start)?,
                shown(stop)?
            ))
            .into());
        };
        Ok(Self::new(self.scores.slice(first..last.max(first))?))
    }
}

/// Adds the class and the functions to the module.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyScores>()?;
    module.add_function(wrap_pyfunction!(open::read_row_file, module)?)?;
    module.add_function(wrap_pyfunction!(open::rebuild_scores, module)?)?;
    module.add_function(wrap_pyfunction!(open::open_scores, module)?)
}
