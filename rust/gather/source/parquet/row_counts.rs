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

/// About how many items the lists of a column chunk have.
///
/// Without a histogram of levels, a list that is null or has no items counts as one.
pub(super) fn items_of(chunk: &ColumnChunkMetaData) -> u64 {
    let levels = chunk.definition_level_histogram();
    let items = levels.and_then(|levels| levels.values().last().copied());
    // Proof: an estimate; a count below zero is none.
    u64::try_from(items.unwrap_or_else(|| chunk.num_values())).unwrap_or(0)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array, ListArray, RecordBatch, StringArray};
    use arrow::datatypes::Int32Type;
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ArrowReaderOptions;
    use parquet::file::metadata::{FileMetaData, ParquetMetaData, ParquetMetaDataBuilder, RowGroupMetaData};
    use parquet::file::properties::WriterProperties;

    use super::*;

    const ROWS: i32 = 250;

    /// The metadata of row groups of 100, 100 and 50 rows, and the size of their file.
    fn written() -> (ParquetMetaData, u64) {
        let lists = (0..ROWS).map(|row| Some(vec![Some(row); 3]));
        let columns: [(&str, ArrayRef); 3] = [
            ("n", Arc::new(Int32Array::from_iter_values(0..ROWS))),
            ("list", Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists))),
            ("text", Arc::new(StringArray::from_iter_values((0..ROWS).map(|_| "four")))),
        ];
        let table = RecordBatch::try_from_iter(columns).unwrap();
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(100))
            .set_dictionary_enabled(false)
            .build();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, table.schema(), Some(properties)).unwrap();
        writer.write(&table).unwrap();
        let metadata = writer.close().unwrap();
        (metadata, bytes.len() as u64)
    }

    fn counted(metadata: ParquetMetaData, size: u64) -> Result<Vec<u64>, String> {
        let metadata = ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new()).unwrap();
        row_counts(Path::new("a"), &metadata, size).map_err(|error| error.to_string())
    }

    /// The same with other row groups, and with another number of rows in all.
    fn with(metadata: &ParquetMetaData, rows: i64, groups: Vec<RowGroupMetaData>) -> ParquetMetaData {
        let old = metadata.file_metadata();
        let file = FileMetaData::new(old.version(), rows, None, None, old.schema_descr_ptr(), None);
        ParquetMetaDataBuilder::new(file).set_row_groups(groups).build()
    }

    #[test]
    fn row_groups_are_counted_and_held_against_the_footer() {
        let (metadata, size) = written();
        assert_eq!(counted(metadata.clone(), size), Ok(vec![100, 100, 50]));
        let groups = || metadata.row_groups().to_vec();
        for rows in [249, 251, -1, i64::MAX] {
            let said = counted(with(&metadata, rows, groups()), size).unwrap_err();
            assert!(said.contains(&format!("declares {rows} rows and its row groups have 250")), "{said}");
        }
        let two = groups()[1..].to_vec();
        assert_eq!(counted(with(&metadata, 150, two), size), Ok(vec![100, 50]));
        let mut negative = groups();
        negative[1] = negative[1].clone().into_builder().set_num_rows(-5).build().unwrap();
        let said = counted(with(&metadata, 145, negative), size).unwrap_err();
        assert!(said.contains("row group 1") && said.contains("has -5 rows"), "{said}");
    }

    #[test]
    fn chunks_lie_within_the_file() {
        let (metadata, size) = written();
        let chunk = metadata.row_group(2).column(2);
        let end = (chunk.data_page_offset() + chunk.compressed_size()).unsigned_abs();
        assert!(end < size);
        assert_eq!(counted(metadata.clone(), end), Ok(vec![100, 100, 50]));
        let said = counted(metadata.clone(), end - 1).unwrap_err();
        assert!(said.contains("row group 2") && said.contains("column \"text\" spans"), "{said}");
        for (start, bytes) in [(3, 10), (-9, 10), (4, -1), (i64::MAX, 1), (i64::MAX - 1, 2)] {
            let mut groups = metadata.row_groups().to_vec();
            let mut columns = groups[0].columns().to_vec();
            let moved = columns[0].clone().into_builder();
            columns[0] = moved.set_data_page_offset(start).set_total_compressed_size(bytes).build().unwrap();
            groups[0] = groups[0].clone().into_builder().set_column_metadata(columns).build().unwrap();
            let said = counted(with(&metadata, 250, groups), size).unwrap_err();
            assert!(said.contains(&format!("column \"n\" spans {bytes} bytes from {start}")), "{said}");
        }
    }

    #[test]
    fn decoded_bytes_are_those_of_the_values() {
        let (metadata, _) = written();
        let group = metadata.row_group(0);
        let item = Arc::new(arrow::datatypes::Field::new("item", DataType::Int32, true));
        let bytes = |column: usize, data_type: &DataType| decoded_bytes(group.column(column), data_type);
        assert_eq!(bytes(0, &DataType::Int32), 100 * 4);
        assert_eq!(bytes(0, &DataType::Int8), 100);
        assert_eq!(bytes(1, &DataType::List(item)), 300 * 4);
        // 4 bytes of each text, and 4 of its offset.
        assert_eq!(bytes(2, &DataType::Utf8), 100 * (4 + 4));
    }
}
