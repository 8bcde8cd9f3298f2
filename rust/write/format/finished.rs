//! What is known of a finished shard, as the journal and the manifest tell it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::write::disk::checksum::Crc32;

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileEntry {
    /// Its path in the output, with `/` between folders.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Of all of its bytes.
    pub crc32: Crc32,
}

/// A finished shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FinishedShard {
    /// Its number.
    pub shard: usize,
    /// Its rows.
    pub rows: u64,
    /// What it consists of: one file in most formats.
    pub files: Vec<FileEntry>,
    /// A digest of its bytes, which the fingerprint is made of.
    pub digest: String,
    /// The digest of the numbers of its rows, in the order in which they are written.
    #[serde(default)]
    pub indices: String,
    /// What else its format has to say of it.
    #[serde(rename = "facts", default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}
