//! Numbers of any type, compared as what they are, and what stands for none.

use std::cmp::Ordering;
use std::fmt::{Display, Formatter};

/// A number as it was given, or as a score is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// An integer.
    Integer(i128),
    /// A float that is not NaN.
    Float(f64),
}

impl Number {
    /// Compares two numbers exactly.
    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a.cmp(&b),
            // Proof: neither is NaN: bounds are checked by `Between::new`, and keys are those of numbers.
            (Self::Float(a), Self::Float(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Self::Integer(a), Self::Float(b)) => compare_mixed(a, b),
            (Self::Float(a), Self::Integer(b)) => compare_mixed(b, a).reverse(),
        }
    }
}

/// Compares an integer with a float: with the whole part below it first, and with what is above that then.
#[allow(clippy::cast_possible_truncation)] // saturates, at numbers that no integer here reaches
fn compare_mixed(integer: i128, float: f64) -> Ordering {
    let whole = float.floor();
    let less_if = |fraction: bool| if fraction { Ordering::Less } else { Ordering::Equal };
    integer.cmp(&(whole as i128)).then(less_if(float > whole))
}

impl Display for Number {
    fn fmt(&self, into: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(number) => write!(into, "{number}"),
            Self::Float(number) => write!(into, "{number:?}"),
        }
    }
}

/// What a NaN score means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nan {
    /// An error, which tells how many there are and the first row.
    #[default]
    Raise,
    /// Its row is never chosen.
    Omit,
    /// It is greater than every number, and ties with every other NaN.
    Largest,
    /// It is less than every number, and ties with every other NaN.
    Smallest,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twice a number as a whole one, if it has no more than a half after the point.
    fn doubled(number: Number) -> i128 {
        match number {
            Number::Integer(number) => 2 * number,
            // Doubling is exact, and so is the cast of a whole number of less than 127 bits.
            #[allow(clippy::cast_possible_truncation)]
            Number::Float(number) => (2.0 * number) as i128,
        }
    }

    #[test]
    fn numbers_are_compared_as_what_they_are() {
        let whole: Vec<i128> =
            [0, 1, 2, (1 << 53) - 1, 1 << 53, (1 << 53) + 1, 1 << 63, (1 << 63) + 1, 1 << 100]
                .into_iter()
                .flat_map(|number: i128| [number, -number])
                .collect();
        #[allow(clippy::cast_precision_loss)] // the nearest float is what is compared
        let floats = whole.iter().map(|&number| number as f64).chain([0.5, -0.5, 1.5, -1.5, -0.0]);
        let all: Vec<Number> =
            floats.map(Number::Float).chain(whole.iter().copied().map(Number::Integer)).collect();
        for &one in &all {
            for &other in &all {
                assert_eq!(one.compare(other), doubled(one).cmp(&doubled(other)), "{one} {other}");
            }
            for (end, order) in [(f64::INFINITY, Ordering::Less), (f64::NEG_INFINITY, Ordering::Greater)] {
                assert_eq!(one.compare(Number::Float(end)), order, "{one}");
                assert_eq!(Number::Float(end).compare(one), order.reverse(), "{one}");
            }
        }
    }

    #[test]
    fn numbers_are_shown_in_full() {
        let shown = |number: Number| number.to_string();
        assert_eq!(shown(Number::Integer(i128::MIN)), "-170141183460469231731687303715884105728");
        assert_eq!(
            [0.0, -0.0, 0.1, 1e300].map(|float| shown(Number::Float(float))),
            ["0.0", "-0.0", "0.1", "1e300"]
        );
    }
}
