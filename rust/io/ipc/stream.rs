//! Streams: a schema, its batches and dictionaries, and an end mark.

use arrow::datatypes::SchemaRef;

use super::frames::Frames;
use super::message::{Contents, MessageBlock, message};
use crate::checked;
use crate::error::Result;
use crate::io::read_at::ReadAt;

/// How many messages ahead headers are asked for.
const AHEAD: u64 = 32;
/// Bytes that a header and the offsets of a thousand lists behind it take, about.
const HEADER: u64 = 8 << 10;

impl<F: ReadAt + ?Sized> Frames<'_, F> {
    pub(super) fn read_stream(&mut self) -> Result<Contents> {
        let mut position = 0;
        let mut contents: Option<Contents> = None;
        let (mut start, mut before, mut expected) = (0, 0, 0);
        while let Some((place, header)) = self.next(&mut position)? {
            // Each header tells where the next is, so that a disk would be waited for at every one. Batches
            // are mostly of one length: what lies some of them ahead is asked for early.
            let length = position - start;
            if length == before {
                // Proof: hints, of which those beyond the end are dropped.
                let last = position.saturating_add(length.saturating_mul(AHEAD)).min(self.file.size());
                expected = position.max(expected);
                while expected < last {
                    expected = checked::add(expected, length)?;
                    self.file.hint_will_need(expected..expected.saturating_add(HEADER)); // Proof: a hint.
                }
            } else {
                expected = 0;
            }
            (start, before) = (position, length);
            if let Some(contents) = &mut contents {
                let kind = self.kind(&place, &header, &contents.schema)?;
                contents.messages.push((place, kind));
            } else {
                let schema = self.stream_schema(&place, &header)?;
                contents = Some(Contents { schema, messages: Vec::new() });
            }
        }
        let follow = checked::sub(self.file.size(), position)?;
        if follow > 0 {
            let message = format!(
                "{follow} bytes follow the end mark of the stream, after {} rows; the file was overwritten or joined with another",
                self.rows
            );
            return Err(self.broken(position, message));
        }
        contents.ok_or_else(|| self.broken(0, "the stream ends before its schema"))
    }

    fn stream_schema(&self, place: &MessageBlock, header: &[u8]) -> Result<SchemaRef> {
        let message = message(self.file.path(), place, header)?;
        let schema = message.header_as_schema().ok_or_else(|| {
            self.broken(place.header.start, "the first message of the stream is not its schema")
        })?;
        self.schema(place.header.start, schema)
    }
}
