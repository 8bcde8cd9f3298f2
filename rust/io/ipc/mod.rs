//! The messages of an Arrow IPC stream or file: where each lies, and the schema they share.
//!
//! Framing reads the message headers alone and no values. Every length that a file states is checked against
//! the file before it is used, so nothing is allocated for bytes that are not there. The layout is that of
//! the Arrow columnar format, "Encapsulated message format" and "IPC File Format".

pub(crate) mod nodes;
mod offsets;
mod start;

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::convert::try_fb_to_schema;
use arrow::ipc::{
    Block, Buffer, Endianness, Footer, Message, MetadataVersion, RecordBatch as BatchHeader,
    Schema as SchemaHeader, root_as_footer, root_as_message,
};

use super::maps::schema_without_maps;
use super::mmap::Map;
use super::opened::Opened;
use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};
use crate::exec::catch_panic::guard;
use nodes::{check_nodes, has_dictionaries};
use offsets::{footer_leads_on, message_leads_on};
use start::{CONTINUATION, bare_schema, framed_message};

/// Bytes of a schema without a frame of today that are looked at: schemas take less.
const MAX_SCHEMA: u64 = 64 << 20;
/// What a file, but not a stream, begins and ends with.
const MAGIC: &[u8; 6] = b"ARROW1";
/// Bytes before the first message of a file: the magic, padded.
const FILE_START: u64 = 8;
/// The length of the footer and the magic, at a file's end.
const FILE_END: u64 = 10;

/// The key of a message's metadata that names a compression of buffers, before batches had a field for it.
const EXPERIMENTAL: &str = "ARROW:experimental_compression";

/// How many messages ahead headers are asked for.
const AHEAD: u64 = 32;
/// Bytes that a header and the offsets of a thousand lists behind it take, about.
const HEADER: u64 = 8 << 10;
/// Bytes that are read at the start of a message: most headers take fewer.
const START: u64 = 1 << 10;

/// A file whose bytes can be had by their position.
pub(crate) trait ReadAt {
    /// The path it was opened by.
    fn path(&self) -> &Path;

    /// Its size in bytes.
    fn size(&self) -> u64;

    /// `len` bytes from `offset`; an error where they are not all there.
    fn read_at(&self, offset: u64, len: usize) -> Result<Cow<'_, [u8]>>;

    /// Told of bytes that are probably read soon.
    fn expect(&self, _bytes: Range<u64>) {}
}

impl ReadAt for Opened {
    fn path(&self) -> &Path {
        Opened::path(self)
    }

    fn size(&self) -> u64 {
        self.identity().size
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Cow<'_, [u8]>> {
        // Proof: from beyond the end on there are no bytes.
        let there = ReadAt::size(self).saturating_sub(offset);
        if len as u64 > there {
            let message = format!("{len} bytes are needed here, and the file has {}", ReadAt::size(self));
            return Err(Error::truncated(Opened::path(self), At::Byte(offset), message));
        }
        let mut bytes = vec![0; len];
        self.read_exact_at(&mut bytes, offset)?;
        Ok(Cow::Owned(bytes))
    }

    fn expect(&self, bytes: Range<u64>) {
        let end = bytes.end.min(ReadAt::size(self));
        if bytes.start < end {
            self.announce(&(bytes.start..end));
        }
    }
}

impl ReadAt for Map {
    fn path(&self) -> &Path {
        Map::path(self)
    }

    fn size(&self) -> u64 {
        self.bytes().len() as u64
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Cow<'_, [u8]>> {
        let start = usize::try_from(offset).ok();
        let range = start.and_then(|start| Some(start..start.checked_add(len)?));
        let bytes = range.and_then(|range| self.bytes().get(range)).ok_or_else(|| {
            let message = format!("{len} bytes are needed here, and the file has {}", ReadAt::size(self));
            Error::truncated(Map::path(self), At::Byte(offset), message)
        })?;
        Ok(Cow::Borrowed(bytes))
    }
}

