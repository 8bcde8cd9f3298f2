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
