//! What is asked of a Parquet file before its rows are decoded: row groups, leaves, bytes, steps and lists.

use std::ops::Range;
use std::path::Path;

use arrow::array::{
    ArrayRef, AsArray, BinaryArray, FixedSizeListArray, Float32Array, Int8Array, Int32Array, LargeListArray,
    ListArray, RecordBatch, StringArray, StructArray,
};
use arrow::datatypes::{Field, Float32Type, Int32Type, Int64Type};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{ChunkReader, Length};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::SchemaDescriptor;
use tempfile::NamedTempFile;

use super::*;
use crate::gather::source::parquet::ParquetPart;
use crate::gather::source::part::{CorpusPart, Unpacking};
use crate::io::file::{File, Io};

/// Rows of a number, a text, a group of a number and a text, a list and a long list of numbers, and a list of texts.
fn table(rows: i32) -> RecordBatch {
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..rows));
    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|row| format!("text {row}"))));
    let group = StructArray::from(vec![
        (Arc::new(Field::new("a", DataType::Int32, false)), numbers.clone()),
        (Arc::new(Field::new("b", DataType::Utf8, false)), texts.clone()),
    ]);
    let list = |row: i32| (row % 7 > 0).then(|| (0..row % 5).map(move |item| Some(row + item)));
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>((0..rows).map(list));
    let long = |row: i32| Some((0..row % 3).map(move |item| Some(i64::from(row * item))));
    let long = LargeListArray::from_iter_primitive::<Int64Type, _, _>((0..rows).map(long));
    let item = Arc::new(Field::new("item", DataType::Utf8, false));
    let of_texts = FixedSizeListArray::new(item, 1, texts.clone(), None);
    let columns: [(&str, ArrayRef); 6] = [
        ("n", numbers),
        ("t", texts),
        ("g", Arc::new(group)),
        ("l", Arc::new(lists)),
        ("long", Arc::new(long)),
        ("of_texts", Arc::new(of_texts)),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn written(table: &RecordBatch, properties: WriterProperties) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    let mut writer = ArrowWriter::try_new(file.reopen().unwrap(), table.schema(), Some(properties)).unwrap();
    writer.write(table).unwrap();
    writer.close().unwrap();
    file
}

/// Row groups of so many rows.
fn groups(rows: usize) -> WriterProperties {
    WriterProperties::builder().set_max_row_group_row_count(Some(rows)).build()
}

fn opened(path: &Path) -> ParquetPart {
    ParquetPart::open(File::open(path, Io::Pread).unwrap()).unwrap()
}

fn one_column(column: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter([("c", column)]).unwrap()
}

#[test]
fn row_groups_and_leaves_are_those_of_the_schema() {
    let path = written(&table(250), groups(100));
    let part = opened(path.path());
    let file = &part.file;
    assert_eq!((part.path(), part.unit_rows()), (path.path(), &[100, 100, 50][..]));
    assert_eq!(part.schema(), &table(250).schema());
    assert!(!part.in_place() && part.opened().is_some() && part.place(0).is_none());
    let firsts: Vec<u64> = (0..5).map(|unit| file.first_row(unit)).collect();
    assert_eq!(firsts, [0, 100, 200, 250, 250]);
    for (unit, rows) in [100, 100, 50].into_iter().enumerate() {
        assert_eq!(file.group(unit).unwrap().num_rows(), rows);
    }
    let none = file.group(3).map(drop).unwrap_err();
    assert!(matches!(&none, Error::Internal(said) if said == "there is no row group 3"), "{none}");
    for (columns, leaves) in [
        (&[][..], &[][..]),
        (&[0, 1, 2, 3, 4, 5], &[0, 1, 2, 3, 4, 5, 6]),
        (&[2], &[2, 3]),
        (&[5, 2, 0], &[6, 2, 3, 0]),
    ] {
        assert_eq!(file.leaves_of(columns).unwrap(), leaves);
        let group = file.group(1).unwrap();
        let chunks = file.chunks(group, columns).unwrap();
        let names: Vec<String> = chunks.iter().map(|(chunk, _)| chunk.column_path().string()).collect();
        let expected: Vec<String> =
            leaves.iter().map(|&leaf: &usize| group.column(leaf).column_path().string()).collect();
        assert_eq!(names, expected);
    }
    // Each leaf comes with the type of the whole column.
    let chunks = file.chunks(file.group(0).unwrap(), &[2]).unwrap();
    let data_type = table(0).schema().field(2).data_type().clone();
    assert!(chunks.iter().all(|(_, of_column)| **of_column == data_type));
    assert!(file.leaves_of(&[6]).is_err() && file.chunks(file.group(0).unwrap(), &[6]).is_err());
}

