//! The headers of Parquet pages, as far as it takes to go from one to the next and to find one flag.
//!
//! They are structs in Thrift's compact protocol: a byte for each field, whose upper half is the step from the field
//! before and whose lower half is the type, and then the value.

/// What a page header says of its page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PageHeader {
    /// Bytes of the header itself.
    pub(super) length: usize,
    /// Bytes of the page behind it.
    pub(super) page: usize,
    /// Bytes of the page when it is unpacked.
    pub(super) unpacked: usize,
    /// Bytes of levels before the values, which are never packed in a data page of version 2.
    pub(super) levels: usize,
    /// Levels of a data page.
    pub(super) values: Option<u64>,
    /// Where in the header the flag stands that says that a data page of version 2 is not compressed, if it does.
    pub(super) not_compressed: Option<usize>,
}

// Types of the compact protocol.
const END: u8 = 0;
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCT: u8 = 12;
/// Structs within each other at most: page headers have three.
const DEPTH: u8 = 8;

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
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut header = Self::default();
        let mut input = Input { bytes, position: 0 };
        let mut field = 0;
        loop {
            match (input.field(&mut field)?, field) {
                (END, _) => break,
                (I32, COMPRESSED_PAGE_SIZE) => header.page = usize::try_from(input.number()?).ok()?,
                (I32, UNCOMPRESSED_PAGE_SIZE) => {
                    header.unpacked = usize::try_from(input.number()?).ok()?;
                }
                (STRUCT, DATA_PAGE_HEADER) => input.data_page_header(&mut header, &[])?,
                (STRUCT, DATA_PAGE_HEADER_V2) => input.data_page_header(&mut header, &LEVELS)?,
                // The others are of these types too.
                (kind, 1..=4) if kind != I32 => return None,
                (kind, 5..=8) if kind != STRUCT => return None,
                (kind, _) => input.skip(kind, DEPTH)?,
            }
        }
        header.length = input.position;
        Some(header)
    }
}

struct Input<'b> {
    bytes: &'b [u8],
    position: usize,
}

impl Input<'_> {
    /// Steps over the header of a data page, and notes its values and, of version 2, the bytes of its levels and where
    /// its field "is not compressed" stands.
    fn data_page_header(&mut self, header: &mut PageHeader, levels: &[i64]) -> Option<()> {
        let mut field = 0;
        loop {
            let start = self.position;
            match self.field(&mut field)? {
                END => return Some(()),
                kind if (NUM_VALUES..=4).contains(&field) && kind != I32 => return None,
                _ if field == NUM_VALUES => header.values = Some(u64::try_from(self.number()?).ok()?),
                FALSE if field == IS_COMPRESSED && !levels.is_empty() => header.not_compressed = Some(start),
                I32 if levels.contains(&field) => {
                    header.levels = usize::try_from(self.number()?).ok()?.checked_add(header.levels)?;
                }
                kind => self.skip(kind, DEPTH)?,
            }
        }
    }

    /// The type of the next field, whose number is set.
    fn field(&mut self, number: &mut i64) -> Option<u8> {
        let byte = self.byte()?;
        *number = match (byte, byte >> 4) {
            (END, _) => return Some(END),
            (_, 0) => self.number()?,
            (_, step) => number.checked_add(i64::from(step))?,
        };
        Some(byte & 15)
    }

    fn skip(&mut self, kind: u8, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match kind {
            TRUE | FALSE => {}
            BYTE => self.advance(1)?,
            // Numbers of 16, 32 and 64 bits.
            4..=I64 => drop(self.varint()?),
            DOUBLE => self.advance(8)?,
            BINARY => {
                let length = usize::try_from(self.varint()?).ok()?;
                self.advance(length)?;
            }
            LIST | SET => {
                let byte = self.byte()?;
                let count = if byte >> 4 == 15 { self.varint()? } else { u64::from(byte >> 4) };
                for _ in 0..count {
                    // Booleans take a byte each in a list.
                    let kind = if byte & 15 <= FALSE { BYTE } else { byte & 15 };
                    self.skip(kind, depth)?;
                }
            }
            STRUCT => {
                let mut field = 0;
                loop {
                    match self.field(&mut field)? {
                        END => break,
                        kind => self.skip(kind, depth)?,
                    }
                }
            }
            // No header of a page has a map.
            _ => return None,
        }
        Some(())
    }

    fn advance(&mut self, count: usize) -> Option<()> {
        self.position = self.position.checked_add(count).filter(|&position| position <= self.bytes.len())?;
        Some(())
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.position)?;
        self.position += 1;
        Some(byte)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(value);
            }
        }
        None
    }

    /// A signed number, whose sign is its lowest bit.
    fn number(&mut self) -> Option<i64> {
        let value = self.varint()?;
        let magnitude = i64::try_from(value >> 1).ok()?;
        Some(if value & 1 == 1 { !magnitude } else { magnitude })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
