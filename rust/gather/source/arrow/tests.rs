//! Arrow files and streams that are open: where batches lie, what they take, and their rows, whole and damaged.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use arrow::array::{ArrayRef, AsArray, DictionaryArray, Int8Array, Int32Array, StringArray, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::{DataType, Int8Type};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{DictionaryHandling, FileWriter, IpcWriteOptions, StreamWriter};
use tempfile::TempDir;

use super::stream::DecodedAs;
use super::unpacked::check_buffers;
use super::*;
use crate::error::Error;
use crate::gather::columns::size::nbytes;
use crate::io::file::{File, Io};
use crate::io::ipc;
use crate::io::read_at::ReadAt;

const BOTH: [Io; 2] = [Io::Mmap, Io::Pread];
const CODECS: [Option<CompressionType>; 3] =
    [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)];

/// Rows of a number and a text each.
fn batch(first: i32, rows: i32) -> RecordBatch {
    let numbers = || first..first + rows;
    let texts = numbers().map(|n| (n % 5 != 3).then(|| "text".repeat(usize::try_from(n % 7).unwrap())));
    let columns: [(&str, ArrayRef); 2] = [
        ("n", Arc::new(Int32Array::from_iter_values(numbers()))),
        ("t", Arc::new(texts.collect::<StringArray>())),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
}

fn stream(batches: &[RecordBatch], codec: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(codec).unwrap();
    let mut bytes = Vec::new();
    let mut writer = StreamWriter::try_new_with_options(&mut bytes, &batches[0].schema(), options).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

fn file(batches: &[RecordBatch], codec: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(codec).unwrap();
    let mut bytes = Vec::new();
    let mut writer = FileWriter::try_new_with_options(&mut bytes, &batches[0].schema(), options).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    bytes
}

/// A file of these bytes, opened. It is removed with the folder.
fn opened(bytes: &[u8], io: Io) -> (ArrowPart, TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.arrow");
    fs::write(&path, bytes).unwrap();
    (ArrowPart::open(File::open(&path, io).unwrap()).unwrap(), folder, path)
}

fn read(part: &ArrowPart, unit: usize, columns: &[usize], wanted: &[u32]) -> Result<Vec<RecordBatch>> {
    part.read(unit, columns, wanted, Unpacking::default())?.collect()
}

fn rows_of(batch: &RecordBatch, columns: &[usize], rows: &[u32]) -> RecordBatch {
    take_record_batch(&batch.project(columns).unwrap(), &UInt32Array::from(rows.to_vec())).unwrap()
}

/// Where a buffer of a batch lies in its file.
fn buffer(part: &ArrowPart, unit: usize, index: usize) -> Range<usize> {
    let place = &part.batches[unit].place;
    let found = part.header(&part.file, place, |header, _| ipc::buffer(part.path(), place, &header, index));
    checked::span(&found.unwrap()).unwrap()
}

/// The bytes, with some at a position replaced.
fn set(bytes: &[u8], position: usize, by: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[position..position + by.len()].copy_from_slice(by);
    bytes
}

#[test]
fn batches_are_units_that_lie_where_they_were_written() {
    let batches = [batch(0, 5), batch(5, 0), batch(5, 1), batch(6, 2000)];
    for codec in CODECS {
        for (bytes, io) in
            [stream(&batches, codec), file(&batches, codec)].iter().flat_map(|b| BOTH.map(|io| (b, io)))
        {
            let (part, _folder, path) = opened(bytes, io);
            assert_eq!((part.path(), part.unit_rows()), (path.as_path(), &[5, 0, 1, 2000][..]));
            assert_eq!(part.schema().as_ref(), batches[0].schema().as_ref());
            assert_eq!(part.in_place(), codec.is_none() && io == Io::Mmap);
            assert!(part.opened().is_some());
            let mut end = 0;
            for unit in 0..batches.len() {
                let span = span(&part.batches[unit].place);
                // Eight bytes stand before each message, and the messages do not overlap.
                let marker = usize::try_from(span.start).unwrap() - 8;
                assert_eq!(bytes[marker..marker + 4], [0xff; 4]);
                assert!(marker as u64 >= end);
                end = span.end;
                assert_eq!(part.stored_bytes(unit, &[0]).unwrap(), span.end - span.start);
                match (part.place(unit), io) {
                    (Some((map, found)), Io::Mmap) => {
                        assert_eq!((found, map.bytes()), (checked::span(&span).unwrap(), &bytes[..]));
                    }
                    (None, Io::Pread) => {}
                    (found, _) => panic!("{:?}", found.map(|(_, span)| span)),
                }
            }
            assert!(end <= bytes.len() as u64);
            assert!(part.place(4).is_none());
            for none in [part.stored_bytes(4, &[0]).map(drop), read(&part, 4, &[0], &[0]).map(drop)] {
                assert!(matches!(none, Err(Error::Internal(said)) if said == "there is no batch 4"));
            }
        }
    }
}

#[test]
fn rows_and_views_are_those_of_the_batch_in_the_columns_asked_for() {
    let batches = [batch(0, 5), batch(5, 0), batch(5, 1), batch(6, 2000)];
    for codec in CODECS {
        for io in BOTH {
            let (part, _folder, _) = opened(&stream(&batches, codec), io);
            for (unit, batch) in batches.iter().enumerate() {
                let rows = u32::try_from(batch.num_rows()).unwrap();
                // All of them, so few that the body is not brought into memory at once, and the last alone.
                let last = rows.saturating_sub(1);
                for wanted in [(0..rows).collect(), (0..rows).step_by(100).collect(), vec![last]] {
                    let wanted: Vec<u32> = wanted.into_iter().filter(|&row| row < rows).collect();
                    for columns in [&[0, 1][..], &[1, 0], &[1], &[0]] {
                        let expected = rows_of(batch, columns, &wanted);
                        let found = read(&part, unit, columns, &wanted).unwrap();
                        assert_eq!(concat_batches(&expected.schema(), &found).unwrap(), expected);
                    }
                }
                let view = part.view(unit, &[1, 0]).unwrap();
                let expected = part.in_place().then(|| batch.project(&[1, 0]).unwrap());
                assert_eq!(view, expected);
            }
        }
    }
}

#[test]
fn rows_of_batches_have_the_dictionary_that_stood_before_them() {
    // The stream replaces its dictionary, and keeps it once.
    let keys = |texts: &[&str]| {
        let keys: DictionaryArray<Int8Type> = texts.iter().copied().collect();
        RecordBatch::try_from_iter([("k", Arc::new(keys) as ArrayRef)]).unwrap()
    };
    let texts = [&["a", "b", "a"][..], &["x", "a", "y"], &["x", "a", "y"], &["q", "r", "s"]];
    let bytes = stream(&texts.map(keys), None);
    let found = |part: &ArrowPart, unit: usize| -> Vec<String> {
        let batch = read(part, unit, &[0], &[0, 1, 2]).unwrap().remove(0);
        let column = arrow::compute::cast(batch.column(0), &DataType::Utf8).unwrap();
        column.as_string::<i32>().iter().map(|text| text.unwrap().to_owned()).collect()
    };
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        for io in BOTH {
            let (part, _folder, _) = opened(&bytes, io);
            let before: Vec<usize> = part.batches.iter().map(|batch| batch.dictionaries).collect();
            assert!(before.windows(2).all(|pair| pair[0] <= pair[1]) && before[0] == 1, "{before:?}");
            for unit in order {
                assert_eq!(found(&part, unit), texts[unit]);
            }
            // Each state is decoded once, and is kept.
            let distinct: HashSet<usize> = before.iter().copied().collect();
            let decoded = part.types.dictionaries.here().unwrap().lock().unwrap().len();
            assert_eq!(decoded, distinct.len());
            let [one, again] = [1, 1].map(|count| part.dictionaries(&part.types, count).unwrap());
            assert!(Arc::ptr_eq(&one, &again));
            assert_eq!(one.len(), 1);
            assert!(part.dictionaries(&part.types, 0).unwrap().is_empty());
            let more = part.dictionaries.len() + 1;
            assert!(part.dictionaries(&part.types, more).is_err());
            // Those that follow build on those that are there.
            let types = DecodedAs::new(part.types.schema.clone());
            for count in 0..more {
                assert_eq!(part.dictionaries(&types, count).unwrap().len(), count.min(1));
            }
        }
    }
}

#[test]
fn dictionaries_that_grow_or_stay_are_those_of_each_batch() {
    let keys = |texts: &[&str], values: &[&str]| -> ArrayRef {
        let place =
            |text: &&str| i8::try_from(values.iter().position(|value| value == text).unwrap()).unwrap();
        let keys = Int8Array::from_iter_values(texts.iter().map(place));
        Arc::new(DictionaryArray::new(keys, Arc::new(StringArray::from(values.to_vec()))))
    };
    // The first column grows from batch to batch, and the second stays as it is.
    let values = ["a", "b", "c", "d"];
    let texts = [&["b", "a"][..], &["c", "a"], &["d", "c"]];
    let batches: Vec<RecordBatch> = texts
        .iter()
        .zip(2..)
        .map(|(texts, known)| {
            let columns =
                [("grows", keys(texts, &values[..known])), ("stays", keys(&["y", "x"], &["x", "y"]))];
            RecordBatch::try_from_iter(columns).unwrap()
        })
        .collect();
    for handling in [DictionaryHandling::Delta, DictionaryHandling::Resend] {
        let options = IpcWriteOptions::default().with_dictionary_handling(handling);
        let mut bytes = Vec::new();
        let mut writer =
            StreamWriter::try_new_with_options(&mut bytes, &batches[0].schema(), options).unwrap();
        for batch in &batches {
            writer.write(batch).unwrap();
        }
        writer.finish().unwrap();
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let (part, _folder, _) = opened(&bytes, Io::Mmap);
            for unit in order {
                let found = part.view(unit, &[0, 1]).unwrap().unwrap();
                let texts_of = |column: usize| {
                    let texts = arrow::compute::cast(found.column(column), &DataType::Utf8).unwrap();
                    texts.as_string::<i32>().iter().map(|text| text.unwrap().to_owned()).collect::<Vec<_>>()
                };
                assert_eq!(
                    (texts_of(0), texts_of(1)),
                    (
                        texts[unit].iter().map(|&text| text.to_owned()).collect(),
                        vec!["y".to_owned(), "x".to_owned()],
                    )
                );
                // As long as it was when the batch was written.
                let dictionary = found.column(0).as_dictionary::<Int8Type>().values().len();
                assert_eq!(dictionary, unit + 2, "{order:?}");
            }
        }
    }
}

