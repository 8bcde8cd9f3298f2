//! Pages of Parquet files with a checksum in their headers.
//!
//! The parquet crate checks such checksums and writes none (as of version 60), so they are added to the headers
//! that it made. A header is a Thrift struct in the compact protocol whose first three fields are the page's type
//! and its two sizes; the checksum is the fourth. It is the CRC-32 of what follows the header in the file.

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use parquet::arrow::arrow_writer::{PageKey, PageStore, PageStoreArgs, PageStoreFactory};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};

use crate::exec::locks;

/// The type of a dictionary page.
const DICTIONARY: u64 = 2;
/// What a field of 32 bits begins with that follows the one before: a step of one, and its type.
const NEXT_I32: u8 = 0x15;

/// Collects the pages of column chunks as they are made.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChecksummedPages {
    /// For each column, headers and pages in turn.
    columns: Arc<Mutex<Vec<Blobs>>>,
}

type Blobs = Arc<Mutex<Vec<Bytes>>>;

/// A column chunk whose pages have their checksums.
pub(crate) struct ChecksummedChunk {
    /// Its bytes, in the order of the file.
    pub(crate) pages: Vec<Bytes>,
    /// What the footer says of it.
    pub(crate) close: ColumnCloseResult,
}

impl PageStoreFactory for ChecksummedPages {
    fn create(&self, args: &PageStoreArgs<'_>) -> Result<Box<dyn PageStore>> {
        let mut columns = lock(&self.columns)?;
        if args.column_index() >= columns.len() {
            columns.resize_with(args.column_index() + 1, Blobs::default);
        }
        let blobs = columns.get(args.column_index()).cloned().ok_or_else(|| no_pages(args.column_index()))?;
        Ok(Box::new(Store(blobs)))
    }
}

struct Store(Blobs);

impl PageStore for Store {
    fn put(&mut self, value: Bytes) -> Result<PageKey> {
        let mut blobs = lock(&self.0)?;
        let key = PageKey::new(blobs.len() as u64);
        blobs.push(value);
        Ok(key)
    }

    /// A page for the writer of a whole file, whose bytes go nowhere: it stays here.
    fn take(&mut self, key: PageKey) -> Result<Bytes> {
        let found = usize::try_from(key.get()).ok().and_then(|at| lock(&self.0).ok()?.get(at).cloned());
        found.ok_or_else(|| ParquetError::General("there is no such page".to_owned()))
    }
}

impl ChecksummedPages {
    /// The pages of a column with their checksums, and what is known of the chunk, which will lie at `start`.
    pub(crate) fn chunk(
        &self,
        column: usize,
        close: ColumnCloseResult,
        start: i64,
    ) -> Result<ChecksummedChunk> {
        let blobs = lock(&self.columns)?.get(column).cloned().ok_or_else(|| no_pages(column))?;
        let blobs = std::mem::take(&mut *lock(&blobs)?);
        let (mut dictionary, mut data) = (Vec::new(), Vec::new());
        let mut added = 0;
        for pair in blobs.chunks(2) {
            let [header, page] = pair else {
                return Err(ParquetError::General("a page has no header".to_owned()));
            };
            let (kind, with_sum) = add_checksum(header, crc32fast::hash(page))?;
            added += with_sum.len() - header.len();
            let sized = (with_sum, page.clone());
            if kind == DICTIONARY { dictionary.push(sized) } else { data.push(sized) }
        }
        let close = placed(close, &dictionary, &data, added, start)?;
        // The dictionary is made last and lies first.
        let pages = dictionary.into_iter().chain(data);
        let pages = pages.flat_map(|(header, page)| [Bytes::from(header), page]).collect();
        Ok(ChecksummedChunk { pages, close })
    }
}

/// What a lock guards, in the error of the crate that calls this.
fn lock<T>(mutex: &Mutex<T>) -> Result<MutexGuard<'_, T>> {
    locks::lock(mutex).map_err(|e| ParquetError::External(Box::new(e)))
}

fn no_pages(column: usize) -> ParquetError {
    ParquetError::General(format!("there are no pages of the column {column}"))
}

/// What is known of a chunk with the sizes and offsets that it has with checksums.
fn placed(
    close: ColumnCloseResult,
    dictionary: &[(Vec<u8>, Bytes)],
    data: &[(Vec<u8>, Bytes)],
    added: usize,
    start: i64,
) -> Result<ColumnCloseResult> {
    let size = |(header, page): &(Vec<u8>, Bytes)| header.len() + page.len();
    let first: usize = dictionary.iter().map(size).sum();
    let mut offset = start + signed(first)?;
    let metadata = close
        .metadata
        .clone()
        .into_builder()
        .set_dictionary_page_offset((!dictionary.is_empty()).then_some(start))
        .set_data_page_offset(offset)
        .set_total_compressed_size(close.metadata.compressed_size() + signed(added)?)
        .set_total_uncompressed_size(close.metadata.uncompressed_size() + signed(added)?)
        .build()?;
    let mut offset_index = close.offset_index;
    if let Some(index) = &mut offset_index {
        if index.page_locations.len() != data.len() {
            return Err(ParquetError::General("the index has other pages than the chunk".to_owned()));
        }
        // Proof: as many, which was just compared.
        for (location, page) in index.page_locations.iter_mut().zip(data) {
            location.offset = offset;
            location.compressed_page_size =
                i32::try_from(size(page)).map_err(|e| ParquetError::General(e.to_string()))?;
            offset += signed(size(page))?;
        }
    }
    Ok(ColumnCloseResult { metadata, offset_index, ..close })
}

