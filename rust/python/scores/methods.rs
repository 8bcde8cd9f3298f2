//! What `Scores` can be asked for in Python.

use std::path::PathBuf;

use pyo3::basic::CompareOp;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use super::compare::compared;
use super::held::pickled;
use super::operands::range;
use super::{OpenedAs, PyScores, answer, array, summary};
use crate::error::{Error, Result};
use crate::python::call;
use crate::python::files::FileIdentity;
use crate::python::numbers::Given;
use crate::scores::{DType, Operator, Reduce, Source};

#[pymethods]
#[allow(clippy::doc_markdown)] // docstrings, in the words of Python
impl PyScores {
    // Operators with a numpy array on the left must come to this class, and not run value by value.
    #[classattr]
    #[pyo3(name = "__array_ufunc__")]
    const ARRAY_UFUNC: Option<bool> = None;

    // The same for pandas, which compares this with its own numbers for a Series, a DataFrame and the like.
    #[classattr]
    #[pyo3(name = "__pandas_priority__")]
    const PANDAS_PRIORITY: u32 = 5000;

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

    /// The files that are read, in the order of the expression: those of each of its vectors once.
    #[getter]
    fn paths(&self) -> Vec<PathBuf> {
        self.scores.paths()
    }

    /// The column of Arrow, Parquet or JSON lines files, or the number of the column of a matrix, that was taken.
    ///
    /// None for other files, and for several columns.
    #[getter]
    fn column<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.only_column(py)
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

    /// The number of its first row in the whole that it is a slice of, from which noise by row is counted.
    ///
    /// Of a slice, how far it begins behind what it is cut from, and the first row of that. An expression has that of
    /// its vectors in files and slices, where these agree, else 0; arrays in memory have none of their own.
    #[getter]
    fn first_row(&self) -> u64 {
        self.scores.first_row()
    }

    /// Return what the files were known by when they were opened, as `paths` has them.
    fn identities(&self, py: Python<'_>) -> PyResult<Vec<FileIdentity>> {
        Ok(FileIdentity::all(py.detach(|| self.scores.identities())?))
    }

