//! Thrift's compact protocol, as far as it takes to step over what Parquet writes in it.
//!
//! A struct is a byte for each field, whose upper half is the step from the field before and whose lower half is the
//! type, and then the value.

// Types of the compact protocol.
pub(crate) const END: u8 = 0;
pub(crate) const TRUE: u8 = 1;
pub(crate) const FALSE: u8 = 2;
const BYTE: u8 = 3;
pub(crate) const I32: u8 = 5;
pub(crate) const I64: u8 = 6;
const DOUBLE: u8 = 7;
pub(crate) const BINARY: u8 = 8;
pub(crate) const LIST: u8 = 9;
const SET: u8 = 10;
pub(crate) const STRUCT: u8 = 12;
/// Structs within each other at most: footers have five.
const DEPTH: u8 = 8;

/// A reader of values from the first byte on: `None` where bytes are missing.
pub(crate) struct CompactReader<'b> {
    bytes: &'b [u8],
    position: usize,
}

impl<'b> CompactReader<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Return how many bytes were read.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Read the type of the next field, and set its number.
    pub(crate) fn field(&mut self, number: &mut i64) -> Option<u8> {
        let byte = self.byte()?;
        *number = match (byte, byte >> 4) {
            (END, _) => return Some(END),
            (_, 0) => self.number()?,
            (_, step) => number.checked_add(i64::from(step))?,
        };
        Some(byte & 15)
    }

    /// Call a function for each field of a struct. It must read the field's value or skip it.
    pub(crate) fn fields(&mut self, mut take: impl FnMut(&mut Self, u8, i64) -> Option<()>) -> Option<()> {
        let mut field = 0;
        loop {
            match self.field(&mut field)? {
                END => return Some(()),
                kind => take(self, kind, field)?,
            }
        }
    }

    /// Read how many structs a list has, or return `None` for a list of anything else.
    pub(crate) fn structs(&mut self) -> Option<u64> {
        let (kind, count) = self.list()?;
        (kind == STRUCT || count == 0).then_some(count)
    }

    /// Skip a value.
    pub(crate) fn skip(&mut self, kind: u8) -> Option<()> {
        self.skip_within(kind, DEPTH)
    }

    /// Read the type of a list's items, and how many there are.
    fn list(&mut self) -> Option<(u8, u64)> {
        let byte = self.byte()?;
        let count = if byte >> 4 == 15 { self.varint()? } else { u64::from(byte >> 4) };
        Some((byte & 15, count))
    }

    fn skip_within(&mut self, kind: u8, depth: u8) -> Option<()> {
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
                let (kind, count) = self.list()?;
                for _ in 0..count {
                    // Booleans take a byte each in a list.
                    let kind = if kind <= FALSE { BYTE } else { kind };
                    self.skip_within(kind, depth)?;
                }
            }
            STRUCT => self.fields(|input, kind, _| input.skip_within(kind, depth))?,
            // Neither the header of a page nor a footer has a map.
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

    /// Read a signed number, whose sign is its lowest bit.
    pub(crate) fn number(&mut self) -> Option<i64> {
        let value = self.varint()?;
        let magnitude = i64::try_from(value >> 1).ok()?;
        Some(if value & 1 == 1 { !magnitude } else { magnitude })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_their_sign_in_the_lowest_bit() {
        let number = |bytes: &[u8]| CompactReader::new(bytes).number();
        for (bytes, value) in [(&[0][..], 0), (&[1], -1), (&[2], 1), (&[0xac, 2], 150), (&[0xab, 2], -150)] {
            assert_eq!(number(bytes), Some(value), "{bytes:?}");
        }
        let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert_eq!(number(&most), Some(i64::MIN));
        assert_eq!(number(&[0x80]), None);
        assert_eq!(number(&[0x80; 11]), None);
    }

    #[test]
    fn fields_are_numbered_by_steps_or_by_themselves() {
        // Field 1 of 32 bits, field 3 that is true, field 20 by its number, and the end.
        let bytes = [0x15, 6, 0x21, 0x05, 40, 8, 0];
        let mut found = Vec::new();
        let mut reader = CompactReader::new(&bytes);
        let all = reader.fields(|reader, kind, field| {
            found.push((kind, field));
            reader.skip(kind)
        });
        assert_eq!((all, reader.position()), (Some(()), bytes.len()));
        assert_eq!(found, [(I32, 1), (TRUE, 3), (I32, 20)]);
    }

    #[test]
    fn every_value_is_skipped_to_its_end() {
        let values: [(u8, &[u8]); 8] = [
            (TRUE, &[]),
            (BYTE, &[7]),
            (4, &[0x80, 1]),
            (DOUBLE, &[0; 8]),
            (BINARY, b"\x03abc"),
            (LIST, &[0x31, 1, 0, 1]),
            (SET, &[0xf5, 2, 4, 6]),
            (STRUCT, &[0x15, 2, 0x1c, 0x11, 0, 0]),
        ];
        for (kind, bytes) in values {
            let followed = [bytes, &[0xee]].concat();
            let mut reader = CompactReader::new(&followed);
            assert_eq!(reader.skip(kind), Some(()), "{kind}");
            assert_eq!(reader.position(), bytes.len(), "{kind}");
            for length in 0..bytes.len() {
                assert_eq!(CompactReader::new(&bytes[..length]).skip(kind), None, "{kind}, {length} bytes");
            }
        }
        assert_eq!(CompactReader::new(&[0; 9]).skip(11), None, "a map");
    }

    #[test]
    fn a_list_of_structs_tells_their_number() {
        let structs = |bytes: &[u8]| CompactReader::new(bytes).structs();
        assert_eq!(structs(&[0x3c]), Some(3));
        assert_eq!(structs(&[0xfc, 0x80, 1]), Some(128));
        assert_eq!(structs(&[0x05]), Some(0), "of an empty list the type does not matter");
        assert_eq!(structs(&[0x35]), None);
    }
}
