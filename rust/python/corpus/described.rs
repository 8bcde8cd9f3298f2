//! A corpus described to others, as a text of JSON and a plain record of each file.

use std::ffi::OsString;
use std::path::PathBuf;

use pyo3::prelude::*;

use crate::error::{Error, Result};
use crate::gather::{Container, Corpus, Description, DescriptionHead, FileRecord};
use crate::python::call;

/// A file of a corpus: a dict of these names.
#[derive(FromPyObject, IntoPyObject)]
#[pyo3(from_item_all)]
pub(super) struct Record {
    path: OsString,
    bytes: u64,
    modified_ns: u64,
    rows: u64,
    ends: Option<String>,
    container: String,
    stored: usize,
    units: Vec<u64>,
    in_place: bool,
    memory: Vec<u64>,
    items: Vec<Option<u64>>,
    constants: Vec<Option<String>>,
}

impl From<FileRecord> for Record {
    fn from(file: FileRecord) -> Self {
        Self {
            path: file.path.into_os_string(),
            bytes: file.bytes,
            modified_ns: file.modified_ns,
            rows: file.rows,
            ends: file.ends,
            container: file.container.name().to_owned(),
            stored: file.stored,
            units: file.units,
            in_place: file.in_place,
            memory: file.memory,
            items: file.items,
            constants: file.constants,
        }
    }
}

impl Record {
    fn told(self) -> Result<FileRecord> {
        let container = Container::named(&self.container).ok_or_else(|| {
            let path = PathBuf::from(&self.path);
            Error::Value(format!(
                "{}: its container is {:?}; it is one of \"arrow\", \"parquet\", \"jsonl\"",
                path.display(),
                self.container
            ))
        })?;
        Ok(FileRecord {
            path: self.path.into(),
            bytes: self.bytes,
            modified_ns: self.modified_ns,
            rows: self.rows,
            ends: self.ends,
            container,
            stored: self.stored,
            units: self.units,
            in_place: self.in_place,
            memory: self.memory,
            items: self.items,
            constants: self.constants,
        })
    }
}

/// What is told of all files, and of each.
pub(super) fn describe(
    py: Python<'_>,
    threads: Option<i64>,
    corpus: &Corpus,
) -> PyResult<(String, Vec<Record>)> {
    let Description { head, files } =
        call::run(py, call::threads(threads)?, None, |job| corpus.describe(job))?;
    let head = serde_json::to_string(&head).map_err(|e| Error::Internal(e.to_string()))?;
    Ok((head, files.into_iter().map(Record::from).collect()))
}

/// The corpus of that.
pub(super) fn from_description(py: Python<'_>, head: &str, files: Vec<Record>) -> PyResult<Corpus> {
    let broken = |e| Error::Value(format!("the description of a corpus is damaged: {e}; describe it again"));
    let head: DescriptionHead = serde_json::from_str(head).map_err(broken)?;
    let files = files.into_iter().map(Record::told).collect::<Result<_>>()?;
    let description = Description { head, files };
    Ok(py.detach(|| call::whole(|| Corpus::from_description(&description)))?)
}
