//! Selects the values that pass a bound. This kernel reads every value of the vector.
//!
//! ```text
//! for each line of 256 values:
//!     if no value passes: skip the line
//!     for each of its four strides of 64 values: append the offsets of those that pass    (hits.rs)
//!     copy the values at these offsets
//! ```
//!
//! It deviates from testing and appending value by value:
//!
//! - Nearly all lines are skipped, because few rows are wanted. Skipping costs one comparison a value, done as
//!   vectors, and one branch a line that is nearly always predicted.
//! - The next line is asked for before one is looked at: a tenth of the time, where memory is fast.
//! - In the other lines the comparisons become a mask, which costs a branch per stride and not one per value.
//! - NaN passes every bound. The caller decides what a NaN means, and the comparison needs no second test.
//!
//! [`find_passing`] does so for two bounds, between which most values may lie: it skips no line, and copies no value.

use std::ops::RangeInclusive;

use crate::exec::simd::{Kernel, dispatch, prefetch};
use crate::select::hits::{Hits, STRIDE};
use crate::select::key::Keyed;

/// Values that one branch skips.
const LINE: usize = 256;

/// Writes the values that pass `bound`, and every NaN, to `picked`, and their offsets, ascending, to `hits`. Returns
/// their number. With `largest`, values at least as large as the bound pass; else those at most as large do. Both
/// slices are at least as long as `values`.
pub(crate) fn select_at_least<T: Keyed>(
    values: &[T],
    bound: T::Bound,
    largest: bool,
    hits: &mut [u32],
    picked: &mut [T],
) -> usize {
    let (hits, picked) = (&mut hits[..values.len()], &mut picked[..values.len()]);
    if largest {
        dispatch(SelectAtLeast::<T, true> { values, bound, hits, picked })
    } else {
        dispatch(SelectAtLeast::<T, false> { values, bound, hits, picked })
    }
}

struct SelectAtLeast<'a, T: Keyed, const LARGEST: bool> {
    values: &'a [T],
    bound: T::Bound,
    hits: &'a mut [u32],
    picked: &'a mut [T],
}

impl<T: Keyed, const LARGEST: bool> Kernel for SelectAtLeast<'_, T, LARGEST> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let Self { values, bound, hits, picked } = self;
        let found = Hits { offsets: hits, count: 0, next: 0 };
        if T::nothing_passes(bound) {
            pick(values, picked, found, T::is_nan)
        } else {
            pick(values, picked, found, |value| value.passes::<LARGEST>(bound))
        }
    }
}

#[inline(always)]
fn pick<T: Keyed>(values: &[T], picked: &mut [T], mut found: Hits<'_>, passes: impl Fn(T) -> bool) -> usize {
    let (lines, rest) = values.as_chunks::<LINE>();
    for (at, line) in lines.iter().enumerate() {
        lines.get(at + 1).into_iter().for_each(|next| prefetch(next));
        if line.iter().fold(false, |any, &value| any | passes(value)) {
            let (before, offset) = (found.count, found.next);
            let (strides, _) = line.as_chunks::<STRIDE>();
            for stride in strides {
                found.push_stride(|at| passes(stride[at]));
            }
            // Proof: pairs each new hit with its value; the offsets behind the last hit mean nothing.
            for (picked, hit) in picked[before..found.count].iter_mut().zip(&found.offsets[before..]) {
                *picked = line[(hit - offset) as usize % LINE];
            }
        } else {
            found.next += 256;
        }
    }
    let before = found.count;
    let offset = found.next;
    found.push_rest(rest.len(), |at| passes(rest[at]));
    // Proof: as above.
    for (picked, hit) in picked[before..found.count].iter_mut().zip(&found.offsets[before..]) {
        *picked = rest[(hit - offset) as usize];
    }
    found.count
}

/// Writes the offsets of the values that have some keys, and of every NaN; without keys of NaN alone. Returns their
/// number. There is room for all values.
pub(crate) fn find_passing<T: Keyed>(
    values: &[T],
    keys: Option<&RangeInclusive<u64>>,
    hits: &mut [u32],
) -> usize {
    let bounds = keys.map(|keys| (T::bound::<true>(*keys.start()), T::bound::<false>(*keys.end())));
    let bounds = bounds.filter(|&(low, high)| !T::nothing_passes(low) && !T::nothing_passes(high));
    dispatch(FindPassing::<T> { values, bounds, hits })
}

/// As [`find_passing`], by bounds.
struct FindPassing<'a, T: Keyed> {
    values: &'a [T],
    bounds: Option<(T::Bound, T::Bound)>,
    hits: &'a mut [u32],
}

impl<T: Keyed> Kernel for FindPassing<'_, T> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let Self { values, bounds, hits } = self;
        let found = Hits { offsets: &mut hits[..values.len()], count: 0, next: 0 };
        match bounds {
            None => find(values, found, T::is_nan),
            Some((low, high)) => {
                find(values, found, |value| value.passes::<true>(low) & value.passes::<false>(high))
            }
        }
    }
}

#[inline(always)]
fn find<T: Keyed>(values: &[T], mut found: Hits<'_>, passes: impl Fn(T) -> bool) -> usize {
    let (strides, rest) = values.as_chunks::<STRIDE>();
    for stride in strides {
        found.push_stride(|at| passes(stride[at]));
    }
    found.push_rest(rest.len(), |at| passes(rest[at]));
    found.count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::select::number::Nan;

    fn check<T: Keyed>(values: &[T], bound: T) {
        let (mut hits, mut picked) = (vec![0; values.len()], values.to_vec());
        let bound = T::bound::<true>(bound.key_with(Nan::Smallest));
        let count = select_at_least(values, bound, true, &mut hits, &mut picked);
        let expected = values.iter().zip(0..).filter(|(value, _)| value.passes::<true>(bound));
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
}
