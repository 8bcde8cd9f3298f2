//! A corpus: rows taken from it, a dataset directory written from it.

mod described;
mod methods;
mod writing;

use arrow::record_batch::RecordBatch;
use arrow_pyarrow::{PyArrowType, Table};
use pyo3::prelude::*;

use crate::error::Error;
use crate::gather;

/// A column that no file has: its name, whether its values are whole numbers, and the text of that of each file.
type Constant = (String, bool, Vec<Option<String>>);

/// A table in files or in memory, read where it lies.
#[pyclass(frozen, module = "dsdm._native")]
pub(super) struct Corpus {
    inner: gather::Corpus,
}

impl Corpus {
    /// The rows within the memory that a caller allows, if one says how much.
    pub(super) fn within(&self, memory_limit: Option<u64>) -> gather::Corpus {
        // Proof: of all that is there otherwise.
        memory_limit.map_or_else(|| self.inner.clone(), |limit| self.inner.within(limit))
    }
}

impl Corpus {
    /// The rows.
    pub(super) fn rows_of(&self) -> &gather::Corpus {
        &self.inner
    }
}

/// Batches of a corpus as a table.
fn table(batches: Vec<RecordBatch>, corpus: &gather::Corpus) -> PyResult<PyArrowType<Table>> {
    let table = Table::try_new(batches, corpus.schema().clone());
    Ok(PyArrowType(table.map_err(|e| Error::Internal(e.to_string()))?))
}

/// The memory that a gather holds when nobody says, in bytes.
#[pyfunction]
fn default_memory_limit() -> u64 {
    gather::default_memory_limit()
}

/// Adds the class to the module.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Corpus>()?;
    module.add_function(wrap_pyfunction!(default_memory_limit, module)?)
}
