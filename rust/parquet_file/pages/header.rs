//! The headers of Parquet pages, as far as it takes to go from one to the next and to find one flag.
//!
//! They are structs in Thrift's compact protocol ([`crate::parquet_file::encoding`]).

use crate::parquet_file::encoding::{CompactReader, END, FALSE, I32, STRUCT};

/// What a page header says of its page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PageHeader {
    /// Bytes of the header itself.
    pub(crate) length: usize,
    /// Bytes of the page behind it.
    pub(crate) page: usize,
    /// Bytes of the page when it is unpacked.
    pub(crate) unpacked: usize,
    /// Bytes of levels before the values, which are never packed in a data page of version 2.
    pub(crate) levels: usize,
    /// Levels of a data page.
    pub(crate) values: Option<u64>,
    /// Where in the header the flag stands that says that a data page of version 2 is not compressed, if it does.
    pub(crate) not_compressed: Option<usize>,
}

// Fields of a page header, and of the header of a data page of version 2.
const UNCOMPRESSED_PAGE_SIZE: i64 = 2;
const COMPRESSED_PAGE_SIZE: i64 = 3;
const DATA_PAGE_HEADER: i64 = 5;
const DATA_PAGE_HEADER_V2: i64 = 8;
const NUM_VALUES: i64 = 1;
const LEVELS: [i64; 2] = [5, 6];
const IS_COMPRESSED: i64 = 7;

impl PageHeader {
    /// Reads the header that some bytes begin with; nothing if they do not hold one whole.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut header = Self::default();
        let mut input = CompactReader::new(bytes);
        let mut field = 0;
        loop {
            match (input.field(&mut field)?, field) {
                (END, _) => break,
                (I32, COMPRESSED_PAGE_SIZE) => header.page = usize::try_from(input.number()?).ok()?,
                (I32, UNCOMPRESSED_PAGE_SIZE) => {
                    header.unpacked = usize::try_from(input.number()?).ok()?;
                }
                (STRUCT, DATA_PAGE_HEADER) => data_page_header(&mut input, &mut header, &[])?,
                (STRUCT, DATA_PAGE_HEADER_V2) => data_page_header(&mut input, &mut header, &LEVELS)?,
                // The others are of these types too.
                (kind, 1..=4) if kind != I32 => return None,
                (kind, 5..=8) if kind != STRUCT => return None,
                (kind, _) => input.skip(kind)?,
            }
        }
        header.length = input.position();
        Some(header)
    }
}

/// Steps over the header of a data page, and notes its values and, of version 2, the bytes of its levels and where its
/// field "is not compressed" stands.
fn data_page_header(input: &mut CompactReader<'_>, header: &mut PageHeader, levels: &[i64]) -> Option<()> {
    let mut field = 0;
    loop {
        let start = input.position();
        match input.field(&mut field)? {
            END => return Some(()),
            kind if (NUM_VALUES..=4).contains(&field) && kind != I32 => return None,
            _ if field == NUM_VALUES => header.values = Some(u64::try_from(input.number()?).ok()?),
            FALSE if field == IS_COMPRESSED && !levels.is_empty() => header.not_compressed = Some(start),
            I32 if levels.contains(&field) => {
                header.levels = usize::try_from(input.number()?).ok()?.checked_add(header.levels)?;
            }
            kind => input.skip(kind)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parquet_file::encoding::TRUE;

    /// Type 3, sizes 100 and 40, and a header of version 2 whose flag is given, with statistics behind it.
    fn header(flag: u8) -> Vec<u8> {
        let mut bytes = vec![0x15, 6, 0x15, 200, 1, 0x15, 80, 0x5c];
        bytes.extend([0x15, 20, 0x15, 0, 0x15, 20, 0x15, 0, 0x15, 4, 0x15, 0, 0x10 | flag]);
        bytes.extend([0x1c, 0x18, 2, b'a', b'b', 0x19, 0x25, 2, 4, 0, 0, 0]);
        bytes
    }

    #[test]
    fn the_flag_is_found_and_what_surrounds_it_is_stepped_over() {
        let bytes = header(FALSE);
        let expected = PageHeader {
            length: bytes.len(),
            page: 40,
            unpacked: 100,
            levels: 2,
            values: Some(10),
            not_compressed: Some(20),
        };
        assert_eq!(PageHeader::read(&bytes), Some(expected));
        assert_eq!(PageHeader::read(&header(TRUE)).unwrap().not_compressed, None);
    }

    #[test]
    fn a_header_that_is_cut_is_none() {
        let bytes = header(FALSE);
        for length in 0..bytes.len() {
            assert_eq!(PageHeader::read(&bytes[..length]), None);
        }
    }

    #[test]
    fn structs_without_an_end_do_not_end_the_process() {
        assert_eq!(PageHeader::read(&vec![0x1c; 1 << 16]), None);
        assert_eq!(PageHeader::read(&[0x19, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x0f]), None);
    }
}