#[test]
fn bytes_are_added_over_chunks_and_groups() {
    let path = written(&table(250), groups(100));
    let part = opened(path.path());
    let sum = |ranges: &[(u64, u64)]| ranges.iter().map(|(_, length)| length).sum::<u64>();
    for unit in 0..3 {
        let group = part.file.group(unit).unwrap();
        let spans: Vec<_> = group.columns().iter().map(ColumnChunkMetaData::byte_range).collect();
        assert_eq!(part.stored_bytes(unit, &[0, 1, 2, 3, 4, 5]).unwrap(), sum(&spans));
        assert_eq!(part.stored_bytes(unit, &[2]).unwrap(), sum(&spans[2..4]));
        assert_eq!(part.stored_bytes(unit, &[]).unwrap(), 0);
        assert_eq!(part.file.group_bytes(group, &[0]).unwrap(), 4 * group.num_rows().unsigned_abs());
    }
    assert!(part.stored_bytes(3, &[0]).is_err());
    assert_eq!(part.bytes(&[0]).unwrap(), 4 * 250);
    assert_eq!(part.bytes(&[0, 0]).unwrap(), 8 * 250);
    let of_group: u64 = (0..3)
        .map(|unit| {
            let group = part.file.group(unit).unwrap();
            let [a, b] = [2, 3].map(|leaf| (group.column(leaf), part.schema().field(2).data_type()));
            decoded_bytes(a.0, a.1) + decoded_bytes(b.0, b.1)
        })
        .sum();
    assert_eq!(part.bytes(&[2]).unwrap(), of_group);
    let empty = written(&table(0), groups(100));
    assert_eq!(
        (opened(empty.path()).bytes(&[0, 1]).unwrap(), opened(empty.path()).unit_rows().len()),
        (0, 0)
    );
}

#[test]
fn columns_that_are_encrypted_are_refused_by_name() {
    let path = written(&table(3), groups(100));
    let mut part = opened(path.path());
    let file = Arc::get_mut(&mut part.file).unwrap();
    assert!(file.encrypted.iter().all(Option::is_none));
    file.encrypted[2] = Some("g.b".to_owned());
    part.check_readable(&[0, 1, 3]).unwrap();
    part.check_readable(&[]).unwrap();
    for columns in [&[2][..], &[0, 2], &[2, 0]] {
        let read = part.read(0, columns, &[0], Unpacking::default()).map(drop);
        for refused in [part.check_readable(columns), read] {
            let error = refused.unwrap_err().to_string();
            assert!(error.contains("g.b") && error.contains("is encrypted"), "{error}");
            assert!(error.contains("columns="), "{error}");
        }
    }
    assert!(matches!(part.check_readable(&[6]), Err(Error::Internal(_))));
}

#[test]
fn texts_without_their_type_are_doubtful_and_texts_and_small_numbers_are_looked_at_by_row() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let small: ArrayRef = Arc::new(Int8Array::from(vec![1, 2]));
    let numbers: ArrayRef = Arc::new(Float32Array::from(vec![1.0, 2.0]));
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"x"[..], b"y"]));
    let columns = [("t", texts), ("bare", Arc::new(StringArray::from(vec!["c", "d"]))), ("s", small)];
    let columns = columns.into_iter().chain([("f", numbers), ("b", bytes)]);
    let table = RecordBatch::try_from_iter(columns).unwrap();
    let schema = "message m { required binary t (UTF8); required binary bare; required int32 s (INTEGER(8, true)); required float f; required binary b; }";
    let schema = SchemaDescriptor::new(Arc::new(parse_message_type(schema).unwrap()));
    let path = NamedTempFile::new().unwrap();
    let options = ArrowWriterOptions::new().with_parquet_schema(schema);
    let mut writer =
        ArrowWriter::try_new_with_options(path.reopen().unwrap(), table.schema(), options).unwrap();
    writer.write(&table).unwrap();
    writer.close().unwrap();
    let part = opened(path.path());
    let doubtful: Vec<bool> = (0..6).map(|column| part.file.is_doubtful(&[column])).collect();
    assert_eq!(doubtful, [false, true, false, false, false, false]);
    assert!(part.file.is_doubtful(&[0, 1]) && !part.file.is_doubtful(&[]) && !part.file.is_doubtful(&[0, 2]));
    let by_row: Vec<bool> = (0..6).map(|column| part.file.is_looked_at_by_row(&[column])).collect();
    assert_eq!(by_row, [true, true, true, false, false, false]);
    assert!(part.file.is_looked_at_by_row(&[3, 2]) && !part.file.is_looked_at_by_row(&[]));
    // The same file with bytes in place of texts, made once.
    let stored = part.file.as_bytes().unwrap();
    let types: Vec<&DataType> = stored.schema().fields().iter().map(|field| field.data_type()).collect();
    assert_eq!(
        types,
        [&DataType::Binary, &DataType::Binary, &DataType::Int32, &DataType::Float32, &DataType::Binary]
    );
    assert!(std::ptr::eq(stored, part.file.as_bytes().unwrap()));
    let rows: Vec<RecordBatch> =
        part.read(0, &[1, 0], &[1], Unpacking::default()).unwrap().collect::<Result<_>>().unwrap();
    assert_eq!(rows[0].columns(), table.project(&[1, 0]).unwrap().slice(1, 1).columns());
}

