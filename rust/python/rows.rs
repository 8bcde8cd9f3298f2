//! Rows: a corpus, rows taken from it, a dataset directory written from it.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow::ffi_stream::RecordBatchStreamReader;
use arrow::record_batch::{RecordBatch, RecordBatchReader};
use arrow_pyarrow::{PyArrowType, Table};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use super::call;
use crate::checked;
use crate::error::Error;
use crate::exec::job::Job;
use crate::gather::{self, Extra, Split};
use crate::io::file::Io;
use crate::io::identity::{FileIdentity, Pinned};
use crate::write::{self, Format, Naming, Options, Places, Release, Report, Resumable, Resume};

/// A table in files or in memory, read where it lies.
#[pyclass(frozen, module = "dsdm._native")]
pub(super) struct Corpus {
    inner: gather::Corpus,
}

#[pymethods]
impl Corpus {
    /// Opens Arrow and Parquet files as one table, in the order given.
    #[staticmethod]
    #[pyo3(signature = (paths, *, columns=None, threads=None, io="mmap"))]
    fn open(
        py: Python<'_>,
        paths: Vec<PathBuf>,
        columns: Option<Vec<String>>,
        threads: Option<i64>,
        io: &str,
    ) -> PyResult<Self> {
        let (threads, io) = (call::threads(threads)?, call::io(io)?);
        let open = |job: &Job<'_>| gather::Corpus::open(job, &paths, columns.as_deref(), io);
        let inner = call::run(py, threads, None, open)?;
        Ok(Self { inner })
    }

