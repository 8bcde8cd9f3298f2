//! Whether there is room for a batch while it is encoded.

use arrow::array::{Array, ArrayData};
use arrow::record_batch::RecordBatch;
use parquet::errors::ParquetError;

use crate::error::Error;
use crate::exec::memory::check_bytes;

/// Fails where there is no room for what becomes of a batch on its way into pages.
///
/// Rows are not cut: the crate takes those of a batch at once, and a row as a whole.
pub(super) fn check_room(batch: &RecordBatch) -> Result<(), ParquetError> {
    /// Bytes of each value: its levels and its place, both of which grow by twofold, and itself as it is stored.
    const VALUE: u64 = 2 * (2 + 2 + 8) + 8;
    /// How often its bytes are there besides.
    const COPIES: u64 = 2;
    let mut need = 0u64;
    for column in batch.columns() {
        let data = column.to_data();
        let bytes = data.get_slice_memory_size().map_err(ParquetError::from)? as u64;
        // Proof: what saturates finds no room.
        let of_column = values_in(&data).saturating_mul(VALUE).saturating_add(bytes.saturating_mul(COPIES));
        need = need.saturating_add(of_column); // Proof: as above.
    }
    check_bytes(|| format!("writing a batch of {} rows as Parquet", batch.num_rows()), need, 1).map_err(own)
}

/// How many values an array has at most, with those within it.
pub(crate) fn values_in(data: &ArrayData) -> u64 {
    // Proof: they are in memory.
    data.child_data().iter().map(values_in).fold(data.len() as u64, u64::saturating_add)
}

/// An error of this crate in one of the crate that encodes; what says that rows cannot be encoded takes it out again.
pub(super) fn own(error: Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}
