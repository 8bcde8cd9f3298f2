//! A corpus as it is told to others: plain values, and schemas as Arrow writes them.

use arrow::datatypes::{Metadata, Schema, SchemaRef};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::gather::columns::common_schema::Schemas;
use crate::gather::columns::types::FEATURES;
use crate::gather::source::Container;
use crate::io::file::Io;
use crate::io::ipc::{schema_bytes, schema_of};

/// The version of what is told.
const VERSION: u32 = 1;
/// What messages call it.
const NAME: &str = "the description of a corpus";

/// A corpus of files, described so that it can be had again without opening them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// What is told of all files.
    pub head: DescriptionHead,
    /// Each file, in the order of the rows.
    pub files: Vec<FileRecord>,
}

/// What a description tells of all files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DescriptionHead {
    /// The version of the description.
    pub version: u32,
    /// The names that the columns have in the files, or that those have that no file holds.
    pub columns: Vec<String>,
    /// The schema that rows come out with: an Arrow IPC stream without batches, in base64.
    pub schema: String,
    /// The schemas that files have, each once, as that.
    pub stored: Vec<String>,
    /// What a file may lack: "same" or "union".
    pub schemas: String,
    /// How files are read.
    pub io: Io,
    /// The columns that no file holds: their names, and whether their values are whole numbers.
    pub constants: Vec<(String, bool)>,
}

/// A file of a corpus, as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// As it was named.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The time of its last change, in nanoseconds since 1970.
    pub modified_ns: u64,
    /// Its rows.
    pub rows: u64,
    /// The digest of its first and last bytes.
    pub ends: Option<String>,
    /// What it is.
    pub container: Container,
    /// Which of the stored schemas it has.
    pub stored: usize,
    /// The rows of its row groups or batches: how many follow each other that have as many, and how many rows each has,
    /// and so on.
    pub units: Vec<u64>,
    /// Whether rows may be used where they lie, with nothing unpacked.
    pub in_place: bool,
    /// About how many bytes of memory its columns take together, and each of them, of those that it has.
    pub memory: Vec<u64>,
    /// About how many items the lists of each have; null where it is told by their bytes.
    pub items: Vec<Option<u64>>,
    /// The values of the columns that no file holds.
    pub constants: Vec<Option<String>>,
}

impl DescriptionHead {
    pub(super) fn check_version(&self) -> Result<()> {
        if self.version == VERSION {
            return Ok(());
        }
        let found = self.version;
        Err(wrong(format_args!("has the version {found}, and this release of dsdm reads version {VERSION}")))
    }

    pub(super) fn schemas(&self) -> Result<Schemas> {
        let known = [Schemas::Same, Schemas::Union].into_iter().find(|known| known.name() == self.schemas);
        known.ok_or_else(|| wrong(format_args!("names {:?} for what files may lack", self.schemas)))
    }

    pub(super) const VERSION: u32 = VERSION;
}

/// The error of a description that no corpus has.
pub(super) fn wrong(what: impl std::fmt::Display) -> Error {
    Error::Value(format!("{NAME} {what}; describe the corpus again"))
}

/// A schema as text.
pub(super) fn told(schema: &Schema) -> Result<String> {
    Ok(BASE64_STANDARD.encode(schema_bytes(schema)?))
}

/// The schema of such a text.
pub(super) fn read(text: &str) -> Result<SchemaRef> {
    let bytes = BASE64_STANDARD
        .decode(text)
        .map_err(|e| wrong(format_args!("has a schema that is no base64: {e}")))?;
    schema_of(Path::new(NAME), &bytes)
}

/// The schema of a file without what is told of it that counts for none but the first: of others, the features alone
/// that they tell of. Shards that differ in their own numbers there have one schema then.
pub(super) fn kept(schema: &SchemaRef, is_first: bool) -> SchemaRef {
    if is_first || schema.metadata().keys().all(|key| key == FEATURES) {
        return Arc::clone(schema);
    }
    let features = schema.metadata().get(FEATURES).map(|told| (FEATURES.to_owned(), told.clone()));
    let metadata: Metadata = features.into_iter().collect();
    Arc::new(Schema::new_with_metadata(schema.fields().clone(), metadata))
}

/// Numbers as runs: how many that are equal follow each other, and which number it is.
pub(super) fn runs(numbers: &[u64]) -> Vec<u64> {
    numbers.chunk_by(|a, b| a == b).flat_map(|run| [run.len() as u64, run[0]]).collect()
}

/// The numbers of such runs, whose sum is known, and how many there are at most.
pub(super) fn numbers(path: &Path, runs: &[u64], sum: u64, most: u64) -> Result<Vec<u64>> {
    let broken = || wrong(format_args!("tells {sum} rows of {}, and other units: {runs:?}", path.display()));
    let (pairs, rest) = runs.as_chunks::<2>();
    let all = pairs.iter().try_fold(0u64, |all, [count, rows]| all.checked_add(count.checked_mul(*rows)?));
    let count = pairs.iter().try_fold(0u64, |all, [count, _]| all.checked_add(*count));
    if all != Some(sum) || count.is_none_or(|count| count > most) || !rest.is_empty() {
        return Err(broken());
    }
    let mut numbers = Vec::new();
    for [count, rows] in pairs {
        let count = usize::try_from(*count).map_err(|_| broken())?;
        numbers.try_reserve(count).map_err(|_| broken())?;
        numbers.resize(numbers.len() + count, *rows);
    }
    Ok(numbers)
}
