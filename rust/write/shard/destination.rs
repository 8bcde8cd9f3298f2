//! Where shards are written, and a shard in the making.

use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex};

use super::finish::Notes;
use super::in_order::OrderedWriter;
use crate::checked;
use crate::error::Result;
use crate::write::disk::folder::Folder;
use crate::write::format::finished::FinishedShard;

/// Where shards are written, and noted as finished.
pub(in crate::write) struct Destination {
    /// The directory that they are in.
    pub(in crate::write) folder: Folder,
    pub(in crate::write) notes: Arc<dyn Notes>,
    /// The name of the attempt, where several may write the same shard at once.
    pub(in crate::write) attempt: String,
    /// The shards that an interrupted run finished.
    pub(in crate::write) kept: Vec<FinishedShard>,
}

/// A shard in the making.
pub(super) struct Shard<N> {
    pub(super) name: String,
    /// Its number in the output.
    pub(super) number: usize,
    /// Its rows among those that are written.
    pub(super) rows: Range<u64>,
    pub(super) blocks: u64,
    /// Whether an interrupted run wrote it.
    pub(super) kept: bool,
    pub(super) turn: Mutex<OrderedWriter<N>>,
    pub(super) moved: Condvar,
}

impl<N> Shard<N> {
    pub(super) fn len(&self) -> Result<u64> {
        checked::sub(self.rows.end, self.rows.start)
    }
}
