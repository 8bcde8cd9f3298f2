//! Keys: integers that order as the scores of a type do, and the comparison that replaces computing them.
//!
//! A key costs several instructions a value, a comparison one. The pass therefore turns the threshold into a bound of
//! the score's own type once, compares each value with it, and computes keys for the few values that pass.

use std::ops::RangeInclusive;

use half::{bf16, f16};

use super::number::Nan;
use super::number::Number;
use crate::scores::Value;

/// A score type whose values have keys.
pub(super) trait Keyed: Value {
    /// The bits of a key: 32 or 64.
    const KEY_BITS: u32;

    /// Whether [`Keyed::float`] rounds some values.
    const ROUNDS: bool = false;

    /// What [`Keyed::passes`] compares with.
    type Bound: Copy + Send + Sync;

    /// Returns whether the score is NaN.
    fn is_nan(self) -> bool;

    /// Returns the key, which ascends with the score. -0.0 and 0.0 share one key, and infinities have keys. NaN has
    /// none; callers use [`Keyed::key_with`].
    fn key(self) -> u64;

    /// Returns the bound that the scores pass whose key is at least `key` (`LARGEST`) or at most `key`.
    fn bound<const LARGEST: bool>(key: u64) -> Self::Bound;

    /// Returns whether no number passes the bound. Callers must not ask [`Keyed::passes`] then.
    fn nothing_passes(bound: Self::Bound) -> bool;

    /// Returns false only for a number on the wrong side of the bound. NaN always passes.
    fn passes<const LARGEST: bool>(self, bound: Self::Bound) -> bool;

    /// Returns the keys of the least number of the type and the greatest.
    fn number_keys() -> RangeInclusive<u64>;

    /// Returns the number that has a key, which lies among [`Keyed::number_keys`].
    fn number_of(key: u64) -> Number;

    /// Returns the key of the number that a float is rounded to. Of integers, it is one near it.
    fn key_near(number: f64) -> u64;

    /// Returns the score as a float64, rounded to nearest where an integer is longer.
    fn float(self) -> f64;

    /// Returns by how much a number is more than its [`Keyed::float`].
    #[inline(always)]
    fn lost(self) -> f64 {
        0.0
    }

    /// Returns the key of any score: NaN gets the last key or the first.
    fn key_with(self, nan: Nan) -> u64 {
        match nan {
            _ if !self.is_nan() => self.key(),
            Nan::Largest => u64::MAX >> (64 - Self::KEY_BITS),
            _ => 0,
        }
    }
}

/// Every integer up to this one is a float64, and not all beyond it.
const EXACT: f64 = 9_007_199_254_740_992.0;

macro_rules! keyed_integer {
    ($($int:ident as $unsigned:ident, $bits:literal);* $(;)?) => {$(
        impl Keyed for $int {
            const KEY_BITS: u32 = $bits;
            const ROUNDS: bool = $bits == 64;
            type Bound = Option<Self>;

            fn is_nan(self) -> bool {
                false
            }

            #[inline(always)]
            #[allow(clippy::cast_lossless, clippy::cast_sign_loss)] // the same bits, as many or more of them
            fn key(self) -> u64 {
                (self ^ $int::MIN) as $unsigned as u64
            }

            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_lossless)] // the key is clamped to the type
            fn bound<const LARGEST: bool>(key: u64) -> Option<Self> {
                // A key beyond the type's range is one that no score reaches (`LARGEST`), or that all stay below.
                let last = $unsigned::MAX as u64;
                match (LARGEST, key > last) {
                    (true, true) => None,
                    _ => Some(key.min(last) as $unsigned as $int ^ $int::MIN),
                }
            }

            #[inline(always)]
            fn passes<const LARGEST: bool>(self, bound: Option<Self>) -> bool {
                let bound = bound.unwrap_or_default(); // Proof: callers do not ask where there is no bound.
                if LARGEST { self >= bound } else { self <= bound }
            }

            fn nothing_passes(bound: Option<Self>) -> bool {
                bound.is_none()
            }

            #[inline(always)]
            #[allow(clippy::cast_lossless, clippy::cast_precision_loss)] // as documented
            fn float(self) -> f64 {
                self as f64
            }

            #[inline(always)]
            #[allow(clippy::cast_lossless, clippy::cast_precision_loss, clippy::cast_possible_truncation)] // whole numbers of at most 65 bits, and a small difference
            fn lost(self) -> f64 {
                let near = self as f64;
                if near.abs() <= EXACT { 0.0 } else { (self as i128 - near as i128) as f64 }
            }

            #[allow(clippy::cast_lossless)]
            fn number_keys() -> RangeInclusive<u64> {
                0..=$unsigned::MAX as u64
            }

            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
            fn key_near(number: f64) -> u64 {
                (number as $int).key()
            }

            #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_lossless)] // a key of the type
            fn number_of(key: u64) -> Number {
                Number::Integer((key as $unsigned as $int ^ $int::MIN) as i128)
            }
        }
    )*};
}

keyed_integer! {
    i8 as u8, 32; i16 as u16, 32; i32 as u32, 32; i64 as u64, 64;
    u8 as u8, 32; u16 as u16, 32; u32 as u32, 32; u64 as u64, 64;
}