#[test]
fn a_step_is_as_many_rows_as_take_four_megabytes_within_bounds() {
    let step = |column: ArrayRef, dictionary: bool| {
        let properties = WriterProperties::builder().set_dictionary_enabled(dictionary).build();
        let path = written(&one_column(column), properties);
        opened(path.path()).file.step(0, &[0]).unwrap()
    };
    let wide = |length: i32, rows: i32| -> ArrayRef {
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        let values = Float32Array::from_iter_values((0..length * rows).map(|_| 0.5));
        Arc::new(FixedSizeListArray::new(item, length, Arc::new(values), None))
    };
    let texts = || -> ArrayRef { Arc::new(StringArray::from_iter_values((0..9).map(|n| format!("{n}")))) };
    let numbers = || -> ArrayRef { Arc::new(Int32Array::from_iter_values(0..9)) };
    assert_eq!(step(numbers(), false), 8192);
    assert_eq!(step(wide(128, 9), false), 8192, "512 bytes each");
    assert_eq!(step(wide(2048, 3), false), 512, "8 KiB each");
    assert_eq!(step(wide(1 << 17, 2), false), 8, "512 KiB each");
    assert_eq!(step(wide(1 << 18, 1), false), 8, "of a megabyte each, still 8");
    // Keys may stand for texts of any size, and for numbers only of one.
    assert_eq!((step(texts(), true), step(texts(), false), step(numbers(), true)), (1024, 8192, 8192));
    let path = written(&table(20), groups(100));
    let part = opened(path.path());
    assert_eq!((part.file.step(0, &[0]).unwrap(), part.file.step(0, &[0, 2]).unwrap()), (8192, 1024));
    assert!(part.file.step(1, &[0]).is_err() && part.file.step(0, &[6]).is_err());
}

#[test]
fn lists_of_numbers_have_a_reader_each_at_their_place() {
    let table = table(250);
    let path = written(&table, groups(100));
    let part = opened(path.path());
    let places = |columns: &[usize]| -> Vec<usize> {
        let lists = part.file.lists(0, columns, UnpackLimit::default()).unwrap();
        lists.into_iter().map(|(place, _)| place).collect()
    };
    assert_eq!(places(&[0, 1, 2, 3, 4, 5]), [3, 4]);
    assert_eq!(places(&[4, 0, 3]), [0, 2]);
    assert_eq!(places(&[0, 1, 2, 5, 6]), [0; 0]);
    assert!(part.file.lists(3, &[3], UnpackLimit::default()).is_err());
    for unit in 0..3 {
        let mut lists = part.file.lists(unit, &[4, 3], UnpackLimit::default()).unwrap();
        let wanted: Vec<u32> = (0..50).step_by(3).collect();
        let first = part.file.first_row(unit);
        for ((_, list), column) in lists.iter_mut().zip([4, 3]) {
            let found = list.take(&wanted).unwrap().unwrap();
            for (place, row) in wanted.iter().enumerate() {
                let row = usize::try_from(first + u64::from(*row)).unwrap();
                assert_eq!(found.slice(place, 1).as_ref(), table.column(column).slice(row, 1).as_ref());
            }
        }
    }
    // A page that unpacks to more than may be is left to the crate, which says so.
    let floats = ListArray::from_iter_primitive::<Float32Type, _, _>(
        (0..2).map(|_| Some((0..1 << 13).map(|n: u16| Some(f32::from(n))))),
    );
    let path = written(&one_column(Arc::new(floats)), groups(100));
    let part = opened(path.path());
    let found = part.file.lists(0, &[0], UnpackLimit::default()).unwrap().remove(0).1.take(&[1]).unwrap();
    assert_eq!(found.unwrap().as_list::<i32>().value_length(0), 1 << 13);
}

#[test]
fn decoders_have_the_bytes_of_the_file() {
    let path = written(&table(10), groups(100));
    let part = opened(path.path());
    let group = part.file.group(0).unwrap();
    assert!(!part.file.hides_compression);
    let bytes = part.file.stored();
    let corrected = part.file.corrected(&bytes, group, &[0, 1, 2]).unwrap();
    let whole = std::fs::read(path.path()).unwrap();
    assert_eq!(corrected.len(), whole.len() as u64);
    assert_eq!(corrected.get_bytes(4, 20).unwrap(), whole[4..24]);
    let spans: Vec<Range<usize>> = part.file.leaves.clone();
    assert_eq!(spans, [0..1, 1..2, 2..4, 4..5, 5..6, 6..7]);
}
