//! Files: a magic, a schema, blocks of batches and dictionaries, and a footer that names each block.

use std::borrow::Cow;
use std::ops::Range;

use arrow::datatypes::SchemaRef;
use arrow::ipc::{Block, Footer, Schema as SchemaHeader, root_as_footer};

use super::frames::Frames;
use super::message::{Contents, MAX_SCHEMA, MessageBlock, MessageKind, begins_unmarked, little_i32};
use super::offsets::footer_leads_on;
use super::start::{CONTINUATION, bare_schema, framed_message};
use crate::checked;
use crate::error::Result;
use crate::io::read_at::ReadAt;

/// What a file, but not a stream, begins and ends with.
pub(super) const MAGIC: &[u8; 6] = b"ARROW1";
/// Bytes before the first message of a file: the magic, padded.
const FILE_START: u64 = 8;
/// The length of the footer and the magic, at a file's end.
const FILE_END: u64 = 10;

impl<'f, F: ReadAt + ?Sized> Frames<'f, F> {
    pub(super) fn read_file(&mut self) -> Result<Contents> {
        let bounds = self.footer_bounds()?;
        self.marked = !begins_unmarked(self.file, self.first_message(bounds.start)?)?;
        let bytes = self.file.read_at(bounds.start, checked::len(&bounds)?)?;
        let footer = root_as_footer(&bytes)
            .map_err(|e| self.broken(bounds.start, format!("the footer is no flatbuffer: {e}")))?;
        if !footer_leads_on(&footer) {
            return Err(self.broken(bounds.start, "the footer has an offset of zero; bytes were overwritten"));
        }
        let schema = footer.schema().ok_or_else(|| self.broken(bounds.start, "the footer has no schema"))?;
        let schema = self.schema(bounds.start, schema)?;
        let mut messages = Vec::new();
        for (block, dictionary) in blocks(&footer) {
            let (place, header) = self.block(block, bounds.start)?;
            let kind = self.kind(&place, &header, &schema)?;
            if dictionary != matches!(kind, MessageKind::Dictionary) {
                // A batch that is taken for a dictionary would be missed by nobody.
                let (named, found) =
                    if dictionary { ("dictionary", "record batch") } else { ("record batch", "dictionary") };
                let message = format!(
                    "the footer names a {named} here, and the message is a {found}; the file is damaged"
                );
                return Err(self.broken(place.header.start, message));
            }
            messages.push((place, kind));
        }
        self.check_disjoint(&messages)?;
        self.check_complete(&messages, &schema, bounds.start)?;
        Ok(Contents { schema, messages })
    }

    /// Return where the footer of a file lies.
    fn footer_bounds(&self) -> Result<Range<u64>> {
        let size = self.file.size();
        let Some(tail) = size.checked_sub(FILE_END).filter(|&tail| tail >= FILE_START) else {
            return Err(self.cut(size, "an Arrow file has at least 18 bytes"));
        };
        let end = self.file.read_at(tail, 10)?;
        if !end.ends_with(MAGIC) {
            return Err(self.cut(size, "an Arrow file must end with ARROW1, after its footer"));
        }
        let declared = little_i32(&end)?;
        let start = u64::try_from(declared)
            .ok()
            .and_then(|length| tail.checked_sub(length))
            .filter(|&start| start >= FILE_START);
        let start = start.ok_or_else(|| {
            self.broken(tail, format!("the footer has the length {declared} in a file of {size} bytes"))
        })?;
        Ok(start..tail)
    }

    /// Read the message that a footer names, which must lie before the footer, and its header.
    fn block(&mut self, block: &Block, footer: u64) -> Result<(MessageBlock, Cow<'f, [u8]>)> {
        let mut position = u64::try_from(block.offset())
            .ok()
            .filter(|&offset| (FILE_START..footer).contains(&offset))
            .ok_or_else(|| {
                let message = format!(
                    "the footer names a block at byte {}, and blocks lie between {FILE_START} and {footer}",
                    block.offset()
                );
                self.broken(footer, message)
            })?;
        let start = position;
        let (place, header) = self.next(&mut position)?.ok_or_else(|| {
            self.broken(start, "the footer names a block where the messages end; the file is damaged")
        })?;
        let body = place.body.end - place.body.start;
        let before = checked::sub(place.body.start, start)?;
        if u64::try_from(block.metaDataLength()) != Ok(before) {
            let message = format!(
                "the footer gives the message {} bytes before its body and it has {before}; the file is damaged",
                block.metaDataLength()
            );
            return Err(self.broken(start, message));
        }
        if place.body.start % 8 != 0 || u64::try_from(block.bodyLength()) != Ok(body) {
            let message = format!(
                "the footer gives the block {} bytes and it has {body}, from byte {}; the file is damaged",
                block.bodyLength(),
                place.body.start
            );
            return Err(self.broken(start, message));
        }
        if place.body.end > footer {
            let message =
                format!("a block ends at byte {}, behind the footer's start at {footer}", place.body.end);
            return Err(self.broken(start, message));
        }
        Ok((place, header))
    }

