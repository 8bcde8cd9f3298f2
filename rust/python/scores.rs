//! Score vectors in Python: `Scores`, and the opening of files.

use std::path::PathBuf;
use std::sync::OnceLock;

use numpy::PyUntypedArray;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyBool, PySlice};

use super::numbers::{Given, if_there_is_room, said, whole};
use super::{call, scores_array};
use crate::error::{At, Error, Result, Shown};
use crate::scores::{Chosen, DType, OpenOptions, Operand, Operator, RawType, RowFile, Scores, Source};
use crate::shown::told;

/// One score per row, in files or computed from files.
#[pyclass(frozen, name = "Scores", module = "dsdm")]
pub(crate) struct PyScores {
    pub(super) scores: Scores,
    /// Whether the moments of z-scores were computed already.
    prepared: OnceLock<()>,
}

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
        let Some(other) = operand(other)? else { return Ok(None) }; // Proof: Python then asks the other side.
        let this = Operand::Scores(self.scores.clone());
        let (left, right) = if reflected { (other, this) } else { (this, other) };
        Ok(Some(Self::new(Scores::binary(operator, left, right)?)))
    }
}

/// A `Scores` or a number; anything else is left to its own arithmetic.
fn operand(value: &Bound<'_, PyAny>) -> PyResult<Option<Operand>> {
    if let Ok(scores) = value.cast::<PyScores>() {
        return Ok(Some(Operand::Scores(scores.get().scores.clone())));
    }
    let numbers = value.py().import("numbers")?.getattr("Real")?;
    if value.cast::<PyUntypedArray>().is_ok() {
        let message = "scores and a numpy array do not go together, as scores are read block by block; give numpy.asarray(scores) in their place for an array, or save the array with numpy.save and open it with dsdm.open_scores";
        return Err(Error::Type(message.to_owned()).into());
    }
    if value.is_instance_of::<PyBool>() || !value.is_instance(&numbers)? {
        return Ok(None);
    }
    let Some(number) = if_there_is_room(value.py(), value.extract::<f64>())? else {
        let message =
            format!("the number {} is beyond a float64, in which arithmetic on scores is done", said(value)?);
        return Err(Error::Value(message).into());
    };
    let integers = value.py().import("numbers")?.getattr("Integral")?;
    // An integer of numpy would be compared as the float64 that it is rounded to.
    let exact = || value.py().import("operator")?.call_method1("index", (value,))?.eq(number);
    if value.is_instance(&integers)? && !exact()? {
        let message = format!(
            "the number {value} is not exactly a float64, in which arithmetic on scores is done; give a float, or compute with numpy in integers"
        );
        return Err(Error::Value(message).into());
    }
    Ok(Some(Operand::Number(number)))
}

/// The result of an operator: a vector, or `NotImplemented`.
fn answer(py: Python<'_>, result: PyResult<Option<PyScores>>) -> PyResult<Py<PyAny>> {
    match result? {
        Some(scores) => Ok(Py::new(py, scores)?.into_any()),
        None => Ok(py.NotImplemented()),
    }
}

#[pymethods]
impl PyScores {
    // Arithmetic with a numpy array on the left must come to this class, and not run value by value.
    #[classattr]
    #[pyo3(name = "__array_ufunc__")]
    const ARRAY_UFUNC: Option<bool> = None;

    fn __len__(&self) -> PyResult<usize> {
        Ok(usize::try_from(self.scores.len())
            .map_err(|_| Error::Value("more rows than fit an index".into()))?)
    }

    #[getter]
    fn dtype(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        if self.scores.dtype() == DType::BF16 {
            return Ok(pyo3::types::PyString::new(py, DType::BF16.name()).into_any().unbind());
        }
        Ok(scores_array::numpy_dtype(py, self.scores.dtype())?.unbind())
    }

    #[getter]
    fn paths(&self) -> Vec<PathBuf> {
        self.scores.paths()
    }

    #[getter]
    fn column(&self) -> Option<String> {
        self.only_chosen().and_then(|chosen| match chosen {
            Chosen::Column(name) => Some(name),
            Chosen::Key(_) => None,
        })
    }

