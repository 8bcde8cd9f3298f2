//! What the footer of a Parquet file says of its row groups: their rows, and about how many bytes they take.

use std::path::Path;

use arrow::datatypes::DataType;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::Type as Physical;
use parquet::file::metadata::ColumnChunkMetaData;

use crate::error::{At, Error, Result};
use crate::gather::columns::size::fixed_bytes;

/// The rows of each row group, after a look at what the footer says of itself and of the file.
pub(super) fn row_counts(path: &Path, metadata: &ArrowReaderMetadata, size: u64) -> Result<Vec<u64>> {
    let wrong = |field: String, what: String| Error::format(path, At::Field(field), what);
    let leaves = metadata.parquet_schema().num_columns();
    let mut rows = Vec::new();
    for (index, group) in metadata.metadata().row_groups().iter().enumerate() {
        let name = format!("row group {index}");
        let count = u64::try_from(group.num_rows())
            .map_err(|_| wrong(name.clone(), format!("has {} rows", group.num_rows())))?;
        if group.columns().len() != leaves {
            let have = group.columns().len();
            return Err(wrong(name, format!("has {have} column chunks of {leaves}; the footer is damaged")));
        }
        for chunk in group.columns() {
            // Of no rows, pyarrow writes chunks of no bytes that begin where the file does.
            if count == 0 && chunk.compressed_size() == 0 && chunk.data_page_offset() >= 0 {
                continue;
            }
            // Proof: without a dictionary, a chunk begins with its data.
            let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
            let end = start.checked_add(chunk.compressed_size());
            let inside = start >= 4 && end.is_some_and(|end| end >= start && end.unsigned_abs() <= size);
            if !inside {
                let message = format!(
                    "column {} spans {} bytes from {start}, and the file has {size}; the footer or the file is damaged",
                    chunk.column_path(),
                    chunk.compressed_size()
                );
                return Err(wrong(name, message));
            }
        }
        rows.push(count);
    }
    // Proof: a sum that is cut at 2^64 is none that the footer can declare.
    let total: u64 = rows.iter().fold(0, |sum, &rows| sum.saturating_add(rows));
    let declared = metadata.metadata().file_metadata().num_rows();
    if u64::try_from(declared) != Ok(total) {
        let message = format!("the footer declares {declared} rows and its row groups have {total}");
        return Err(Error::truncated(path, At::Field("num_rows".to_owned()), message));
    }
    Ok(rows)
}

/// About how many bytes a column chunk takes in memory.
///
/// Proof: an estimate, cut at the largest that there can be; a count below zero has nothing to be estimated.
pub(super) fn decoded_bytes(chunk: &ColumnChunkMetaData, column: &DataType) -> u64 {
    let values = u64::try_from(chunk.num_values()).unwrap_or(0);
    let stored = u64::try_from(chunk.uncompressed_size()).unwrap_or(0);
    match (chunk.column_type(), leaf_bytes(column)) {
        (Physical::BYTE_ARRAY, _) => {
            let plain = chunk.unencoded_byte_array_data_bytes().and_then(|bytes| u64::try_from(bytes).ok());
            plain.unwrap_or(stored).saturating_add(values.saturating_mul(4))
        }
        (_, Some(width)) => values.saturating_mul(width),
        (Physical::BOOLEAN, _) => values,
        (Physical::INT64 | Physical::DOUBLE, _) => values.saturating_mul(8),
        (Physical::INT96, _) => values.saturating_mul(12),
        (Physical::INT32 | Physical::FLOAT, _) => values.saturating_mul(4),
        (Physical::FIXED_LEN_BYTE_ARRAY, _) => {
            values.saturating_mul(u64::try_from(chunk.column_descr().type_length()).unwrap_or(16))
        }
    }
}

/// The width of the one leaf of a column, where it has one of fixed width.
fn leaf_bytes(data_type: &DataType) -> Option<u64> {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            leaf_bytes(field.data_type())
        }
        DataType::Struct(_) => None,
        plain => fixed_bytes(plain),
    }
}
