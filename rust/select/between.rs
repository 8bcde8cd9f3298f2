//! Scores between two numbers: the rows that a selection may take, beside those that are not excluded.
//!
//! A bound is compared with a score as the numbers that they are, whatever their types: 0.1 is no float32, and a
//! float32 score reaches it only if it is greater. So that the pass need not compare numbers of two types, the bounds
//! become a range of keys once: the first key whose number reaches the lower bound, and the last that does not exceed
//! the upper one, which bisection finds among all keys of the type.

use std::cmp::Ordering;
use std::fmt::{Display, Formatter};
use std::ops::RangeInclusive;

use super::key::Keyed;
use super::number::Nan;
use super::number::Number;
use crate::error::{Error, Result};
use crate::scores::Values;

/// What a score must reach and must not exceed. Either bound may be missing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Between {
    min: Option<Number>,
    max: Option<Number>,
}

impl Between {
    /// Scores from `min` to `max`, both included: none where the one is above the other, as quantiles between two
    /// integers next to each other may be.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for a bound that is NaN.
    pub fn new(min: Option<Number>, max: Option<Number>) -> Result<Self> {
        for (name, bound) in [("min_score", min), ("max_score", max)] {
            if matches!(bound, Some(Number::Float(bound)) if bound.is_nan()) {
                return Err(Error::Value(format!("{name} is NaN, which no score reaches or exceeds")));
            }
        }
        Ok(Self { min, max })
    }

    /// Returns whether there is no bound.
    pub(super) fn is_everything(&self) -> bool {
        self.min.is_none() && self.max.is_none()
    }

    /// Returns whether the score at a place lies between the bounds. A NaN that may be chosen lies there as the largest
    /// number would, or the smallest; any other does, so that its row is looked at.
    pub(super) fn allows(&self, values: Values<'_>, at: usize, nan: Nan) -> bool {
        let score = number_at(values, at);
        match (score, nan) {
            (Number::Float(score), Nan::Largest) if score.is_nan() => self.max.is_none(),
            (Number::Float(score), Nan::Smallest) if score.is_nan() => self.min.is_none(),
            (Number::Float(score), Nan::Raise | Nan::Omit) if score.is_nan() => true,
            _ => {
                self.min.is_none_or(|min| score.compare(min) != Ordering::Less)
                    && self.max.is_none_or(|max| score.compare(max) != Ordering::Greater)
            }
        }
    }

    /// Returns the keys of the scores between the bounds, or `None` if no number of the type lies between them. Without
    /// a lower bound they begin with 0, and without an upper one they end with `u64::MAX`: those of NaN are among them
    /// where it counts as the smallest or the largest.
    pub(super) fn keys<T: Keyed>(&self) -> Option<RangeInclusive<u64>> {
        let numbers = T::number_keys();
        let first = match self.min {
            None => 0,
            Some(min) => first_key(&numbers, |key| T::number_of(key).compare(min) != Ordering::Less)?,
        };
        let last = match self.max {
            None => u64::MAX,
            Some(max) => match first_key(&numbers, |key| T::number_of(key).compare(max) == Ordering::Greater)
            {
                None => *numbers.end(),
                Some(above) if above == *numbers.start() => return None, // Proof: every number of the type is above.
                Some(above) => above - 1,
            },
        };
        (first <= last).then_some(first..=last)
    }
}

fn number_at(values: Values<'_>, at: usize) -> Number {
    match values {
        Values::I64(values) => Number::Integer(values[at].into()),
        Values::U64(values) => Number::Integer(values[at].into()),
        _ => Number::Float(values.to_f64(at)), // Proof: float64 holds every value of the other types.
    }
}

impl Display for Between {
    fn fmt(&self, into: &mut Formatter<'_>) -> std::fmt::Result {
        match (self.min, self.max) {
            (Some(min), Some(max)) => write!(into, "from {min} to {max}"),
            (Some(min), None) => write!(into, "of at least {min}"),
            (None, Some(max)) => write!(into, "of at most {max}"),
            (None, None) => into.write_str("of any size"),
        }
    }
}

/// Returns the first of the keys that `reaches`, which is false up to some key and true from there on; `None` if it is
/// false for all.
pub(super) fn first_key(keys: &RangeInclusive<u64>, reaches: impl Fn(u64) -> bool) -> Option<u64> {
    let (mut low, mut high) = (*keys.start(), *keys.end());
    if !reaches(high) {
        return None;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if reaches(middle) { high = middle } else { low = middle + 1 }
    }
    Some(low)
}

#[cfg(test)]
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)] // random bits of every width
mod tests {
    use half::{bf16, f16};
    use proptest::prelude::*;

    use super::*;