    /// How its files are read.
    #[getter]
    fn io(&self) -> &'static str {
        match self.inner.io() {
            Io::Mmap => "mmap",
            Io::Pread => "pread",
        }
    }

    /// Borrows anything that gives an Arrow stream, such as a `pyarrow.Table`.
    #[staticmethod]
    #[pyo3(signature = (stream, *, columns=None))]
    fn from_stream(
        stream: PyArrowType<RecordBatchStreamReader>,
        columns: Option<Vec<String>>,
    ) -> PyResult<Self> {
        let schema = stream.0.schema();
        let batches = collect(stream.0)?;
        let inner = call::whole(|| gather::Corpus::from_batches(schema, &batches, columns.as_deref()))?;
        Ok(Self { inner })
    }

    /// The same rows with some columns alone.
    fn select(&self, columns: Vec<String>) -> PyResult<Self> {
        Ok(Self { inner: call::whole(|| self.inner.select(&columns))? })
    }

    /// The same rows with other names for the columns and other metadata of the schema.
    fn rename(&self, names: Vec<String>, metadata: HashMap<String, String>) -> PyResult<Self> {
        Ok(Self { inner: call::whole(|| self.inner.rename(&names, metadata))? })
    }

    /// The same rows in the types that a version of `datasets` has, with features in the metadata that stand for them.
    #[pyo3(signature = (version=None))]
    fn for_datasets(&self, version: Option<&str>) -> PyResult<Self> {
        Ok(Self { inner: write::for_datasets(&self.inner, release(version)?)? })
    }

    /// The number of rows.
    fn __len__(&self) -> PyResult<usize> {
        Ok(checked::index(self.inner.rows())?)
    }

    /// The schema that rows come out with.
    #[getter]
    fn schema(&self) -> PyArrowType<Schema> {
        PyArrowType(Schema::clone(self.inner.schema()))
    }

    /// The files, as they were when they were opened, as a JSON list of objects.
    fn identities(&self, py: Python<'_>) -> PyResult<String> {
        json(&py.detach(|| self.inner.identities())?)
    }

    /// The same, with what this machine knows the files by.
    fn pinned(&self, py: Python<'_>) -> PyResult<String> {
        json(&py.detach(|| self.inner.identities().map(Pinned::all))?)
    }

    /// The names that the columns have in the first file.
    #[getter]
    fn stored_names(&self) -> PyResult<Vec<String>> {
        Ok(self.inner.stored_names()?)
    }

    /// About how many bytes all rows take in memory.
    #[getter]
    fn nbytes(&self) -> PyResult<u64> {
        Ok(call::whole(|| self.inner.bytes())?)
    }

    /// The rows at `indices`, in that order, as a `pyarrow.Table`.
    #[pyo3(signature = (indices, *, memory_limit=None, threads=None))]
    fn take(
        &self,
        py: Python<'_>,
        indices: PyReadonlyArray1<'_, i64>,
        memory_limit: Option<u64>,
        threads: Option<i64>,
    ) -> PyResult<PyArrowType<Table>> {
        let rows = indices.as_slice()?;
        let threads = call::threads(threads)?;
        let limit = memory_limit.unwrap_or_else(gather::default_memory_limit); // Proof: the default of the argument.
        let batches =
            call::run(py, threads, None, |job| gather::take(job, &self.within(memory_limit), rows, limit))?;
        table(batches, &self.inner)
    }

    /// The rows `start` to `stop` as a `pyarrow.Table`, read by the calling thread: for a few rows at a time.
    fn run(&self, py: Python<'_>, start: u64, stop: u64) -> PyResult<PyArrowType<Table>> {
        let batches = py.detach(|| self.inner.run(start..stop))?;
        table(batches, &self.inner)
    }

    /// Whether rows can be used where they lie, with nothing unpacked: Arrow that is not compressed.
    #[getter]
    fn in_place(&self) -> bool {
        self.inner.in_place()
    }

    /// What [`Corpus::materialize`] would read, write and hold; `extra_bytes` is the width of added columns.
    #[pyo3(signature = (indices, *, extra_bytes=0, max_shard_size=None, num_shards=None, memory_limit=None, threads=None))]
    #[allow(clippy::too_many_arguments)] // they are keywords
    fn plan(
        &self,
        py: Python<'_>,
        indices: PyReadonlyArray1<'_, i64>,
        extra_bytes: u64,
        max_shard_size: Option<u64>,
        num_shards: Option<u64>,
        memory_limit: Option<u64>,
        threads: Option<i64>,
    ) -> PyResult<BTreeMap<&'static str, u64>> {
        let rows = indices.as_slice()?;
        let threads = call::threads(threads)?;
        let limit = memory_limit.unwrap_or_else(gather::default_memory_limit); // Proof: the default of the argument.
        let work = |job: &Job<'_>| {
            let split = split(num_shards, max_shard_size);
            let plan = gather::Plan::new(&self.inner, rows.len() as u64, extra_bytes, split, limit)?;
            gather::Estimate::new(job, &self.inner, rows, &plan)
        };
        let found = call::run(py, threads, None, work)?;
        Ok(BTreeMap::from([
            ("rows", found.rows),
            ("shards", found.shards),
            ("passes", found.passes),
            ("mapped_bytes", found.mapped_bytes),
            ("positional_rows", found.positional_rows),
            ("positional_bytes", found.positional_bytes),
            ("decoded_bytes", found.decoded_bytes),
            ("reads", found.reads),
            ("write_bytes", found.write_bytes),
            ("memory_bytes", found.memory_bytes),
        ]))
    }

    /// Looks at whether rows can be written in a format, by their types, with columns of these names added.
    #[pyo3(signature = (format, added, *, datasets=None))]
    fn check_format(&self, format: &str, added: Vec<String>, datasets: Option<&str>) -> PyResult<()> {
        Ok(write::check(&self.inner, &format_named(format)?, release(datasets)?, &added)?)
    }

    /// Writes the rows at `indices` as a dataset directory.
    ///
    /// `datasets` is the version that is to open it, the newest if not given. With `embed`, the files that columns
    /// of images and the like name by their paths are taken in.
    /// Gives rows, shards, bytes, passes, the fingerprint, and the shards that an interrupted run had finished.
    /// `format` is the name of one. `sources` are files that the output must not replace, beside those of the
    /// corpus. `extras` is a table as long as the indices; `state` and `info` are JSON objects whose keys go into
    /// `state.json` and `dataset_info.json`, `selection` is one for `dsdm.json`, and
    /// `identity` one that must be the same in a run that continues this one.
    /// With `absolute`, the manifest names the sources by their absolute paths.
    /// `resume` is "same", "either" or "never". With `by_fingerprint` the directory is named by its fingerprint,
    /// beside `target`.
    #[pyo3(signature = (indices, target, *, format="arrow", sources=None, extras=None, max_shard_size=None,
                        num_shards=None, memory_limit=None, threads=None, overwrite=false, resume="never",
                        resumable=false, verify=false, by_fingerprint=false, absolute=false, selection=None, identity=None,
                        state=None, info=None, datasets=None, embed=false, progress=None))]
    #[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools)] // they are keywords
    fn materialize(
        &self,
        py: Python<'_>,
        indices: PyReadonlyArray1<'_, i64>,
        target: PathBuf,
        format: &str,
        sources: Option<Vec<PathBuf>>,
        extras: Option<PyArrowType<RecordBatchStreamReader>>,
        max_shard_size: Option<u64>,
        num_shards: Option<u64>,
        memory_limit: Option<u64>,
        threads: Option<i64>,
        overwrite: bool,
        resume: &str,
        resumable: bool,
        verify: bool,
        by_fingerprint: bool,
        absolute: bool,
        selection: Option<&str>,
        identity: Option<&str>,
        state: Option<&str>,
        info: Option<&str>,
        datasets: Option<&str>,
        embed: bool,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<(u64, u64, u64, u64, String, u64)> {
        let rows = indices.as_slice()?;
        let threads = call::threads(threads)?;
        let extras = extras.map_or(Ok(Vec::new()), |extras| columns(extras.0, rows.len()))?;
        let split = split(num_shards, max_shard_size);
        let options = Options {
            target,
            format: format_named(format)?,
            release: release(datasets)?,
            embed,
            naming: match (by_fingerprint, overwrite) {
                (true, _) => Naming::ByFingerprint,
                (false, true) => Naming::Replacing,
                (false, false) => Naming::New,
            },
            sources: sources.unwrap_or_default(), // Proof: the default of the argument.
            resume: resume_named(resume)?,
            resumable,
            verify,
            split,
            memory_limit: memory_limit.unwrap_or_else(gather::default_memory_limit), // Proof: as above.
            places: places(absolute),
            selection: object("selection", selection)?,
            identity: object("identity", identity)?,
            extra_keys: write::ExtraKeys { state: object("state", state)?, info: object("info", info)? },
        };
        let (mut left, corpus) = (None, self.within(memory_limit));
        let work = |job: &Job<'_>| {
            write::materialize(job, &corpus, rows, &extras, &options).map_err(|(error, leaves)| {
                left = leaves;
                error
            })
        };
        let Report { rows, shards, kept, bytes, passes, fingerprint } =
            call::run(py, threads, progress.as_ref(), work).map_err(|error| {
                // Proof: an error either way, and the later one if there is one.
                left.map_or(Ok(()), |left| add_note(py, &error, &left)).err().unwrap_or(error)
            })?;
        Ok((rows, shards, bytes, passes, fingerprint, kept))
    }
}

