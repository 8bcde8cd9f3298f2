//! Formats: how rows become the bytes of a shard, and what lies beside the shards.

pub(crate) mod arrow;
pub(crate) mod embed;
pub(crate) mod encoder;
pub(crate) mod finished;
pub(crate) mod hf;
pub(crate) mod parquet;
pub(crate) mod reopen;
pub(crate) mod shard_names;
pub(crate) mod tokens;

use serde_json::{Value, json};

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

    pub(crate) fn describe(&self) -> Value {
        json!(self.name())
    }
}
