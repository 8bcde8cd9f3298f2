//! Rows that a selection must not choose.

use std::ops::Range;

use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::check_here;
use crate::exec::memory::reserved;

/// Names these rows in the error when memory has no room for them.
const EXCLUDED: &str = "excluded rows";

/// Rows between two looks at whether the job was stopped.
const ROWS_PER_CHECK: usize = 1 << 20;
/// Bits that one sorting step resolves.
const DIGIT_BITS: u32 = 11;

/// Rows that a selection treats as absent. It ignores their scores, even if they are NaN.
#[derive(Debug, Clone, Default)]
pub enum Exclude<'a> {
    /// No rows.
    #[default]
    Nothing,
    /// These rows, ascending and without repeats. Made by [`Exclude::rows`].
    Rows(Vec<u64>),
    /// The rows whose byte is not 0. Made by [`Exclude::mask`].
    Mask {
        /// One byte per row.
        mask: &'a [u8],
        /// How many bytes are not 0.
        count: u64,
    },
}

impl<'a> Exclude<'a> {
    /// Excludes row numbers in any order, with or without repeats, each in `0..len`. Takes 16 bytes of memory each.
    ///
    /// # Errors
    ///
    /// [`Error::Index`] for a number outside that range, [`Error::Memory`], and [`Error::Interrupted`].
    pub fn rows(rows: &[i64], len: u64) -> Result<Self> {
        let mut sorted = reserved(rows.len(), EXCLUDED)?;
        for (block, rows) in rows.chunks(ROWS_PER_CHECK).enumerate() {
            check_here()?;
            for (position, &row) in rows.iter().enumerate() {
                match u64::try_from(row) {
                    Ok(row) if row < len => sorted.push(row),
                    _ => {
                        return Err(Error::Index(format!(
                            "exclude[{}] is {row}, and there are {len} rows: 0 to {}",
                            block * ROWS_PER_CHECK + position,
                            i128::from(len) - 1
                        )));
                    }
                }
            }
        }
        let mut sorted = self::sorted(sorted)?;
        check_here()?;
        sorted.dedup();
        Ok(Self::Rows(sorted))
    }

    /// Excludes rows of a whole in a part of it, `within`, whose first row is 0 then. Those outside are of other parts.
    ///
    /// # Errors
    ///
    /// As for [`Exclude::rows`], of negative numbers.
    pub fn rows_within(rows: &[i64], within: &Range<u64>) -> Result<Self> {
        let mut here = reserved(rows.len(), EXCLUDED)?;
        for (position, &row) in rows.iter().enumerate() {
            if position % ROWS_PER_CHECK == 0 {
                check_here()?;
            }
            let Ok(row) = u64::try_from(row) else {
                return Err(Error::Index(format!(
                    "exclude[{position}] is {row}; row numbers are at least 0"
                )));
            };
            if within.contains(&row) {
                here.push((row - within.start).cast_signed());
            }
        }
        Self::rows(&here, checked::sub(within.end, within.start)?)
    }

    /// Excludes the rows whose byte in `mask` is not 0.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] unless the mask has one byte per row, and [`Error::Interrupted`].
    pub fn mask(mask: &'a [u8], len: u64) -> Result<Self> {
        if mask.len() as u64 != len {
            return Err(Error::Value(format!(
                "exclude has {} values, and there are {len} rows: a boolean vector needs one value per row",
                mask.len()
            )));
        }
        let mut count = 0;
        for mask in mask.chunks(ROWS_PER_CHECK) {
            check_here()?;
            count += mask.iter().filter(|&&byte| byte != 0).count() as u64;
        }
        Ok(Self::Mask { mask, count })
    }

    /// Returns how many rows are excluded.
    pub fn count(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Rows(rows) => rows.len() as u64,
            Self::Mask { count, .. } => *count,
        }
    }

    /// Returns a cursor for questions about ascending rows from `start` on.
    pub(super) fn cursor(&self, start: u64) -> ExcludeCursor<'_> {
        match self {
            Self::Nothing => ExcludeCursor::Nothing,
            Self::Rows(rows) => ExcludeCursor::Rows(&rows[rows.partition_point(|&row| row < start)..]),
            Self::Mask { mask, .. } => ExcludeCursor::Mask(mask),
        }
    }
}

