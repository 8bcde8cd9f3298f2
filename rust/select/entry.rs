//! An entry: a row with what it is ranked by, as one integer that sorts best first, ties to the lower row.

use std::fmt::Debug;

/// One row and its rank. Smaller is better.
pub(super) trait Entry: Copy + Ord + Send + Sync + Debug {
    /// No entry is worse.
    const WORST: Self;

    /// Of a badness (0 is best; [`Packed`] keeps its low 32 bits) and a row.
    fn new(badness: u64, row: u64) -> Self;

    /// What it was made of.
    fn badness(self) -> u64;

    /// What it was made of.
    fn row(self) -> u64;
}

/// 32 bits of badness over 32 bits of row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Packed(u64);

/// 64 bits of badness over 64 bits of row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wide(u128);

/// A row ranked by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row(u64);

impl Entry for Packed {
    const WORST: Self = Self(u64::MAX);

    #[inline]
    fn new(badness: u64, row: u64) -> Self {
        debug_assert!(u32::try_from(row).is_ok());
        Self(badness << 32 | row)
    }

    #[inline]
    fn badness(self) -> u64 {
        self.0 >> 32
    }

    #[inline]
    fn row(self) -> u64 {
        self.0 & u64::from(u32::MAX)
    }
}

impl Entry for Wide {
    const WORST: Self = Self(u128::MAX);

    #[inline]
    fn new(badness: u64, row: u64) -> Self {
        Self(u128::from(badness) << 64 | u128::from(row))
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    fn badness(self) -> u64 {
        (self.0 >> 64) as u64
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    fn row(self) -> u64 {
        self.0 as u64
    }
}

impl Entry for Row {
    const WORST: Self = Self(u64::MAX);

    #[inline]
    fn new(_badness: u64, row: u64) -> Self {
        Self(row)
    }

    #[inline]
    fn badness(self) -> u64 {
        0
    }

    #[inline]
    fn row(self) -> u64 {
        self.0
    }
}
