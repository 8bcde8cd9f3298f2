//! Score vectors in Python: `Scores`, and the opening of files.

mod array;
mod compare;
mod held;
mod methods;
pub(super) mod open;
mod opened;
mod operands;

use std::path::PathBuf;
use std::sync::OnceLock;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::call;
use super::numbers::{said, whole};
use crate::error::Error;
use crate::scores::{Chosen, Operand, Operator, Scores, Source};
use crate::shown::told;
use operands::operand;

/// One score per row: a vector in files, or an expression over vectors that is computed when read.
///
/// Arithmetic with another vector of the same length or with a number gives another vector, computed block by
/// block and never stored. The other vector may be an array in memory, or whatever else holds scores there
/// (``docs/scores.md``); it is read where it lies, and must not change as long as the result is used. Float16,
/// bfloat16 and float32 are computed in float32, where numbers are rounded to float32; anything with float64 or
/// integers is computed in float64. Each operation rounds once, as in numpy.
///
/// Comparison with a number, another vector or an array in memory gives a numpy array of one boolean per row, which
/// `exclude=` and `only=` take, and indexing. Scores have no truth value, and are one vector as keys of a dict.
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

    /// The column that was taken, if it is one: its name, or its number.
    fn only_column<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Some(chosen) = self.only_chosen() else { return Ok(None) }; // Proof: nothing, or not one thing.
        match (chosen.number(), chosen.column) {
            (Some(number), _) => Ok(Some(number.into_pyobject(py)?.into_any())),
            (None, Some(name)) => Ok(Some(name.into_pyobject(py)?.into_any())),
            (None, None) => Ok(None),
        }
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

    /// What it is, in words.
    fn shown(&self) -> String {
        let of = self.scores.describe_leaves();
        let how = if self.scores.is_computed() { "computed from " } else { "" };
        let chosen = self.scores.chosen().into_iter().map(|chosen| chosen.to_string());
        let of = std::iter::once(of).chain(chosen).collect::<Vec<_>>().join(", ");
        told(format_args!("<dsdm.Scores of {} rows, {}, {how}{of}>", self.scores.len(), self.scores.dtype()))
    }

    /// What `if scores:` fails with.
    fn no_truth(&self) -> Error {
        Error::Value(format!(
            "{} scores have no truth value; say len(scores) > 0, or (scores > 0).any() or (scores > 0).all()",
            self.scores.len()
        ))
    }

    /// The files that its arrays in memory are mapped from.
    fn known_maps(&self) -> Vec<PathBuf> {
        // Proof: other arrays are mapped from no file that is known.
        self.scores.held().iter().filter_map(|held| Some(held.file()?.to_path_buf())).collect()
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

/// Has `dsdm.selection.summary` tell of a vector, with those of the options that were given.
fn summary<'py>(
    scores: &Bound<'py, PyScores>,
    what: &str,
    given: &[Bound<'py, PyAny>],
    options: &[(&str, Option<Bound<'py, PyAny>>)],
) -> PyResult<Bound<'py, PyAny>> {
    let py = scores.py();
    let given = std::iter::once(scores.as_any()).chain(given).collect::<Vec<_>>();
    let named = PyDict::new(py);
    for (name, value) in options {
        if let Some(value) = value {
            named.set_item(name, value)?;
        }
    }
    let function = py.import("dsdm.selection.summary")?.getattr(what)?;
    function.call(PyTuple::new(py, given)?, Some(&named))
}

/// Adds the class to the module.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyScores>()
}
