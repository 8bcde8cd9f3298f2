//! An entry: a row with what it is ranked by, as one integer that sorts best first, ties to the lower row.

use std::fmt::Debug;

/// One row and its rank. Smaller is better.
pub(crate) trait Entry: bytemuck::Pod + Ord + Send + Sync + Debug {
    /// No entry is worse.
    const WORST: Self;

    /// Of a sort key (0 is best; [`Key32Row32`] keeps its low 32 bits) and a row.
    fn new(sort_key: u64, row: u64) -> Self;

    /// What it was made of.
    fn sort_key(self) -> u64;

    /// What it was made of.
    fn row(self) -> u64;
}

/// 32 bits of sort key over 32 bits of row.
pub(crate) type Key32Row32 = u64;

/// 64 bits of sort key, in halves, over 32 bits of row: three quarters of the memory of [`Key64Row64`].
pub(crate) type Key64Row32 = [u32; 3];

/// 64 bits of sort key over 64 bits of row.
pub(crate) type Key64Row64 = u128;

impl Entry for Key32Row32 {
    const WORST: Self = u64::MAX;

    #[inline(always)]
    fn new(sort_key: u64, row: u64) -> Self {
        debug_assert!(u32::try_from(row).is_ok());
        sort_key << 32 | row
    }

    #[inline(always)]
    fn sort_key(self) -> u64 {
        self >> 32
    }

    #[inline(always)]
    fn row(self) -> u64 {
        self & u64::from(u32::MAX)
    }
}

impl Entry for Key64Row32 {
    const WORST: Self = [u32::MAX; 3];

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // halves
    fn new(sort_key: u64, row: u64) -> Self {
        debug_assert!(u32::try_from(row).is_ok());
        [(sort_key >> 32) as u32, sort_key as u32, row as u32]
    }

    #[inline(always)]
    fn sort_key(self) -> u64 {
        u64::from(self[0]) << 32 | u64::from(self[1])
    }

    #[inline(always)]
    fn row(self) -> u64 {
        u64::from(self[2])
    }
}

impl Entry for Key64Row64 {
    const WORST: Self = u128::MAX;

    #[inline(always)]
    fn new(sort_key: u64, row: u64) -> Self {
        u128::from(sort_key) << 64 | u128::from(row)
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // halves
    fn sort_key(self) -> u64 {
        (self >> 64) as u64
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // halves
    fn row(self) -> u64 {
        self as u64
    }
}