    /// Fail if two messages of a footer share bytes, so that a small file cannot stand for many rows.
    fn check_disjoint(&self, messages: &[(MessageBlock, MessageKind)]) -> Result<()> {
        let mut spans: Vec<_> =
            messages.iter().map(|(place, _)| (place.header.start, place.body.end)).collect();
        spans.sort_unstable();
        for pair in spans.windows(2) {
            if let [(first, end), (second, _)] = *pair
                && second < end
            {
                let message = format!("the footer names blocks at bytes {first} and {second} that overlap");
                return Err(self.broken(second, message));
            }
        }
        Ok(())
    }

    /// Fail if there are bytes between the schema and the footer that the footer does not name: nobody would miss a
    /// batch that it leaves out.
    fn check_complete(
        &mut self,
        messages: &[(MessageBlock, MessageKind)],
        schema: &SchemaRef,
        footer: u64,
    ) -> Result<()> {
        let mut spans = Vec::with_capacity(messages.len());
        for (place, _) in messages {
            spans.push((checked::sub(place.header.start, self.before_header())?, place.body.end));
        }
        spans.sort_unstable();
        let named = spans.first().map_or(footer, |&(start, _)| start); // Proof: without blocks, none lies before it.
        let mut position = self.behind_schema(named, schema, footer)?;
        for (start, end) in spans {
            self.check_gap(position..start, false)?;
            position = end;
        }
        self.check_gap(position..footer, true)
    }

    /// Return the byte behind the schema at the start of a file. The first message that the footer names begins at
    /// `named`.
    fn behind_schema(&mut self, named: u64, schema: &SchemaRef, footer: u64) -> Result<u64> {
        let mut position = self.first_message(footer)?;
        let bare = position..named;
        if self.marked && !bare.is_empty() && bare.end - bare.start <= MAX_SCHEMA {
            let bytes = self.file.read_at(bare.start, checked::len(&bare)?)?;
            if let Some(found) = bare_schema(&bytes) {
                self.check_bare(&bare, &bytes, found, schema)?;
                return Ok(bare.end);
            }
        }
        if position < footer {
            self.next(&mut position)?;
        }
        Ok(position)
    }

    /// Fail unless the schema message without a frame, with which a file begins, is that of the footer, and no message
    /// lies between it and the first that the footer names.
    fn check_bare(
        &self,
        at: &Range<u64>,
        bytes: &[u8],
        found: SchemaHeader<'_>,
        schema: &SchemaRef,
    ) -> Result<()> {
        if let Some(lost) = framed_message(bytes) {
            let message = format!(
                "a message of {} bytes or more begins here, before the first that the footer names, at byte {}; the footer is damaged: write or download the file again",
                lost.len(),
                at.end
            );
            return Err(self.broken(checked::add(at.start, lost.start as u64)?, message));
        }
        if self.schema(at.start, found)? != *schema {
            let message = "the schema at the start of the file is not that of its footer; bytes were overwritten: write or download the file again";
            return Err(self.broken(at.start, message));
        }
        Ok(())
    }

    /// Return where the first message of a file begins. Some writers pad the magic to 64 bytes.
    fn first_message(&self, footer: u64) -> Result<u64> {
        let between = checked::sub(footer, FILE_START)?;
        let padding = self.file.read_at(FILE_START, checked::index(between.min(64))?)?;
        let zeros = padding.iter().take_while(|&&byte| byte == 0).count() & !7;
        checked::add(FILE_START, zeros as u64)
    }

    /// Fail unless there is nothing but zeros between two blocks, and after the last the end mark.
    fn check_gap(&self, gap: Range<u64>, last: bool) -> Result<()> {
        /// Blocks are padded to some multiple, which is 64 in most files.
        const PADDING: u64 = 4 << 10;
        if gap.is_empty() {
            return Ok(());
        }
        let len = checked::index((gap.end - gap.start).min(PADDING))?;
        let bytes = self.file.read_at(gap.start, len)?;
        let rest = bytes.strip_prefix(&CONTINUATION).filter(|_| last).unwrap_or(&bytes); // Proof: the mark may be left out.
        if gap.end - gap.start <= PADDING && rest.iter().all(|&byte| byte == 0) {
            return Ok(());
        }
        let message = format!(
            "the {} bytes from here to byte {} are in no block that the footer names, and are not empty; the footer is damaged: write or download the file again",
            gap.end - gap.start,
            gap.end
        );
        Err(self.broken(gap.start, message))
    }
}

/// Return the blocks of a footer, dictionaries first: they hold for all batches, wherever they lie.
fn blocks<'a>(footer: &Footer<'a>) -> impl Iterator<Item = (&'a Block, bool)> {
    let dictionaries = footer.dictionaries().into_iter().flatten(); // Proof: a list that is not there is empty.
    let batches = footer.recordBatches().into_iter().flatten(); // Proof: as above.
    dictionaries.map(|block| (block, true)).chain(batches.map(|block| (block, false)))
}