macro_rules! keyed_float {
    ($($float:ident as $bits:ident, $key_bits:literal);* $(;)?) => {$(
        impl Keyed for $float {
            const KEY_BITS: u32 = $key_bits;
            type Bound = Self;

            #[inline(always)]
            fn is_nan(self) -> bool {
                $float::is_nan(self)
            }

            #[inline(always)]
            #[allow(clippy::cast_lossless)]
            fn key(self) -> u64 {
                const SIGN: $bits = 1 << ($bits::BITS - 1);
                let bits = (self + 0.0).to_bits(); // turns -0.0 into 0.0
                (if bits & SIGN == 0 { bits | SIGN } else { !bits }) as u64
            }

            #[allow(clippy::cast_possible_truncation)] // keys beyond that of infinity returned above
            fn bound<const LARGEST: bool>(key: u64) -> Self {
                const SIGN: $bits = 1 << ($bits::BITS - 1);
                let (lowest, highest) = ($float::NEG_INFINITY.key(), $float::INFINITY.key());
                if key < lowest {
                    return if LARGEST { $float::NEG_INFINITY } else { $float::NAN };
                }
                if key > highest {
                    return if LARGEST { $float::NAN } else { $float::INFINITY };
                }
                let key = key as $bits;
                // No score has the key of -0.0, because that became 0.0. At most this key means below both zeros.
                let key = if !LARGEST && key == SIGN - 1 { key - 1 } else { key };
                $float::from_bits(if key & SIGN == 0 { !key } else { key & !SIGN })
            }

            fn nothing_passes(bound: Self) -> bool {
                bound.is_nan()
            }

            #[inline(always)]
            #[allow(clippy::cast_lossless)]
            fn float(self) -> f64 {
                self as f64
            }

            fn number_keys() -> RangeInclusive<u64> {
                $float::NEG_INFINITY.key()..=$float::INFINITY.key()
            }

            #[inline(always)]
            #[allow(clippy::cast_possible_truncation)] // rounds
            fn key_near(number: f64) -> u64 {
                (number as $float).key()
            }

            #[inline(always)]
            #[allow(clippy::cast_lossless)]
            fn number_of(key: u64) -> Number {
                Number::Float(Self::bound::<true>(key) as f64)
            }

            #[inline(always)]
            #[allow(clippy::neg_cmp_op_on_partial_ord)] // NaN must pass, and a second comparison would take time
            fn passes<const LARGEST: bool>(self, bound: Self) -> bool {
                if LARGEST { !(self < bound) } else { !(self > bound) }
            }
        }
    )*};
}

keyed_float! { f32 as u32, 32; f64 as u64, 64 }

macro_rules! keyed_half {
    ($($half:ident, $infinity:literal);* $(;)?) => {$(
        impl Keyed for $half {
            const KEY_BITS: u32 = 32;
            /// In the integers of [`ascending`].
            type Bound = i16;

            #[inline(always)]
            fn is_nan(self) -> bool {
                self.to_bits() & 0x7fff > $infinity
            }

            #[inline(always)]
            fn key(self) -> u64 {
                let ascending = ascending(self.to_bits());
                // -0.0 becomes 0.0, its neighbour.
                let ascending = if ascending == -1 { 0 } else { ascending };
                u64::from(ascending.cast_unsigned() ^ 0x8000)
            }

            #[allow(clippy::cast_possible_truncation)] // at most 16 bits
            fn bound<const LARGEST: bool>(key: u64) -> i16 {
                let ascending = (key.min(0xffff) as u16 ^ 0x8000).cast_signed();
                match ascending {
                    // At least 0.0 includes -0.0, and below 0.0 excludes it.
                    0 if LARGEST => -1,
                    -1 if !LARGEST => -2,
                    _ => ascending,
                }
            }

            fn nothing_passes(_bound: i16) -> bool {
                false
            }

            #[inline(always)]
            fn float(self) -> f64 {
                self.into()
            }

            fn number_keys() -> RangeInclusive<u64> {
                $half::NEG_INFINITY.key()..=$half::INFINITY.key()
            }

            #[inline(always)]
            fn key_near(number: f64) -> u64 {
                $half::from_f64(number).key()
            }

            #[allow(clippy::cast_possible_truncation)] // a key of 16 bits
            fn number_of(key: u64) -> Number {
                // The integers of `ascending` are their own inverse.
                let ascending = (key as u16 ^ 0x8000).cast_signed();
                Number::Float($half::from_bits(self::ascending(ascending.cast_unsigned()).cast_unsigned()).into())
            }

            #[inline(always)]
            fn passes<const LARGEST: bool>(self, bound: i16) -> bool {
                let bits = self.to_bits();
                let ascending = ascending(bits);
                let passes = if LARGEST { ascending >= bound } else { ascending <= bound };
                passes | (bits & 0x7fff > $infinity)
            }
        }
    )*};
}

keyed_half! { f16, 0x7c00; bf16, 0x7f80 }

/// Turns sign and magnitude into two's complement, so that integers order as the floats do. -0.0 becomes -1.
#[inline(always)]
fn ascending(bits: u16) -> i16 {
    let bits = bits.cast_signed();
    bits ^ ((bits >> 15) & 0x7fff)
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // random bits of every width
mod tests;
