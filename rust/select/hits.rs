//! Offsets of the rows that pass a comparison, written a stride at a time.

/// Values whose comparisons become one mask.
pub(super) const STRIDE: usize = 64;
/// Offsets that are written at once: hardly more of a stride are found, where few rows are wanted.
const WRITTEN_AT_ONCE: usize = 4;

/// The offsets found so far.
pub(super) struct Hits<'a> {
    pub(super) offsets: &'a mut [u32],
    pub(super) count: usize,
    /// The offset of the next stride.
    pub(super) next: u32,
}

impl Hits<'_> {
    /// Adds the offsets of a stride.
    #[inline(always)]
    pub(super) fn push_stride(&mut self, passes: impl Fn(usize) -> bool) {
        let mask = ByteMask::of(passes);
        if mask.any() {
            let mut mask = mask.mask();
            let end = self.count + mask.count_ones() as usize;
            let mut write = |hit: &mut u32| {
                *hit = self.next + mask.trailing_zeros();
                mask &= mask.wrapping_sub(1); // Proof: a mask without bits stays one.
                mask
            };
            // Some more than there are, and these are overwritten by the next: one branch for all of them, which
            // is seldom mispredicted.
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

    /// Adds the offsets of what is shorter than a stride.
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

/// The mask for the values of a stride: a byte each, 0 or 1, eight to a word, the first lowest.
struct ByteMask([u64; STRIDE / 8]);

impl ByteMask {
    #[inline(always)]
    fn of(passes: impl Fn(usize) -> bool) -> Self {
        let mut mask = [0u8; STRIDE];
        for (at, answer) in mask.iter_mut().enumerate() {
            *answer = u8::from(passes(at));
        }
        let (words, _) = mask.as_chunks::<8>();
        let mut all = [0; STRIDE / 8];
        // Proof: eight mask to a word, of as many.
        for (word, &bytes) in all.iter_mut().zip(words) {
            *word = u64::from_le_bytes(bytes);
        }
        Self(all)
    }

    #[inline(always)]
    fn any(&self) -> bool {
        self.0.iter().fold(0, |any, word| any | word) != 0
    }

    /// As bits, the first lowest.
    ///
    /// Eight bytes become eight bits by one multiplication: its partial products that fall into the top byte are
    /// byte `i` at bit `i`, and no two of all fall on one bit, so that nothing carries.
    #[inline(always)]
    fn mask(&self) -> u64 {
        const GATHER: u64 = 0x0102_0408_1020_4080;
        // Proof: the product's upper half is of no use.
        self.0.iter().rev().fold(0, |mask, word| mask << 8 | word.wrapping_mul(GATHER) >> 56)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_have_a_bit_for_each_answer() {
        for bit in 0..STRIDE {
            assert_eq!(ByteMask::of(|at| at == bit).mask(), 1 << bit);
            assert_eq!(ByteMask::of(|at| at <= bit).mask(), !0 >> (63 - bit));
        }
    }
}