impl Corpus {
    /// The rows within the memory that a caller allows, if one says how much.
    fn within(&self, memory_limit: Option<u64>) -> gather::Corpus {
        // Proof: of all that is there otherwise.
        memory_limit.map_or_else(|| self.inner.clone(), |limit| self.inner.within(limit))
    }
}

/// How files outside of an output are named in its manifest.
fn places(absolute: bool) -> Places {
    if absolute { Places::Absolute } else { Places::Relative }
}

/// The version of `datasets` that is to open what is written: the newest if nobody says.
fn release(version: Option<&str>) -> Result<Release, Error> {
    version.map_or(Ok(Release::NEWEST), Release::of)
}

/// Batches of a corpus as a table.
fn table(batches: Vec<RecordBatch>, corpus: &gather::Corpus) -> PyResult<PyArrowType<Table>> {
    let table = Table::try_new(batches, corpus.schema().clone());
    Ok(PyArrowType(table.map_err(|e| Error::Internal(e.to_string()))?))
}

/// How shards are cut: by their number, or else by their size.
fn split(num_shards: Option<u64>, max_shard_size: Option<u64>) -> Split {
    // Proof: the default of the argument.
    num_shards.map_or_else(|| Split::Bytes(max_shard_size.unwrap_or(500_000_000)), Split::Shards)
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

fn format_named(name: &str) -> Result<Format, Error> {
    match name {
        "arrow" => Ok(Format::Arrow),
        "parquet" => Ok(Format::Parquet),
        "tokens" => Ok(Format::Tokens),
        _ => Err(Error::Value(format!("format is {name:?}; it is \"arrow\", \"parquet\" or \"tokens\""))),
    }
}

fn resume_named(name: &str) -> Result<Resume, Error> {
    match name {
        "same" => Ok(Resume::Same),
        "either" => Ok(Resume::Either),
        "never" => Ok(Resume::Never),
        _ => Err(Error::Value(format!("resume is {name:?}; it is \"same\", \"either\" or \"never\""))),
    }
}

/// What an interrupted run that would write `target` was to make, as a JSON object; None if nothing was left.
#[pyfunction]
fn unfinished(target: PathBuf) -> PyResult<Option<String>> {
    Ok(write::unfinished(&target)?.map(|fields| serde_json::Value::Object(fields).to_string()))
}

/// Fails if an output cannot get its name: there is something, and it is not to be replaced.
#[pyfunction]
fn check_target(target: PathBuf, overwrite: bool) -> PyResult<()> {
    Ok(write::check_target(&target, overwrite).map(drop)?)
}

/// Format, rows, shards, bytes, files, and as JSON the selection and the sources.
type VerifiedParts = (String, u64, u64, u64, Vec<String>, String, String);

/// Compares a directory that was written with its `dsdm.json`: format, rows, shards, bytes, its files, and as JSON the
/// selection and the files that rows came from.
#[pyfunction]
#[pyo3(signature = (folder, *, threads=None))]
fn verify(py: Python<'_>, folder: PathBuf, threads: Option<i64>) -> PyResult<VerifiedParts> {
    let threads = call::threads(threads)?;
    let found = call::run(py, threads, None, |job| write::verify(job, &folder))?;
    let sources = json(&found.sources)?;
    Ok((found.format, found.rows, found.shards, found.bytes, found.files, found.selection, sources))
}

/// The digest by which `dsdm.json` knows row numbers: XXH3 of 128 bits, in hexadecimal digits.
#[pyfunction]
fn digest_of_rows(py: Python<'_>, indices: PyReadonlyArray1<'_, i64>) -> PyResult<String> {
    let rows = indices.as_slice()?;
    call::run(py, 1, None, |job| job.run_one(|| write::digest_of_rows(rows)))
}

/// The bytes of a file of JSON, which stay within the limits: a regular file, neither long nor deep.
#[pyfunction]
fn json_bytes(py: Python<'_>, path: PathBuf) -> PyResult<Vec<u8>> {
    Ok(py.detach(|| crate::io::json::bytes_of(&path))?)
}

/// A file as the manifest of an output at `target` names it.
#[pyfunction]
fn located(path: PathBuf, target: PathBuf, absolute: bool) -> PyResult<PathBuf> {
    Ok(write::located(&path, &target, places(absolute))?)
}

/// In what a file differs from what was told of it, as JSON: nothing if it is the same.
#[pyfunction]
fn file_difference(py: Python<'_>, told: &str) -> PyResult<Option<String>> {
    let told: FileIdentity = serde_json::from_str(told).map_err(|e| Error::Value(e.to_string()))?;
    let now = py.detach(|| FileIdentity::of_path(&told.path, told.rows))?;
    Ok(told.difference(&now, false))
}

/// Fails if files, told as a JSON list, are no longer what they were.
#[pyfunction]
fn check_files(py: Python<'_>, told: &str) -> PyResult<()> {
    let told: Vec<Pinned> = serde_json::from_str(told).map_err(|e| Error::Value(e.to_string()))?;
    Ok(py.detach(|| Pinned::check_all(&told))?)
}

fn json(files: &[impl serde::Serialize]) -> PyResult<String> {
    Ok(serde_json::to_string(files).map_err(|e| Error::Value(e.to_string()))?)
}

/// A JSON object in an argument.
fn object(name: &str, text: Option<&str>) -> PyResult<serde_json::Map<String, serde_json::Value>> {
    let parsed = text.map_or_else(|| Ok(serde_json::Map::new()), serde_json::from_str);
    Ok(parsed.map_err(|e| Error::Value(format!("{name} must be a JSON object: {e}")))?)
}

fn collect(stream: RecordBatchStreamReader) -> PyResult<Vec<RecordBatch>> {
    let cannot = |e| Error::Value(format!("the table cannot be read: {e}"));
    Ok(call::whole(|| stream.collect::<Result<Vec<_>, _>>().map_err(cannot))?)
}

/// The columns of a table, each in one piece.
fn columns(stream: RecordBatchStreamReader, rows: usize) -> PyResult<Vec<Extra>> {
    let schema = stream.schema();
    let batches = collect(stream)?;
    let join = || arrow::compute::concat_batches(&schema, &batches);
    let whole = call::whole(|| join().map_err(|e| Error::Internal(e.to_string())))?;
    if whole.num_rows() != rows {
        return Err(Error::Value(format!(
            "the added columns have {} rows and {rows} are written",
            whole.num_rows()
        ))
        .into());
    }
    let columns = checked::zip(schema.fields().iter(), whole.columns())?;
    Ok(columns.map(|(field, column)| (Arc::clone(field), column.clone())).collect())
}

/// The memory that a gather holds when nobody says, in bytes.
#[pyfunction]
fn default_memory_limit() -> u64 {
    gather::default_memory_limit()
}

/// Adds the class to the module.
pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Corpus>()?;
    module.add_function(wrap_pyfunction!(default_memory_limit, module)?)?;
    module.add_function(wrap_pyfunction!(digest_of_rows, module)?)?;
    module.add_function(wrap_pyfunction!(verify, module)?)?;
    module.add_function(wrap_pyfunction!(file_difference, module)?)?;
    module.add_function(wrap_pyfunction!(json_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(check_files, module)?)?;
    module.add_function(wrap_pyfunction!(located, module)?)?;
    module.add_function(wrap_pyfunction!(check_target, module)?)?;
    module.add_function(wrap_pyfunction!(unfinished, module)?)
}