/// Where a message lies in its file, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its flatbuffer.
    pub(crate) header: Range<u64>,
    /// Its buffers.
    pub(crate) body: Range<u64>,
}

/// What a message after the schema holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
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
    pub(crate) messages: Vec<(Place, Kind)>,
}

impl Contents {
    /// Frames a whole file, whichever of the two formats it has.
    ///
    /// A stream must end with its end mark and a file with its footer: without them it was cut.
    pub(crate) fn read(file: &(impl ReadAt + ?Sized)) -> Result<Self> {
        let mut frames = Frames { file, rows: 0, messages: 0, marked: true, version: None };
        let start = file.read_at(0, checked::index(file.size().min(6))?)?;
        if *start == *MAGIC {
            frames.read_file()
        } else {
            frames.marked = !begins_unmarked(file, 0)?;
            frames.read_stream()
        }
    }
}

/// Whether a schema begins at a position without the marker, as writers before Arrow 0.15 framed it: its length, and a
/// message of that length that holds a schema.
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

/// The header of a message, to be given to [`message`].
pub(crate) fn header_of<'f>(file: &'f (impl ReadAt + ?Sized), place: &Place) -> Result<Cow<'f, [u8]>> {
    file.read_at(place.header.start, checked::len(&place.header)?)
}

/// Validates the bytes of a message's header.
pub(crate) fn message<'b>(path: &Path, place: &Place, bytes: &'b [u8]) -> Result<Message<'b>> {
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

/// Where a buffer of a batch lies in the file, which is checked to be within the batch's body.
pub(crate) fn buffer(
    path: &Path,
    place: &Place,
    batch: &BatchHeader<'_>,
    index: usize,
) -> Result<Range<u64>> {
    let broken = |message| Error::format(path, At::Byte(place.header.start), message);
    let buffers = batch.buffers();
    #[allow(clippy::redundant_closure_for_method_calls)] // the method is of a crate that is not named here
    let count = buffers.as_ref().map_or(0, |buffers| buffers.len()); // Proof: a list that is not there is empty.
    let Some(found) = buffers.filter(|_| index < count).map(|buffers| *buffers.get(index)) else {
        let message = format!("the batch has {count} buffers, and its schema needs more than {index}");
        return Err(broken(message));
    };
    if found.offset() % 8 != 0 {
        return Err(broken(format!(
            "buffer {index} of the batch begins at byte {} of its body, and buffers begin at multiples of 8; the file is damaged",
            found.offset()
        )));
    }
    span(place, &found).ok_or_else(|| outside(path, place, index, &found))
}

/// Fails if a buffer that is not empty is not within the body, whoever may want it.
fn check_buffers(path: &Path, place: &Place, batch: &BatchHeader<'_>) -> Result<()> {
    let buffers = batch.buffers().into_iter().flatten(); // Proof: a list that is not there is empty.
    for (index, buffer) in buffers.enumerate() {
        if buffer.length() != 0 && span(place, buffer).is_none() {
            return Err(outside(path, place, index, buffer));
        }
    }
    Ok(())
}

/// Where a buffer lies in the file, if it is within its body.
fn span(place: &Place, buffer: &Buffer) -> Option<Range<u64>> {
    let start = place.body.start.checked_add(u64::try_from(buffer.offset()).ok()?)?;
    let end = start.checked_add(u64::try_from(buffer.length()).ok()?)?;
    (end <= place.body.end).then_some(start..end)
}

fn outside(path: &Path, place: &Place, index: usize, buffer: &Buffer) -> Error {
    let message = format!(
        "buffer {index} of the batch spans {} bytes from {}, and its body has {}",
        buffer.length(),
        buffer.offset(),
        place.body.end - place.body.start
    );
    Error::format(path, At::Byte(place.header.start), message)
}

/// A compressed buffer says how many bytes it unpacks to; this many times its own is more than any codec reaches.
pub(crate) const MAX_RATIO: u64 = 1 << 17;

