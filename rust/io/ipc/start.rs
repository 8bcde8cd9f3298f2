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

#[cfg(test)]
mod tests {
    use super::*;

    /// A marker, a length and as many bytes as there are.
    fn framed(length: i32, bytes: usize) -> Vec<u8> {
        [&CONTINUATION[..], &length.to_le_bytes(), &vec![7; bytes]].concat()
    }

    #[test]
    fn a_framed_message_is_found_at_multiples_of_eight() {
        let behind = |before: usize, framed: &[u8]| framed_message(&[&vec![0; before], framed].concat());
        assert_eq!(behind(0, &framed(8, 8)), Some(0..16));
        assert_eq!(behind(16, &framed(8, 20)), Some(16..32));
        assert_eq!(behind(12, &framed(8, 20)), None);
        assert_eq!(behind(8, &framed(8, 7)), None, "it is cut");
        assert_eq!(behind(8, &framed(0, 8)), None, "the end mark");
        assert_eq!(behind(8, &framed(-8, 8)), None);
        assert_eq!(framed_message(&[]), None);
        // The first that is whole.
        assert_eq!(framed_message(&[framed(100, 8), framed(8, 8)].concat()), Some(16..32));
    }

    #[test]
    fn no_schema_begins_with_other_bytes() {
        for bytes in [&b""[..], &[0; 64], &[0xff; 64], b"\x10\0\0\0\0\0\x0a\0"] {
            assert!(bare_schema(bytes).is_none(), "{bytes:?}");
        }
    }
}
