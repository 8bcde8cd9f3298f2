//! Columns of Arrow and Parquet files, against the values that were written.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeListArray, Float32Array, Int32Array, Int64Array, ListArray, StringArray,
    StringViewArray, StructArray,
};
use arrow::datatypes::{DataType, Field, Fields, Int32Type};
use arrow::ipc::CompressionType;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow::record_batch::RecordBatch;

use super::{arrow as ipc_column, parquet as parquet_column};
use crate::error::{Error, Result};
use crate::io::file::{File, Io};
use crate::scores::options::OpenOptions;
use crate::scores::vector::chosen::Chosen;
use crate::scores::vector::{part::Part, stored::StoredVector};
use crate::scores::{Scratch, Source, Values};

type Read = fn(&File, &OpenOptions) -> Result<(Vec<Part>, Chosen)>;

fn named(column: Option<&str>) -> OpenOptions {
    OpenOptions { column: column.map(str::to_owned), ..OpenOptions::default() }
}

fn batch(values: &[f32]) -> RecordBatch {
    let n = i32::try_from(values.len()).unwrap();
    let lists = (0..n).map(|i| Some((0..i % 4).map(Some)));
    let inner: ArrayRef = Arc::new(StringArray::from_iter_values((0..n).map(|i| format!("s{i}"))));
    let fields = Fields::from(vec![Field::new("inner", DataType::Utf8, true)]);
    let long = "a string too long for a view to hold";
    let item = Arc::new(Field::new("item", DataType::Int64, false));
    let ones: ArrayRef = Arc::new(Int64Array::from_iter_values((0..n).map(i64::from)));
    RecordBatch::try_from_iter(vec![
        ("tokens", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)) as ArrayRef),
        ("nested", Arc::new(StructArray::new(fields, vec![inner], None))),
        ("view", Arc::new(StringViewArray::from_iter_values((0..n).map(|i| format!("{long} {i}"))))),
        ("scores", Arc::new(Float32Array::from(values.to_vec()))),
        ("rank", Arc::new(FixedSizeListArray::new(item, 1, ones, None))),
    ])
    .unwrap()
}

fn stream(path: &Path, batches: &[RecordBatch], codec: Option<CompressionType>) {
    let options = IpcWriteOptions::default().try_with_compression(codec).unwrap();
    let out = std::fs::File::create(path).unwrap();
    let mut writer = StreamWriter::try_new_with_options(out, &batches[0].schema(), options).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
}

fn file(path: &Path, batches: &[RecordBatch]) {
    let out = std::fs::File::create(path).unwrap();
    let mut writer = FileWriter::try_new(out, &batches[0].schema()).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
}

fn parquet(path: &Path, batches: &[RecordBatch]) {
    let out = std::fs::File::create(path).unwrap();
    let mut writer = parquet::arrow::ArrowWriter::try_new(out, batches[0].schema(), None).unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
}

fn read(path: &Path, io: Io, parts: Read, column: &str) -> Result<Vec<u8>> {
    let file = File::open(path, io)?;
    let (parts, chosen) = parts(&file, &named(Some(column)))?;
    assert_eq!(chosen, Chosen::column(column));
    let stored = StoredVector::new(vec![(file, parts)])?;
    let mut scratch = Scratch::default();
    Ok(stored.read(0..stored.len(), &mut scratch)?.as_bytes().to_vec())
}

#[test]
fn every_format_gives_the_values_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table");
    let first: Vec<f32> = (0..5000_u16).map(|i| f32::from(i / 7)).collect();
    let second = [f32::INFINITY, -0.0, 3.5];
    let batches = [batch(&first), batch(&[]), batch(&second)];
    let all: Vec<f32> = first.iter().chain(&second).copied().collect();
    let rank: Vec<i64> = (0..5000).chain(0..3).collect();
    let check = |parts: Read| {
        for io in [Io::Mmap, Io::Pread] {
            assert_eq!(read(&path, io, parts, "scores").unwrap(), Values::F32(&all).as_bytes());
            assert_eq!(read(&path, io, parts, "rank").unwrap(), Values::I64(&rank).as_bytes());
        }
    };
    for codec in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        stream(&path, &batches, codec);
        check(ipc_column::parts);
    }
    file(&path, &batches);
    check(ipc_column::parts);
    parquet(&path, &batches);
    check(parquet_column::parts);
}

#[test]
fn a_cut_or_continued_stream_is_refused_wherever_it_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table.arrow");
    stream(&path, &[batch(&[1.0; 10]), batch(&[2.0; 10])], None);
    let whole = std::fs::read(&path).unwrap();
    for len in 0..whole.len() {
        std::fs::write(&path, &whole[..len]).unwrap();
        let error = read(&path, Io::Mmap, ipc_column::parts, "scores").unwrap_err();
        assert!(matches!(error, Error::Truncated(_)), "{len}: {error}");
        assert!(error.to_string().contains("in message "), "{error}");
    }
    std::fs::write(&path, &whole[..whole.len() - 8]).unwrap();
    let error = read(&path, Io::Mmap, ipc_column::parts, "scores").unwrap_err().to_string();
    assert!(error.contains("without its end mark, in message 3 after 20 rows"), "{error}");
    std::fs::write(&path, [&whole[..], &[0; 16]].concat()).unwrap();
    let error = read(&path, Io::Mmap, ipc_column::parts, "scores").unwrap_err();
    let expected = format!("at byte {}: 16 bytes follow the end mark", whole.len());
    assert!(matches!(error, Error::Format(_)) && error.to_string().contains(&expected), "{error}");
}

#[test]
fn nulls_missing_and_ambiguous_columns_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("table");
    let a: ArrayRef = Arc::new(Float32Array::from(vec![Some(1.0), None, None]));
    let b: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let table = RecordBatch::try_from_iter(vec![("a", a), ("b", b)]).unwrap();
    let both: [(Read, &dyn Fn()); 2] = [
        (ipc_column::parts, &|| stream(&path, &[table.clone(), table.clone()], None)),
        (parquet_column::parts, &|| parquet(&path, &[table.clone(), table.clone()])),
    ];
    for (parts, write) in both {
        write();
        let file = File::open(&path, Io::Mmap).unwrap();
        let error = parts(&file, &named(Some("a"))).unwrap_err();
        assert!(matches!(error, Error::Value(_)) && error.to_string().contains("4 of 6 rows"), "{error}");
        let error = parts(&file, &named(Some("c"))).unwrap_err();
        assert!(matches!(error, Error::Schema(_)), "{error}");
        assert!(error.to_string().contains("column=\"a\" or column=\"b\""), "{error}");
        let error = parts(&file, &named(None)).unwrap_err();
        assert!(matches!(error, Error::Schema(_)) && error.to_string().contains("column="), "{error}");
    }
}
