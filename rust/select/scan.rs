//! The kernel that looks at every value: which rows may be chosen at all.

use super::rank::Rank;
use crate::simd::{Kernel, dispatch};

/// Values that are compared before anything is done about one of them.
const LINES: usize = 256;
/// Values whose comparisons become one mask.
pub(super) const STRIDE: usize = 64;
/// Offsets that are written at once: hardly more of a stride are found, where few rows are wanted.
const AT_ONCE: usize = 4;

/// Writes the values that may reach the bound, NaN among them, into `picked`, and their offsets, ascending, into
/// `hits`; gives their number. Both have room for as many as there are values.
///
/// A run without any (the common case: few rows are wanted) costs one comparison a value. In the others the
/// comparisons become a mask, whose bits are walked: one branch to mispredict for a stride and not one for a
/// value.
pub(super) fn reaching<T: Rank>(
    values: &[T],
    bound: T::Bound,
    largest: bool,
    hits: &mut [u32],
    picked: &mut [T],
) -> usize {
    let (hits, picked) = (&mut hits[..values.len()], &mut picked[..values.len()]);
    if largest {
        dispatch(Reaching::<T, true> { values, bound, hits, picked })
    } else {
        dispatch(Reaching::<T, false> { values, bound, hits, picked })
    }
}

struct Reaching<'a, T: Rank, const LARGEST: bool> {
    values: &'a [T],
    bound: T::Bound,
    hits: &'a mut [u32],
    picked: &'a mut [T],
}

impl<T: Rank, const LARGEST: bool> Kernel for Reaching<'_, T, LARGEST> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let Self { values, bound, hits, picked } = self;
        let found = Found { hits, count: 0, offset: 0 };
        if T::nothing_reaches(bound) {
            pick(values, picked, found, T::is_nan)
        } else {
            pick(values, picked, found, |value| value.may_reach::<LARGEST>(bound))
        }
    }
}

#[inline(always)]
fn pick<T: Rank>(values: &[T], picked: &mut [T], mut found: Found<'_>, reaches: impl Fn(T) -> bool) -> usize {
    let (lines, rest) = values.as_chunks::<LINES>();
    for line in lines {
        if line.iter().fold(false, |any, &value| any | reaches(value)) {
            let (before, offset) = (found.count, found.offset);
            let (strides, _) = line.as_chunks::<STRIDE>();
            for stride in strides {
                found.stride(|at| reaches(stride[at]));
            }
            // Proof: as many hits as were found, and those behind them are not looked at.
            for (picked, hit) in picked[before..found.count].iter_mut().zip(&found.hits[before..]) {
                *picked = line[(hit - offset) as usize % LINES];
            }
        } else {
            found.offset += 256;
        }
    }
    let before = found.count;
    let offset = found.offset;
    found.rest(rest.len(), |at| reaches(rest[at]));
    // Proof: as above.
    for (picked, hit) in picked[before..found.count].iter_mut().zip(&found.hits[before..]) {
        *picked = rest[(hit - offset) as usize];
    }
    found.count
}

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
    use proptest::prelude::*;

    use super::*;
    use crate::select::Nan;

    fn check<T: Rank>(values: &[T], bound: T) {
        let (mut hits, mut picked) = (vec![0; values.len()], values.to_vec());
        let bound = T::bound::<true>(bound.key_with(Nan::Smallest));
        let count = reaching(values, bound, true, &mut hits, &mut picked);
        let expected = values.iter().zip(0..).filter(|(value, _)| value.may_reach::<true>(bound));
        let (expected, offsets): (Vec<T>, Vec<u32>) = expected.unzip();
        assert_eq!(hits[..count], offsets);
        assert_eq!(bytemuck::cast_slice::<T, u8>(&picked[..count]), bytemuck::cast_slice::<T, u8>(&expected));
    }

    proptest! {
        #[test]
        fn every_value_that_reaches_is_found(
            values in proptest::collection::vec(-3i8..3, 0..600),
            bound in -3i8..4,
        ) {
            check(&values, bound);
            check(&values.iter().map(|&v| f32::from(v).sqrt()).collect::<Vec<_>>(), f32::from(bound));
            check(&values.iter().map(|&v| f64::from(v).sqrt()).collect::<Vec<_>>(), f64::from(bound));
            check(&values.iter().map(|&v| half::f16::from_f32(v.into())).collect::<Vec<_>>(), half::f16::from_f32(bound.into()));
            check(&values.iter().map(|&v| i64::from(v)).collect::<Vec<_>>(), i64::from(bound));
        }
    }

    #[test]
    fn masks_have_a_bit_for_each_answer() {
        for bit in 0..STRIDE {
            assert_eq!(Answers::of(|at| at == bit).mask(), 1 << bit);
            assert_eq!(Answers::of(|at| at <= bit).mask(), !0 >> (63 - bit));
        }
    }
}
