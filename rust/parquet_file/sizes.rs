//! Pages whose sizes contradict each other.
//!
//! The `parquet` crate fills up a page that unpacks to fewer bytes than its header says, and takes one that is said
//! not to be packed as it is.

use parquet::basic::{Compression, Type as Physical};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ColumnChunkMetaData, LevelHistogram};
use parquet::file::reader::ChunkReader;

use super::corrected::header_at;
use super::page_header::PageHeader;
use crate::exec::memory::{COPIES, Most};

/// Fails if a page of a column chunk has another size than its header says, as far as its first bytes tell, or if the
/// pages have another number of values than the chunk, or of rows than its row group, or if the chunk counts levels that
/// its column has not, or if a page unpacks to more than may be.
pub(crate) fn check_sizes<R: ChunkReader>(
    file: &R,
    chunk: &ColumnChunkMetaData,
    rows: usize,
    most: Most,
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
fn check_room(chunk: &ColumnChunkMetaData, position: u64, unpacked: usize, most: Most) -> Result<()> {
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
