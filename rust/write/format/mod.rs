//! Formats: how rows become the bytes of a shard, and what lies beside the shards.

pub(crate) mod arrow;
pub(crate) mod embed;
pub(crate) mod encoder;
pub(crate) mod finished;
pub(crate) mod hf;
pub(crate) mod jsonl;
pub(crate) mod parquet;
pub(crate) mod reopen;
pub(crate) mod shard_names;
pub(crate) mod tokens;

use serde_json::{Value, json};

/// What shards are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Arrow streams in the layout of `save_to_disk`.
    Arrow,
    /// Parquet files, as the hub has them.
    Parquet,
    /// Lines of JSON, compressed by zstd.
    Jsonl,
    /// The tokens of one column, for trainers.
    Tokens(Layout),
}

/// In what files trainers find tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Arrays of numpy.
    Npy,
    /// Tokens and nothing else, as nanoGPT and `OLMo` map them.
    Bin,
    /// A header of 256 numbers before the tokens.
    ModdedNanogpt,
    /// Tokens, and an index beside them.
    Megatron,
    /// Chunks that begin with the places of their items, and an index of all chunks.
    Litdata,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Arrow,
        Self::Parquet,
        Self::Jsonl,
        Self::Tokens(Layout::Npy),
        Self::Tokens(Layout::Bin),
        Self::Tokens(Layout::ModdedNanogpt),
        Self::Tokens(Layout::Megatron),
        Self::Tokens(Layout::Litdata),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arrow => "arrow",
            Self::Parquet => "parquet",
            Self::Jsonl => "jsonl",
            Self::Tokens(layout) => layout.name(),
        }
    }

    /// That of a name, if there is one.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    pub(crate) fn describe(self) -> Value {
        json!(self.name())
    }
}

impl Layout {
    /// The name of the format.
    pub fn name(self) -> &'static str {
        match self {
            Self::Npy => "tokens",
            Self::Bin => "bin",
            Self::ModdedNanogpt => "modded-nanogpt",
            Self::Megatron => "megatron",
            Self::Litdata => "litdata",
        }
    }
}
