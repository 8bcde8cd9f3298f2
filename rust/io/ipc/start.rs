//! The start of an Arrow file whose schema is not framed: a bare message, without the marker and the length.
//!
//! polars writes its files so since version 1, and no reader of files minds, as the footer says all. How far a bare
//! message reaches is not told, so that a batch which the footer lost is looked for among the bytes up to its first.

use std::ops::Range;

use arrow::ipc::{Schema, root_as_message};

use super::offsets::message_leads_on;

/// The marker before each message and before the end mark, since Arrow 0.15.
pub(crate) const CONTINUATION: [u8; 4] = [0xff; 4];

/// The schema message that bytes begin with, without a frame, if they do.
pub(crate) fn bare_schema(bytes: &[u8]) -> Option<Schema<'_>> {
    let message = root_as_message(bytes).ok().filter(message_leads_on)?;
    message.header_as_schema()
}

/// Where among bytes that begin at a multiple of eight a framed message lies, or what may have been one.
///
/// The marker is nothing that the tables of a schema or its texts hold, so that a message with a damaged header is
/// found too. The end mark is no message.
pub(crate) fn framed_message(bytes: &[u8]) -> Option<Range<usize>> {
    let words = bytes.as_chunks::<8>().0.iter().enumerate();
    // Proof: what begins with no marker, or with the end mark, is no message.
    let mut messages = words.filter_map(|(word, content)| {
        let length = content.strip_prefix(&CONTINUATION)?.first_chunk::<4>()?;
        let length = usize::try_from(i32::from_le_bytes(*length)).ok().filter(|&length| length > 0)?;
        let start = word.checked_mul(8)?;
        Some(start..start.checked_add(8)?.checked_add(length)?)
    });
    messages.find(|message| message.end <= bytes.len())
}
