//! The wanted rows of a batch that is in memory.

use std::path::Path;

use arrow::array::UInt32Array;
use arrow::record_batch::RecordBatch;

use super::part::Batches;
use crate::checked;
use crate::error::At;
use crate::exec::catch_panic::guard;
use crate::exec::memory::{COPIES, check_bytes};
use crate::gather::columns::fixed_width::take_rows;
use crate::gather::columns::size::{cut_by_bytes, row_bytes};

/// Bytes of values that are converted at once, about.
const CONVERTED_BYTES: u64 = 4 << 20;

/// The wanted rows of a batch, so many at once that their values take few bytes: the keys of a dictionary may
/// stand for many.
pub(crate) fn picked(path: &Path, batch: RecordBatch, wanted: Vec<u32>) -> Batches {
    let runs = cut_by_bytes(&wanted, |&row| row_bytes(&batch, row as usize), CONVERTED_BYTES);
    let path = path.to_path_buf();
    Box::new(runs.into_iter().map(move |(run, bytes)| {
        let wanted = checked::get(&wanted, run)?;
        check_bytes(|| format!("{}: a run of {} rows", path.display(), wanted.len()), bytes, COPIES)?;
        let rows = UInt32Array::from(wanted.to_vec());
        guard(&path, &At::File, "taking rows", || take_rows(&batch, &rows))
    }))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, AsArray, Int32Array, StringArray};
    use arrow::datatypes::Int32Type;

    use super::*;

    #[test]
    fn rows_come_in_order_in_batches_of_few_bytes() {
        // Of a megabyte each.
        let texts: StringArray = (0..10).map(|row| Some(row.to_string().repeat(1 << 20))).collect();
        let numbers = Int32Array::from_iter_values(0..10);
        let columns: [(&str, ArrayRef); 2] = [("t", Arc::new(texts)), ("n", Arc::new(numbers))];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        for wanted in [vec![], vec![7], (0..10).collect(), vec![0, 2, 3, 5, 8, 9]] {
            let found: Vec<RecordBatch> =
                picked(Path::new("f"), batch.clone(), wanted.clone()).map(|rows| rows.unwrap()).collect();
            let mut rows = Vec::new();
            for batch in &found {
                let bytes: usize = batch.column(0).as_string::<i32>().iter().flatten().map(str::len).sum();
                assert!(bytes as u64 <= CONVERTED_BYTES && batch.num_rows() > 0);
                for row in 0..batch.num_rows() {
                    let number = batch.column(1).as_primitive::<Int32Type>().value(row);
                    let text = batch.column(0).as_string::<i32>().value(row);
                    assert!(text.len() == 1 << 20 && text.starts_with(&number.to_string()));
                    rows.push(u32::try_from(number).unwrap());
                }
            }
            assert_eq!(rows, wanted);
            // A row and what tells its length take a little more than a quarter of the bytes.
            assert_eq!(found.len(), wanted.len().div_ceil(3));
        }
    }
}
