//! Parquet's numbers stored as differences (`DELTA_BINARY_PACKED`), decoded to see whether they are all there.
//!
//! The header has the size of a block, the number of miniblocks in it, how many numbers there are, and the first of
//! them. Each block has its least difference and a bit width for each miniblock: differences are stored in so many
//! bits each, less the least.

/// Miniblocks of a block at most: writers have 4.
const MAX_MINIBLOCKS: usize = 1 << 10;

/// A decoder of numbers: `None` after the last, and `None` where bytes are missing.
pub(crate) struct DeltaDecoder<'b> {
    bytes: &'b [u8],
    position: usize,
    miniblocks: usize,
    miniblock_values: usize,
    /// How many numbers are left.
    left: usize,
    /// The next number.
    next: i64,
    min_delta: i64,
    /// The bit widths of the block's miniblocks that are still to come.
    widths: &'b [u8],
    /// How many differences of the miniblock are left.
    left_in_miniblock: usize,
    /// Bits of a difference in the miniblock.
    width: usize,
    /// Where the next difference begins.
    bit: usize,
}

impl<'b> DeltaDecoder<'b> {
    /// Reads the header.
    pub(crate) fn new(bytes: &'b [u8]) -> Option<Self> {
        let mut delta = Self {
            bytes,
            position: 0,
            miniblocks: 0,
            miniblock_values: 0,
            left: 0,
            next: 0,
            min_delta: 0,
            widths: &[],
            left_in_miniblock: 0,
            width: 0,
            bit: 0,
        };
        let block = usize::try_from(delta.varint()?).ok()?;
        delta.miniblocks = usize::try_from(delta.varint()?)
            .ok()
            .filter(|miniblocks| (1..=MAX_MINIBLOCKS).contains(miniblocks))?;
        delta.left = usize::try_from(delta.varint()?).ok()?;
        delta.next = delta.signed_varint()?;
        delta.miniblock_values = block / delta.miniblocks;
        let sound = delta.miniblock_values > 0
            && block.is_multiple_of(delta.miniblocks)
            && delta.miniblock_values.is_multiple_of(8);
        sound.then_some(delta)
    }

    /// Return how many numbers are left.
    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Decode the next number, or return `None` if it is not there.
    pub(crate) fn next_number(&mut self) -> Option<i64> {
        self.left = self.left.checked_sub(1)?;
        let number = self.next;
        if self.left > 0 {
            let delta = self.delta()?;
            self.next = number.wrapping_add(delta); // Proof: differences are modulo 2^64, as writers take them.
        }
        Some(number)
    }

    /// Return what follows the numbers, or `None` if some of them are not there.
    pub(crate) fn rest(mut self) -> Option<&'b [u8]> {
        while self.left > 0 {
            self.next_number()?;
        }
        self.bytes.get(self.position..)
    }

    /// Decode the next difference.
    fn delta(&mut self) -> Option<i64> {
        while self.left_in_miniblock == 0 {
            self.begin_miniblock()?;
        }
        let mut more = 0_u64;
        for (shift, bit) in (self.bit..self.bit + self.width).enumerate() {
            more |= u64::from(self.bytes.get(bit / 8)? >> (bit % 8) & 1) << shift;
        }
        self.bit += self.width;
        self.left_in_miniblock -= 1;
        Some(self.min_delta.wrapping_add(more.cast_signed())) // Proof: as above.
    }

    /// Begin the next miniblock. A writer may leave out those behind the last number.
    fn begin_miniblock(&mut self) -> Option<()> {
        if self.widths.is_empty() {
            self.min_delta = self.signed_varint()?;
            let end = self.position.checked_add(self.miniblocks)?;
            self.widths = self.bytes.get(self.position..end)?;
            self.position = end;
        }
        let (width, widths) = self.widths.split_first()?;
        (self.width, self.widths) = (usize::from(*width), widths);
        let bytes = self.miniblock_values.checked_mul(self.width)? / 8;
        if self.width > 64 {
            return None;
        }
        self.bit = self.position.checked_mul(8)?;
        self.position = self.position.checked_add(bytes).filter(|&end| end <= self.bytes.len())?;
        self.left_in_miniblock = self.miniblock_values;
        Some(())
    }

    /// Read a number in steps of seven bits.
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.position)?;
            self.position += 1;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Some(value);
            }
        }
        None
    }

    /// Read a signed number, whose sign is its lowest bit.
    fn signed_varint(&mut self) -> Option<i64> {
        let value = self.varint()?;
        let magnitude = (value >> 1).cast_signed();
        Some(if value & 1 == 1 { !magnitude } else { magnitude })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of 8 numbers in one miniblock: 1 and then differences of 2 to 9.
    fn nine() -> Vec<u8> {
        let mut bytes = vec![8, 1, 9, 2, 4, 3];
        let steps = (0..8_u32).fold(0, |bits, step| bits | step << (3 * step));
        bytes.extend(&steps.to_le_bytes()[..3]);
        bytes
    }

    fn all(bytes: &[u8]) -> Option<Vec<i64>> {
        let mut delta = DeltaDecoder::new(bytes)?;
        (0..delta.left()).map(|_| delta.next_number()).collect()
    }

    #[test]
    fn numbers_are_sums_of_differences() {
        assert_eq!(all(&nine()), Some(vec![1, 3, 6, 10, 15, 21, 28, 36, 45]));
        let mut bytes = nine();
        bytes.extend(b"rest");
        assert_eq!(DeltaDecoder::new(&bytes).unwrap().rest(), Some(&b"rest"[..]));
        assert_eq!(all(&[8, 1, 0, 0]), Some(vec![]));
        assert_eq!(all(&[8, 1, 1, 5]), Some(vec![-3]));
    }

    #[test]
    fn numbers_that_are_not_there_are_none() {
        let bytes = nine();
        assert!((0..bytes.len()).all(|length| all(&bytes[..length]).is_none()));
        for broken in [&[8, 0, 1, 0][..], &[0, 1, 1, 0], &[9, 1, 1, 0], &[8, 1, 3, 0, 0, 65, 0, 0, 0]] {
            assert_eq!(all(broken), None, "{broken:?}");
        }
    }
}
