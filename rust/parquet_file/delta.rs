//! Parquet's numbers as the steps between them (`DELTA_BINARY_PACKED`), walked to see whether they are all there.
//!
//! A header tells the sizes of blocks, how many numbers there are and the first; each block tells its least step and
//! the width of what its steps are more than it, for each of its parts.

/// Parts of a block at most: writers have 4.
const MAX_PARTS: usize = 1 << 10;

/// Numbers that are read one after the other; nothing behind the last, and nothing where bytes are missing.
pub(super) struct Delta<'b> {
    bytes: &'b [u8],
    position: usize,
    parts: usize,
    part_values: usize,
    /// How many numbers were not given.
    left: usize,
    /// The next number.
    next: i64,
    least: i64,
    /// The widths of the parts of the block that are still to come.
    widths: &'b [u8],
    /// What is left of the part, and where it goes on.
    in_part: usize,
    width: usize,
    bit: usize,
}

impl<'b> Delta<'b> {
    /// Reads the header.
    pub(super) fn new(bytes: &'b [u8]) -> Option<Self> {
        let mut delta = Self {
            bytes,
            position: 0,
            parts: 0,
            part_values: 0,
            left: 0,
            next: 0,
            least: 0,
            widths: &[],
            in_part: 0,
            width: 0,
            bit: 0,
        };
        let block = usize::try_from(delta.varint()?).ok()?;
        delta.parts =
            usize::try_from(delta.varint()?).ok().filter(|parts| (1..=MAX_PARTS).contains(parts))?;
        delta.left = usize::try_from(delta.varint()?).ok()?;
        delta.next = delta.number()?;
        delta.part_values = block / delta.parts;
        let sound =
            delta.part_values > 0 && block.is_multiple_of(delta.parts) && delta.part_values.is_multiple_of(8);
        sound.then_some(delta)
    }

    /// How many numbers are left.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// The next number, which must be there.
    pub(super) fn number_of(&mut self) -> Option<i64> {
        self.left = self.left.checked_sub(1)?;
        let number = self.next;
        if self.left > 0 {
            let step = self.step()?;
            self.next = number.wrapping_add(step); // Proof: steps are modulo 2^64, as writers take them.
        }
        Some(number)
    }

    /// What follows the numbers, all of which must be there.
    pub(super) fn rest(mut self) -> Option<&'b [u8]> {
        while self.left > 0 {
            self.number_of()?;
        }
        self.bytes.get(self.position..)
    }

    fn step(&mut self) -> Option<i64> {
        while self.in_part == 0 {
            self.begin_part()?;
        }
        let mut more = 0_u64;
        for (shift, bit) in (self.bit..self.bit + self.width).enumerate() {
            more |= u64::from(self.bytes.get(bit / 8)? >> (bit % 8) & 1) << shift;
        }
        self.bit += self.width;
        self.in_part -= 1;
        Some(self.least.wrapping_add(more.cast_signed())) // Proof: as above.
    }

    /// Goes to the next part. Those behind the last number may not be there.
    fn begin_part(&mut self) -> Option<()> {
        if self.widths.is_empty() {
            self.least = self.number()?;
            let end = self.position.checked_add(self.parts)?;
            self.widths = self.bytes.get(self.position..end)?;
            self.position = end;
        }
        let (width, widths) = self.widths.split_first()?;
        (self.width, self.widths) = (usize::from(*width), widths);
        let bytes = self.part_values.checked_mul(self.width)? / 8;
        if self.width > 64 {
            return None;
        }
        self.bit = self.position.checked_mul(8)?;
        self.position = self.position.checked_add(bytes).filter(|&end| end <= self.bytes.len())?;
        self.in_part = self.part_values;
        Some(())
    }

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

    fn number(&mut self) -> Option<i64> {
        let value = self.varint()?;
        let magnitude = (value >> 1).cast_signed();
        Some(if value & 1 == 1 { !magnitude } else { magnitude })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of 8 numbers in one part: 1 and then steps of 2 to 9.
    fn nine() -> Vec<u8> {
        let mut bytes = vec![8, 1, 9, 2, 4, 3];
        let steps = (0..8_u32).fold(0, |bits, step| bits | step << (3 * step));
        bytes.extend(&steps.to_le_bytes()[..3]);
        bytes
    }

    fn all(bytes: &[u8]) -> Option<Vec<i64>> {
        let mut delta = Delta::new(bytes)?;
        (0..delta.left()).map(|_| delta.number_of()).collect()
    }

    #[test]
    fn numbers_are_sums_of_steps() {
        assert_eq!(all(&nine()), Some(vec![1, 3, 6, 10, 15, 21, 28, 36, 45]));
        let mut bytes = nine();
        bytes.extend(b"rest");
        assert_eq!(Delta::new(&bytes).unwrap().rest(), Some(&b"rest"[..]));
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
