//! What to write and how, and what a run says of what it wrote.

use std::path::PathBuf;

use arrow::datatypes::DataType;
use serde_json::{Map, Value};

use super::format::Format;
use super::format::hf::json::ExtraKeys;
use super::format::hf::release::Release;
use super::manifest::located::PathNames;
use crate::gather::Split;

/// What to write, and how.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // each says of one thing whether it is done
pub struct Options {
    /// The directory to make.
    pub target: PathBuf,
    /// What shards are.
    pub format: Format,
    /// The name of the split, by which files of the hub are called.
    pub split_name: String,
    /// The text of the card beside the shards, before and behind the number of bytes that these have.
    pub card: Option<(String, String)>,
    /// Whether pages of Parquet end where the values say so.
    pub by_content: bool,
    /// The type in which tokens are stored; that of the format if not given.
    pub token_dtype: Option<DataType>,
    /// What is to open them.
    pub release: Release,
    /// Whether files that columns of images and the like name are taken in.
    pub embed: bool,
    /// What name it gets.
    pub naming: Naming,
    /// Files that the rows come from beside those of the corpus: what a table in memory maps.
    pub sources: Vec<PathBuf>,
    /// What becomes of what an interrupted run left.
    pub resume: Resume,
    /// Whether the sources are files, by which can be told whether they are the same. What is made of anything
    /// else is never continued.
    pub resumable: bool,
    /// Whether shards that an interrupted run finished are read again and compared with their checksums.
    pub verify: bool,
    /// How the rows are cut into shards.
    pub split: Split,
    /// Bytes that may be held in memory.
    pub memory_limit: u64,
    /// How the manifest names the files that the rows come from.
    pub places: PathNames,
    /// What the manifest says of the rows.
    pub selection: Map<String, Value>,
    /// What else must be the same in a run that continues this one, and `chosen`, which tells how rows were chosen.
    pub identity: Map<String, Value>,
    /// Keys for the JSON files beside the shards.
    pub extra_keys: ExtraKeys,
}

/// What name the directory gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// That of the target, which must be free.
    New,
    /// That of the target, where a dataset may be that is replaced.
    Replacing,
    /// Its fingerprint, beside the target, which is then for messages and for what was left behind alone. Where
    /// one of that name is there, it is taken for this one.
    ByFingerprint,
}

/// What becomes of what an interrupted run left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// It is continued; if it made something else, that is an error.
    Same,
    /// It is continued; if it made something else, it is removed.
    Either,
    /// It is removed.
    Never,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Rows.
    pub rows: u64,
    /// Shards.
    pub shards: u64,
    /// Those of them that an interrupted run had finished.
    pub kept: u64,
    /// Bytes of all shards.
    pub bytes: u64,
    /// How often the sources were passed over.
    pub passes: u64,
    /// The dataset's fingerprint, a digest of its bytes.
    pub fingerprint: String,
}
