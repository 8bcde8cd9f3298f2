//! Arrow streams and files: opened as rows and as scores, and held against the readers of the `arrow` crate.
//!
//! Both decode batches with the same functions. Where each message lies, which batch a row is in, which buffers are a
//! column's, and rows that are copied from where they lie, are each reader's own.
//!
//! Known differences: a stream without its end mark, bytes behind it, and blocks that overlap or are named by no footer
//! are read by `arrow` and refused here; rows that are not wanted may hold what `arrow` refuses.

#![no_main]

use std::io::Cursor;

use arrow::ipc::reader::{FileReader, StreamReader};
use arrow::record_batch::RecordBatch;
use common::{Unit, check_column, check_rows, quietly, same_by_both, until, written};
use dsdm::scores::OpenOptions;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let path = written("table", data);
    check_rows(&path, data, || units(data));
    let any = same_by_both(&path, &OpenOptions::default());
    let Some(theirs) = any.is_some().then(|| plain(data)).flatten() else { return };
    for field in theirs.first().iter().flat_map(|batch| batch.schema_ref().fields()) {
        let options = OpenOptions { column: Some(field.name().clone()), ..OpenOptions::default() };
        if let Some(ours) = same_by_both(&path, &options) {
            check_column(field.name(), &ours, &theirs);
        }
    }
});

/// Each batch on its own.
fn units(data: &[u8]) -> Option<Vec<Unit>> {
    let unit = |batch: RecordBatch| Unit { rows: batch.num_rows() as u64, batches: Some(vec![batch]) };
    Some(plain(data)?.into_iter().map(unit).collect())
}

fn plain(data: &[u8]) -> Option<Vec<RecordBatch>> {
    quietly(|| {
        if data.starts_with(b"ARROW1") {
            until(FileReader::try_new(Cursor::new(data), None).ok()?)
        } else {
            until(StreamReader::try_new(Cursor::new(data), None).ok()?)
        }
    })?
}
