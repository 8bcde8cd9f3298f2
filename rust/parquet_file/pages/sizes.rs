//! Pages whose sizes contradict each other.
//!
//! The `parquet` crate fills up a page that unpacks to fewer bytes than its header says, and takes one that is said
//! not to be packed as it is.

use parquet::basic::{Compression, Type as Physical};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, LevelHistogram};
use parquet::file::reader::ChunkReader;

use super::corrected::header_at;
use super::header::PageHeader;
use crate::exec::memory::{COPIES, UnpackLimit};

/// Fails if a page of a column chunk has another size than its header says, as far as its first bytes tell, or if the
/// pages have another number of values than the chunk, or of rows than its row group, or if the chunk counts levels that
/// its column has not, or if a page unpacks to more than may be.
pub(crate) fn check_sizes<R: ChunkReader>(
    file: &R,
    chunk: &ColumnChunkMetaData,
    rows: usize,
    most: UnpackLimit,
) -> Result<()> {
    check_size_statistics(chunk)?;
    let (declared, mut values) = (declared_values(chunk, rows)?, 0_u64);
    let (mut position, length) = chunk.byte_range();
    let end = position.saturating_add(length).min(file.len()); // Proof: there are no pages behind the file.
    while position < end && values < declared {
        let header = header_at(file, position, end)?;
        let page = position.saturating_add(header.length as u64); // Proof: as above.
        // Proof: what saturates is more than any chunk has.
        values = values.saturating_add(header.values.unwrap_or(0)); // Proof: a dictionary has none of the chunk's.
        let found = if header.not_compressed.is_some() || chunk.compression() == Compression::UNCOMPRESSED {
            Some(header.page)
        } else if chunk.compression() == Compression::SNAPPY {
            of_snappy(file, page, end, &header)?
        } else {
            None // The decoders of others compare.
        };
        if let Some(found) = found.filter(|&found| found != header.unpacked) {
            return Err(ParquetError::General(format!(
                "the page at byte {position} unpacks to {found} bytes, and its header says {}",
                header.unpacked
            )));
        }
        check_room(chunk, position, header.unpacked, most)?;
        position = page.saturating_add(header.page as u64); // Proof: as above.
    }
    if values == declared {
        return Ok(());
    }
    Err(ParquetError::General(format!(
        "the pages of column {} have {values} values, and {declared} are declared",
        chunk.column_path()
    )))
}

/// Fails if a chunk counts other levels than its column can have, or the bytes of texts where there are none.
///
/// The schema tells which levels there are, and here its writer told it once more: a column that has lost its nulls
/// has pages whose levels would be taken for values.
fn check_size_statistics(chunk: &ColumnChunkMetaData) -> Result<()> {
    let column = chunk.column_descr();
    let wrong = |what: String| Err(ParquetError::General(format!("column {} {what}", chunk.column_path())));
    let counts = [
        ("definition", column.max_def_level(), chunk.definition_level_histogram()),
        ("repetition", column.max_rep_level(), chunk.repetition_level_histogram()),
    ];
    for (what, most, counts) in counts {
        // Counts may be left out, and then they may be an empty list.
        let found = counts.map(LevelHistogram::len).filter(|&found| found > 0);
        if let Some(found) = found.filter(|&found| found != usize::from(most.unsigned_abs()) + 1) {
            return wrong(format!("counts {found} {what} levels, and by the schema the highest is {most}"));
        }
    }
    if chunk.unencoded_byte_array_data_bytes().is_some() && chunk.column_type() != Physical::BYTE_ARRAY {
        return wrong(format!("counts the bytes of texts, and its type is {}", chunk.column_type()));
    }
    Ok(())
}

/// Fails where a page becomes more than may be, or than memory has room for.
fn check_room(chunk: &ColumnChunkMetaData, position: u64, unpacked: usize, most: UnpackLimit) -> Result<()> {
    let what = || format!("the page of column {} at byte {position}", chunk.column_path());
    most.check(what, unpacked as u64, COPIES).map_err(|error| ParquetError::External(Box::new(error)))
}

/// How many values, or levels of lists, a column chunk is said to have.
fn declared_values(chunk: &ColumnChunkMetaData, rows: usize) -> Result<u64> {
    let is_list = chunk.column_descr().max_rep_level() > 0;
    let declared = u64::try_from(chunk.num_values()).ok();
    declared.filter(|&declared| is_list || declared == rows as u64).ok_or_else(|| {
        let (values, column) = (chunk.num_values(), chunk.column_path());
        ParquetError::General(format!("column {column} is said to have {values} values in {rows} rows"))
    })
}

