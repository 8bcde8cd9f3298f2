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
mod types;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use arrow::datatypes::{DataType, Schema};
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
    /// `dtype` is the type in which tokens are to be stored.
    ///
    /// # Errors
    /// There is another than one column, or it does not hold lists of whole numbers; or the layout has no tokens of
    /// such a type, or must be told one.
    pub(crate) fn new(schema: &Schema, layout: Layout, dtype: Option<&DataType>) -> Result<Self> {
        let (name, kind) = only_column(schema)?;
        let files = files_of(layout);
        let stored = types::stored(files, layout.name(), &name, &kind, dtype)?;
        let (format, longest) = (layout.name(), files.longest_row());
        let column = TokenColumn { name, kind, stored, format, longest, files };
        Ok(Self { column, layout, files })
    }

    /// The type in which tokens are stored.
    pub(crate) fn stored(&self) -> &DataType {
        &self.column.stored
    }

    /// Bytes that so many rows with so many tokens take in shards, beside the heads of these.
    pub(crate) fn bytes(&self, rows: u64, tokens: u64) -> Result<u128> {
        let width = width_of(&self.column.stored)? as u64;
        let of_tokens = u128::from(tokens) * u128::from(width);
        Ok(of_tokens + u128::from(rows) * u128::from(self.files.row_bytes())) // below 2^128: each is below 2^126
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

/// The type of a name, if it is one that tokens can have.
pub fn dtype_named(name: &str) -> Option<DataType> {
    types::named(name).cloned()
}

/// The name of such a type.
pub(crate) fn name_of_dtype(dtype: &DataType) -> String {
    files::name_of(dtype)
}

/// The names of the types that tokens can have in a format: none if it holds other rows than tokens.
pub fn dtypes_of(format: Format) -> Vec<String> {
    match format {
        Format::Tokens(layout) => files_of(layout).types().iter().map(files::name_of).collect(),
        Format::Arrow | Format::Parquet | Format::Jsonl => Vec::new(),
    }
}

/// The rows of a shard, by what its files say themselves; `dtype` is the type of its tokens, where it is known.
pub(crate) fn count_rows(layout: Layout, path: &Path, dtype: Option<&DataType>) -> Result<u64> {
    let width = dtype.map(width_of).transpose()?.map(|width| width as u64);
    files_of(layout).count_rows(path, &beside(layout, path)?, width)
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
