//! Entries: a row and its sort key, packed so that comparing entries compares keys first and rows second.
//!
//! Three widths, because the pass is bound by memory: the narrowest that holds the keys and rows is used.

use std::fmt::Debug;

/// One row with its sort key. The smaller entry is better, and equal keys go to the lower row.
pub(crate) trait Entry: bytemuck::Pod + Ord + Send + Sync + Debug {
    /// The greatest entry. As a threshold it rules nothing out.
    const WORST: Self;

    /// Packs a sort key (0 is best) and a row. A 32-bit row must fit; [`Key32Row32`] keeps the low 32 bits of the key.
    fn new(sort_key: u64, row: u64) -> Self;

    /// Returns the sort key.
    fn sort_key(self) -> u64;

    /// Returns the row.
    fn row(self) -> u64;
}

/// A 32-bit sort key above a 32-bit row.
pub(crate) type Key32Row32 = u64;

/// A 64-bit sort key, as two halves, above a 32-bit row: three quarters of the memory of [`Key64Row64`].
pub(crate) type Key64Row32 = [u32; 3];

/// A 64-bit sort key above a 64-bit row.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check<E: Entry>(a: (u64, u64), b: (u64, u64)) {
        let (left, right) = (E::new(a.0, a.1), E::new(b.0, b.1));
        assert_eq!((left.sort_key(), left.row()), a);
        assert_eq!(left.cmp(&right), a.cmp(&b));
        assert!(left <= E::WORST);
    }

    proptest! {
        #[test]
        fn entries_order_by_key_and_then_by_row(a: (u64, u64), b: (u64, u64), same_key: bool) {
            let b = if same_key { (a.0, b.1) } else { b };
            check::<Key64Row64>(a, b);
            let low = |n: u64| n & u64::from(u32::MAX);
            check::<Key64Row32>((a.0, low(a.1)), (b.0, low(b.1)));
            check::<Key32Row32>((low(a.0), low(a.1)), (low(b.0), low(b.1)));
        }
    }
}
