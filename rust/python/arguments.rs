//! Arguments of rows: names of choices, JSON objects, tables.

use std::sync::Arc;

use arrow::datatypes::DataType;
use arrow::ffi_stream::RecordBatchStreamReader;
use arrow::record_batch::{RecordBatch, RecordBatchReader};
use pyo3::prelude::*;

use super::call;
use crate::checked;
use crate::error::Error;
use crate::gather::{Extra, Schemas, Split};
use crate::write::{self, Format, PathNames, Release, Resume};

pub(super) fn format_named(name: &str) -> Result<Format, Error> {
    Format::named(name).ok_or_else(|| {
        let names = Format::ALL.map(|format| format!("{:?}", format.name())).join(", ");
        Error::Value(format!("format is {name:?}; it is one of {names}"))
    })
}

/// The type in which tokens are stored, if one is named.
pub(super) fn token_dtype(name: Option<&str>) -> Result<Option<DataType>, Error> {
    let Some(name) = name else { return Ok(None) }; // Proof: the default of the argument.
    let dtype = write::dtype_named(name);
    dtype.map(Some).ok_or_else(|| Error::Value(format!("token_dtype is {name:?}, which no tokens have")))
}

pub(super) fn resume_named(name: &str) -> Result<Resume, Error> {
    match name {
        "same" => Ok(Resume::Same),
        "either" => Ok(Resume::Either),
        "never" => Ok(Resume::Never),
        _ => Err(Error::Value(format!("resume is {name:?}; it is \"same\", \"either\" or \"never\""))),
    }
}

pub(super) fn schemas_named(name: &str) -> Result<Schemas, Error> {
    match name {
        "same" => Ok(Schemas::Same),
        "union" => Ok(Schemas::Union),
        _ => Err(Error::Value(format!("schema is {name:?}; it is \"same\" or \"union\""))),
    }
}

/// How files outside of an output are named in its manifest.
pub(super) fn places(absolute: bool) -> PathNames {
    if absolute { PathNames::Absolute } else { PathNames::Relative }
}

/// The version of `datasets` that is to open what is written: the newest if nobody says.
pub(super) fn release(version: Option<&str>) -> Result<Release, Error> {
    version.map_or(Ok(Release::NEWEST), Release::of)
}

/// How shards are cut: by their number, or else by their size.
pub(super) fn split(num_shards: Option<u64>, max_shard_size: Option<u64>) -> Split {
    // Proof: the default of the argument.
    num_shards.map_or_else(|| Split::Bytes(max_shard_size.unwrap_or(500_000_000)), Split::Shards)
}

/// A JSON object in an argument.
pub(super) fn object(name: &str, text: Option<&str>) -> PyResult<serde_json::Map<String, serde_json::Value>> {
    let parsed = text.map_or_else(|| Ok(serde_json::Map::new()), serde_json::from_str);
    Ok(parsed.map_err(|e| Error::Value(format!("{name} must be a JSON object: {e}")))?)
}

/// A text of JSON as Python's own reader takes it, which keeps whole numbers of any size.
pub(super) fn parsed(py: Python<'_>, text: &str) -> PyResult<Py<PyAny>> {
    Ok(py.import("json")?.call_method1("loads", (text,))?.unbind())
}

pub(super) fn collect(stream: RecordBatchStreamReader) -> PyResult<Vec<RecordBatch>> {
    let cannot = |e| Error::Value(format!("the table cannot be read: {e}"));
    Ok(call::whole(|| stream.collect::<Result<Vec<_>, _>>().map_err(cannot))?)
}

/// The columns of a table, each in one piece.
pub(super) fn columns(stream: RecordBatchStreamReader, rows: usize) -> PyResult<Vec<Extra>> {
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
