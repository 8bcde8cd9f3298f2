//! Messages: where they lie, and what their headers say.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use arrow::datatypes::SchemaRef;
use arrow::ipc::{Message, root_as_message};

use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};
use crate::io::read_at::ReadAt;

/// Bytes of a schema that is not framed as today, at most: schemas take less.
pub(super) const MAX_SCHEMA: u64 = 64 << 20;

/// Where a message lies in its file, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageBlock {
    /// Its flatbuffer.
    pub(crate) header: Range<u64>,
    /// Its buffers.
    pub(crate) body: Range<u64>,
}

/// What a message after the schema holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MessageKind {
    /// A record batch of so many rows, whose buffers are compressed or as they are.
    Batch { rows: u64, packed: bool },
    /// The values of a dictionary, or more of them.
    Dictionary,
}

/// The messages of a file, in the order in which they are to be read.
#[derive(Debug)]
pub(crate) struct Contents {
    /// The schema of every batch.
    pub(crate) schema: SchemaRef,
    /// The messages after the schema. In a file, the dictionaries come first.
    pub(crate) messages: Vec<(MessageBlock, MessageKind)>,
}

/// Return whether a schema begins at a position without the marker, as writers before Arrow 0.15 framed it: its length,
/// and a message of that length that holds a schema.
pub(crate) fn begins_unmarked(file: &(impl ReadAt + ?Sized), position: u64) -> Result<bool> {
    let Some(there) = file.size().checked_sub(position).and_then(|there| there.checked_sub(4)) else {
        return Ok(false); // Proof: there is no length.
    };
    let length = u64::try_from(little_i32(&file.read_at(position, 4)?)?).ok();
    let Some(length) = length.filter(|&length| (1..=there.min(MAX_SCHEMA)).contains(&length)) else {
        return Ok(false); // Proof: the marker is a negative length.
    };
    let bytes = file.read_at(checked::add(position, 4)?, checked::index(length)?)?;
    Ok(root_as_message(&bytes).is_ok_and(|message| message.header_as_schema().is_some()))
}

/// Read the header of a message, which [`message`] then validates.
pub(crate) fn header_of<'f>(file: &'f (impl ReadAt + ?Sized), place: &MessageBlock) -> Result<Cow<'f, [u8]>> {
    file.read_at(place.header.start, checked::len(&place.header)?)
}

/// Validate the header of a message.
pub(crate) fn message<'b>(path: &Path, place: &MessageBlock, bytes: &'b [u8]) -> Result<Message<'b>> {
    root_as_message(bytes).map_err(|e| {
        let said = e.to_string();
        let what = said.lines().next().unwrap_or_default(); // Proof: those after it tell the tables around it.
        let cause = if what.contains("is unaligned") {
            "bytes were overwritten, or an early polars 1 wrote string views: write the file again with a later one"
        } else {
            "bytes were lost or overwritten"
        };
        let message = format!("the message header is no flatbuffer: {what}; {cause}");
        Error::format(path, At::Byte(place.header.start), message)
    })
}

/// Return the first four bytes as a number.
pub(super) fn little_i32(bytes: &[u8]) -> Result<i32> {
    let bytes = bytes.first_chunk::<4>().ok_or_else(|| impossible("4 bytes were read and are not there"))?;
    Ok(i32::from_le_bytes(*bytes))
}
