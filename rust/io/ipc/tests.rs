//! Streams as the `arrow` crate writes them, whole, cut and damaged.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int64Array, StringArray};
use arrow::datatypes::Int32Type;
use arrow::ipc::MetadataVersion;
use arrow::ipc::writer::{IpcWriteOptions, StreamWriter};
use arrow::record_batch::RecordBatch;

use super::{
    Contents, MessageBlock, MessageKind, begins_unmarked, buffer, buffers_of_columns, header_of, message,
    unpacked,
};
use crate::error::{At, Error, Result};
use crate::io::read_at::ReadAt;

/// A file that lies in memory.
pub(super) struct InMemory(pub(super) Vec<u8>);

impl ReadAt for InMemory {
    fn path(&self) -> &Path {
        Path::new("memory.arrow")
    }

    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Cow<'_, [u8]>> {
        let start = usize::try_from(offset).unwrap();
        let bytes = self.0.get(start..).and_then(|rest| rest.get(..len));
        bytes.map(Cow::Borrowed).ok_or_else(|| Error::truncated(self.path(), At::Byte(offset), "no bytes"))
    }
}

pub(super) fn contents(bytes: &[u8]) -> Result<Contents> {
    Contents::read(&InMemory(bytes.to_vec()))
}

/// A batch of numbers and texts.
pub(super) fn batch(rows: i64) -> RecordBatch {
    let numbers: ArrayRef =
        Arc::new((0..rows).map(|row| (row % 3 > 0).then_some(row)).collect::<Int64Array>());
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("row {row}"))));
    RecordBatch::try_from_iter_with_nullable([("a", numbers, true), ("b", texts, false)]).unwrap()
}

/// A batch of one column that is stored as keys of a dictionary.
pub(super) fn keys() -> RecordBatch {
    let keys: DictionaryArray<Int32Type> = ["x", "y", "x"].into_iter().collect();
    RecordBatch::try_from_iter([("k", Arc::new(keys) as ArrayRef)]).unwrap()
}

pub(super) fn stream_of(batches: &[RecordBatch], options: IpcWriteOptions) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new_with_options(&mut bytes, &batches[0].schema(), options).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

pub(super) fn stream(batches: &[RecordBatch]) -> Vec<u8> {
    stream_of(batches, IpcWriteOptions::default())
}

fn at(position: u64) -> usize {
    usize::try_from(position).unwrap()
}

/// The bytes, with some at a position replaced.
pub(super) fn set(bytes: &[u8], position: usize, by: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[position..position + by.len()].copy_from_slice(by);
    bytes
}

/// Where a whole message begins: its marker and length stand before its header.
pub(super) fn start(place: &MessageBlock) -> usize {
    at(place.header.start) - 8
}

#[track_caller]
pub(super) fn refused(bytes: &[u8], is_truncated: bool, said: &str) {
    let error = contents(bytes).unwrap_err();
    assert_eq!(matches!(error, Error::Truncated(_)), is_truncated, "{error}");
    assert!(is_truncated || matches!(error, Error::Format(_)), "{error}");
    assert!(error.to_string().contains(said) && error.to_string().contains("memory.arrow"), "{error}");
}