/// What is known of a chunk whose group lies at `by`, where its offsets were from the group's start.
pub(crate) fn moved(close: ColumnCloseResult, by: i64) -> Result<ColumnCloseResult> {
    let dictionary = close.metadata.dictionary_page_offset().map(|offset| offset + by);
    let data = close.metadata.data_page_offset() + by;
    let builder = close.metadata.clone().into_builder();
    let metadata = builder.set_dictionary_page_offset(dictionary).set_data_page_offset(data).build()?;
    let mut offset_index = close.offset_index;
    for location in offset_index.iter_mut().flat_map(|index| &mut index.page_locations) {
        location.offset += by;
    }
    Ok(ColumnCloseResult { metadata, offset_index, ..close })
}

/// The type of a page, and its header with a checksum.
fn add_checksum(header: &[u8], sum: u32) -> Result<(u64, Vec<u8>)> {
    let unknown = || ParquetError::General("a page header is not as it was expected".to_owned());
    let mut rest = header;
    let mut kind = None;
    for _ in 0..3 {
        let (&NEXT_I32, after) = rest.split_first().ok_or_else(unknown)? else { return Err(unknown()) };
        let (value, after) = varint(after).ok_or_else(unknown)?;
        kind = kind.or(Some(value));
        rest = after;
    }
    // What follows now follows the checksum: its step is one less. The next would be the checksum itself.
    let (&next, after) = rest.split_first().ok_or_else(unknown)?;
    if next >> 4 < 2 {
        return Err(unknown());
    }
    let mut with_sum = Vec::with_capacity(header.len() + 6);
    with_sum.extend_from_slice(header.strip_suffix(rest).ok_or_else(unknown)?);
    with_sum.push(NEXT_I32);
    push_varint(&mut with_sum, sum);
    with_sum.push(next - (1 << 4));
    with_sum.extend_from_slice(after);
    // Zigzag: the types are 0 to 3.
    Ok((kind.ok_or_else(unknown)? >> 1, with_sum))
}

/// A number of seven bits to a byte, and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

/// Adds the bits of a checksum as a number with a sign, in zigzag order and seven bits to a byte.
fn push_varint(into: &mut Vec<u8>, sum: u32) {
    let signed = sum.cast_signed();
    let mut left = ((signed << 1) ^ (signed >> 31)).cast_unsigned();
    while left >= 0x80 {
        into.push(low_byte(left) | 0x80);
        left >>= 7;
    }
    into.push(low_byte(left));
}

fn low_byte(value: u32) -> u8 {
    let [low, ..] = value.to_le_bytes();
    low
}

fn signed(size: usize) -> Result<i64> {
    i64::try_from(size).map_err(|e| ParquetError::General(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_is_the_fourth_field() {
        // A data page (type 0) of sizes 10 and 300, with its own header as the fifth field.
        let header = [0x15, 0x00, 0x15, 0x14, 0x15, 0xd8, 0x04, 0x2c, 0x15, 0x02, 0x00, 0x00];
        let (kind, with_sum) = add_checksum(&header, 3).unwrap();
        assert_eq!(kind, 0);
        let expected = [0x15, 0x00, 0x15, 0x14, 0x15, 0xd8, 0x04, 0x15, 0x06, 0x1c, 0x15, 0x02, 0x00, 0x00];
        assert_eq!(with_sum, expected);
        assert_eq!(add_checksum(&[0x15, 0x04, 0x15, 0x00, 0x15, 0x00, 0x4c, 0x00], 0).unwrap().0, DICTIONARY);
    }

    #[test]
    fn sums_of_every_size_are_read_back() {
        for sum in [0, 1, 63, 64, 127, 1 << 13, (1 << 31) - 1, 1 << 31, u32::MAX] {
            let mut bytes = Vec::new();
            push_varint(&mut bytes, sum);
            let (value, rest) = varint(&bytes).unwrap();
            let zigzag = u32::try_from(value).unwrap();
            assert_eq!((zigzag >> 1) ^ (zigzag & 1).wrapping_neg(), sum);
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn headers_that_are_not_as_expected_are_refused() {
        for header in
            [&[][..], &[0x15], &[0x25, 0, 0x15, 0, 0x15, 0, 0x2c, 0], &[0x15, 0, 0x15, 0, 0x15, 0, 0x15, 0]]
        {
            assert!(add_checksum(header, 1).is_err());
        }
    }
}