#[test]
fn bytes_are_those_of_numbers_and_of_bodies() {
    let batches = [batch(0, 5), batch(5, 0), batch(5, 1500)];
    let plain = stream(&batches, None);
    let (whole, _folder, _) = opened(&plain, Io::Mmap);
    let bodies: u64 = whole.batches.iter().map(|b| b.place.body.end - b.place.body.start).sum();
    // Of bytes that are not compressed, each buffer says how many it has.
    let lengths: usize = (0..batches.len())
        .flat_map(|u| (0..5).map(move |i| (u, i)))
        .map(|(unit, index)| buffer(&whole, unit, index).len())
        .sum();
    for io in BOTH {
        let (part, _folder, _) = opened(&plain, io);
        assert_eq!(part.bytes(&[0]).unwrap(), 4 * 1505);
        assert_eq!(part.bytes(&[0, 0]).unwrap(), 8 * 1505);
        assert_eq!(part.bytes(&[]).unwrap(), 0);
        assert_eq!(part.bytes(&[0, 1]).unwrap(), bodies);
        let first = nbytes(batches[0].column(1).as_ref(), 0, 5);
        assert_eq!(part.bytes(&[1]).unwrap(), first * 1505 / 5);
        for codec in &CODECS[1..] {
            let (part, _folder, _) = opened(&stream(&batches, *codec), io);
            assert_eq!(part.bytes(&[0]).unwrap(), 4 * 1505);
            // What is known is not looked for again.
            for _ in 0..2 {
                assert_eq!(part.bytes(&[0, 1]).unwrap(), lengths as u64);
            }
            assert_eq!(part.bytes(&[1]).unwrap(), first * 1505 / 5);
        }
    }
    // The first batch that has rows stands for all.
    let (part, _folder, _) = opened(&stream(&[batch(0, 0), batch(4, 2), batch(0, 10)], None), Io::Pread);
    assert_eq!(part.bytes(&[1]).unwrap(), nbytes(batch(4, 2).column(1).as_ref(), 0, 2) * 12 / 2);
    let (part, _folder, _) = opened(&stream(&[batch(0, 0)], None), Io::Pread);
    assert_eq!(part.bytes(&[1]).unwrap(), 0);
}

#[test]
fn what_keys_stand_for_is_counted_beside_them() {
    let keys: DictionaryArray<Int8Type> = ["aaaaaaaa", "b", "aaaaaaaa"].into_iter().collect();
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let table = RecordBatch::try_from_iter([("k", Arc::new(keys) as ArrayRef), ("n", numbers)]).unwrap();
    let (part, _folder, _) = opened(&stream(&[table.clone(), table.slice(0, 3)], None), Io::Mmap);
    let bodies: u64 = part.batches.iter().map(|b| b.place.body.end - b.place.body.start).sum();
    let values = 2 * nbytes(table.column(0).as_ref(), 0, 3);
    assert!(values > 0);
    assert_eq!(part.bytes(&[0, 1]).unwrap(), bodies + values);
    assert_eq!(part.bytes(&[0]).unwrap(), values);
}

#[path = "damage_tests.rs"]
mod damage;
