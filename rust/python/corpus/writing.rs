//! What is asked of rows that are to be written, and what is made of the arguments.

use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow::ffi_stream::RecordBatchStreamReader;
use arrow::record_batch::RecordBatchReader;
use arrow_pyarrow::PyArrowType;
use pyo3::prelude::*;

use crate::exec::job::Job;
use crate::gather::{Corpus, Estimate};
use crate::python::arguments::{format_named, release, token_dtype};
use crate::python::call;
use crate::python::reports::PlanEstimate;
use crate::write::{self, Cut};

/// What writing rows would read, write and hold.
pub(super) fn estimate(
    py: Python<'_>,
    threads: Option<i64>,
    corpus: &Corpus,
    rows: &[i64],
    extra_bytes: u64,
    cut: &Cut,
) -> PyResult<PlanEstimate> {
    let work = |job: &Job<'_>| {
        let (corpus, plan) = write::planned(job, corpus, rows.len() as u64, extra_bytes, cut)?;
        Estimate::new(job, &corpus, rows, &plan)
    };
    call::run(py, call::threads(threads)?, None, work).map(PlanEstimate::from)
}

/// Looks at whether rows can be written in a format, with columns of these names added.
pub(super) fn check_format(
    corpus: &Corpus,
    format: &str,
    added: &[String],
    dtype: Option<&str>,
    datasets: Option<&str>,
) -> PyResult<()> {
    let (format, dtype) = (format_named(format)?, token_dtype(dtype)?);
    Ok(write::check(corpus, format, dtype.as_ref(), release(datasets)?, added)?)
}

/// The schema of what would be written, with the columns of a table added.
pub(super) fn written_schema(
    corpus: &Corpus,
    format: &str,
    extras: Option<PyArrowType<RecordBatchStreamReader>>,
    datasets: Option<&str>,
) -> PyResult<PyArrowType<Schema>> {
    // Proof: without a table, no columns are added.
    let added: Vec<_> =
        extras.map_or_else(Vec::new, |extras| extras.0.schema().fields().iter().map(Arc::clone).collect());
    let schema = write::written_schema(corpus, &added, format_named(format)?, release(datasets)?)?;
    Ok(PyArrowType(Schema::clone(&schema)))
}
