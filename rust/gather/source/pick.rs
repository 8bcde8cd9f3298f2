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
