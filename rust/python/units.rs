//! Outputs that are made in units: how they are cut, units made, and all of them put together.

use std::path::PathBuf;

use arrow::ffi_stream::RecordBatchStreamReader;
use arrow_pyarrow::PyArrowType;
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use super::arguments::columns;
use super::call;
use super::corpus::Corpus;
use super::output_options::OutputOptions;
use super::reports::{Written, written};
use crate::error::Error;
use crate::gather::{Extra, Layout};
use crate::write::{self, Finished, Units};

/// How so many rows are cut into shards and blocks, as JSON. `extras` is a table without rows of the added columns.
#[pyfunction]
#[pyo3(signature = (corpus, rows, options, *, extras=None, threads=None))]
pub(super) fn layout_of_units(
    py: Python<'_>,
    corpus: &Corpus,
    rows: u64,
    options: &OutputOptions,
    extras: Option<PyArrowType<RecordBatchStreamReader>>,
    threads: Option<i64>,
) -> PyResult<String> {
    let extras = added(extras, 0)?;
    let layout = call::run(py, call::threads(threads)?, None, |job| {
        write::laid_out_units(job, corpus.rows_of(), rows, &extras, &options.options)
    })?;
    Ok(serde_json::to_string(&layout).map_err(|e| Error::Internal(e.to_string()))?)
}

/// Makes units of a plan in the directory of a job, and returns their notes. `indices` are the rows of these alone.
#[pyfunction]
#[pyo3(signature = (corpus, indices, options, layout, plan, units, folder, *, extras=None, threads=None, progress=None))]
#[allow(clippy::too_many_arguments)] // a plan, which of it, and how
pub(super) fn write_units(
    py: Python<'_>,
    corpus: &Corpus,
    indices: PyReadonlyArray1<'_, i64>,
    options: &OutputOptions,
    layout: &str,
    plan: &str,
    units: Vec<usize>,
    folder: PathBuf,
    extras: Option<PyArrowType<RecordBatchStreamReader>>,
    threads: Option<i64>,
    progress: Option<Py<PyAny>>,
) -> PyResult<Vec<String>> {
    let rows = indices.as_slice()?;
    let (extras, layout) = (added(extras, rows.len())?, parsed(layout)?);
    let corpus = corpus.within(options.memory_limit);
    let units = Units { plan, layout: &layout, numbers: &units, folder: &folder };
    call::run(py, call::threads(threads)?, progress.as_ref(), |job| {
        write::make_units(job, &corpus, rows, &extras, &options.options, &units)
    })
}

/// Puts all units of a plan together to the output at `target`.
#[pyfunction]
#[pyo3(signature = (corpus, options, layout, plan, notes, folder, target, *, extras=None, threads=None))]
#[allow(clippy::too_many_arguments)] // as above
pub(super) fn finish_units(
    py: Python<'_>,
    corpus: &Corpus,
    options: &OutputOptions,
    layout: &str,
    plan: &str,
    notes: Vec<String>,
    folder: PathBuf,
    target: PathBuf,
    extras: Option<PyArrowType<RecordBatchStreamReader>>,
    threads: Option<i64>,
) -> PyResult<Written> {
    let (extras, layout) = (added(extras, 0)?, parsed(layout)?);
    let units = Finished { plan, layout: &layout, notes: &notes, folder: &folder, target: &target };
    written(py, call::threads(threads)?, None, |job| {
        write::finish_units(job, corpus.rows_of(), &extras, &options.options, &units)
    })
}

fn added(extras: Option<PyArrowType<RecordBatchStreamReader>>, rows: usize) -> PyResult<Vec<Extra>> {
    extras.map_or(Ok(Vec::new()), |extras| columns(extras.0, rows))
}

fn parsed(layout: &str) -> Result<Layout, Error> {
    serde_json::from_str(layout)
        .map_err(|e| Error::Value(format!("the layout of the output is none ({e}); plan it again")))
}
