//! How near a score is to a value, as a whole number that orders as the exact distances do.
//!
//! Distances of 64-bit numbers have no room in 64 bits. Ranks have: the rank of a score is how many numbers of its type
//! are nearer. Of two scores, the nearer one is among those that are nearer than the other, and equally far ones have
//! the same numbers nearer. For a score `s` right of a value `v`, these are the numbers between `2v - s` and `s`.
//!
//! Floats are counted by their keys, and the sum `x + s` is compared with `2v` by what rounding it took (Knuth's
//! two-sum).

use std::cmp::Ordering;
use std::ops::RangeInclusive;

use crate::select::between::first_key;
use crate::select::key::Keyed;
use crate::select::number::Number;

/// Integers of at most 64 bits lie between minus this and this, and a value beyond them is as good as this.
const FAR: i128 = 1 << 66;

/// Ranks scores of a type by how near they are to a value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nearness {
    value: f64,
    /// The whole number that twice the value reaches, for integers, and the one that reaches it.
    floor: i128,
    ceil: i128,
    /// The keys of the least number of the type and the greatest.
    first: u64,
    last: u64,
    /// The least key of a number above the value, if there is one.
    above: Option<u64>,
}

impl Nearness {
    /// Takes a value that is finite. Floats are compared with the float64 next to it.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // as documented; floats saturate
    pub(super) fn new<T: Keyed>(value: Number) -> Self {
        let numbers = T::number_keys();
        let (value, floor, ceil) = match value {
            Number::Integer(whole) => (whole as f64, 2 * whole.clamp(-FAR, FAR), 2 * whole.clamp(-FAR, FAR)),
            Number::Float(value) => {
                let twice = (2.0 * value).clamp(-(FAR as f64), FAR as f64);
                (value, twice.floor() as i128, twice.ceil() as i128)
            }
        };
        let is_above = |key: u64| match T::number_of(key) {
            Number::Integer(score) => 2 * score > floor,
            Number::Float(score) => score > value,
        };
        let above = first_key(&numbers, is_above);
        Self { value, floor, ceil, first: *numbers.start(), last: *numbers.end(), above }
    }

