//! Cuts, the entries of a part of the rows that they mean, and where they lie in the order of all.

use serde::{Deserialize, Serialize};

use crate::checked;
use crate::error::Result;
use crate::select::candidates::buckets::bit_length;
use crate::select::candidates::entry::Entry;

/// The worst entry that is chosen, in the total order of entries: by sort key, 0 being the best, then by row.
///
/// Sort keys mean what the ranking and the type of the scores say; a row is one of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Cut {
    /// The sort key of the entry.
    pub sort_key: u64,
    /// Its row.
    pub row: u64,
}

impl Cut {
    /// No entry is worse: every row that may be chosen is.
    pub const ALL: Self = Self { sort_key: u64::MAX, row: u64::MAX };
    /// No entry is better.
    pub(super) const FIRST: Self = Self { sort_key: 0, row: 0 };
}

/// The rows that a vector has of the whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    /// The first of them.
    pub(super) first: u64,
    /// How many there are.
    pub(super) len: u64,
}

impl Rows {
    /// Returns the row after the last.
    pub(super) fn end(self) -> Result<u64> {
        checked::add(self.first, self.len)
    }

    /// Returns the greatest entry of these rows that is not worse than a cut, or one that none lies behind; `None` if
    /// every entry is worse.
    pub(super) fn threshold<E: Entry>(self, cut: Cut) -> Option<E> {
        let last = self.len.checked_sub(1)?;
        if cut.sort_key > E::WORST.sort_key() {
            return Some(E::WORST);
        }
        match cut.row.checked_sub(self.first) {
            Some(row) => Some(E::new(cut.sort_key, row.min(last))),
            // Rows that tie with it lie behind it.
            None => Some(E::new(cut.sort_key.checked_sub(1)?, last)),
        }
    }

    /// Returns the cut that an entry of these rows is.
    #[inline(always)]
    pub(super) fn cut<E: Entry>(self, entry: E) -> Cut {
        // Proof: an entry is of one of these rows, whose numbers fit.
        Cut { sort_key: entry.sort_key(), row: self.first.wrapping_add(entry.row()) }
    }
}

/// Entries as whole numbers: the sort key above as many bits as the rows of the whole need. Entries that are next to each
/// other are so here as well, but for rows that are not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Scale {
    row_bits: u32,
}

impl Scale {
    /// Has room for the rows below `rows`.
    pub(super) fn of(rows: u64) -> Self {
        Self { row_bits: bit_length(rows) }
    }

    /// Returns where an entry lies.
    #[inline(always)]
    pub(super) fn place(self, cut: Cut) -> u128 {
        u128::from(cut.sort_key) << self.row_bits | u128::from(cut.row.min(self.last_row()))
    }

    /// Returns the entry at a place.
    #[allow(clippy::cast_possible_truncation)] // a key of 64 bits above those of the row
    pub(super) fn cut(self, place: u128) -> Cut {
        Cut { sort_key: (place >> self.row_bits) as u64, row: place as u64 & self.last_row() }
    }

    /// Returns the entry just before another, or `None` before the first of all.
    pub(super) fn before(self, cut: Cut) -> Option<Cut> {
        self.place(cut).checked_sub(1).map(|place| self.cut(place))
    }

    /// Returns the entry just behind another, or `None` behind the last of all.
    pub(super) fn behind(self, cut: Cut) -> Option<Cut> {
        (self.place(cut) < self.place(Cut::ALL)).then(|| self.cut(self.place(cut) + 1))
    }

    fn last_row(self) -> u64 {
        // Proof: no bits have one row, and 64 have all.
        u64::MAX.checked_shr(u64::BITS - self.row_bits).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::select::candidates::entry::{Key32Row32, Key64Row32, Key64Row64};

    fn check<E: Entry>(rows: Rows, cut: Cut, keys: &[u64]) {
        let threshold = rows.threshold::<E>(cut);
        for &key in keys {
            let key = key & E::WORST.sort_key();
            for row in 0..rows.len {
                let entry = E::new(key, row);
                let is_chosen = rows.cut(entry) <= cut;
                assert_eq!(threshold.is_some_and(|threshold| entry <= threshold), is_chosen, "{entry:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn thresholds_let_through_what_is_not_worse_than_a_cut(
            first in prop_oneof![0u64..20, Just(1 << 40)], len in 0u64..8, key in prop_oneof![0u64..4, Just(u64::MAX), Just(1 << 32)],
            row in prop_oneof![0u64..40, (1 << 40)..(1 << 40) + 20u64, Just(u64::MAX)],
        ) {
            let (rows, cut) = (Rows { first, len }, Cut { sort_key: key, row });
            let keys = [0, key.saturating_sub(1), key, key.saturating_add(1), u64::MAX];
            check::<Key64Row64>(rows, cut, &keys);
            check::<Key64Row32>(rows, cut, &keys);
            let short: Vec<u64> = keys.iter().copied().filter(|&key| key < 1 << 32).collect();
            check::<Key32Row32>(rows, cut, &short);
        }

        #[test]
        fn places_are_in_the_order_of_entries(rows in 0u64..70, a in (0u64..3, 0u64..70), b in (0u64..3, 0u64..70)) {
            let scale = Scale::of(rows);
            let (a, b) = (Cut { sort_key: a.0, row: a.1.min(rows) }, Cut { sort_key: b.0, row: b.1.min(rows) });
            prop_assert_eq!(scale.place(a).cmp(&scale.place(b)), a.cmp(&b));
            prop_assert_eq!(scale.cut(scale.place(a)), a);
            prop_assert!(scale.before(a).is_none_or(|before| before < a && scale.behind(before) == Some(a)));
            prop_assert_eq!(scale.before(a).is_none(), a == Cut::FIRST);
            prop_assert_eq!(scale.behind(Cut::ALL), None);
        }
    }
}
