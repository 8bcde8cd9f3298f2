//! Integers of 64 bits that float64 cannot hold: arithmetic would make equal scores of different ones.

use std::ops::Range;

use super::held::IN_MEMORY;
use crate::checked;
use crate::error::{Error, Result, Shown};
use crate::scores::Source;
use crate::scores::dtype::Values;

/// Every integer up to this one is a float64, and not all beyond it.
const EXACT: u64 = 1 << 53;

/// Fails if a value of `rows` of a vector is not exactly a float64, in which it is about to be computed.
pub(crate) fn check_exact(source: &dyn Source, rows: &Range<u64>, values: Values<'_>) -> Result<()> {
    let at = match values {
        Values::I64(values) => first_inexact(values, i64::unsigned_abs),
        Values::U64(values) => first_inexact(values, |value| value),
        _ => None, // Proof: all other types are exact in float64.
    };
    let Some(at) = at else { return Ok(()) }; // Proof: all are exact.
    let value = match values {
        Values::I64(values) => checked::get(values, at)?.to_string(),
        Values::U64(values) => checked::get(values, at)?.to_string(),
        _ => String::new(), // Proof: none of them is inexact.
    };
    let row = checked::add(rows.start, at as u64)?;
    let (path, row) = source.place_of(row)?;
    let place = if path.as_os_str().is_empty() { IN_MEMORY.to_owned() } else { Shown(&path).to_string() };
    Err(Error::Value(format!(
        "{place}: at row {row}: the score {value} is not exactly a float64, in which arithmetic on integers is done, and would be rounded; select by the scores as they are, or compute with numpy in integers and save the result"
    )))
}

/// The first value that has more digits than float64: one beyond 2^53 that does not end with enough zeros.
fn first_inexact<T: Copy>(values: &[T], magnitude: impl Fn(T) -> u64) -> Option<usize> {
    // Nearly always there is none beyond, which is found out without a branch for each.
    let any_beyond = values.iter().fold(false, |any, &value| any | (magnitude(value) > EXACT));
    let inexact = |&value: &T| {
        let magnitude = magnitude(value);
        magnitude > EXACT && magnitude >> magnitude.trailing_zeros() > EXACT
    };
    if any_beyond { values.iter().position(inexact) } else { None } // Proof: then none is inexact.
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // what is tested
    fn integers_that_float64_cannot_hold_are_found() {
        let near = |power: u32| (0..70).map(move |gap| (1_u64 << power) - 35 + gap);
        let all: Vec<u64> = (50..64).flat_map(near).chain(u64::MAX - 5000..=u64::MAX).collect();
        for &value in &all {
            let exact = value as f64 as u128 == u128::from(value);
            assert_eq!(first_inexact(&[0, value], |value| value), (!exact).then_some(1), "{value}");
            if let Ok(value) = i64::try_from(value) {
                for signed in [value, -value] {
                    assert_eq!(first_inexact(&[signed], i64::unsigned_abs).is_none(), exact, "{signed}");
                }
            }
        }
        assert_eq!(first_inexact(&[i64::MIN, i64::MAX], i64::unsigned_abs), Some(1));
    }
}