    /// Returns the rank of the number that has a key.
    #[inline]
    pub(super) fn rank<T: Keyed>(&self, key: u64) -> u64 {
        match T::number_of(key) {
            Number::Integer(score) => self.rank_of_integer::<T>(score),
            Number::Float(score) => self.rank_of_float::<T>(key, score),
        }
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // how many of at most 2^64 others are between
    fn rank_of_integer<T: Keyed>(&self, score: i128) -> u64 {
        let whole = |key| match T::number_of(key) {
            Number::Integer(number) => number,
            Number::Float(_) => 0, // Proof: a type has numbers of one kind.
        };
        if 2 * score > self.floor {
            (score - (self.floor - score + 1).max(whole(self.first))) as u64
        } else if 2 * score < self.ceil {
            ((self.ceil - score - 1).min(whole(self.last)) - score) as u64
        } else {
            0
        }
    }

    fn rank_of_float<T: Keyed>(&self, key: u64, score: f64) -> u64 {
        if score > self.value {
            key - self.mirrored::<T, true>(score) - 1
        } else if score < self.value {
            self.mirrored::<T, false>(score) - key - 1
        } else {
            0
        }
    }

    /// Returns the key of the number that is as far from the value on the other side, or else of the next one that is
    /// farther. `RIGHT` says that the score is above the value.
    fn mirrored<T: Keyed, const RIGHT: bool>(&self, score: f64) -> u64 {
        let (first, last) = (self.first, self.last);
        if score.is_infinite() {
            return if RIGHT { first } else { last };
        }
        let is_as_far = |key: u64| match T::number_of(key) {
            Number::Integer(_) => false, // Proof: a type has numbers of one kind.
            Number::Float(other) => match self.compare_sum(other, score) {
                Ordering::Equal => true,
                order => RIGHT == (order == Ordering::Less),
            },
        };
        let twice = 2.0 * self.value;
        if twice.is_infinite() {
            // Proof: an infinite number is farther than every other, so that there is one on either side.
            return if RIGHT {
                first_key(&(first..=last), |key| !is_as_far(key)).map_or(last, |key| key - 1)
            } else {
                first_key(&(first..=last), is_as_far).map_or(last, skip_zero::<T>)
            };
        }
        // The difference is rounded once, and once more to the type: it is the number, or one beside it.
        let mut key = T::key_near(twice - score).clamp(first, last);
        if RIGHT {
            while key > first && !is_as_far(key) {
                key -= 1;
            }
            while key < last && is_as_far(key + 1) {
                key += 1;
            }
            key
        } else {
            while key < last && !is_as_far(key) {
                key += 1;
            }
            while key > first && is_as_far(key - 1) {
                key -= 1;
            }
            skip_zero::<T>(key)
        }
    }

    /// Compares the sum of two numbers with twice the value, exactly.
    fn compare_sum(&self, one: f64, other: f64) -> Ordering {
        let (mut sum, mut lost) = two_sum(one, other);
        let mut twice = 2.0 * self.value;
        if sum.is_infinite() {
            // Halves of two numbers whose sum is so large are exact.
            (sum, lost) = two_sum(one / 2.0, other / 2.0);
            twice = self.value;
        }
        // Proof: no number here is NaN. Where the sums differ, what was lost is too little to change their order.
        match sum.partial_cmp(&twice).unwrap_or(Ordering::Equal) {
            Ordering::Equal => lost.partial_cmp(&0.0).unwrap_or(Ordering::Equal), // Proof: as above.
            order => order,
        }
    }

    /// Returns the keys whose rank is at most `rank`, if there are some.
    pub(super) fn within<T: Keyed>(&self, rank: u64) -> Option<RangeInclusive<u64>> {
        let (mut low, mut high) = (None, None);
        let below = match self.above {
            Some(above) => above.checked_sub(1).filter(|&below| below >= self.first),
            None => Some(self.last),
        };
        if let Some(below) = below {
            low = first_key(&(self.first..=below), |key| self.rank::<T>(key) <= rank);
            high = low.and(Some(below));
        }
        if let Some(above) = self.above
            && self.rank::<T>(above) <= rank
        {
            let beyond = first_key(&(above..=self.last), |key| self.rank::<T>(key) > rank);
            // Proof: without a key beyond, all are within.
            high = Some(beyond.map_or(self.last, |key| key - 1));
            low = low.or(Some(above));
        }
        // Proof: there is a first key where there is a last one.
        low.zip(high).map(|(low, high)| low..=high)
    }
}

/// Returns a key, and for that of -0.0, which no score has, that of 0.0.
fn skip_zero<T: Keyed>(key: u64) -> u64 {
    let zero = T::key_near(0.0);
    if key.checked_add(1) == Some(zero) && T::number_of(key) == Number::Float(0.0) { zero } else { key }
}

/// Returns the sum of two numbers, and what rounding took of it.
fn two_sum(one: f64, other: f64) -> (f64, f64) {
    let sum = one + other;
    let part = sum - one;
    (sum, (one - (sum - part)) + (other - part))
}

#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)] // random bits
mod tests {
    use half::{bf16, f16};
    use proptest::prelude::*;

    use super::*;

    /// A number as a whole multiple of 2^-1074 in the words of a large integer, the lowest first, with its sign.
    fn exact(number: Number) -> (bool, Vec<u64>) {
        let (negative, mantissa, shift) = match number {
            Number::Integer(whole) => (whole < 0, whole.unsigned_abs(), 1074),
            Number::Float(float) => {
                let bits = float.to_bits();
                let (exponent, part) = (bits >> 52 & 0x7ff, bits & ((1 << 52) - 1));
                let (mantissa, shift) =
                    if exponent == 0 { (part, 0) } else { (part | 1 << 52, exponent - 1) };
                (float < 0.0, u128::from(mantissa), shift)
            }
        };
        let mut words = vec![0_u64; 40];
        for bit in 0..128 {
            if mantissa >> bit & 1 == 1 {
                let at = usize::try_from(shift).unwrap() + bit;
                words[at / 64] |= 1 << (at % 64);
            }
        }
        (negative, words)
    }

    /// The oracle: the distance, by adding or taking away digit by digit.
    fn distance(a: Number, b: Number) -> Vec<u64> {
        let ((a_negative, a), (b_negative, b)) = (exact(a), exact(b));
        let mut result = vec![0; a.len()];
        if a_negative == b_negative {
            let (more, less) = if a.iter().rev().ge(b.iter().rev()) { (&a, &b) } else { (&b, &a) };
            let mut borrowed = false;
            for at in 0..more.len() {
                let (part, first) = more[at].overflowing_sub(less[at]);
                let (part, second) = part.overflowing_sub(u64::from(borrowed));
                result[at] = part;
                borrowed = first | second;
            }
        } else {
            let mut carried = false;
            for at in 0..a.len() {
                let (part, first) = a[at].overflowing_add(b[at]);
                let (part, second) = part.overflowing_add(u64::from(carried));
                result[at] = part;
                carried = first | second;
            }
        }
        result.reverse();
        result
    }

    fn is_infinite(number: Number) -> bool {
        matches!(number, Number::Float(float) if float.is_infinite())
    }