/// How many bytes the buffer at `span` of a compressed batch unpacks to.
///
/// Fails if it is declared to unpack to more than it can hold.
pub(crate) fn unpacked(file: &(impl ReadAt + ?Sized), span: Range<u64>) -> Result<u64> {
    let packed = checked::sub(span.end, span.start)?;
    let Some(plain) = packed.checked_sub(8) else {
        if packed == 0 {
            return Ok(0); // Proof: an empty buffer has no length before it.
        }
        let message = format!("a compressed buffer has {packed} bytes, and its length alone takes 8");
        return Err(Error::format(file.path(), At::Byte(span.start), message));
    };
    let prefix = file.read_at(span.start, 8)?;
    let declared =
        prefix.first_chunk::<8>().ok_or_else(|| impossible("8 bytes were read and are not there"))?;
    let declared = i64::from_le_bytes(*declared);
    // -1 says that the bytes were not worth compressing.
    if declared == -1 {
        return Ok(plain);
    }
    // Proof: what saturates is more than any buffer can declare.
    if let Some(length) =
        u64::try_from(declared).ok().filter(|&length| length <= packed.saturating_mul(MAX_RATIO))
    {
        return Ok(length);
    }
    let message = format!(
        "a buffer of {packed} compressed bytes is declared to unpack to {declared}: more than can be; the file is damaged"
    );
    Err(Error::format(file.path(), At::Byte(span.start), message))
}

/// The messages of a file, one after the other, with what was read so far for the errors.
struct Frames<'f, F: ?Sized> {
    file: &'f F,
    rows: u64,
    messages: u64,
    /// Whether the marker begins each message, as it does since Arrow 0.15; before it, its length did.
    marked: bool,
    /// The version of the format that the messages have, once one was read.
    version: Option<MetadataVersion>,
}

