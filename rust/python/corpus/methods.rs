//! What can be asked of a corpus in Python.

use std::collections::HashMap;
use std::path::PathBuf;

use arrow::datatypes::Schema;
use arrow::ffi_stream::RecordBatchStreamReader;
use arrow::record_batch::RecordBatchReader;
use arrow_pyarrow::{PyArrowType, Table};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;

use super::described::{self, Record};
use super::writing::{check_format, estimate, written_schema};
use super::{Constant, Corpus, table};
use crate::checked;
use crate::exec::job::Job;
use crate::gather;
use crate::python::arguments::{collect, columns, format_named, release, schemas_named, split, token_dtype};
use crate::python::call;
use crate::python::files::{FileIdentity, PinnedFile};
use crate::python::output_options::OutputOptions;
use crate::python::reports::{PlanEstimate, Written, written};
use crate::write;

#[pymethods]
impl Corpus {
    /// Opens files as one table, in the order given; `progress` is called with the bytes of JSON lines looked at.
    /// `constants` are columns that no file has: a name, whether its values are whole numbers, and their text in each file.
    #[staticmethod]
    #[pyo3(signature = (paths, *, columns=None, threads=None, io="mmap", schema="same", constants=None,
                        progress=None))]
    #[allow(clippy::too_many_arguments)] // they are keywords
    fn open(
        py: Python<'_>,
        paths: Vec<PathBuf>,
        columns: Option<Vec<String>>,
        threads: Option<i64>,
        io: &str,
        schema: &str,
        constants: Option<Vec<Constant>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let (threads, io, schemas) = (call::threads(threads)?, call::io(io)?, schemas_named(schema)?);
        let constant = |(name, is_integer, values)| gather::Constant { name, is_integer, values };
        // Proof: without any, there are none.
        let constants: Vec<_> = constants.unwrap_or_default().into_iter().map(constant).collect();
        let open =
            |job: &Job<'_>| gather::Corpus::open_as(job, &paths, columns.as_deref(), io, schemas, constants);
        Ok(Self { inner: call::run(py, threads, progress.as_ref(), open)? })
    }

    /// How its files are read.
    #[getter]
    fn io(&self) -> &'static str {
        self.inner.io().name()
    }

    /// What it means that a file lacks a column: "same" if it is an error, "union" if the column is null there.
    #[getter]
    fn missing(&self) -> &'static str {
        self.inner.schemas().name()
    }

    /// The columns that no file has, as they were given to [`Self::open`].
    #[getter]
    fn constants(&self) -> Vec<Constant> {
        let told = |one: &gather::Constant| (one.name.clone(), one.is_integer, one.values.clone());
        self.inner.constants().iter().map(told).collect()
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

    /// The same rows with the length of each value of the one column, or of the field of its structs that is named.
    fn lengths(&self, fields: Vec<String>) -> PyResult<Self> {
        Ok(Self { inner: call::whole(|| self.inner.lengths(&fields))? })
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

    /// The files, as they were when they were opened.
    fn identities(&self, py: Python<'_>) -> PyResult<Vec<FileIdentity>> {
        Ok(FileIdentity::all(py.detach(|| self.inner.identities())?))
    }

    /// The same, with what this machine knows the files by.
    fn pinned(&self, py: Python<'_>) -> PyResult<Vec<PinnedFile>> {
        Ok(PinnedFile::all(py.detach(|| self.inner.identities())?))
    }

    /// The names that the columns have in the files.
    #[getter]
    fn stored_names(&self) -> Vec<String> {
        self.inner.stored_names().to_vec()
    }

    /// Fails if a file changed since it was opened, or if another has its name.
    fn check_named(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.inner.check_named())?)
    }

    /// What is told of all files, as JSON, and a record of each: the corpus is had of them again without opening any.
    #[pyo3(signature = (*, threads=None))]
    fn describe(&self, py: Python<'_>, threads: Option<i64>) -> PyResult<(String, Vec<Record>)> {
        described::describe(py, threads, &self.inner)
    }

    /// The corpus that was described, whose files are opened when rows of them are read.
    #[staticmethod]
    fn from_description(py: Python<'_>, head: &str, files: Vec<Record>) -> PyResult<Self> {
        Ok(Self { inner: described::from_description(py, head, files)? })
    }

    /// The same rows, with the files open that hold those of `rows`: they are closed with it.
    #[pyo3(signature = (rows, *, threads=None))]
    fn open_for(
        &self,
        py: Python<'_>,
        rows: PyReadonlyArray1<'_, i64>,
        threads: Option<i64>,
    ) -> PyResult<Self> {
        let (rows, threads) = (rows.as_slice()?, call::threads(threads)?);
        Ok(Self { inner: call::run(py, threads, None, |job| self.inner.open_for(job, rows))? })
    }

    /// How many of its files are open.
    #[getter]
    fn open_files(&self) -> usize {
        self.inner.open_files()
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
    #[pyo3(signature = (indices, *, format="arrow", dtype=None, extra_bytes=0, max_shard_size=None, num_shards=None, memory_limit=None, threads=None, datasets=None, embed=false))]
    #[allow(clippy::too_many_arguments)] // they are keywords
    fn plan(
        &self,
        py: Python<'_>,
        indices: PyReadonlyArray1<'_, i64>,
        format: &str,
        dtype: Option<&str>,
        extra_bytes: u64,
        max_shard_size: Option<u64>,
        num_shards: Option<u64>,
        memory_limit: Option<u64>,
        threads: Option<i64>,
        datasets: Option<&str>,
        embed: bool,
    ) -> PyResult<PlanEstimate> {
        let rows = indices.as_slice()?;
        let (format, token_dtype, release) = (format_named(format)?, token_dtype(dtype)?, release(datasets)?);
        let memory_limit = memory_limit.unwrap_or_else(gather::default_memory_limit); // Proof: the argument's default.
        let split = split(num_shards, max_shard_size);
        let cut = write::Cut { format, token_dtype, release, embed, split, memory_limit };
        estimate(py, threads, &self.inner, rows, extra_bytes, &cut)
    }

    /// Looks at whether rows can be written in a format, by their types, with columns of these names added.
    #[pyo3(signature = (format, added, *, dtype=None, datasets=None))]
    fn check_format(
        &self,
        format: &str,
        added: Vec<String>,
        dtype: Option<&str>,
        datasets: Option<&str>,
    ) -> PyResult<()> {
        check_format(&self.inner, format, &added, dtype, datasets)
    }

    /// The schema of what would be written in a format, with the columns of a table added: its features are in the metadata.
    #[pyo3(signature = (format, extras=None, *, datasets=None))]
    fn written_schema(
        &self,
        format: &str,
        extras: Option<PyArrowType<RecordBatchStreamReader>>,
        datasets: Option<&str>,
    ) -> PyResult<PyArrowType<Schema>> {
        written_schema(&self.inner, format, extras, datasets)
    }

    /// Writes the rows at `indices` as a dataset directory. `extras` is a table of columns that are added to them.
    #[pyo3(signature = (indices, options, *, extras=None, threads=None, progress=None))]
    fn materialize(
        &self,
        py: Python<'_>,
        indices: PyReadonlyArray1<'_, i64>,
        options: &OutputOptions,
        extras: Option<PyArrowType<RecordBatchStreamReader>>,
        threads: Option<i64>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Written> {
        let rows = indices.as_slice()?;
        let threads = call::threads(threads)?;
        let extras = extras.map_or(Ok(Vec::new()), |extras| columns(extras.0, rows.len()))?;
        let (corpus, options) = (self.within(options.memory_limit), &options.options);
        written(py, threads, progress.as_ref(), |job| {
            write::materialize(job, &corpus, rows, &extras, options)
        })
    }
}