    /// The oracle: every score by itself, as exact fractions of 2^1074 would compare.
    fn lies_between(score: Number, between: &Between) -> bool {
        between.min.is_none_or(|min| exactly(score, min) != Ordering::Less)
            && between.max.is_none_or(|max| exactly(score, max) != Ordering::Greater)
    }

    /// Compares by the decimal digits of both, which Rust prints exactly.
    fn exactly(a: Number, b: Number) -> Ordering {
        let digits = |number: Number| match number {
            Number::Integer(number) => format!("{number}."),
            Number::Float(number) if number.is_infinite() => {
                format!("{}{}.", if number < 0.0 { "-" } else { "" }, "9".repeat(400))
            }
            Number::Float(number) => format!("{number:.1100}"),
        };
        let parse = |text: String| {
            let (negative, text) =
                text.strip_prefix('-').map_or((false, text.clone()), |rest| (true, rest.to_owned()));
            let (whole, fraction) = text.split_once('.').unwrap();
            let digits = format!("{whole:0>400}{fraction:0<1100}");
            let zero = digits.bytes().all(|digit| digit == b'0');
            (negative && !zero, digits)
        };
        match (parse(digits(a)), parse(digits(b))) {
            ((true, a), (true, b)) => b.cmp(&a),
            ((false, a), (false, b)) => a.cmp(&b),
            ((negative, _), _) => {
                if negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        }
    }

    fn check<T: Keyed>(value: T, number: Number, between: &Between) {
        if value.is_nan() {
            return;
        }
        assert_eq!(exactly(T::number_of(value.key()), number), Ordering::Equal, "{value:?}");
        let inside = between.keys::<T>().is_some_and(|keys| keys.contains(&value.key()));
        assert_eq!(inside, lies_between(number, between), "{value:?} {between:?}");
    }

    fn number() -> impl Strategy<Value = Number> {
        prop_oneof![
            any::<i8>().prop_map(|n| Number::Integer(n.into())),
            any::<i64>().prop_map(|n| Number::Integer(n.into())),
            (-2i128..3, 0u32..66).prop_map(|(near, bits)| Number::Integer((1 << bits) + near)),
            (-2i128..3, 0u32..66).prop_map(|(near, bits)| Number::Integer(near - (1 << bits))),
            any::<f64>().prop_filter("a number", |n| !n.is_nan()).prop_map(Number::Float),
            (-300i32..300).prop_map(|n| Number::Float(f64::from(n) / 7.0)),
            any::<f32>().prop_filter("a number", |n| !n.is_nan()).prop_map(|n| Number::Float(n.into())),
            prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(-0.0)].prop_map(Number::Float),
        ]
    }

    proptest! {
        #[test]
        fn keys_are_those_of_the_scores_between_the_bounds(
            min in proptest::option::of(number()), max in proptest::option::of(number()), bits: u64, near in -2i64..=2,
            pick in 0u8..3,
        ) {
            let between = Between::new(min, max).unwrap();
            // Scores beside the bounds are where a comparison would go wrong.
            let bits = match (pick, min, max) {
                (0, Some(Number::Integer(n)), _) | (1, _, Some(Number::Integer(n))) => (n as u64).wrapping_add_signed(near),
                (0, Some(Number::Float(n)), _) | (1, _, Some(Number::Float(n))) => n.to_bits().wrapping_add_signed(near),
                _ => bits,
            };
            check(bits as i8, Number::Integer((bits as i8).into()), &between);
            check(bits as i32, Number::Integer((bits as i32).into()), &between);
            check(bits as i64, Number::Integer((bits as i64).into()), &between);
            check(bits as u16, Number::Integer((bits as u16).into()), &between);
            check(bits, Number::Integer(bits.into()), &between);
            let double = f64::from_bits(bits);
            for double in [double, bits as i64 as f64] {
                check(double, Number::Float(double), &between);
                check(double as f32, Number::Float((double as f32).into()), &between);
                let (half, brain) = (f16::from_f64(double), bf16::from_f64(double));
                check(half, Number::Float(half.into()), &between);
                check(brain, Number::Float(brain.into()), &between);
            }
        }
    }

    #[test]
    fn no_score_lies_between_bounds_that_cross_and_nan_is_no_bound() {
        assert!(Between::new(Some(Number::Float(f64::NAN)), None).is_err());
        assert!(Between::new(None, Some(Number::Float(f64::NAN))).is_err());
        let crossing = Between::new(Some(Number::Float(0.5)), Some(Number::Integer(0))).unwrap();
        assert_eq!(
            (crossing.keys::<f64>(), crossing.keys::<i64>(), crossing.keys::<u64>()),
            (None, None, None)
        );
        let one = Between::new(Some(Number::Integer(2)), Some(Number::Float(2.0))).unwrap();
        assert_eq!(one.keys::<u64>().map(Iterator::count), Some(1));
    }
}
