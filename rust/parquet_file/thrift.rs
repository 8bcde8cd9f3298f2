//! Thrift's compact protocol, as far as it takes to step over what Parquet writes in it.
//!
//! A struct is a byte for each field, whose upper half is the step from the field before and whose lower half is the
//! type, and then the value.

// Types of the compact protocol.
pub(super) const END: u8 = 0;
pub(super) const TRUE: u8 = 1;
pub(super) const FALSE: u8 = 2;
const BYTE: u8 = 3;
pub(super) const I32: u8 = 5;
pub(super) const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
pub(super) const LIST: u8 = 9;
const SET: u8 = 10;
pub(super) const STRUCT: u8 = 12;
/// Structs within each other at most: footers have five.
const DEPTH: u8 = 8;

/// Bytes that are read from the first on. Nothing comes of those that are not there.
pub(super) struct Input<'b> {
    bytes: &'b [u8],
    position: usize,
}

impl<'b> Input<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// The type of the next field, whose number is set.
    pub(super) fn field(&mut self, number: &mut i64) -> Option<u8> {
        let byte = self.byte()?;
        *number = match (byte, byte >> 4) {
            (END, _) => return Some(END),
            (_, 0) => self.number()?,
            (_, step) => number.checked_add(i64::from(step))?,
        };
        Some(byte & 15)
    }

    /// Gives each field of a struct to a function, which reads the value behind it or steps over it.
    pub(super) fn fields(&mut self, mut take: impl FnMut(&mut Self, u8, i64) -> Option<()>) -> Option<()> {
        let mut field = 0;
        loop {
            match self.field(&mut field)? {
                END => return Some(()),
                kind => take(self, kind, field)?,
            }
        }
    }

    /// How many structs a list has, which stand behind this; nothing if it is of something else.
    pub(super) fn structs(&mut self) -> Option<u64> {
        let (kind, count) = self.list()?;
        (kind == STRUCT || count == 0).then_some(count)
    }

    /// Steps over a value.
    pub(super) fn skip(&mut self, kind: u8) -> Option<()> {
        self.skip_within(kind, DEPTH)
    }

    /// The type of the items of a list, and how many there are.
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

    /// A signed number, whose sign is its lowest bit.
    pub(super) fn number(&mut self) -> Option<i64> {
        let value = self.varint()?;
        let magnitude = i64::try_from(value >> 1).ok()?;
        Some(if value & 1 == 1 { !magnitude } else { magnitude })
    }
}
