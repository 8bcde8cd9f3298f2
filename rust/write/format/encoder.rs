//! What a format is: how rows become the bytes of a shard.

use std::borrow::Cow;
use std::path::Path;

use arrow::buffer::Buffer;
use arrow::record_batch::RecordBatch;
use serde_json::{Map, Value};

use crate::error::Result;
use crate::exec::job::State;
use crate::write::format::finished::FinishedShard;

/// A format. Pieces of a shard are encoded on any thread, each on its own, and lie in the shard in their order.
pub(crate) trait Encoder: Send + Sync {
    /// What must be known of a piece when its shard ends.
    type Note: Send;

    /// How many blocks make a piece; more than one where small pieces are bad.
    fn blocks_of_a_piece(&self) -> u64 {
        1
    }

    /// The path of a shard in the output, with `/` between folders.
    fn name(&self, shard: usize, shards: usize) -> String;

    /// What a shard of so many rows begins with. [`End::head`] may replace it by as many other bytes.
    fn head(&self, rows: u64) -> Result<Cow<'_, [u8]>>;

    /// Fails if a shard has more bytes than its format can have. It is asked whenever the shard grows.
    fn check_bytes(&self, _name: &str, _bytes: u64) -> Result<()> {
        Ok(())
    }

    /// What the pieces of a shard go through, one after the other; nothing where they are written as they are.
    fn packer(&self) -> Result<Option<Box<dyn Packer>>> {
        Ok(None)
    }

    /// Rows as the bytes that they have in a shard. `first` is the number of the first of them in the output.
    fn encode(&self, first: u64, batches: Vec<RecordBatch>) -> Result<Piece<Self::Note>>;

    /// What ends a shard of these pieces, of which each is given with the offset of its bytes.
    fn end(&self, name: &str, pieces: Vec<(u64, Self::Note)>) -> Result<End>;

    /// Counts the rows of a finished shard, by what the file says itself.
    fn count_rows(&self, path: &Path) -> Result<u64>;

    /// The files beside the shards, as name and text. Without the last of them, the folder opens as nothing.
    fn companions(&self, fingerprint: &str, shards: &[FinishedShard]) -> Result<Vec<(String, String)>>;
}

/// Packs the pieces of one shard, in their order. Each thread may be the one that does, and one does at a time.
pub(crate) trait Packer: Send {
    /// A piece as bytes of the shard: some of it may come out with those after it.
    fn pack(&mut self, buffers: Vec<Buffer>, state: &State) -> Result<Vec<Buffer>>;

    /// What is left after the last piece.
    fn end(self: Box<Self>) -> Result<Vec<u8>>;
}

/// Rows as bytes.
pub(crate) struct Piece<N> {
    pub(crate) buffers: Vec<Buffer>,
    pub(crate) note: N,
}

/// How a shard ends.
#[derive(Default)]
pub(crate) struct End {
    /// What it begins with, if not what it began with.
    pub(crate) head: Option<Vec<u8>>,
    /// What comes after the last piece.
    pub(crate) tail: Vec<u8>,
    /// More files that belong to it, by their paths in the output.
    pub(crate) more: Vec<(String, Vec<u8>)>,
    /// What else there is to say of it.
    pub(crate) extra: Map<String, Value>,
}