#[test]
fn the_messages_of_a_stream_follow_each_other() {
    let batches = [batch(5), batch(0), batch(1000)];
    let bytes = stream(&batches);
    let contents = contents(&bytes).unwrap();
    assert_eq!(contents.schema, batches[0].schema());
    let kinds: Vec<_> = contents.messages.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(kinds, [5, 0, 1000].map(|rows| MessageKind::Batch { rows, packed: false }));
    let places: Vec<_> = contents.messages.iter().map(|(place, _)| place).collect();
    for pair in places.windows(2) {
        assert_eq!(start(pair[1]), at(pair[0].body.end));
    }
    let last = places.last().unwrap();
    assert_eq!(last.header.end, last.body.start);
    assert_eq!(bytes[at(last.body.end)..], [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
}

#[test]
fn a_dictionary_is_told_from_a_batch() {
    let bytes = stream(&[keys()]);
    let kinds: Vec<_> = contents(&bytes).unwrap().messages.into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, [MessageKind::Dictionary, MessageKind::Batch { rows: 3, packed: false }]);
}

#[test]
fn a_stream_from_before_the_marker_is_read() {
    let options = IpcWriteOptions::try_new(8, true, MetadataVersion::V4).unwrap();
    let (old, new) = (stream_of(&[batch(5)], options), stream(&[batch(5)]));
    assert_ne!(old[..4], [0xff; 4]);
    assert!(begins_unmarked(&InMemory(old.clone()), 0).unwrap());
    assert!(!begins_unmarked(&InMemory(new.clone()), 0).unwrap());
    for bytes in [&b""[..], b"\x10\0", b"\x10\0\0\0abc", &[0; 100]] {
        assert!(!begins_unmarked(&InMemory(bytes.to_vec()), 0).unwrap(), "{bytes:?}");
    }
    let (old, new) = (contents(&old).unwrap(), contents(&new).unwrap());
    assert_eq!(old.schema, new.schema);
    assert_eq!(old.messages[0].1, new.messages[0].1);
}

#[test]
fn a_stream_that_is_cut_is_refused_wherever_it_is_cut() {
    let bytes = stream(&[batch(10), batch(20)]);
    let places: Vec<_> = contents(&bytes).unwrap().messages.into_iter().map(|(place, _)| place).collect();
    for length in 0..bytes.len() {
        refused(&bytes[..length], true, "it was cut, or its writer did not finish");
    }
    refused(&bytes[..start(&places[1])], true, "without its end mark, in message 2 after 10 rows");
    refused(&bytes[..start(&places[1]) + 3], true, "8 bytes begin a message and 3 are there");
    refused(&bytes[..=at(places[1].header.start)], true, "a message header has ");
    refused(&bytes[..at(places[1].body.end) - 1], true, "a message body has ");
    refused(&bytes[..at(places[1].body.end)], true, "in message 3 after 30 rows");
}

#[test]
fn a_frame_that_is_damaged_is_refused_at_its_byte() {
    let bytes = stream(&[batch(10), batch(20)]);
    let second = start(&contents(&bytes).unwrap().messages[1].0);
    let byte = format!("at byte {second}:");
    refused(&set(&bytes, second, &[0xfe]), false, "must begin with ff ff ff ff");
    refused(&set(&bytes, second, &[0xfe]), false, &byte);
    refused(&set(&bytes, second + 4, &(-1i32).to_le_bytes()), false, "a message header has the length -1");
    refused(&set(&bytes, second + 4, &i32::MAX.to_le_bytes()), true, "a message header has 2147483647 bytes");
    // A length of nothing ends the stream, and what follows is too much.
    refused(
        &set(&bytes, second + 4, &[0; 4]),
        false,
        "bytes follow the end mark of the stream, after 10 rows",
    );
    refused(&[&bytes[..], &[0; 16]].concat(), false, "16 bytes follow the end mark");
    // One message in place of another.
    refused(&bytes[second..], false, "the first message of the stream is not its schema");
    let schema = &bytes[..start(&contents(&bytes).unwrap().messages[0].0)];
    refused(&[schema, &bytes[..]].concat(), false, "message 2 is a Schema, where a record batch");
    refused(&bytes[bytes.len() - 8..], false, "the stream ends before its schema");
}

#[test]
fn a_header_that_is_damaged_is_refused_or_says_what_lies_in_the_file() {
    let bytes = stream(&[batch(10), batch(20)]);
    let whole = contents(&bytes).unwrap();
    let headers: Vec<_> = whole.messages.iter().map(|(place, _)| place.header.clone()).collect();
    let mut refusals = 0;
    for position in headers.into_iter().flatten().map(at).chain(8..start(&whole.messages[0].0)) {
        for by in [0, 1, 0x7f, 0x80, 0xff] {
            match contents(&set(&bytes, position, &[by])) {
                Ok(found) => {
                    for (place, kind) in &found.messages {
                        assert!(
                            place.header.start <= place.header.end && place.body.end <= bytes.len() as u64
                        );
                        assert!(matches!(kind, MessageKind::Batch { rows: 10 | 20, packed: _ }), "{kind:?}");
                    }
                }
                Err(Error::Format(_) | Error::Truncated(_)) => refusals += 1,
                Err(other) => panic!("byte {position} as {by}: {other}"),
            }
        }
    }
    assert!(refusals > 500, "{refusals}");
}

#[test]
fn a_batch_of_another_schema_is_refused() {
    let (bytes, other) = (stream(&[batch(10)]), stream(&[keys()]));
    let place = contents(&bytes).unwrap().messages[0].0.clone();
    let schema = &other[..start(&contents(&other).unwrap().messages[0].0)];
    // The first column of the batch has nulls, and as many arrays as the other schema: its buffers then are too many.
    assert!(
        contents(&[schema, &bytes[start(&place)..]].concat()).is_ok(),
        "what lies behind is not asked for"
    );
    let wide = RecordBatch::try_from_iter([("a", batch(9).column(0).clone())]).unwrap();
    let narrow = stream(&[wide]);
    let place = contents(&narrow).unwrap().messages[0].0.clone();
    let schema = &bytes[..start(&contents(&bytes).unwrap().messages[0].0)];
    let joined = [schema, &narrow[start(&place)..]].concat();
    refused(&joined, false, "the batch describes 1 arrays, and column \"b\" of its schema needs more");
    let dictionary = contents(&other).unwrap().messages[0].0.clone();
    let joined = [schema, &other[start(&dictionary)..]].concat();
    refused(&joined, false, "the message is a dictionary, and no column has one");
}

#[test]
fn the_buffers_of_a_batch_lie_in_its_body() {
    let file = InMemory(stream(&[batch(10)]));
    let found = Contents::read(&file).unwrap();
    let place = &found.messages[0].0;
    let header = header_of(&file, place).unwrap();
    let message = message(file.path(), place, &header).unwrap();
    let batch = message.header_as_record_batch().unwrap();
    let columns = buffers_of_columns(&found.schema, &batch, message.version()).unwrap();
    assert_eq!(columns, [0..2, 2..5], "validity and values, and validity, offsets and bytes");
    // The values of the first column.
    let span = buffer(file.path(), place, &batch, 1).unwrap();
    assert_eq!(span.end - span.start, 80);
    let values: Vec<u8> = [0, 1, 2, 0, 4, 5, 0, 7, 8, 0].map(i64::to_le_bytes).concat();
    assert_eq!(file.0[at(span.start)..at(span.end)], values);
    let bytes = buffer(file.path(), place, &batch, 4).unwrap();
    assert_eq!(&file.0[at(bytes.start)..at(bytes.start) + 10], b"row 0row 1");
    let short = MessageBlock { header: place.header.clone(), body: place.body.start..bytes.end - 1 };
    for (place, index, said) in [
        (&short, 4, "buffer 4 of the batch spans 50 bytes from"),
        (place, 5, "the batch has 5 buffers, and its schema needs more than 5"),
    ] {
        let error = buffer(file.path(), place, &batch, index).unwrap_err();
        assert!(matches!(&error, Error::Format(_)) && error.to_string().contains(said), "{error}");
    }
}

#[test]
fn a_compressed_buffer_says_how_many_bytes_it_unpacks_to() {
    let tells = |length: i64, packed: usize| {
        let bytes = [&length.to_le_bytes()[..], &vec![7; packed]].concat();
        let end = bytes.len() as u64;
        unpacked(&InMemory(bytes), 0..end)
    };
    assert_eq!(tells(1000, 10).unwrap(), 1000);
    assert_eq!(tells(-1, 10).unwrap(), 10, "as it is");
    assert_eq!(tells(0, 0).unwrap(), 0);
    assert_eq!(tells(18 << 17, 10).unwrap(), 18 << 17);
    for length in [-2, i64::MIN, (18 << 17) + 1, i64::MAX] {
        let error = tells(length, 10).unwrap_err();
        assert!(
            matches!(&error, Error::Format(_)) && error.to_string().contains("more than can be"),
            "{error}"
        );
    }
    let file = InMemory(vec![0; 100]);
    assert_eq!(unpacked(&file, 50..50).unwrap(), 0);
    assert!(unpacked(&file, 50..57).unwrap_err().to_string().contains("its length alone takes 8"));
    assert!(matches!(unpacked(&file, 95..105), Err(Error::Truncated(_))));
}

#[test]
fn what_is_no_flatbuffer_is_no_message() {
    let place = MessageBlock { header: 40..80, body: 80..80 };
    for bytes in [&b""[..], &[0xff; 40], b"\x04\0\0\0", b"\xff\0\0\0"] {
        let error = message(Path::new("memory.arrow"), &place, bytes).unwrap_err();
        assert!(matches!(&error, Error::Format(_)), "{error}");
        assert!(error.to_string().contains("at byte 40: the message header is no flatbuffer"), "{error}");
    }
}
