//! What the files of a shard of tokens are: a small type for each layout says what is before and beside the tokens,
//! which are the same in all.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use arrow::datatypes::DataType;

use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};
use crate::io::opened::Opened;
use crate::write::format::finished::FinishedShard;

/// A shard whose tokens are all written.
pub(super) struct Ended<'a> {
    /// The type of a token.
    pub(super) stored: &'a DataType,
    /// How many tokens each row has.
    pub(super) lengths: &'a [u64],
    /// How many there are in all.
    pub(super) tokens: u64,
    /// The length of every row, unless they differ.
    pub(super) length: Option<u64>,
}

/// What is around the tokens of a shard.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Around {
    /// What comes before them.
    pub(super) head: Vec<u8>,
    /// What the file beside them holds, if there is one.
    pub(super) beside: Option<Vec<u8>>,
}

/// The files of one layout.
pub(super) trait TokenFiles: Send + Sync {
    /// The types that tokens can have.
    fn types(&self) -> &'static [DataType] {
        ALL
    }

    /// The type in which tokens of a type are stored where nobody says; nothing where somebody must. Tokens that it
    /// cannot hold are refused where they are.
    fn default_type(&self, kind: &DataType) -> Option<DataType>;

    /// Bytes before the tokens of so many rows.
    fn head_bytes(&self, _rows: u64) -> Result<usize> {
        Ok(0)
    }

    /// Bytes of a row in the file of its tokens, beside these.
    fn row_bytes(&self) -> u64 {
        0
    }

    /// Bytes that a shard may have.
    fn most_bytes(&self) -> u64 {
        u64::MAX
    }

    /// Tokens that a row may have.
    fn longest_row(&self) -> u64 {
        u64::MAX
    }

    /// What is around the tokens of a shard.
    fn around(&self, shard: &Ended<'_>) -> Result<Around>;

    /// The rows of a shard by what its files say themselves: the tokens, and what lies beside them in this layout.
    /// `width` is how many bytes a token has, where that is known: not all files say it.
    fn count_rows(&self, path: &Path, beside: &Path, width: Option<u64>) -> Result<u64>;

    /// The type of a token by what the files say themselves, if they do.
    fn dtype(&self, _path: &Path, _beside: &Path) -> Result<Option<String>> {
        Ok(None)
    }

    /// The file by which readers of this layout find the shards, if there is one: its name and text.
    fn index(&self, _stored: &DataType, _shards: &[FinishedShard]) -> Result<Option<(String, String)>> {
        Ok(None)
    }

    /// The shards that such a file names.
    fn indexed(&self, _folder: &Path) -> Result<Option<Vec<String>>> {
        Ok(None)
    }
}

/// All types of tokens, in the order in which messages name them.
pub(super) const ALL: &[DataType] = &[
    DataType::UInt16,
    DataType::UInt32,
    DataType::Int32,
    DataType::Int64,
    DataType::UInt8,
    DataType::Int8,
    DataType::Int16,
    DataType::UInt64,
];

/// What readers have that know no unsigned numbers of 32 and 64 bits.
pub(super) const SIGNED: &[DataType] =
    &[DataType::UInt16, DataType::Int32, DataType::Int64, DataType::UInt8, DataType::Int8, DataType::Int16];

/// The type for them, of tokens that have one.
pub(super) fn signed(kind: &DataType) -> Option<DataType> {
    match kind {
        DataType::Null => None,
        DataType::UInt32 => Some(DataType::Int32),
        DataType::UInt64 => Some(DataType::Int64),
        other => Some(other.clone()),
    }
}

/// Bytes of a token.
pub(super) fn width_of(stored: &DataType) -> Result<usize> {
    stored.primitive_width().ok_or_else(|| impossible(format_args!("{stored} has no width")))
}

/// The name of a type, as numpy and Arrow have it.
pub(super) fn name_of(stored: &DataType) -> String {
    stored.to_string().to_lowercase()
}

/// Where the rows of a shard end, in tokens.
pub(super) fn ends(lengths: &[u64]) -> Result<Vec<u64>> {
    let mut end = 0;
    lengths
        .iter()
        .map(|&length| {
            end = checked::add(end, length)?;
            Ok(end)
        })
        .collect()
}

/// The size of a file.
pub(super) fn size_of(path: &Path) -> Result<u64> {
    Ok(std::fs::metadata(path).map_err(|e| Error::io(path, "opening", e))?.len())
}

/// Fails where the file that lies beside tokens is none.
pub(super) fn check_is_file(beside: &Path) -> Result<()> {
    if std::fs::metadata(beside).is_ok_and(|meta| !meta.is_file()) {
        let message = "the offsets of rows are a file, and this is a directory, pipe, socket or device";
        return Err(Error::format(beside, At::File, message));
    }
    Ok(())
}

/// So many bytes of a file from a place on, or the error that it is too short for them.
pub(super) fn bytes_at<const N: usize>(path: &Path, at: u64) -> Result<[u8; N]> {
    let failed = |e| Error::io(path, format!("reading {N} bytes at {at}"), e);
    let size = size_of(path)?;
    if at.checked_add(N as u64).is_none_or(|end| end > size) {
        let message = format!("{N} bytes at {at} are needed, and the file has {size} bytes");
        return Err(Error::truncated(path, At::Byte(at), message));
    }
    let opened = Opened::open(path)?;
    let file = opened.file()?;
    let mut bytes = [0; N];
    (&*file).seek(SeekFrom::Start(at)).map_err(failed)?;
    (&*file).read_exact(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The error of a file that is not as this layout has it.
pub(super) fn damaged(path: &Path, at: At, what: &str) -> Error {
    Error::format(path, at, format!("{what}; the file was damaged or replaced"))
}

/// Fails unless a file has the bytes that its tokens need.
pub(super) fn check_needed(path: &Path, size: u64, head: u64, tokens: u64, width: u64) -> Result<()> {
    let needed = tokens.checked_mul(width).and_then(|bytes| bytes.checked_add(head));
    if needed == Some(size) {
        return Ok(());
    }
    let message =
        format!("{tokens} tokens of {width} bytes after {head} bytes are told, and {size} bytes are there");
    Err(damaged(path, At::File, &message))
}
