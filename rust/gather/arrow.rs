//! Arrow IPC shards: streams and files, framed here and decoded where they lie.
//!
//! Opening looks at the message headers alone. Every length is checked against the file before it is used,
//! and every batch against its body before it is decoded.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::ArrayRef;
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::ipc::convert::try_fb_to_schema;
use arrow::ipc::reader::{read_dictionary, read_record_batch};
use arrow::ipc::{Endianness, Footer, Message, RecordBatch as Header, root_as_footer, root_as_message};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;

use super::corpus::{Fragment, Part};
use super::guard::guard;
use super::types::{fixed_bytes, project};
use crate::error::{At, Error, Result};
use crate::mmap::Map;

/// The marker before each message.
const CONTINUATION: [u8; 4] = [0xff; 4];
/// A compressed buffer says its size; this many times its compressed bytes is more than any codec reaches.
const MAX_RATIO: u64 = 1 << 17;
/// One row in so many must be wanted for the whole body to be brought into memory at once.
const DENSE: usize = 32;

type Dictionaries = Arc<HashMap<i64, ArrayRef>>;

/// Where a message lies in its file.
#[derive(Debug, Clone)]
struct Place {
    /// Its flatbuffer.
    header: Range<usize>,
    /// Its buffers.
    body: Range<usize>,
}

/// An Arrow IPC stream or file, mapped.
pub(super) struct Stream {
    map: Arc<Map>,
    buffer: Buffer,
    schema: SchemaRef,
    batches: Vec<Place>,
    rows: Vec<u64>,
    dictionaries: Vec<Place>,
    /// For each batch, how many of the dictionary messages come before it.
    dictionaries_before: Vec<usize>,
    decoded: Mutex<BTreeMap<usize, Dictionaries>>,
}

impl Stream {
    /// Opens a stream, which must end with its end mark.
    pub(super) fn open_stream(map: Arc<Map>) -> Result<Self> {
        let mut framing = Framing { path: map.path(), bytes: map.bytes(), rows: 0, messages: 0 };
        let mut position = 0;
        let mut stream: Option<Self> = None;
        while let Some(place) = framing.next(&mut position)? {
            let message = framing.message(&place)?;
            match &mut stream {
                None => stream = Some(Self::empty(map.clone(), framing.schema(&place, &message)?)),
                Some(stream) => {
                    framing.rows += stream.add(&framing, place, &message)?;
                }
            }
        }
        if position != framing.bytes.len() {
            let message = format!(
                "{} bytes follow the end mark of the stream, after {} rows; the file was overwritten or joined with another",
                framing.bytes.len() - position,
                framing.rows
            );
            return Err(Error::format(framing.path, framing.at(position), message));
        }
        stream.ok_or_else(|| framing.broken(0, "the stream ends before its schema"))
    }

    /// Opens a file, by its footer.
    pub(super) fn open_file(map: Arc<Map>) -> Result<Self> {
        let mut framing = Framing { path: map.path(), bytes: map.bytes(), rows: 0, messages: 0 };
        let footer = framing.footer()?;
        let schema = footer.schema().ok_or_else(|| framing.broken(0, "the footer has no schema"))?;
        if schema.endianness() != Endianness::Little {
            return Err(
                framing.broken(0, "the file is big-endian; write it again on a little-endian machine")
            );
        }
        let at = At::Field("schema".to_owned());
        let schema = guard(framing.path, &at, "reading the schema", || try_fb_to_schema(schema))?;
        let mut stream = Self::empty(map.clone(), Arc::new(schema));
        let blocks =
            footer.dictionaries().into_iter().flatten().chain(footer.recordBatches().into_iter().flatten());
        for block in blocks {
            let mut position = usize::try_from(block.offset())
                .map_err(|_| framing.broken(0, "the footer names a block at a negative offset"))?;
            let place = framing.next(&mut position)?;
            let place = place
                .ok_or_else(|| framing.broken(position, "the footer names a block where the stream ends"))?;
            let message = framing.message(&place)?;
            framing.rows += stream.add(&framing, place, &message)?;
        }
        // A file's dictionaries hold for all of its batches, wherever they lie.
        let all = stream.dictionaries.len();
        stream.dictionaries_before.fill(all);
        Ok(stream)
    }