impl<'f, F: ReadAt + ?Sized> Frames<'f, F> {
    fn read_stream(&mut self) -> Result<Contents> {
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
                    self.file.expect(expected..expected.saturating_add(HEADER)); // Proof: a hint.
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

    fn read_file(&mut self) -> Result<Contents> {
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
            if dictionary != matches!(kind, Kind::Dictionary) {
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

    /// The message at a position, which moves behind it, and its header; nothing at the end mark.
    fn next(&mut self, position: &mut u64) -> Result<Option<(Place, Cow<'f, [u8]>)>> {
        let start = *position;
        let there = checked::sub(self.file.size(), start)?;
        if there == 0 {
            return Err(self.cut(start, "the stream ends without its end mark"));
        }
        let bytes = self.file.read_at(start, checked::index(there.min(START))?)?;
        let Some(header) = self.header_bounds(start, &bytes, there)? else {
            *position = checked::add(start, self.before_header())?;
            return Ok(None);
        };
        let mut place = Place { body: header.end..header.end, header };
        let bytes = match within(bytes, start, &place.header) {
            Some(header) => header,
            None => header_of(self.file, &place)?,
        };
        let message = message(self.file.path(), &place, &bytes)?;
        if !message_leads_on(&message) {
            return Err(
                self.broken(start, "the message header has an offset of zero; bytes were overwritten")
            );
        }
        // Readers look for the compression of a batch by its version.
        let version = *self.version.get_or_insert(message.version());
        if version != message.version() {
            let message = format!(
                "the message is of version {:?} and another of {version:?}; bytes were overwritten",
                message.version()
            );
            return Err(self.broken(start, message));
        }
        let declared = message.bodyLength();
        let there = checked::sub(self.file.size(), place.header.end)?;
        let body = u64::try_from(declared)
            .map_err(|_| self.broken(start, format!("a message body has the length {declared}")))?;
        if body > there {
            return Err(self.cut(start, &format!("a message body has {body} bytes and {there} are there")));
        }
        place.body.end = checked::add(place.body.end, body)?;
        *position = place.body.end;
        self.messages += 1;
        Ok(Some((place, bytes)))
    }

    /// Where the header of a message lies, by the first of the bytes that are there; nothing for the end mark.
    fn header_bounds(&self, start: u64, bytes: &[u8], there: u64) -> Result<Option<Range<u64>>> {
        let before = self.before_header();
        let Some(mark) = bytes.get(..checked::index(before)?) else {
            return Err(self.cut(start, &format!("{before} bytes begin a message and {there} are there")));
        };
        let length = if self.marked { mark.strip_prefix(&CONTINUATION) } else { Some(mark) };
        let Some(length) = length else {
            let message = format!(
                "a message or the end mark of the stream must begin with ff ff ff ff and this has {:02x?}, after {} rows; bytes were lost or overwritten here",
                checked::get(mark, ..4)?,
                self.rows
            );
            return Err(self.broken(start, message));
        };
        let declared = little_i32(length)?;
        let length = u64::try_from(declared).map_err(|_| {
            self.broken(
                start,
                format!("a message header has the length {declared}; bytes were lost or overwritten here"),
            )
        })?;
        let header = checked::add(start, before)?;
        let there = checked::sub(there, before)?;
        if length > there {
            let message = format!("a message header has {length} bytes and {there} are there");
            return Err(self.cut(start, &message));
        }
        let end = checked::add(header, length)?;
        Ok((length > 0).then_some(header..end))
    }

    /// Bytes before the header of a message: its marker, if there is one, and its length.
    fn before_header(&self) -> u64 {
        if self.marked { 8 } else { 4 }
    }

    /// What a message after the schema holds. Its rows are added to those read.
    fn kind(&mut self, place: &Place, header: &[u8], schema: &Schema) -> Result<Kind> {
        let message = message(self.file.path(), place, header)?;
        self.check_compression(place, &message)?;
        if let Some(batch) = message.header_as_record_batch() {
            check_nodes(schema, &batch, message.version())
                .map_err(|what| self.broken(place.header.start, format!("{what}; the file is damaged")))?;
            check_buffers(self.file.path(), place, &batch)?;
            let rows = u64::try_from(batch.length()).map_err(|_| {
                self.broken(place.header.start, format!("a batch has {} rows", batch.length()))
            })?;
            self.rows = self.rows.checked_add(rows).ok_or_else(|| {
                self.broken(place.header.start, format!("a batch has {rows} rows: more than can be"))
            })?;
            return Ok(Kind::Batch { rows, packed: batch.compression().is_some() });
        }
        if message.header_as_dictionary_batch().is_some() {
            if !has_dictionaries(schema) {
                let message = "the message is a dictionary, and no column has one; the file is damaged";
                return Err(self.broken(place.header.start, message));
            }
            return Ok(Kind::Dictionary);
        }
        let found = format!(
            "message {} is a {:?}, where a record batch or a dictionary is expected",
            self.messages,
            message.header_type()
        );
        Err(self.broken(place.header.start, found))
    }

    /// Arrow 0.17 named the compression of a batch beside it, where no reader but its own looks.
    fn check_compression(&self, place: &Place, message: &Message<'_>) -> Result<()> {
        // Proof: a list that is not there is empty.
        let named =
            message.custom_metadata().into_iter().flatten().find(|pair| pair.key() == Some(EXPERIMENTAL));
        let Some(pair) = named else { return Ok(()) }; // Proof: so it is where nothing is named.
        let codec = pair.value().unwrap_or_default(); // Proof: a name in the message.
        let message = format!(
            "the batch is compressed with {codec:?} as Arrow 0.17 did it ({EXPERIMENTAL}), which is not read; read the file with pyarrow and write it again"
        );
        Err(self.broken(place.header.start, message))
    }

    fn stream_schema(&self, place: &Place, header: &[u8]) -> Result<SchemaRef> {
        let message = message(self.file.path(), place, header)?;
        let schema = message.header_as_schema().ok_or_else(|| {
            self.broken(place.header.start, "the first message of the stream is not its schema")
        })?;
        self.schema(place.header.start, schema)
    }

    fn schema(&self, position: u64, schema: SchemaHeader<'_>) -> Result<SchemaRef> {
        if schema.endianness() != Endianness::Little {
            return Err(self.broken(
                position,
                "the values are big-endian; write the file again on a little-endian machine",
            ));
        }
        let at = At::Field("schema".to_owned());
        let schema: Schema = guard(self.file.path(), &at, "reading the schema", || try_fb_to_schema(schema))?;
        // Maps lie in their batches as lists do.
        Ok(SchemaRef::new(schema_without_maps(&schema)))
    }

    /// Where the footer of a file lies.
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

    /// The message that a footer names, which must lie before the footer, and its header.
    fn block(&mut self, block: &Block, footer: u64) -> Result<(Place, Cow<'f, [u8]>)> {
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

    /// No two messages of a footer share bytes: a small file cannot stand for many rows.
    fn check_disjoint(&self, messages: &[(Place, Kind)]) -> Result<()> {
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

    /// Fails if there are bytes between the schema and the footer that the footer does not name: a batch that it
    /// leaves out would be missed by nobody.
    fn check_complete(&mut self, messages: &[(Place, Kind)], schema: &SchemaRef, footer: u64) -> Result<()> {
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

    /// The byte behind the schema at the start of a file. The first message that the footer names begins at `named`.
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

    /// A file that begins with a schema message without its frame: there is no message behind it up to the first that
    /// the footer names, and the schema is that of the footer.
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

    /// Where the first message of a file begins. Some writers pad the magic to 64 bytes.
    fn first_message(&self, footer: u64) -> Result<u64> {
        let between = checked::sub(footer, FILE_START)?;
        let padding = self.file.read_at(FILE_START, checked::index(between.min(64))?)?;
        let zeros = padding.iter().take_while(|&&byte| byte == 0).count() & !7;
        checked::add(FILE_START, zeros as u64)
    }

    /// Between blocks lies nothing but zeros, and after the last the end mark.
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

    fn broken(&self, position: u64, what: impl Into<String>) -> Error {
        Error::format(self.file.path(), At::Byte(position), what)
    }

    fn cut(&self, position: u64, what: &str) -> Error {
        let message = format!(
            "{what}, in message {} after {} rows; the file has {} bytes: it was cut, or its writer did not finish: write or download it again",
            self.messages,
            self.rows,
            self.file.size()
        );
        Error::truncated(self.file.path(), At::Byte(position), message)
    }
}

/// The blocks of a footer, dictionaries first: they hold for all batches, wherever they lie.
fn blocks<'a>(footer: &Footer<'a>) -> impl Iterator<Item = (&'a Block, bool)> {
    let dictionaries = footer.dictionaries().into_iter().flatten(); // Proof: a list that is not there is empty.
    let batches = footer.recordBatches().into_iter().flatten(); // Proof: as above.
    dictionaries.map(|block| (block, true)).chain(batches.map(|block| (block, false)))
}

/// A range of a file out of bytes that begin at `start`, if it ends among them.
fn within<'b>(bytes: Cow<'b, [u8]>, start: u64, range: &Range<u64>) -> Option<Cow<'b, [u8]>> {
    let place = |position: u64| usize::try_from(position.checked_sub(start)?).ok();
    let range = place(range.start)?..place(range.end)?;
    Some(match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(range)?),
        Cow::Owned(bytes) => Cow::Owned(bytes.get(range)?.to_vec()),
    })
}

/// The first four bytes as a number.
fn little_i32(bytes: &[u8]) -> Result<i32> {
    let bytes = bytes.first_chunk::<4>().ok_or_else(|| impossible("4 bytes were read and are not there"))?;
    Ok(i32::from_le_bytes(*bytes))
}
