//! Offsets of the rows that pass a comparison, written a stride at a time.

/// Values whose comparisons become one mask.
pub(super) const STRIDE: usize = 64;
/// Offsets that are written at once: hardly more of a stride are found, where few rows are wanted.
const AT_ONCE: usize = 4;

/// The offsets found so far.
pub(super) struct Found<'a> {
    pub(super) hits: &'a mut [u32],
    pub(super) count: usize,
    /// The offset of the next stride.
    pub(super) offset: u32,
}

impl Found<'_> {
    /// Adds the offsets of a stride.
    #[inline(always)]
    pub(super) fn stride(&mut self, reaches: impl Fn(usize) -> bool) {
        let answers = Answers::of(reaches);
        if answers.any() {
            let mut mask = answers.mask();
            let end = self.count + mask.count_ones() as usize;
            let mut write = |hit: &mut u32| {
                *hit = self.offset + mask.trailing_zeros();
                mask &= mask.wrapping_sub(1); // Proof: a mask without bits stays one.
                mask
            };
            // Some more than there are, and these are overwritten by the next: one branch for all of them, which
            // is seldom mispredicted.
            let (chunks, rest) = self.hits[self.count..].as_chunks_mut::<AT_ONCE>();
            let done = chunks.iter_mut().any(|hits| hits.iter_mut().fold(!0, |_, hit| write(hit)) == 0);
            if !done {
                for hit in rest {
                    write(hit);
                }
            }
            self.count = end;
        }
        self.offset += 64;
    }

    /// Adds the offsets of what is shorter than a stride.
    #[inline(always)]
    pub(super) fn rest(&mut self, len: usize, reaches: impl Fn(usize) -> bool) {
        for (at, offset) in (0..len).zip(self.offset..) {
            if reaches(at) {
                self.hits[self.count] = offset;
                self.count += 1;
            }
        }
    }
}

/// The answers for the values of a stride: a byte each, 0 or 1, eight to a word, the first lowest.
struct Answers([u64; STRIDE / 8]);

impl Answers {
    #[inline(always)]
    fn of(reaches: impl Fn(usize) -> bool) -> Self {
        let mut answers = [0u8; STRIDE];
        for (at, answer) in answers.iter_mut().enumerate() {
            *answer = u8::from(reaches(at));
        }
        let (words, _) = answers.as_chunks::<8>();
        let mut all = [0; STRIDE / 8];
        // Proof: eight answers to a word, of as many.
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
            assert_eq!(Answers::of(|at| at == bit).mask(), 1 << bit);
            assert_eq!(Answers::of(|at| at <= bit).mask(), !0 >> (63 - bit));
        }
    }
}
