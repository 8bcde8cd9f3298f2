//! What must hold before a selection, and after its pass.

use super::between::Between;
use super::number::Nan;
use super::pass::ranker::PassStats;
use crate::checked;
use crate::error::{Error, Result};

/// Fails unless `k` of `rows` rows, less the excluded ones, can be chosen.
///
/// Every selection checks this first. A caller that allocates the `k` rows checks it before.
///
/// # Errors
///
/// [`Error::Value`], which names both numbers.
pub fn check_k(k: u64, rows: u64, excluded: u64) -> Result<()> {
    let valid = checked::sub(rows, excluded)?;
    if k <= valid {
        return Ok(());
    }
    let but = if excluded == 0 { String::new() } else { format!(", of which {excluded} are excluded") };
    Err(Error::Value(format!("k is {k}, and there are {rows} rows{but}; k can be at most {valid}")))
}

/// Fails if NaN is an error and a score is NaN.
pub(super) fn check_nan(nan: Nan, stats: PassStats) -> Result<()> {
    match (nan, stats.first_nan) {
        (Nan::Raise, Some(first)) => Err(Error::Value(format!(
            "{} of the scores {} NaN, the first at row {first}; say what they mean: \
             nan=\"omit\", nan=\"largest\" or nan=\"smallest\"",
            stats.nan,
            if stats.nan == 1 { "is" } else { "are" },
        ))),
        _ => Ok(()),
    }
}

/// Fails if the pass found fewer than `k` rows whose score lies between the bounds, where there is a bound.
pub(super) fn check_between(k: u64, count: u64, between: &Between) -> Result<()> {
    if count >= k || between.is_everything() {
        return Ok(());
    }
    Err(Error::Value(format!("k is {k}, and {count} rows that can be chosen have a score {between}")))
}

/// Fails if the pass found fewer than `k` rows that can be chosen.
pub(super) fn check_count(k: u64, count: u64, rows: u64, excluded: u64, stats: PassStats) -> Result<()> {
    if count >= k {
        return Ok(());
    }
    // The pass then collected every row that can be chosen. A row missing without a reason is a defect of this code.
    let valid = [excluded, stats.nan, stats.never_drawn].into_iter().try_fold(rows, checked::sub)?;
    checked::equal("rows that can be chosen", count, valid)?;
    let mut reasons = vec![format!("there are {rows} rows")];
    for (number, what) in [
        (excluded, "excluded"),
        (stats.nan, "NaN and omitted"),
        (stats.never_drawn, "of score -inf, or a NaN that counts as it, which are never drawn"),
    ] {
        if number > 0 {
            reasons.push(format!("{number} {what}"));
        }
    }
    Err(Error::Value(format!("k is {k}, and {count} rows are valid: {}", reasons.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_lacking_have_a_reason_or_are_a_defect() {
        let stats = PassStats { nan: 2, never_drawn: 1, ..PassStats::default() };
        assert!(check_count(5, 5, 10, 3, stats).is_ok());
        let error = check_count(5, 4, 10, 3, stats).unwrap_err();
        assert!(
            matches!(&error, Error::Value(message) if message.contains("k is 5, and 4 rows are valid")),
            "{error}"
        );
        let error = check_count(5, 3, 10, 3, stats).unwrap_err();
        let expected = "rows that can be chosen: 3 are there and 4 must be";
        assert!(matches!(&error, Error::Internal(message) if message.contains(expected)), "{error}");
    }
}
