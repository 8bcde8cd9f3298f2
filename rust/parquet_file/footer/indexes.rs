//! Whether the page indexes of a file are where it says, and have room for what they say: the crate asks for as much
//! memory as they tell before it reads any of it.

use std::fs::File;

use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::{ChunkReader, Length};

use crate::parquet_file::encoding::CompactReader;

/// Bytes that hold the beginning of an index, with the number of its pages.
const START: u64 = 16;

/// Fails unless the indexes of all columns lie in the file, and have no more pages than bytes.
pub(crate) fn check_indexes(file: &File, metadata: &ParquetMetaData) -> Result<()> {
    for chunk in metadata.row_groups().iter().flat_map(RowGroupMetaData::columns) {
        let (offset, length) = (chunk.column_index_offset(), chunk.column_index_length());
        check_range(file, chunk, offset, length)?;
        let (offset, length) = (chunk.offset_index_offset(), chunk.offset_index_length());
        let Some((start, length)) = check_range(file, chunk, offset, length)? else {
            continue; // Proof: the crate says that it is not there.
        };
        let start = file.get_bytes(start, usize::try_from(length.min(START))?)?;
        if pages(&start).is_none_or(|pages| pages > length) {
            return Err(wrong(chunk, &format!("it has other pages than fit in its {length} bytes")));
        }
    }
    Ok(())
}

/// Where an index is, if there is one.
fn check_range(
    file: &File,
    chunk: &ColumnChunkMetaData,
    offset: Option<i64>,
    length: Option<i32>,
) -> Result<Option<(u64, u64)>> {
    let (Some(offset), Some(length)) = (offset, length) else {
        return Ok(None); // Proof: as above.
    };
    let (start, length) = (u64::try_from(offset)?, u64::try_from(length)?);
    if start.checked_add(length).is_some_and(|end| end <= file.len()) {
        return Ok(Some((start, length)));
    }
    let size = file.len();
    Err(wrong(chunk, &format!("it has {length} bytes at byte {start}, and the file has {size}")))
}

/// How many pages an offset index tells, which is the first thing in it.
fn pages(start: &[u8]) -> Option<u64> {
    let (mut input, mut field) = (CompactReader::new(start), 0);
    input.field(&mut field)?;
    input.structs()
}

fn wrong(chunk: &ColumnChunkMetaData, what: &str) -> ParquetError {
    ParquetError::General(format!(
        "the index of the pages of column {} is damaged: {what}",
        chunk.column_path()
    ))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::FileExt;
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};
    use arrow::record_batch::RecordBatch;
    use parquet::arrow::ArrowWriter;
    use parquet::file::metadata::ParquetMetaDataReader;

    use super::*;

    #[test]
    fn an_index_of_more_pages_than_bytes_or_outside_of_the_file_is_refused() {
        let file = tempfile::tempfile().unwrap();
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
        let batch = RecordBatch::try_from_iter([("a", column)]).unwrap();
        let mut writer = ArrowWriter::try_new(file.try_clone().unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).unwrap();
        check_indexes(&file, &metadata).unwrap();
        let chunk = metadata.row_group(0).column(0);
        for (offset, length) in [(-1, 4), (4, -1), (0, i32::MAX), (i64::MAX, 4), (i64::MAX, i32::MAX)] {
            assert!(check_range(&file, chunk, Some(offset), Some(length)).is_err(), "{offset} {length}");
        }
        // A list of structs, whose number follows: that of 31 bits.
        let start = u64::try_from(chunk.offset_index_offset().unwrap()).unwrap();
        file.write_all_at(&[0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07], start).unwrap();
        let said = check_indexes(&file, &metadata).unwrap_err().to_string();
        assert!(said.contains("is damaged: it has other pages than fit in its 12 bytes"), "{said}");
    }
}
