//! Token shards: the tokens of all rows as one flat array, for trainers that map it.
//!
//! In each layout ([`files::TokenFiles`]) the tokens of a shard follow each other in one file, little-endian. What is
//! before them and beside them differs. `tokens.json` names the shards, in their order.

mod bin;
mod column;
mod files;
mod header;
mod litdata;
mod megatron;
mod npy;
pub(crate) mod sidecar;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use serde_json::json;

use super::encoder::{Encoder, End, Piece};
use super::shard_names::{TRAIN, bounds_name, shard_name};
use crate::error::{At, Error, Result};
use crate::write::format::finished::FinishedShard;
use crate::write::format::{Format, Layout};
use column::{TokenColumn, only_column};
use files::{Ended, TokenFiles, width_of};

/// The files of a layout.
fn files_of(layout: Layout) -> &'static dyn TokenFiles {
    match layout {
        Layout::Npy => &npy::Npy,
        Layout::Bin => &bin::Bin,
        Layout::ModdedNanogpt => &bin::ModdedNanogpt,
        Layout::Megatron => &megatron::Megatron,
        Layout::Litdata => &litdata::Litdata,
    }
}

/// Token files of one column.
pub(crate) struct Tokens {
    column: TokenColumn,
    layout: Layout,
    files: &'static dyn TokenFiles,
}

impl Tokens {
    /// Fails unless there is one column, and it holds lists of whole numbers.
    pub(crate) fn new(schema: &Schema, layout: Layout) -> Result<Self> {
        let (name, kind) = only_column(schema)?;
        let files = files_of(layout);
        let (stored, longest) = (files.stored(&kind), files.longest_row());
        let column = TokenColumn { name, stored, format: layout.name(), longest };
        Ok(Self { column, layout, files })
    }
}

impl Encoder for Tokens {
    /// The lengths of the rows.
    type Note = Vec<u64>;

    fn name(&self, shard: usize, shards: usize) -> String {
        shard_name(Format::Tokens(self.layout), TRAIN, shard, shards)
    }

    fn head(&self, rows: u64) -> Result<Cow<'_, [u8]>> {
        Ok(Cow::Owned(vec![0; self.files.head_bytes(rows)?]))
    }

    fn check_bytes(&self, name: &str, bytes: u64) -> Result<()> {
        let most = self.files.most_bytes();
        if bytes <= most {
            return Ok(());
        }
        Err(Error::Value(format!(
            "{name}: a shard of format={:?} has at most {most} bytes, and this one has more; write more shards (num_shards=), or smaller ones (max_shard_size=\"1GB\")",
            self.layout.name()
        )))
    }

    fn encode(&self, first: u64, batches: Vec<RecordBatch>) -> Result<Piece<Vec<u64>>> {
        let (mut buffers, mut lengths) = (Vec::new(), Vec::new());
        for batch in &batches {
            let (bytes, more) = self.column.flat(first + lengths.len() as u64, batch.column(0))?;
            buffers.push(bytes);
            lengths.extend(more);
        }
        Ok(Piece { buffers, note: lengths })
    }

    fn end(&self, name: &str, pieces: Vec<(u64, Vec<u64>)>) -> Result<End> {
        let lengths: Vec<u64> = pieces.into_iter().flat_map(|(_, lengths)| lengths).collect();
        let tokens: u64 = lengths.iter().sum();
        // Proof: without a row, there is no token.
        let first = lengths.first().copied().unwrap_or_default();
        let length = lengths.iter().all(|&length| length == first).then_some(first);
        let shard = Ended { stored: &self.column.stored, lengths: &lengths, tokens, length };
        let around = self.files.around(&shard)?;
        let beside = bounds_name(self.layout, name).and_then(|name| Some((name, around.beside?)));
        let extra = [("tokens", json!(tokens)), ("length", json!(length))];
        let extra = extra.map(|(name, fact)| (name.to_owned(), fact)).into_iter().collect();
        Ok(End { head: Some(around.head), tail: Vec::new(), more: beside.into_iter().collect(), extra })
    }

    fn count_rows(&self, path: &Path) -> Result<u64> {
        let width = width_of(&self.column.stored)? as u64;
        self.files.count_rows(path, &beside(self.layout, path)?, Some(width))
    }

    fn companions(&self, _fingerprint: &str, shards: &[FinishedShard]) -> Result<Vec<(String, String)>> {
        let sidecar = sidecar::sidecar(self.layout, &self.column.name, &self.column.stored, shards)?;
        let index = self.files.index(&self.column.stored, shards)?;
        Ok([(sidecar::NAME.to_owned(), sidecar)].into_iter().chain(index).collect())
    }
}

/// The rows of a shard, by what its files say themselves.
pub(crate) fn count_rows(layout: Layout, path: &Path) -> Result<u64> {
    files_of(layout).count_rows(path, &beside(layout, path)?, None)
}

/// The type of the tokens of a shard, by what its files say themselves; nothing where they do not.
pub(crate) fn dtype(layout: Layout, path: &Path) -> Result<Option<String>> {
    files_of(layout).dtype(path, &beside(layout, path)?)
}

/// The shards in a folder that readers of a layout find, by the file that names them; nothing where there is none.
pub(crate) fn indexed(layout: Layout, folder: &Path) -> Result<Option<Vec<String>>> {
    files_of(layout).indexed(folder)
}

/// Where the bounds of the rows of a shard are: in the shard itself, where it has no other file.
fn beside(layout: Layout, path: &Path) -> Result<PathBuf> {
    let name = path.file_name().ok_or_else(|| {
        Error::format(path, At::File, "this is not the name of a token file, which has letters and digits")
    })?;
    let name = bounds_name(layout, &name.to_string_lossy());
    Ok(name.map_or_else(|| path.to_path_buf(), |name| path.with_file_name(name))) // Proof: as it says.
}

#[cfg(test)]
mod tests;
