//! What calls on rows give: frozen classes with a field for each figure.

use pyo3::prelude::*;

use super::arguments::parsed;
use super::call;
use super::files::FileIdentity;
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::gather::Estimate;
use crate::write::{Report, Resumable, Verified};

/// What was written.
#[pyclass(frozen, get_all, module = "dsdm._native")]
pub(super) struct Written {
    rows: u64,
    shards: u64,
    /// Those of them that an interrupted run had finished.
    kept: u64,
    bytes: u64,
    passes: u64,
    fingerprint: String,
}

impl From<Report> for Written {
    fn from(report: Report) -> Self {
        let Report { rows, shards, kept, bytes, passes, fingerprint } = report;
        Self { rows, shards, kept, bytes, passes, fingerprint }
    }
}

/// What would be read, written and held.
#[pyclass(frozen, get_all, module = "dsdm._native")]
pub(super) struct PlanEstimate {
    rows: u64,
    shards: u64,
    passes: u64,
    mapped_bytes: u64,
    positional_rows: u64,
    positional_bytes: u64,
    decoded_bytes: u64,
    converted_bytes: u64,
    reads: u64,
    write_bytes: u64,
    memory_bytes: u64,
}

impl From<Estimate> for PlanEstimate {
    fn from(found: Estimate) -> Self {
        Self {
            rows: found.rows,
            shards: found.shards,
            passes: found.passes,
            mapped_bytes: found.mapped_bytes,
            positional_rows: found.positional_rows,
            positional_bytes: found.positional_bytes,
            decoded_bytes: found.decoded_bytes,
            converted_bytes: found.converted_bytes,
            reads: found.reads,
            write_bytes: found.write_bytes,
            memory_bytes: found.memory_bytes,
        }
    }
}

/// A directory that is what its `dsdm.json` says.
#[pyclass(frozen, get_all, module = "dsdm._native")]
pub(super) struct VerifiedFiles {
    format: String,
    rows: u64,
    shards: u64,
    bytes: u64,
    /// Its files, as paths in the directory.
    files: Vec<String>,
    /// Of each shard its rows, and the digest of their numbers; None in the first layout of the manifest.
    indices: Vec<(u64, Option<String>)>,
    /// What the manifest says of the rows, a dict.
    selection: Py<PyAny>,
    /// The files that the rows came from.
    sources: Vec<FileIdentity>,
}

impl VerifiedFiles {
    pub(super) fn new(py: Python<'_>, found: Verified) -> PyResult<Self> {
        Ok(Self {
            selection: parsed(py, &found.selection)?,
            sources: FileIdentity::all(found.sources),
            format: found.format,
            rows: found.rows,
            shards: found.shards,
            bytes: found.bytes,
            files: found.files,
            indices: found.indices,
        })
    }
}

/// Adds the classes to the module.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Written>()?;
    module.add_class::<PlanEstimate>()?;
    module.add_class::<VerifiedFiles>()
}

/// Runs what writes an output; if it fails, its exception has a note of what can be continued.
pub(super) fn written(
    py: Python<'_>,
    threads: usize,
    progress: Option<&Py<PyAny>>,
    write: impl FnOnce(&Job<'_>) -> Result<Report, (Error, Option<Resumable>)> + Send,
) -> PyResult<Written> {
    let mut left = None;
    let work = |job: &Job<'_>| {
        write(job).map_err(|(error, leaves)| {
            left = leaves;
            error
        })
    };
    let written = call::run(py, threads, progress, work).map_err(|error| {
        // Proof: an error either way, and the later one if there is one.
        left.map_or(Ok(()), |left| add_note(py, &error, &left)).err().unwrap_or(error)
    })?;
    Ok(Written::from(written))
}

/// Says with an exception what can be continued.
fn add_note(py: Python<'_>, error: &PyErr, left: &Resumable) -> PyResult<()> {
    let finished = if left.finished == 1 { "1 shard is" } else { &format!("{} shards are", left.finished) };
    let note = format!(
        "{finished} finished and kept in {}; the same call continues from there",
        left.folder.display()
    );
    error.value(py).call_method1("add_note", (note,)).map(drop)
}
