//! An entry: a row with what it is ranked by, as one integer that sorts best first, ties to the lower row.

use std::fmt::Debug;

/// One row and its rank. Smaller is better.
pub(crate) trait Entry: bytemuck::Pod + Ord + Send + Sync + Debug {
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
pub(crate) type Packed = u64;

/// 64 bits of badness, in halves, over 32 bits of row: three quarters of the memory of [`Wide`].
pub(crate) type Halved = [u32; 3];

/// 64 bits of badness over 64 bits of row.
pub(crate) type Wide = u128;

impl Entry for Packed {
    const WORST: Self = u64::MAX;

    #[inline(always)]
    fn new(badness: u64, row: u64) -> Self {
        debug_assert!(u32::try_from(row).is_ok());
        badness << 32 | row
    }

    #[inline(always)]
    fn badness(self) -> u64 {
        self >> 32
    }

    #[inline(always)]
    fn row(self) -> u64 {
        self & u64::from(u32::MAX)
    }
}

impl Entry for Halved {
    const WORST: Self = [u32::MAX; 3];

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // halves
    fn new(badness: u64, row: u64) -> Self {
        debug_assert!(u32::try_from(row).is_ok());
        [(badness >> 32) as u32, badness as u32, row as u32]
    }

    #[inline(always)]
    fn badness(self) -> u64 {
        u64::from(self[0]) << 32 | u64::from(self[1])
    }

    #[inline(always)]
    fn row(self) -> u64 {
        u64::from(self[2])
    }
}

impl Entry for Wide {
    const WORST: Self = u128::MAX;

    #[inline(always)]
    fn new(badness: u64, row: u64) -> Self {
        u128::from(badness) << 64 | u128::from(row)
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // halves
    fn badness(self) -> u64 {
        (self >> 64) as u64
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // halves
    fn row(self) -> u64 {
        self as u64
    }
}