    fn check<T: Keyed>(one: T, other: T, value: Number) {
        if one.is_nan() || other.is_nan() {
            return;
        }
        let value = match (T::number_of(one.key()), value) {
            (Number::Float(_), Number::Integer(whole)) => Number::Float(whole as f64),
            _ => value,
        };
        let nearness = Nearness::new::<T>(value);
        let (a, b) = (T::number_of(one.key()), T::number_of(other.key()));
        let expected = match (is_infinite(a), is_infinite(b)) {
            (false, false) => distance(a, value).cmp(&distance(b, value)),
            (a, b) => a.cmp(&b),
        };
        let (rank, rank_of_other) = (nearness.rank::<T>(one.key()), nearness.rank::<T>(other.key()));
        assert_eq!(rank.cmp(&rank_of_other), expected, "{one:?} {other:?} {value}");
        let within = nearness.within::<T>(rank).unwrap();
        assert!(within.contains(&one.key()));
        assert_eq!(within.contains(&other.key()), expected != Ordering::Less, "{one:?} {other:?} {value}");
        assert!(u128::from(rank) < 1 << T::KEY_BITS);
    }

    /// Bits of one number, and of another that is about as far from the value on the other side.
    fn check_both<T: Keyed>(one: T, other: T, value: Number, mirror: impl Fn(f64) -> T) {
        check(one, other, value);
        let middle = match value {
            Number::Integer(whole) => whole as f64,
            Number::Float(value) => value,
        };
        check(one, mirror(2.0 * middle - one.float()), value);
    }

    fn value() -> impl Strategy<Value = Number> {
        prop_oneof![
            any::<i8>().prop_map(|n| Number::Integer(n.into())),
            any::<i64>().prop_map(|n| Number::Integer(n.into())),
            any::<i128>().prop_map(Number::Integer),
            (-300i32..300).prop_map(|n| Number::Float(f64::from(n) / 4.0)),
            (-300i32..300).prop_map(|n| Number::Float(f64::from(n) / 7.0)),
            any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Number::Float),
            any::<f32>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| Number::Float(n.into())),
            prop_oneof![Just(f64::MAX), Just(-1.6e308), Just(9e307), Just(-0.0), Just(5e-324)]
                .prop_map(Number::Float),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]

        #[test]
        fn ranks_order_as_exact_distances_do(
            bits in prop_oneof![any::<u64>(), 0..40_u64], near in -3i64..=3, other: u64, is_near: bool, value in value(),
        ) {
            let other = if is_near { bits.wrapping_add_signed(near) } else { other };
            check_both(bits as i8, other as i8, value, |n| n as i8);
            check_both(bits as u16, other as u16, value, |n| n as u16);
            check_both(bits as i32, other as i32, value, |n| n as i32);
            check_both(bits as i64, other as i64, value, |n| n as i64);
            check_both(bits, other, value, |n| n as u64);
            check_both(f16::from_bits(bits as u16), f16::from_bits(other as u16), value, f16::from_f64);
            check_both(bf16::from_bits(bits as u16), bf16::from_bits(other as u16), value, bf16::from_f64);
            check_both(f32::from_bits(bits as u32), f32::from_bits(other as u32), value, |n| n as f32);
            check_both(f64::from_bits(bits), f64::from_bits(other), value, |n| n);
            let (small, large) = (bits as i64 as f64 / 8.0, other as i64 as f64 / 8.0);
            check_both(small, large, value, |n| n);
            check_both(small as f32, large as f32, value, |n| n as f32);
        }
    }

    #[test]
    fn zeros_and_the_ends_of_types_have_their_ranks() {
        let halves: Vec<f16> = (-4..=4).map(|n| f16::from_f32(n as f32 / 2.0)).collect();
        let ends = [f16::MAX, f16::MIN, f16::INFINITY, f16::NEG_INFINITY, f16::MIN_POSITIVE_SUBNORMAL];
        for &one in halves.iter().chain(&ends) {
            for &other in halves.iter().chain(&ends) {
                for value in [0.0, -0.0, 1.0, -1.0, 0.25, -0.75, 65504.0, -65504.0, 1e300, -1e300, 1.7e308] {
                    check(one, other, Number::Float(value));
                }
            }
        }
        for value in [i128::MAX, i128::MIN, 1 << 65, -(1 << 65), 0] {
            for (one, other) in [(i64::MIN, i64::MAX), (0, -1), (7, i64::MAX)] {
                check(one, other, Number::Integer(value));
                check(one as u64, other as u64, Number::Integer(value));
                check(one as f64, other as f64, Number::Integer(value));
            }
        }
    }
}