    fn empty(map: Arc<Map>, schema: SchemaRef) -> Self {
        let buffer = Buffer::from(Bytes::from_owner(SharedMap(map.clone())));
        Self {
            map,
            buffer,
            schema,
            batches: Vec::new(),
            rows: Vec::new(),
            dictionaries: Vec::new(),
            dictionaries_before: Vec::new(),
            decoded: Mutex::new(BTreeMap::new()),
        }
    }

    /// Notes a message after the schema, and gives the rows in it.
    fn add(&mut self, framing: &Framing<'_>, place: Place, message: &Message<'_>) -> Result<u64> {
        if let Some(batch) = message.header_as_record_batch() {
            let rows = u64::try_from(batch.length())
                .map_err(|_| framing.broken(place.header.start, "a batch has a negative number of rows"))?;
            self.batches.push(place);
            self.rows.push(rows);
            self.dictionaries_before.push(self.dictionaries.len());
            return Ok(rows);
        }
        if message.header_as_dictionary_batch().is_some() {
            self.dictionaries.push(place);
            return Ok(0);
        }
        Err(framing.broken(place.header.start, "a message is neither a record batch nor a dictionary"))
    }

    fn framing(&self) -> Framing<'_> {
        Framing { path: self.map.path(), bytes: self.map.bytes(), rows: 0, messages: 0 }
    }

    fn body(&self, place: &Place) -> Buffer {
        self.buffer.slice_with_length(place.body.start, place.body.len())
    }

    /// The dictionaries as they stand after so many dictionary messages.
    fn dictionaries(&self, count: usize) -> Result<Dictionaries> {
        let mut decoded = self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = decoded.get(&count) {
            return Ok(found.clone());
        }
        let (done, mut all) = match decoded.range(..count).next_back() {
            Some((&done, before)) => (done, HashMap::clone(before)),
            None => (0, HashMap::new()),
        };
        let framing = self.framing();
        for place in self.dictionaries.get(done..count).unwrap_or_default() {
            self.map.populate(place.body.clone())?;
            let message = framing.message(place)?;
            let at = framing.at(place.header.start);
            let Some(batch) = message.header_as_dictionary_batch() else { continue };
            if let Some(data) = batch.data() {
                framing.check_batch(place, &data)?;
            }
            guard(self.map.path(), &at, "decoding a dictionary", || {
                read_dictionary(&self.body(place), batch, &self.schema, &mut all, &message.version())
            })?;
        }
        let all = Arc::new(all);
        decoded.insert(count, all.clone());
        Ok(all)
    }

    fn decode(&self, unit: usize, place: &Place, columns: &[usize]) -> Result<RecordBatch> {
        let dictionaries = self.dictionaries(self.dictionaries_before.get(unit).copied().unwrap_or(0))?;
        let framing = self.framing();
        let message = framing.message(place)?;
        let header = message
            .header_as_record_batch()
            .ok_or_else(|| framing.broken(place.header.start, "the batch is gone"))?;
        framing.check_batch(place, &header)?;
        let body = self.body(place);
        let at = framing.at(place.header.start);
        let decode = |columns: &[usize], at: &At| {
            guard(self.map.path(), at, "decoding a record batch", || {
                let schema = self.schema.clone();
                read_record_batch(&body, header, schema, &dictionaries, Some(columns), &message.version())
            })
        };
        decode(columns, &at).map_err(|error| {
            // Which column it is, is known by decoding them one by one.
            let of_column = |&column: &usize| {
                let name = self.schema.field(column).name();
                decode(
                    &[column],
                    &At::Field(format!("column {name:?} in the batch at byte {}", place.header.start)),
                )
                .err()
            };
            columns.iter().find_map(of_column).unwrap_or(error)
        })
    }
}

