//! Files as the `arrow` crate writes them, whole, cut, and with footers and blocks that are damaged.

use std::ops::Range;

use arrow::ipc::writer::FileWriter;
use arrow::record_batch::RecordBatch;

use super::tests::{batch, contents, keys, refused, set, start};
use super::{MessageBlock, MessageKind};
use crate::error::Error;

fn file(batches: &[RecordBatch]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = FileWriter::try_new(&mut bytes, &batches[0].schema()).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

fn footer(bytes: &[u8]) -> Range<usize> {
    let end = bytes.len() - 10;
    let length = u32::from_le_bytes(*bytes[end..].first_chunk().unwrap());
    end - usize::try_from(length).unwrap()..end
}

fn places(bytes: &[u8]) -> Vec<MessageBlock> {
    contents(bytes).unwrap().messages.into_iter().map(|(place, _)| place).collect()
}

/// Where the footer names a block, by what it says of it: its offset, the bytes before its body, and its body's.
fn block(bytes: &[u8], place: &MessageBlock) -> usize {
    let offset = start(place) as u64;
    let said = [offset, place.body.start - offset, place.body.end - place.body.start];
    let said = said.map(u64::to_le_bytes).concat();
    let footer = footer(bytes);
    let found = bytes[footer.clone()].windows(24).position(|window| window == said);
    footer.start + found.unwrap()
}

#[test]
fn the_blocks_of_a_file_are_those_of_its_footer() {
    let batches = [batch(5), batch(7)];
    let bytes = file(&batches);
    let found = contents(&bytes).unwrap();
    assert_eq!(found.schema, batches[0].schema());
    let kinds: Vec<_> = found.messages.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(kinds, [5, 7].map(|rows| MessageKind::Batch { rows, packed: false }));
    for (place, _) in &found.messages {
        assert_eq!(place.header.end, place.body.start);
        assert_eq!(bytes[start(place)..start(place) + 4], [0xff; 4]);
    }
    let kinds: Vec<_> =
        contents(&file(&[keys()])).unwrap().messages.into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, [MessageKind::Dictionary, MessageKind::Batch { rows: 3, packed: false }]);
    assert_eq!(contents(&file(&[batch(0)])).unwrap().messages.len(), 1);
}

#[test]
fn a_file_that_is_cut_is_refused_wherever_it_is_cut() {
    let bytes = file(&[batch(5), batch(7)]);
    for length in 0..bytes.len() {
        let error = contents(&bytes[..length]).unwrap_err();
        assert!(matches!(error, Error::Truncated(_)), "{length}: {error}");
    }
    refused(&bytes[..bytes.len() - 1], true, "an Arrow file must end with ARROW1, after its footer");
    refused(&bytes[..17], true, "an Arrow file has at least 18 bytes");
    refused(&[&bytes[..], b"\0"].concat(), true, "must end with ARROW1");
}

#[test]
fn a_footer_lies_in_its_file_and_is_one() {
    let bytes = file(&[batch(5)]);
    let footer = footer(&bytes);
    let most = i32::try_from(footer.end).unwrap();
    for length in [-1, i32::MIN, i32::MAX, most, most - 7] {
        let damaged = set(&bytes, footer.end, &length.to_le_bytes());
        refused(&damaged, false, &format!("the footer has the length {length} in a file of {}", bytes.len()));
    }
    refused(&set(&bytes, footer.end, &[0; 4]), false, "the footer is no flatbuffer");
    refused(&set(&bytes, footer.start, &[0xff; 4]), false, "the footer is no flatbuffer");
}

#[test]
fn a_block_lies_where_the_footer_says_and_is_what_it_says() {
    let bytes = file(&[batch(5), batch(5)]);
    let places = places(&bytes);
    let second = block(&bytes, &places[1]);
    let footer = footer(&bytes);
    for offset in [-1, 0, 7, i64::try_from(footer.start).unwrap(), i64::MAX] {
        let said = format!("the footer names a block at byte {offset}, and blocks lie between 8 and");
        refused(&set(&bytes, second, &offset.to_le_bytes()), false, &said);
    }
    let first = start(&places[0]) as u64;
    refused(&set(&bytes, second, &first.to_le_bytes()), false, "that overlap");
    refused(&set(&bytes, second, &(first + 8).to_le_bytes()), false, "must begin with ff ff ff ff");
    refused(
        &set(&bytes, second + 8, &8u32.to_le_bytes()),
        false,
        "the footer gives the message 8 bytes before",
    );
    refused(&set(&bytes, second + 16, &8u64.to_le_bytes()), false, "the footer gives the block 8 bytes and");
    // The end mark is no block.
    let end = footer.start as u64 - 8;
    refused(&set(&bytes, second, &end.to_le_bytes()), false, "names a block where the messages end");
}

#[test]
fn a_dictionary_is_no_batch() {
    let bytes = file(&[keys()]);
    let places = places(&bytes);
    let (dictionary, batch) = (block(&bytes, &places[0]), block(&bytes, &places[1]));
    let (of_dictionary, of_batch) = (&bytes[dictionary..dictionary + 24], &bytes[batch..batch + 24]);
    let swapped = set(&set(&bytes, dictionary, of_batch), batch, of_dictionary);
    refused(&swapped, false, "the footer names a dictionary here, and the message is a record batch");
    let twice = set(&bytes, batch, of_dictionary);
    refused(&twice, false, "the footer names a record batch here, and the message is a dictionary");
}

#[test]
fn a_batch_that_the_footer_lost_is_missed() {
    let bytes = file(&[batch(5), batch(7)]);
    let places = places(&bytes);
    // The number of blocks stands before them.
    let blocks = block(&bytes, &places[0]);
    assert_eq!(bytes[blocks - 4..blocks], [2, 0, 0, 0]);
    let said =
        format!("at byte {}: the {} bytes", start(&places[1]), footer(&bytes).start - start(&places[1]));
    refused(&set(&bytes, blocks - 4, &[1]), false, &said);
    // So is the first one.
    let mut lost = set(&bytes, blocks - 4, &[1]);
    lost.copy_within(blocks + 24..blocks + 48, blocks);
    refused(&lost, false, "are in no block that the footer names");
    // Nothing but zeros and the end mark lies before the footer.
    let end = footer(&bytes).start;
    assert!(contents(&set(&bytes, end - 8, &[0; 8])).is_ok());
    refused(&set(&bytes, end - 1, &[1]), false, "are in no block that the footer names");
}

#[test]
fn a_footer_that_is_damaged_is_refused_or_names_what_lies_in_the_file() {
    let bytes = file(&[batch(5), batch(7)]);
    let mut refusals = 0;
    for position in footer(&bytes) {
        for by in [0, 1, 0x7f, 0x80, 0xff] {
            match contents(&set(&bytes, position, &[by])) {
                Ok(found) => {
                    let kinds: Vec<_> = found.messages.iter().map(|(_, kind)| *kind).collect();
                    assert_eq!(
                        kinds,
                        [5, 7].map(|rows| MessageKind::Batch { rows, packed: false }),
                        "{position} {by}"
                    );
                }
                Err(Error::Format(_) | Error::Truncated(_)) => refusals += 1,
                Err(other) => panic!("byte {position} as {by}: {other}"),
            }
        }
    }
    assert!(refusals > 500, "{refusals}");
}
