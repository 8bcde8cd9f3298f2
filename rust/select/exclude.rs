//! Rows that a selection must not choose.

use crate::error::{Error, Result};

/// Rows that are not there, as far as a selection is concerned: their scores are not looked at.
#[derive(Debug, Clone, Default)]
pub enum Exclude<'a> {
    /// None.
    #[default]
    Nothing,
    /// These rows, ascending and without repeats: made by [`Exclude::rows`].
    Rows(Vec<u64>),
    /// The rows whose byte is not 0: made by [`Exclude::mask`].
    Mask {
        /// One byte per row.
        mask: &'a [u8],
        /// How many are not 0.
        count: u64,
    },
}

impl<'a> Exclude<'a> {
    /// Row numbers in any order, repeats allowed, each in `0..len`.
    pub fn rows(rows: &[i64], len: u64) -> Result<Self> {
        let mut sorted = Vec::new();
        sorted
            .try_reserve_exact(rows.len())
            .map_err(|_| Error::Memory(format!("no memory for {} excluded rows", rows.len())))?;
        for (position, &row) in rows.iter().enumerate() {
            match u64::try_from(row) {
                Ok(row) if row < len => sorted.push(row),
                _ => {
                    return Err(Error::Index(format!(
                        "exclude[{position}] is {row}, and there are {len} rows: 0 to {}",
                        i128::from(len) - 1
                    )));
                }
            }
        }
        sorted.sort_unstable();
        sorted.dedup();
        Ok(Self::Rows(sorted))
    }

    /// One byte per row, not 0 where the row is excluded.
    pub fn mask(mask: &'a [u8], len: u64) -> Result<Self> {
        if mask.len() as u64 != len {
            return Err(Error::Value(format!(
                "exclude has {} values, and there are {len} rows: a boolean vector needs one value per row",
                mask.len()
            )));
        }
        let count = mask.iter().filter(|&&byte| byte != 0).count() as u64;
        Ok(Self::Mask { mask, count })
    }

    /// How many rows are excluded.
    pub fn count(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Rows(rows) => rows.len() as u64,
            Self::Mask { count, .. } => *count,
        }
    }

    /// A view that is asked for ascending rows from `start` on.
    pub(super) fn from(&self, start: u64) -> Cursor<'_> {
        match self {
            Self::Nothing => Cursor::Nothing,
            Self::Rows(rows) => Cursor::Rows(&rows[rows.partition_point(|&row| row < start)..]),
            Self::Mask { mask, .. } => Cursor::Mask(mask),
        }
    }
}

/// See [`Exclude::from`].
pub(super) enum Cursor<'a> {
    Nothing,
    Rows(&'a [u64]),
    Mask(&'a [u8]),
}

impl Cursor<'_> {
    /// Whether a row is excluded. Rows are asked for in ascending order.
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
