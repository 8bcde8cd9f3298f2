//! Rows to a dataset directory.
//!
//! [`materialize`] writes shards of one of several formats, and beside them `dsdm.json`, the manifest that
//! [`verify`] checks. Everything is written beside the target and renamed at the end, so that the
//! target appears whole or not at all, and what an interrupted run finished is not made again.

mod arrow;
mod background;
mod checksum;
mod embed;
mod encoder;
mod features;
mod fits;
#[cfg(unix)]
mod folder;
#[cfg(not(unix))]
#[path = "folder_plain.rs"]
mod folder;
#[cfg(all(test, unix))]
mod folder_plain;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod hf;
mod hf_types;
mod journal;
mod known;
mod located;
mod lock;
mod manifest;
mod manifest_schema;
mod movable;
mod names;
mod pages;
mod parquet;
mod part;
mod process;
mod recipe;
mod release;
mod reopen;
mod replace;
mod replaceable;
mod replaced;
mod run;
mod settle;
mod shard_names;
mod shards;
mod short;
mod stage;
mod staging;
mod synced;
mod takeover;
mod target;
mod token_header;
mod tokens;
mod trust;
mod turn;
mod verify;

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::gather::Split;

pub use hf::ExtraKeys;
pub use hf_types::for_datasets;
pub use located::{Places, located};
pub use recipe::digest_of_rows;
pub use release::Release;
pub use run::{check, materialize};
pub use stage::{Left, unfinished};
pub use target::check_target;
pub use verify::{Verified, verify};

/// What to write, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// The directory to make.
    pub target: PathBuf,
    /// What shards are.
    pub format: Format,
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
    pub places: Places,
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

/// What shards are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// Arrow streams in the layout of `save_to_disk`.
    Arrow,
    /// Parquet files, as the hub has them.
    Parquet,
    /// Flat arrays of tokens, for trainers that map them.
    Tokens,
}

impl Format {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Arrow => "arrow",
            Self::Parquet => "parquet",
            Self::Tokens => "tokens",
        }
    }

    fn describe(&self) -> Value {
        json!(self.name())
    }
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