    /// Return how the vector was opened.
    ///
    /// Its files, the arguments of :func:`dsdm.open_scores` that decide what was read, and the rows at the beginning
    /// that it is, if it is not all. None for rows from another place on, and for expressions.
    fn opened_as<'py>(&self, py: Python<'py>) -> PyResult<Option<OpenedAs<'py>>> {
        self.arguments(py)
    }

    /// Whether any of its values lie in an array in memory, beside those in files.
    #[getter]
    fn in_memory(&self) -> bool {
        !self.scores.held().is_empty()
    }

    /// Return the files that its arrays in memory are mapped from by numpy, as far as they are known.
    fn mapped_by_numpy(&self) -> Vec<PathBuf> {
        self.known_maps()
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        pickled(py, &self.scores)
    }

    fn __copy__(&self) -> Self {
        Self::new(self.scores.clone())
    }

    fn __deepcopy__(&self, _memo: &Bound<'_, PyAny>) -> Self {
        self.__copy__()
    }

    fn __repr__(&self) -> String {
        self.shown()
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        slf.get().prepare(slf.py())?;
        array::item(slf.py(), &slf.get().scores, key)
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

    fn __richcmp__(slf: &Bound<'_, Self>, other: &Bound<'_, PyAny>, op: CompareOp) -> PyResult<Py<PyAny>> {
        let found = compared(slf, op, other)?;
        Ok(found.map_or_else(|| slf.py().NotImplemented(), Bound::unbind)) // Proof: the other side is asked.
    }

    // As ever, of the vector and not of its values: no two that live have the same.
    fn __hash__(slf: &Bound<'_, Self>) -> usize {
        slf.as_ptr().addr() >> 4
    }

    fn __bool__(&self) -> Result<bool> {
        Err(self.no_truth())
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

    /// Return what the scores are like: how many are numbers and how many NaN, extremes, mean, deviation, quartiles.
    ///
    /// Read in 2 to 5 parallel passes; memory does not grow with the rows. NaN is counted, and in none of the other
    /// figures. `mean` is that of the exact sum to a digit or two of float64, and `std` the square root of the mean
    /// squared deviation from it (``ddof=0``, as `numpy.std` and :meth:`zscore` have it). `min` and `max` are the
    /// scores themselves; the quartiles are those of :meth:`quantile`.
    ///
    /// Returns
    /// -------
    /// dsdm.Description
    ///     Its fields are numbers of Python; ``print`` shows them as a table.
    #[pyo3(signature = (*, threads = None))]
    fn describe<'py>(
        slf: &Bound<'py, Self>,
        threads: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        summary(slf, "describe", &[], &[("threads", threads)])
    }

    /// Return the quantiles of the scores, exactly.
    ///
    /// Parameters
    /// ----------
    /// q
    ///     A share from 0 to 1, or several. It is the decimal number that it is written as: 0.1 is a tenth.
    /// method
    ///     As `numpy.quantile` names them. The quantile of m scores lies at the position ``q * (m - 1)`` of the
    ///     ascending ones. ``"linear"``: between two scores in proportion, rounded to float64 once. ``"lower"`` and
    ///     ``"higher"``: the score before it and the one behind it, as it is.
    /// nan
    ///     As for :func:`dsdm.top_k`: an error; left out; greater or less than every number.
    /// threads
    ///     How many; by default ``$DSDM_NUM_THREADS``, else all that the process may run on.
    ///
    /// Returns
    /// -------
    /// A number of Python for one share; else an array in the shape of `q`, of float64 for ``"linear"``, and for the
    /// others of the type in which indexing gives the scores. NaN if it lies at a NaN that counts as a number.
    ///
    /// Raises
    /// ------
    /// ValueError
    ///     For a share that is not from 0 to 1; for a NaN score by default; if no score is left; if a share lies
    ///     between an infinite score and another, where there is no number in proportion.
    ///
    /// Notes
    /// -----
    /// Found digit by digit in 1 to 5 parallel passes for few shares. Memory: at most 8 MB for each thread.
    #[pyo3(signature = (q, *, method = Given(None), nan = Given(None), threads = None),
        text_signature = "($self, /, q, *, method='linear', nan='raise', threads=None)")]
    fn quantile<'py>(
        slf: &Bound<'py, Self>,
        q: Bound<'py, PyAny>,
        method: Given<'py>,
        nan: Given<'py>,
        threads: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options = [("method", method.0), ("nan", nan.0), ("threads", threads)];
        summary(slf, "quantile", &[q], &options)
    }

    /// Return how many scores lie in each bin, exactly, and the edges of the bins.
    ///
    /// A bin has the scores from its edge up to but without the next edge; the last bin has those at its end too.
    /// Scores outside all bins are not counted. Each score is compared with the edges as the numbers that they are.
    ///
    /// Parameters
    /// ----------
    /// bins
    ///     How many bins of one width there are between the ends, with the edges that `numpy.histogram` gives for
    ///     scores of this type; or the ascending edges.
    /// range
    ///     The ends, a pair of finite numbers; by default the least score and the greatest. Of integers that float64
    ///     does not hold, an end is the float64 beyond, so that all scores are counted.
    /// nan
    ///     ``"raise"``: a NaN is an error that names their number and the first row. ``"omit"``: it is in no bin.
    /// threads
    ///     How many; by default ``$DSDM_NUM_THREADS``, else all that the process may run on.
    ///
    /// Returns
    /// -------
    /// The counts, an int64 array of shape ``(bins,)``, and the edges, of shape ``(bins + 1,)``.
    ///
    /// Raises
    /// ------
    /// ValueError
    ///     For fewer bins than 1 or more than 1,048,576; edges or ends that do not ascend; infinite scores without a
    ///     `range`; a NaN score by default.
    /// TypeError
    ///     For bins by the name of a rule, which would need all scores at once.
    ///
    /// Notes
    /// -----
    /// One parallel pass, or two without `range` and edges. Memory is that of the bins, for each thread.
    #[pyo3(signature = (bins = Given(None), range = Given(None), *, nan = Given(None), threads = None),
        text_signature = "($self, /, bins=10, range=None, *, nan='raise', threads=None)")]
    fn histogram<'py>(
        slf: &Bound<'py, Self>,
        bins: Given<'py>,
        range: Given<'py>,
        nan: Given<'py>,
        threads: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let options = [("bins", bins.0), ("range", range.0), ("nan", nan.0), ("threads", threads)];
        summary(slf, "histogram", &[], &options)
    }

    /// Compare the bytes of the files with what they were when they were opened with ``verify=True``.
    ///
    /// Of each file, those blocks of 1 MiB are read again, on all threads, that hold values of this vector: of a slice
    /// of a vector in files, those of its rows; of an expression, those of all vectors in files that it is computed
    /// from. Where values were decoded when the file was opened (Parquet, packed Arrow), it is the whole file.
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
    ///
    /// Its row numbers count from 0. Draws by Philox are those of the whole's rows (:attr:`first_row`).
    #[pyo3(signature = (start = None, stop = None))]
    fn slice(&self, start: Option<Bound<'_, PyAny>>, stop: Option<Bound<'_, PyAny>>) -> PyResult<Self> {
        Ok(Self::new(self.scores.slice(range(start.as_ref(), stop.as_ref(), self.scores.len())?)?))
    }
}
