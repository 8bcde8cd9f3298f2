//! Files that were joined one behind the other: the footer at their end is that of the last one, and its offsets, which
//! count from the beginning of that file, lead into the first.

use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::ChunkReader;

/// What a Parquet file begins and ends with.
const MAGIC: &[u8; 4] = b"PAR1";
/// The end of one file and the beginning of the next.
const SEAM: &[u8; 8] = b"PAR1PAR1";

/// Fails for a file that another one was appended to.
///
/// A footer begins where what it tells of ends. In joined files it lies behind that by the size of all files before the
/// last, and there one ends and one begins. Bytes that nothing tells of are otherwise left alone.
pub(super) fn check_not_joined<R: ChunkReader>(
    file: &R,
    metadata: &ParquetMetaData,
    footer: u64,
) -> Result<()> {
    let ends = metadata.row_groups().iter().flat_map(|group| group.columns().iter().map(end_of));
    // Proof: a file without chunks has its magic alone before the footer.
    let told = ends.flatten().max().unwrap_or(MAGIC.len() as u64);
    let half = MAGIC.len() as u64;
    let Some(seam) = footer.checked_sub(told).and_then(|gap| gap.checked_sub(half)) else {
        return Ok(()); // Proof: no file has room between them.
    };
    if seam == 0 || file.get_bytes(seam, SEAM.len())?.as_ref() != SEAM {
        return Ok(());
    }
    Err(ParquetError::General(format!(
        "at byte {} one file ends and another begins: Parquet files were joined, and the footer at the end tells of the last one alone; read them as files of their own",
        seam + half
    )))
}

/// Returns where a chunk ends, with what belongs to it; `None` where that is no number of bytes.
fn end_of(chunk: &ColumnChunkMetaData) -> Option<u64> {
    // A chunk without pages of data has 0 for the place of the first.
    let pages = [chunk.dictionary_page_offset(), Some(chunk.data_page_offset())];
    let start = pages.into_iter().flatten().filter(|&at| at > 0).min(); // Proof: those that are there are looked at.
    let ranges = [
        (start, Some(chunk.compressed_size())),
        (chunk.column_index_offset(), chunk.column_index_length().map(i64::from)),
        (chunk.offset_index_offset(), chunk.offset_index_length().map(i64::from)),
        (chunk.bloom_filter_offset(), chunk.bloom_filter_length().map(i64::from)),
    ];
    let end = |(start, length): (Option<i64>, Option<i64>)| u64::try_from(start?.checked_add(length?)?).ok();
    ranges.into_iter().filter_map(end).max() // Proof: those that are there count, and no other.
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};
    use arrow::record_batch::RecordBatch;
    use bytes::Bytes;
    use parquet::arrow::ArrowWriter;
    use parquet::file::metadata::ParquetMetaDataReader;

    use super::*;

    fn written(rows: i64) -> Vec<u8> {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
        let batch = RecordBatch::try_from_iter([("a", column)]).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes
    }

    /// Where the footer of a file begins, by the length at its end.
    fn footer(bytes: &[u8]) -> usize {
        let end = bytes.len() - 8;
        let length: [u8; 4] = bytes[end..end + 4].try_into().unwrap();
        end - usize::try_from(u32::from_le_bytes(length)).unwrap()
    }

    fn checked(bytes: Vec<u8>) -> Result<()> {
        let start = footer(&bytes) as u64;
        let bytes = Bytes::from(bytes);
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&bytes).unwrap();
        check_not_joined(&bytes, &metadata, start)
    }

    #[test]
    fn joined_files_are_refused_at_the_last_seam() {
        for (first, last) in [(1, 1), (1, 5000), (5000, 1), (0, 3), (3, 0), (0, 0)] {
            let (first, last) = (written(first), written(last));
            checked(first.clone()).unwrap();
            let said = checked([&first[..], &last].concat()).unwrap_err().to_string();
            let seam = format!(
                "at byte {} one file ends and another begins: Parquet files were joined",
                first.len()
            );
            assert!(said.contains(&seam), "{said}");
            let three = [&first[..], &first, &last].concat();
            let said = checked(three).unwrap_err().to_string();
            assert!(said.contains(&format!("at byte {} one file ends", 2 * first.len())), "{said}");
        }
    }

    #[test]
    fn bytes_that_nothing_tells_of_are_left_alone() {
        let file = written(10);
        let (data, end) = file.split_at(footer(&file));
        for between in [&b"\0"[..], b"PAR1", b"PAR1PAR1", &[7; 1000]] {
            let with = [data, between, end].concat();
            assert!(checked(with).is_ok(), "{between:?}");
        }
    }
}
