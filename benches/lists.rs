//! Times the reader of Parquet lists against the decoder of the `parquet` crate, after both gave the rows of the table.
//!
//! ```text
//! cargo bench --bench lists
//! ```
//!
//! Both go the whole way from a file in the page cache to record batches, on one thread: what the reader saves is what
//! a gather saves by it. `DSDM_STRATEGY=expand` leaves it out of any call.

#![allow(missing_docs, clippy::unwrap_used, clippy::default_trait_access)]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int32Array, ListArray, RecordBatch};
use arrow::buffer::OffsetBuffer;
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Int32Type};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dsdm::exec::job::Job;
use dsdm::gather::Corpus;
use dsdm::gather::bench_api::take_decoded;
use dsdm::select::bench_api::philox;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

const ROWS: usize = 1 << 14;
/// Numbers of a list on average.
const WIDTH: u64 = 256;
const MEMORY: u64 = 1 << 30;

/// Returns lists of token ids, of lengths from 0 to twice the average, or all of it.
fn table(even: bool) -> RecordBatch {
    let length = |row: u64| if even { WIDTH } else { philox(1, row) % (2 * WIDTH + 1) };
    let lengths: Vec<usize> = (0..ROWS as u64).map(|row| usize::try_from(length(row)).unwrap()).collect();
    let count: usize = lengths.iter().sum();
    // Frequent tokens are far more frequent than rare ones.
    let token = |row| i32::try_from((philox(2, row) % 50_000) * (philox(3, row) % 1000) / 1000).unwrap();
    let tokens = Int32Array::from_iter_values((0..count as u64).map(token));
    let item = Arc::new(Field::new("item", DataType::Int32, true));
    let lists = ListArray::new(item, OffsetBuffer::from_lengths(lengths), Arc::new(tokens), None);
    RecordBatch::try_from_iter([("tokens", Arc::new(lists) as ArrayRef)]).unwrap()
}

/// Writes a table as Parquet, with a dictionary of the numbers or without.
fn written(folder: &Path, name: &str, table: &RecordBatch, dictionary: bool) -> PathBuf {
    let path = folder.join(name);
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(dictionary)
        .set_dictionary_page_size_limit(64 << 20)
        .build();
    let file = std::fs::File::create(&path).unwrap();
    let mut writer = ArrowWriter::try_new(file, table.schema(), Some(properties)).unwrap();
    writer.write(table).unwrap();
    writer.close().unwrap();
    path
}

/// The list of each row, without a decoder.
fn list(table: &RecordBatch, row: usize) -> Vec<i32> {
    table.column(0).as_list::<i32>().value(row).as_primitive::<Int32Type>().values().to_vec()
}

fn lists(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let job = Job::new(1);
    for (kind, even, dictionary) in
        [("dictionary", false, true), ("plain", false, false), ("even", true, true)]
    {
        let table = table(even);
        let path = written(folder.path(), kind, &table, dictionary);
        let corpus = Corpus::open(&job, &[path], None, Default::default()).unwrap();
        for one_in in [100, 10, 1] {
            let rows: Vec<i64> = (0..ROWS as u64)
                .filter(|&row| philox(4, row).is_multiple_of(one_in))
                .map(|row| i64::try_from(row).unwrap())
                .collect();
            let take = |expand| take_decoded(&job, &corpus, &rows, MEMORY, expand).unwrap();
            for expand in [false, true] {
                let found = take(expand);
                let found = concat_batches(&found[0].schema(), &found).unwrap();
                assert_eq!(found.num_rows(), rows.len());
                for (place, &row) in rows.iter().enumerate() {
                    assert_eq!(list(&found, place), list(&table, usize::try_from(row).unwrap()), "row {row}");
                }
            }
            let mut group = c.benchmark_group(format!("{kind}, 1 row in {one_in}"));
            group.sample_size(20);
            group.throughput(Throughput::Elements(rows.len() as u64));
            for (name, expand) in [("reader of lists", false), ("parquet crate", true)] {
                group.bench_function(name, |b| b.iter(|| black_box(take(expand))));
            }
        }
    }
}

criterion_group!(benches, lists);
criterion_main!(benches);
