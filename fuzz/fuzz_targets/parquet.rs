//! Parquet: opened as rows and as scores, and held against the reader of the `parquet` crate.
//!
//! Lists of numbers are read here by a reader of their own; all else is decoded by the crate, from pages that are
//! looked at before.
//!
//! Known differences: pages whose checksums do not fit, and pages that contradict the footer, are read by the crate and
//! refused here; so are numbers that are stored in more bits than they have, and times of INT96, that their type has no
//! place for, which the crate wraps. Rows that are not wanted may hold what the crate refuses.

#![no_main]

use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use common::{MANY, Unit, check_column, check_rows, quietly, same_by_both, until, written};
use dsdm::scores::OpenOptions;
use libfuzzer_sys::fuzz_target;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};

fuzz_target!(|data: &[u8]| {
    let path = written("table", data);
    check_rows(&path, data, |are_read| units(data, are_read));
    // Few bytes can stand for any number of rows, all of which are decoded at once for scores.
    let Some(names) = columns(data) else { return };
    for name in names {
        let options = OpenOptions { column: Some(name.clone()), ..OpenOptions::default() };
        if let Some(ours) = same_by_both(&path, &options)
            && let Some(theirs) = column(data, &name)
        {
            check_column(&name, &ours, &theirs);
        }
    }
});

/// The names of the columns of a file of few rows, each once.
fn columns(data: &[u8]) -> Option<Vec<String>> {
    let data = Bytes::copy_from_slice(data);
    let metadata = quietly(|| ArrowReaderMetadata::load(&data, Default::default()).ok())??;
    let rows = metadata.metadata().row_groups().iter().map(|group| group.num_rows());
    let few = rows.map(u64::try_from).all(|rows| rows.is_ok_and(|rows| rows <= MANY));
    let names = metadata.schema().fields().iter().map(|field| field.name().clone());
    few.then(|| names.take(16).collect())
}

/// The row groups that are to be read, each on its own.
fn units(data: &[u8], are_read: &[bool]) -> Option<Vec<Unit>> {
    let data = Bytes::copy_from_slice(data);
    let metadata = quietly(|| ArrowReaderMetadata::load(&data, Default::default()).ok())??;
    let group = |group| {
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(data.clone(), metadata.clone());
        quietly(|| until(builder.with_row_groups(vec![group]).build().ok()?))?
    };
    Some(are_read.iter().enumerate().map(|(unit, &read)| read.then(|| group(unit))?).collect())
}

/// One column alone: others may be damaged, and are then not asked for.
fn column(data: &[u8], name: &str) -> Option<Vec<RecordBatch>> {
    let data = Bytes::copy_from_slice(data);
    quietly(|| {
        let builder = ParquetRecordBatchReaderBuilder::try_new(data).ok()?;
        let schema = builder.parquet_schema();
        let root = schema.root_schema().get_fields().iter().position(|field| field.name() == name)?;
        let mask = ProjectionMask::roots(schema, [root]);
        until(builder.with_projection(mask).build().ok()?)
    })?
}