/// Sorts numbers by digits, the lowest first. Unlike the library's sort it stops when the job does.
fn sorted(mut numbers: Vec<u64>) -> Result<Vec<u64>> {
    if numbers.is_sorted() {
        return Ok(numbers);
    }
    // Proof: without numbers there are no bits to sort by.
    let bits = u64::BITS - numbers.iter().copied().max().unwrap_or(0).leading_zeros();
    let mut spare = reserved(numbers.len(), EXCLUDED)?;
    spare.resize(numbers.len(), 0);
    for shift in (0..bits).step_by(DIGIT_BITS as usize) {
        sort_by_digit(&numbers, shift, &mut spare)?;
        std::mem::swap(&mut numbers, &mut spare);
    }
    Ok(numbers)
}

/// Moves numbers to their places by one digit. Numbers with equal digits keep their order.
fn sort_by_digit(numbers: &[u64], shift: u32, into: &mut [u64]) -> Result<()> {
    let digit = |number: u64| (number >> shift & ((1 << DIGIT_BITS) - 1)) as usize;
    let mut next = [0_usize; 1 << DIGIT_BITS];
    for block in numbers.chunks(ROWS_PER_CHECK) {
        check_here()?;
        for &number in block {
            next[digit(number)] += 1;
        }
    }
    let mut before = 0;
    for count in &mut next {
        (*count, before) = (before, before + *count);
    }
    for block in numbers.chunks(ROWS_PER_CHECK) {
        check_here()?;
        for &number in block {
            let place = &mut next[digit(number)];
            into[*place] = number;
            *place += 1;
        }
    }
    Ok(())
}

/// Answers whether rows are excluded. See [`Exclude::cursor`].
pub(super) enum ExcludeCursor<'a> {
    Nothing,
    Rows(&'a [u64]),
    Mask(&'a [u8]),
}

impl ExcludeCursor<'_> {
    /// Returns whether a row is excluded. Callers ask about rows in ascending order.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // a mask has one byte per row
    pub(super) fn excludes(&mut self, row: u64) -> bool {
        match self {
            Self::Nothing => false,
            Self::Mask(mask) => mask[row as usize] != 0,
            Self::Rows(rows) => {
                while let Some((&first, rest)) = rows.split_first() {
                    if first >= row {
                        return first == row;
                    }
                    *rows = rest;
                }
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_are_those_of_a_sort_without_repeats(
            rows in proptest::collection::vec(
                prop_oneof![0..10i64, 0..5000i64, 1i64 << 33..1i64 << 34, Just(i64::MAX - 1)], 0..300),
            sorted in any::<bool>(),
        ) {
            let mut expected = rows.clone();
            expected.sort_unstable();
            let rows = if sorted { expected.clone() } else { rows };
            expected.dedup();
            let Exclude::Rows(found) = Exclude::rows(&rows, i64::MAX as u64).unwrap() else { panic!() };
            prop_assert_eq!(found, expected.iter().map(|row| row.cast_unsigned()).collect::<Vec<_>>());
        }
    }

    proptest! {
        #[test]
        fn cursors_agree_with_a_look_at_every_row(mask in proptest::collection::vec(0u8..3, 1..200), start in 0usize..200) {
            let len = mask.len() as u64;
            let rows: Vec<i64> = (0..).zip(&mask).filter(|&(_, &byte)| byte != 0).map(|(row, _)| row).collect();
            for exclude in [Exclude::mask(&mask, len).unwrap(), Exclude::rows(&rows, len).unwrap()] {
                prop_assert_eq!(exclude.count(), rows.len() as u64);
                let mut cursor = exclude.cursor(start as u64);
                for row in (start..mask.len()).step_by(1 + start % 3) {
                    prop_assert_eq!(cursor.excludes(row as u64), mask[row] != 0);
                }
            }
            prop_assert!(!Exclude::Nothing.cursor(0).excludes(start as u64));
        }
    }
}
