//! The frame of one message after the other, and what each holds.

use std::borrow::Cow;
use std::ops::Range;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::ipc::convert::try_fb_to_schema;
use arrow::ipc::{Endianness, Message, MetadataVersion, Schema as SchemaHeader};

use super::buffers::check_buffers;
use super::message::{MessageBlock, MessageKind, header_of, little_i32, message};
use super::nodes::{check_nodes, has_dictionaries};
use super::offsets::message_leads_on;
use super::start::CONTINUATION;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::catch_panic::guard;
use crate::io::arrow_maps::schema_without_maps;
use crate::io::read_at::ReadAt;

/// The key of a message's metadata that names a compression of buffers, before batches had a field for it.
const EXPERIMENTAL: &str = "ARROW:experimental_compression";
/// Bytes that are read at the start of a message: most headers take fewer.
const START: u64 = 1 << 10;

/// Reads the messages of a file one after the other, and counts them for the errors.
pub(super) struct Frames<'f, F: ?Sized> {
    pub(super) file: &'f F,
    pub(super) rows: u64,
    messages: u64,
    /// Whether the marker begins each message, as it does since Arrow 0.15; before it, its length did.
    pub(super) marked: bool,
    /// The version of the format that the messages have, once one was read.
    version: Option<MetadataVersion>,
}

impl<'f, F: ReadAt + ?Sized> Frames<'f, F> {
    /// The messages of a file of which none was read.
    pub(super) fn new(file: &'f F) -> Self {
        Self { file, rows: 0, messages: 0, marked: true, version: None }
    }

    /// Read the message at a position and its header, and move the position behind it. Return `None` at the end mark.
    pub(super) fn next(&mut self, position: &mut u64) -> Result<Option<(MessageBlock, Cow<'f, [u8]>)>> {
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
        let mut place = MessageBlock { body: header.end..header.end, header };
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

    /// Return where the header of a message lies, by the bytes that it begins with, or `None` for the end mark.
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

    /// Return the bytes before the header of a message: its marker, if there is one, and its length.
    pub(super) fn before_header(&self) -> u64 {
        if self.marked { 8 } else { 4 }
    }

    /// Return what a message after the schema holds, and add its rows to those read.
    pub(super) fn kind(
        &mut self,
        place: &MessageBlock,
        header: &[u8],
        schema: &Schema,
    ) -> Result<MessageKind> {
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
            return Ok(MessageKind::Batch { rows, packed: batch.compression().is_some() });
        }
        if message.header_as_dictionary_batch().is_some() {
            if !has_dictionaries(schema) {
                let message = "the message is a dictionary, and no column has one; the file is damaged";
                return Err(self.broken(place.header.start, message));
            }
            return Ok(MessageKind::Dictionary);
        }
        let found = format!(
            "message {} is a {:?}, where a record batch or a dictionary is expected",
            self.messages,
            message.header_type()
        );
        Err(self.broken(place.header.start, found))
    }

    /// Fail for a batch that Arrow 0.17 compressed: it named the codec beside the batch, where no other reader looks.
    fn check_compression(&self, place: &MessageBlock, message: &Message<'_>) -> Result<()> {
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

    pub(super) fn schema(&self, position: u64, schema: SchemaHeader<'_>) -> Result<SchemaRef> {
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

    pub(super) fn broken(&self, position: u64, what: impl Into<String>) -> Error {
        Error::format(self.file.path(), At::Byte(position), what)
    }

    pub(super) fn cut(&self, position: u64, what: &str) -> Error {
        let message = format!(
            "{what}, in message {} after {} rows; the file has {} bytes: it was cut, or its writer did not finish: write or download it again",
            self.messages,
            self.rows,
            self.file.size()
        );
        Error::truncated(self.file.path(), At::Byte(position), message)
    }
}

/// Return a range of a file out of bytes that begin at `start`, if it ends among them.
fn within<'b>(bytes: Cow<'b, [u8]>, start: u64, range: &Range<u64>) -> Option<Cow<'b, [u8]>> {
    let place = |position: u64| usize::try_from(position.checked_sub(start)?).ok();
    let range = place(range.start)?..place(range.end)?;
    Some(match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(range)?),
        Cow::Owned(bytes) => Cow::Owned(bytes.get(range)?.to_vec()),
    })
}
