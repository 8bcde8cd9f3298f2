//! Collects the offsets of the rows that pass a test, a stride of 64 rows at a time.
//!
//! ```text
//! for each stride:
//!     bytes = test(row) for each of its rows         (one byte per row, so the loop becomes vector code)
//!     if all bytes are 0: continue
//!     mask = the bytes as 64 bits
//!     while mask is not 0:
//!         write the offset of its lowest bit, and clear that bit
//! ```
//!
//! It deviates in two places:
//!
//! - The bits of a mask are walked four at a time, with one branch per four. Where few rows pass, four are nearly
//!   always enough, so the branch is predictable. The surplus writes land behind `count`, where the next stride
//!   overwrites them.
//! - The bytes become bits by multiplication (see [`ByteMask::bits`]), because not every processor has an instruction
//!   for it.

/// Rows that share one mask.
pub(super) const STRIDE: usize = 64;
/// Offsets written per branch. Where few rows pass, a stride seldom has more.
const WRITTEN_AT_ONCE: usize = 4;

/// The offsets that passed so far.
pub(super) struct Hits<'a> {
    pub(super) offsets: &'a mut [u32],
    pub(super) count: usize,
    /// The offset of the next row to test.
    pub(super) next: u32,
}

impl Hits<'_> {
    /// Tests the next 64 rows.
    #[inline(always)]
    pub(super) fn push_stride(&mut self, passes: impl Fn(usize) -> bool) {
        let bytes = ByteMask::of(passes);
        if bytes.any() {
            let mut mask = bytes.bits();
            let end = self.count + mask.count_ones() as usize;
            let mut write = |hit: &mut u32| {
                *hit = self.next + mask.trailing_zeros();
                mask &= mask.wrapping_sub(1); // Proof: for an empty mask, & keeps it empty.
                mask
            };
            // Writes up to three offsets too many, which the next stride overwrites.
            let (chunks, rest) = self.offsets[self.count..].as_chunks_mut::<WRITTEN_AT_ONCE>();
            let done = chunks.iter_mut().any(|hits| hits.iter_mut().fold(!0, |_, hit| write(hit)) == 0);
            if !done {
                for hit in rest {
                    write(hit);
                }
            }
            self.count = end;
        }
        self.next += 64;
    }

    /// Tests the last rows, fewer than a stride.
    #[inline(always)]
    pub(super) fn push_rest(&mut self, len: usize, passes: impl Fn(usize) -> bool) {
        for (at, offset) in (0..len).zip(self.next..) {
            if passes(at) {
                self.offsets[self.count] = offset;
                self.count += 1;
            }
        }
    }
}

/// The answers for a stride: one byte each, 0 or 1, eight to a word, the first in the lowest byte.
struct ByteMask([u64; STRIDE / 8]);

impl ByteMask {
    #[inline(always)]
    fn of(passes: impl Fn(usize) -> bool) -> Self {
        let mut answers = [0u8; STRIDE];
        for (at, answer) in answers.iter_mut().enumerate() {
            *answer = u8::from(passes(at));
        }
        let (eights, _) = answers.as_chunks::<8>();
        let mut words = [0; STRIDE / 8];
        // Proof: 64 answers are as many words of eight.
        for (word, &eight) in words.iter_mut().zip(eights) {
            *word = u64::from_le_bytes(eight);
        }
        Self(words)
    }

    #[inline(always)]
    fn any(&self) -> bool {
        self.0.iter().fold(0, |any, word| any | word) != 0
    }

    /// Returns the answers as bits, the first in the lowest bit.
    ///
    /// One multiplication gathers eight bytes into eight bits. The partial product of byte `i` that falls into the top
    /// byte lands on bit `i`. No two partial products share a bit anywhere, so nothing carries.
    #[inline(always)]
    fn bits(&self) -> u64 {
        const GATHER: u64 = 0x0102_0408_1020_4080;
        // Proof: only the low 64 bits of the product are needed.
        self.0.iter().rev().fold(0, |mask, word| mask << 8 | word.wrapping_mul(GATHER) >> 56)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_have_a_bit_for_each_answer() {
        for bit in 0..STRIDE {
            assert_eq!(ByteMask::of(|at| at == bit).bits(), 1 << bit);
            assert_eq!(ByteMask::of(|at| at <= bit).bits(), !0 >> (63 - bit));
        }
    }
}