impl Part for Stream {
    fn path(&self) -> &Path {
        self.map.path()
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn unit_rows(&self) -> &[u64] {
        &self.rows
    }

    fn bytes(&self, columns: &[usize]) -> Result<u64> {
        let rows: u64 = self.rows.iter().sum();
        let widths = columns.iter().map(|&column| fixed_bytes(self.schema.field(column).data_type()));
        if let Some(width) = widths.sum::<Option<u64>>() {
            return Ok(rows.saturating_mul(width));
        }
        if columns.len() == self.schema.fields().len() {
            return Ok(self.batches.iter().map(|place| place.body.len() as u64).sum());
        }
        // A part of the columns: the first batch that has rows tells how large they are.
        let Some(first) = self.rows.iter().position(|&rows| rows > 0) else { return Ok(0) };
        let Some(place) = self.batches.get(first) else { return Ok(0) };
        let batch = self.decode(first, place, columns)?;
        let bytes: u64 = batch.columns().iter().map(|c| super::types::extent(c.as_ref(), 0, c.len())).sum();
        let scaled = u128::from(bytes) * u128::from(rows) / (batch.num_rows().max(1) as u128);
        Ok(u64::try_from(scaled).unwrap_or(u64::MAX))
    }

    fn read(&self, unit: usize, columns: &[usize], wanted: &[u32]) -> Result<Fragment> {
        let place =
            self.batches.get(unit).ok_or_else(|| Error::Internal(format!("there is no batch {unit}")))?;
        let rows = self.rows.get(unit).copied().unwrap_or(0);
        if wanted.len() as u64 * DENSE as u64 >= rows {
            self.map.populate(place.header.start..place.body.end)?;
        }
        // The decoder gives the columns in the order of `columns`.
        let batch = self.decode(unit, place, columns)?;
        let schema = project(&self.schema, columns);
        let batch = batch.with_schema(schema).map_err(|e| Error::Internal(e.to_string()))?;
        Ok(Fragment::Whole(batch))
    }

    fn check_unchanged(&self) -> Result<()> {
        self.map.opened().check_unchanged()
    }
}

/// The map as an owner of bytes.
struct SharedMap(Arc<Map>);

impl AsRef<[u8]> for SharedMap {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

/// The messages of a file, one after the other.
struct Framing<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    rows: u64,
    messages: u64,
}

impl<'a> Framing<'a> {
    #[allow(clippy::unused_self)]
    fn at(&self, position: usize) -> At {
        At::Byte(position as u64)
    }

    fn broken(&self, position: usize, what: &str) -> Error {
        Error::format(self.path, self.at(position), what)
    }

    fn cut(&self, position: usize, what: &str) -> Error {
        let message = format!(
            "{what}, in message {} after {} rows; the file was cut, or its writer did not finish: write or download it again",
            self.messages, self.rows
        );
        Error::truncated(self.path, self.at(position), message)
    }

    /// The message at a position, which moves behind it; nothing at the end mark.
    fn next(&mut self, position: &mut usize) -> Result<Option<Place>> {
        let start = *position;
        let rest = self.bytes.get(start..).unwrap_or_default();
        if rest.is_empty() {
            return Err(self.cut(start, "the stream ends without its end mark"));
        }
        if rest.len() < 8 {
            return Err(self.cut(start, &format!("8 bytes begin a message and {} are there", rest.len())));
        }
        let (mark, rest) = rest.split_at(4);
        if mark != CONTINUATION {
            let message = format!(
                "a message or the end mark of the stream must begin with ff ff ff ff and this has {mark:02x?}, after {} rows; bytes were lost or overwritten here",
                self.rows
            );
            return Err(self.broken(start, &message));
        }
        let length = rest.first_chunk::<4>().map_or(0, |bytes| i32::from_le_bytes(*bytes));
        let header_start = start + 8;
        let length = usize::try_from(length)
            .map_err(|_| self.broken(start + 4, &format!("a message header has the length {length}")))?;
        if length == 0 {
            *position = header_start;
            return Ok(None);
        }
        let there = self.bytes.len() - header_start;
        if length > there {
            return Err(
                self.cut(start, &format!("a message header has {length} bytes and {there} are there"))
            );
        }
        let body_start = header_start + length;
        let mut place = Place { header: header_start..body_start, body: body_start..body_start };
        let declared = self.message(&place)?.bodyLength();
        let there = self.bytes.len() - body_start;
        let body = u64::try_from(declared)
            .map_err(|_| self.broken(start, &format!("a message body has the length {declared}")))?;
        let body = usize::try_from(body).ok().filter(|&body| body <= there);
        let body = body.ok_or_else(|| {
            self.cut(start, &format!("a message body has {declared} bytes and {there} are there"))
        })?;
        place.body.end = body_start + body;
        *position = place.body.end;
        self.messages += 1;
        Ok(Some(place))
    }

