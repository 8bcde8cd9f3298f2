//! Arithmetic on rows, offsets and sizes, and pairs of what must be as many: a mistake is loud.
//!
//! What cannot be is an [`Error::Internal`] that names the place in the source which came to it. What a file or an
//! argument can cause has an error of its own kind and does not come here. Loops that look at every row ask once
//! for all of them.
//!
//! Where a default, arithmetic that wraps or saturates, or a plain `zip` is right nevertheless, a comment that begins
//! with `Proof:` says why; `tests/python/test_sources.py` looks for it.

use std::fmt::Display;
use std::ops::Range;
use std::panic::Location;
use std::slice::SliceIndex;

use crate::error::{Error, Result};

/// The error of what cannot be, with the place in the source that came to it.
#[track_caller]
pub(crate) fn impossible(what: impl Display) -> Error {
    let place = Location::caller();
    Error::Internal(format!("{what} ({}:{})", place.file(), place.line()))
}

/// Whole numbers that are not negative.
pub(crate) trait Whole: Copy + Display {
    /// The sum, if it fits.
    fn plus(self, other: Self) -> Option<Self>;
    /// The difference, if it is not negative.
    fn minus(self, other: Self) -> Option<Self>;
    /// The product, if it fits.
    fn times(self, other: Self) -> Option<Self>;
}

macro_rules! whole {
    ($($int:ty),*) => {$(
        impl Whole for $int {
            #[inline]
            fn plus(self, other: Self) -> Option<Self> {
                self.checked_add(other)
            }

            #[inline]
            fn minus(self, other: Self) -> Option<Self> {
                self.checked_sub(other)
            }

            #[inline]
            fn times(self, other: Self) -> Option<Self> {
                self.checked_mul(other)
            }
        }
    )*};
}

whole!(u32, u64, usize);

/// `a + b`.
#[inline]
#[track_caller]
pub(crate) fn add<N: Whole>(a: N, b: N) -> Result<N> {
    match a.plus(b) {
        Some(sum) => Ok(sum),
        None => Err(impossible(format_args!("{a} + {b} is more than can be"))),
    }
}

/// `a - b`.
#[inline]
#[track_caller]
pub(crate) fn sub<N: Whole>(a: N, b: N) -> Result<N> {
    match a.minus(b) {
        Some(difference) => Ok(difference),
        None => Err(impossible(format_args!("{a} - {b} is less than none"))),
    }
}

/// `a * b`.
#[inline]
#[track_caller]
pub(crate) fn mul<N: Whole>(a: N, b: N) -> Result<N> {
    match a.times(b) {
        Some(product) => Ok(product),
        None => Err(impossible(format_args!("{a} * {b} is more than can be"))),
    }
}

/// A number as one of another type, which must be able to hold it.
#[inline]
#[track_caller]
pub(crate) fn to<T, N: TryInto<T> + Copy + Display>(number: N) -> Result<T> {
    match number.try_into() {
        Ok(number) => Ok(number),
        Err(_) => {
            Err(impossible(format_args!("{number} is no number of the type {}", std::any::type_name::<T>())))
        }
    }
}

/// A number as a position or a length in memory.
#[inline]
#[track_caller]
pub(crate) fn index<N: TryInto<usize> + Copy + Display>(number: N) -> Result<usize> {
    to(number)
}

/// How many rows or bytes a range has, as a length in memory.
#[inline]
#[track_caller]
pub(crate) fn len(range: &Range<u64>) -> Result<usize> {
    index(sub(range.end, range.start)?)
}

/// A range as one of places in memory.
#[inline]
#[track_caller]
pub(crate) fn span(range: &Range<u64>) -> Result<Range<usize>> {
    len(range)?;
    Ok(index(range.start)?..index(range.end)?)
}

/// A part of a slice, or one of its items, which must be there.
#[inline]
#[track_caller]
pub(crate) fn get<T, I: SliceIndex<[T]>>(slice: &[T], index: I) -> Result<&I::Output> {
    match slice.get(index) {
        Some(found) => Ok(found),
        None => Err(impossible(format_args!("a place outside a slice of {}", slice.len()))),
    }
}

/// Fails unless there are as many of something as there must be.
#[inline]
#[track_caller]
pub(crate) fn equal<N: PartialEq + Display>(what: &str, found: N, expected: N) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(impossible(format_args!("{what}: {found} are there and {expected} must be")))
}

/// Both side by side; they must be as many.
#[inline]
#[track_caller]
pub(crate) fn zip<A, B>(
    first: A,
    second: B,
) -> Result<impl ExactSizeIterator<Item = (A::Item, B::Item)> + use<A, B>>
where
    A: IntoIterator<IntoIter: ExactSizeIterator>,
    B: IntoIterator<IntoIter: ExactSizeIterator>,
{
    let (first, second) = (first.into_iter(), second.into_iter());
    equal("pairs", second.len(), first.len())?;
    Ok(first.zip(second)) // Proof: as many, which was just compared.
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arithmetic_is_that_of_longer_numbers(a: u64, b: u64, close in 0u64..9) {
            for (a, b) in [(a, b), (a, u64::MAX - a), (u64::MAX - close, close + 1), (a >> 32, b >> 32)] {
                let (wide_a, wide_b) = (u128::from(a), u128::from(b));
                prop_assert_eq!(add(a, b).ok().map(u128::from), Some(wide_a + wide_b).filter(|&n| n < 1 << 64));
                prop_assert_eq!(mul(a, b).ok().map(u128::from), Some(wide_a * wide_b).filter(|&n| n < 1 << 64));
                prop_assert_eq!(sub(a, b).ok().map(u128::from), wide_a.checked_sub(wide_b));
                prop_assert_eq!(to::<u32, u64>(a).is_ok(), a < 1 << 32);
                prop_assert_eq!(len(&(a..b)).is_ok(), a <= b);
                prop_assert_eq!(span(&(a..b)).is_ok(), a <= b);
            }
        }
    }

    #[test]
    fn the_error_names_the_place_and_the_numbers() {
        let line = line!() + 1;
        let error = sub(1_u64, 2).unwrap_err();
        let expected = format!("1 - 2 is less than none (rust/checked.rs:{line})");
        assert!(matches!(&error, Error::Internal(message) if *message == expected), "{error}");
    }

    #[test]
    fn pairs_are_as_many() {
        let (three, two) = (["a", "b", "c"], [1, 2]);
        let error = zip(three, two).err().unwrap();
        assert!(error.to_string().contains("pairs: 2 are there and 3 must be"), "{error}");
        assert_eq!(zip(&three[..2], two).unwrap().collect::<Vec<_>>(), [(&"a", 1), (&"b", 2)]);
        assert_eq!(get(&three, 1..).unwrap(), ["b", "c"]);
        assert!(get(&three, 4..).is_err());
    }
}