/// How many bytes a page of snappy unpacks to, which its first bytes tell.
fn of_snappy<R: ChunkReader>(file: &R, page: u64, end: u64, header: &PageHeader) -> Result<Option<usize>> {
    /// Bytes of the number at most.
    const NUMBER: usize = 5;
    if header.unpacked == header.levels {
        return Ok(None); // Proof: of no values, there may be no bytes.
    }
    let Some(packed) = header.page.checked_sub(header.levels) else {
        return Ok(Some(header.levels)); // Proof: levels that are longer than the page are no page.
    };
    let start = page.saturating_add(header.levels as u64); // Proof: there are no pages behind the file.
    let length = NUMBER.min(packed);
    // Proof: from beyond the end on there are no bytes.
    let there = end.saturating_sub(start);
    if there < length as u64 {
        return Ok(Some(0)); // Proof: the page is not there.
    }
    let bytes = file.get_bytes(start, length)?;
    let mut size = 0_usize;
    // Proof: a shift for each byte.
    for (shift, byte) in (0..).step_by(7).zip(bytes.iter()) {
        size |= usize::from(byte & 127) << shift; // Proof: five times seven bits.
        if byte & 128 == 0 {
            return Ok(size.checked_add(header.levels));
        }
    }
    Ok(Some(0)) // Proof: a number that does not end is none.
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};
    use arrow::record_batch::RecordBatch;
    use bytes::Bytes;
    use parquet::arrow::ArrowWriter;
    use parquet::file::metadata::ParquetMetaDataReader;
    use parquet::file::properties::WriterProperties;

    use super::*;

    /// A file of one column of a hundred numbers, and its chunk.
    fn file(compression: Compression) -> (Vec<u8>, ColumnChunkMetaData) {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
        let batch = RecordBatch::try_from_iter([("a", column)]).unwrap();
        let properties = WriterProperties::builder().set_compression(compression);
        let properties = properties.set_dictionary_enabled(false).build();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let metadata = ParquetMetaDataReader::new().parse_and_finish(&Bytes::from(bytes.clone())).unwrap();
        let chunk = metadata.row_group(0).column(0).clone();
        (bytes, chunk)
    }

    fn said(bytes: &[u8], chunk: &ColumnChunkMetaData, rows: usize) -> Option<String> {
        let checked = check_sizes(&Bytes::copy_from_slice(bytes), chunk, rows, UnpackLimit::default());
        checked.err().map(|error| error.to_string())
    }

    #[test]
    fn a_page_of_another_size_than_its_header_says_is_named() {
        for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY] {
            let (mut bytes, chunk) = file(compression);
            assert_eq!(said(&bytes, &chunk, 100), None);
            // The header begins with the type of the page and the bytes that it unpacks to.
            let start = usize::try_from(chunk.byte_range().0).unwrap();
            assert_eq!((bytes[start], bytes[start + 2]), (0x15, 0x15));
            bytes[start + 3] ^= 2;
            let said = said(&bytes, &chunk, 100).unwrap();
            assert!(said.contains(&format!("the page at byte {start} unpacks to ")), "{said}");
        }
    }

    #[test]
    fn a_chunk_has_the_values_of_its_pages_and_the_rows_of_its_group() {
        let (bytes, chunk) = file(Compression::ZSTD(parquet::basic::ZstdLevel::default()));
        assert_eq!(said(&bytes, &chunk, 100), None);
        let other = said(&bytes, &chunk, 99).unwrap();
        assert!(other.contains("is said to have 100 values in 99 rows"), "{other}");
        let more = chunk.into_builder().set_num_values(101).build().unwrap();
        let other = said(&bytes, &more, 101).unwrap();
        assert!(other.contains("have 100 values, and 101 are declared"), "{other}");
    }

    #[test]
    fn snappy_tells_how_many_bytes_it_unpacks_to() {
        let told = |bytes: &'static [u8], page: usize, levels: usize| {
            let header = PageHeader { page, unpacked: 1000, levels, ..PageHeader::default() };
            let bytes = Bytes::from_static(bytes);
            of_snappy(&bytes, 0, bytes.len() as u64, &header).unwrap()
        };
        assert_eq!(told(&[0xac, 2, 9, 9, 9, 9], 6, 0), Some(300));
        assert_eq!(told(&[1, 1, 0xac, 2, 9, 9, 9], 7, 2), Some(302), "behind levels, which are not packed");
        assert_eq!(told(&[0xac], 6, 0), Some(0), "the page is cut");
        assert_eq!(told(&[0x80; 6], 6, 0), Some(0), "the number does not end");
        assert_eq!(told(&[5], 1, 2), Some(2), "levels longer than the page");
        assert_eq!(told(&[0xff, 0xff, 0xff, 0xff, 0x0f], 5, 0), Some((1 << 32) - 1));
    }
}