    fn message(&self, place: &Place) -> Result<Message<'a>> {
        let bytes = self.bytes.get(place.header.clone()).unwrap_or_default();
        root_as_message(bytes).map_err(|e| {
            self.broken(place.header.start, &format!("the message header is no flatbuffer: {e}"))
        })
    }

    fn schema(&self, place: &Place, message: &Message<'_>) -> Result<SchemaRef> {
        let schema = message
            .header_as_schema()
            .ok_or_else(|| self.broken(place.header.start, "a stream must begin with its schema"))?;
        if schema.endianness() != Endianness::Little {
            return Err(self.broken(
                place.header.start,
                "the stream is big-endian; write it again on a little-endian machine",
            ));
        }
        let at = At::Field("schema".to_owned());
        guard(self.path, &at, "reading the schema", || try_fb_to_schema(schema)).map(Arc::new)
    }

    /// Fails if a buffer lies outside of the body, or is declared to unpack to more than any codec can hold.
    fn check_batch(&self, place: &Place, batch: &Header<'_>) -> Result<()> {
        let size = place.body.len() as u64;
        let compressed = batch.compression().is_some();
        for (index, buffer) in batch.buffers().into_iter().flatten().enumerate() {
            let span = u64::try_from(buffer.offset()).ok().zip(u64::try_from(buffer.length()).ok());
            let inside = span.and_then(|(offset, length)| {
                offset.checked_add(length).filter(|&end| end <= size).map(|_| (offset, length))
            });
            let Some((offset, length)) = inside else {
                let message = format!(
                    "buffer {index} of the batch spans {} bytes from {}, and its body has {size}",
                    buffer.length(),
                    buffer.offset()
                );
                return Err(self.broken(place.header.start, &message));
            };
            if compressed && length >= 8 {
                self.check_unpacked(place, offset, length)?;
            }
        }
        Ok(())
    }

    fn check_unpacked(&self, place: &Place, offset: u64, length: u64) -> Result<()> {
        let start = place.body.start + usize::try_from(offset).unwrap_or(usize::MAX / 2);
        let declared = self.bytes.get(start..).and_then(|rest| rest.first_chunk::<8>());
        let declared = declared.map_or(0, |bytes| i64::from_le_bytes(*bytes));
        let limit = i64::try_from(length.saturating_mul(MAX_RATIO)).unwrap_or(i64::MAX);
        if declared < -1 || declared > limit {
            let message =
                format!("a buffer of {length} compressed bytes is declared to unpack to {declared}");
            return Err(self.broken(start, &message));
        }
        Ok(())
    }

    /// The footer of a file.
    fn footer(&self) -> Result<Footer<'a>> {
        let size = self.bytes.len();
        let tail = size.checked_sub(10).filter(|&tail| tail >= 8);
        let Some((tail, end)) = tail.and_then(|tail| Some((tail, self.bytes.get(tail..)?))) else {
            return Err(self.cut(size, "an Arrow file has at least 18 bytes"));
        };
        if !end.ends_with(b"ARROW1") {
            return Err(self.cut(size, "an Arrow file must end with ARROW1, after its footer"));
        }
        let length = end.first_chunk::<4>().map_or(0, |bytes| i32::from_le_bytes(*bytes));
        let start = usize::try_from(length)
            .ok()
            .and_then(|length| tail.checked_sub(length))
            .filter(|&start| start >= 8);
        let start = start.ok_or_else(|| {
            self.broken(tail, &format!("the footer has the length {length} in a file of {size} bytes"))
        })?;
        let bytes = self.bytes.get(start..tail).unwrap_or_default();
        root_as_footer(bytes).map_err(|e| self.broken(start, &format!("the footer is no flatbuffer: {e}")))
    }
}
