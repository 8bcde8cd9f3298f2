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
use common::{Unit, check_column, check_rows, quietly, same_by_both, written};
use dsdm::scores::OpenOptions;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let path = written("table", data);
    let all_are_read = check_rows(&path, data, |are_read| units(data, are_read));
    // Scores are read without dictionaries, which the other reader decodes before all else.
    let theirs = all_are_read.and_then(|count| units(data, &vec![true; count]));
    let theirs: Vec<RecordBatch> = theirs.into_iter().flatten().flatten().flatten().collect();
    same_by_both(&path, &OpenOptions::default());
    for field in theirs.first().iter().flat_map(|batch| batch.schema_ref().fields()) {
        let options = OpenOptions { column: Some(field.name().clone()), ..OpenOptions::default() };
        if let Some(ours) = same_by_both(&path, &options) {
            check_column(field.name(), &ours, &theirs);
        }
    }
});

/// The batches that are to be read. Those of a stream can only be had one after the other, up to the first that is not.
fn units(data: &[u8], are_read: &[bool]) -> Option<Vec<Unit>> {
    quietly(|| {
        if data.starts_with(b"ARROW1") {
            let mut reader = FileReader::try_new(Cursor::new(data), None).ok()?;
            let mut batch = |unit| {
                reader.set_index(unit).ok()?;
                Some(vec![reader.next()?.ok()?])
            };
            return Some(
                are_read.iter().enumerate().map(|(unit, &read)| read.then(|| batch(unit))?).collect(),
            );
        }
        let mut reader = StreamReader::try_new(Cursor::new(data), None).ok()?;
        let mut going_on = true;
        let units = are_read.iter().map(|read| {
            going_on &= read;
            let batch = going_on.then(|| reader.next()).flatten()?.ok();
            going_on = batch.is_some();
            Some(vec![batch?])
        });
        Some(units.collect())
    })?
}