    #[getter]
    fn key(&self) -> Option<String> {
        self.only_chosen().and_then(|chosen| match chosen {
            Chosen::Key(name) => Some(name),
            Chosen::Column(_) => None,
        })
    }

    #[getter]
    fn is_mapped(&self) -> bool {
        self.scores.is_mapped()
    }

    /// The files, as they were when they were opened, as a JSON list of objects.
    fn identities(&self, py: Python<'_>) -> PyResult<String> {
        let found = py.detach(|| self.scores.identities())?;
        Ok(serde_json::to_string(&found).map_err(|e| Error::Value(e.to_string()))?)
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
            return scores_array::slice(slf.py(), &slf.get().scores, slice);
        }
        scores_array::index(slf.py(), &slf.get().scores, key)
    }

    #[pyo3(signature = (dtype = None, copy = None))]
    fn __array__<'py>(
        slf: &Bound<'py, Self>,
        dtype: Option<&Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        slf.get().prepare(slf.py())?;
        scores_array::array(slf.py(), &slf.get().scores, dtype, copy)
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

    #[pyo3(signature = (ddof = Given(None)), text_signature = "($self, /, ddof=0)")]
    fn zscore(&self, ddof: Given<'_>) -> PyResult<Self> {
        let ddof = ddof.0.map_or(Ok(0), |given| self.ddof(&given))?;
        Ok(Self::new(self.scores.zscore(ddof)?))
    }

    /// Compares the files with the hashes that were kept when they were opened.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        call::run(py, call::threads(None)?, None, |job| self.scores.check(job))
    }

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

/// A bound of a slice of `len` rows: counted from the end, if it is negative. Nothing, if it lies outside.
fn bound(name: &str, given: Option<&Bound<'_, PyAny>>, default: u64, len: u64) -> PyResult<Option<u64>> {
    let Some(given) = given else { return Ok(Some(default)) }; // Proof: Python's own default.
    let row = whole(name, given)?.and_then(|row| {
        let back = row.unsigned_abs();
        if row < 0 { len.checked_sub(back) } else { Some(back) }
    });
    Ok(row.filter(|&row| row <= len))
}

/// Opens files as one vector, in the order given.
#[pyfunction]
#[allow(clippy::needless_pass_by_value)]
pub(super) fn open_scores(
    py: Python<'_>,
    paths: Vec<PathBuf>,
    key: Option<String>,
    column: Option<String>,
    dtype: Option<&str>,
    io: &str,
    verify: bool,
) -> PyResult<PyScores> {
    super::arrays::prepare(py)?;
    let io = call::io(io)?;
    let options = OpenOptions { key, column, dtype: dtype.map(RawType::parse).transpose()?, io, verify };
    let threads = if verify { call::threads(None)? } else { 1 };
    let scores = call::run(py, threads, None, |job| Scores::open_in(job, &paths, &options))?;
    Ok(PyScores::new(scores))
}

/// Opens the files of scores that were pickled again, if they are still the same.
#[pyfunction]
pub(super) fn rebuild_scores(py: Python<'_>, text: &str) -> PyResult<PyScores> {
    super::arrays::prepare(py)?;
    Ok(PyScores::new(call::run(py, call::threads(None)?, None, |job| Scores::rebuild(text, job))?))
}

/// The row numbers in a `.npy` file, in the type that it has; or one boolean for each row.
#[pyfunction]
pub(super) fn read_row_file(py: Python<'_>, path: PathBuf) -> PyResult<Bound<'_, PyAny>> {
    super::arrays::prepare(py)?;
    let file = call::run(py, 1, None, |job| job.run_one(|| RowFile::open(&path)))?;
    let values = scores_array::copied(py, &file.values)?;
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

/// Adds the class and the functions to the module.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyScores>()?;
    module.add_function(wrap_pyfunction!(read_row_file, module)?)?;
    module.add_function(wrap_pyfunction!(rebuild_scores, module)?)?;
    module.add_function(wrap_pyfunction!(open_scores, module)?)
}
