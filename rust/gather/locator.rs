//! Which unit a row is in, in a few steps: a selection asks for every one of its rows.

/// The first row of each unit, and a table that says about where to look.
#[derive(Debug)]
pub(super) struct Locator {
    /// The first row of each unit, and the number of rows after the last.
    starts: Vec<u64>,
    /// For each run of `1 << shift` rows, the unit of its first row.
    table: Vec<usize>,
    shift: u32,
}

impl Locator {
    /// Of the ascending `starts`, the last of which is the number of rows.
    pub(super) fn new(starts: Vec<u64>) -> Self {
        let rows = starts.last().copied().unwrap_or(0); // Proof: without units, there are none.
        // Twice as many runs as units: where units are alike, a run has rows of two at most.
        let runs = (2 * starts.len() as u64).next_power_of_two();
        let shift = rows.div_ceil(runs).max(1).next_power_of_two().trailing_zeros();
        let mut table = Vec::new();
        let mut unit = 0;
        for run in 0..=rows >> shift {
            while starts.get(unit + 1).is_some_and(|&end| end <= run << shift) {
                unit += 1;
            }
            table.push(unit);
        }
        Self { starts, table, shift }
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> u64 {
        self.starts.last().copied().unwrap_or(0) // Proof: as above.
    }

    /// The unit that holds a row, and the row's number in it.
    ///
    /// Proof: for a row that is there, each place is in the table, as its first and its last run are, and a unit has
    /// fewer than 2^32 rows: the corpus has seen to that. Every other row is in the unit behind the last, which is
    /// none, and whoever asks for it fails.
    pub(super) fn locate(&self, row: u64) -> (usize, u32) {
        let run = usize::try_from(row >> self.shift).unwrap_or(usize::MAX);
        let first = self.table.get(run).copied().unwrap_or(0);
        let last = self.table.get(run.saturating_add(1)).copied().unwrap_or(self.starts.len());
        let ends = self.starts.get(first + 1..(last + 1).min(self.starts.len())).unwrap_or_default();
        let unit = first + ends.partition_point(|&end| end <= row);
        let start = self.starts.get(unit).copied().unwrap_or(row);
        (unit, u32::try_from(row.saturating_sub(start)).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_row_is_where_counting_finds_it(
            sizes in prop::collection::vec(prop_oneof![Just(0u64), 1u64..5, 100u64..3000], 1..60),
        ) {
            let mut starts = vec![0];
            for size in &sizes {
                starts.push(starts[starts.len() - 1] + size);
            }
            let locator = Locator::new(starts.clone());
            let mut row = 0;
            for (unit, &size) in sizes.iter().enumerate() {
                for within in 0..size {
                    prop_assert_eq!(locator.locate(row), (unit, u32::try_from(within).unwrap()));
                    row += 1;
                }
            }
            prop_assert_eq!(locator.rows(), row);
        }

        #[test]
        fn a_row_that_is_not_there_is_in_no_unit(
            sizes in prop::collection::vec(prop_oneof![Just(0), Just(u32::MAX), any::<u32>()], 0..60),
            within: u32,
            beyond in prop_oneof![0u64..9, any::<u64>()],
        ) {
            let mut starts = vec![0u64];
            for &size in &sizes {
                starts.push(starts[starts.len() - 1] + u64::from(size));
            }
            let locator = Locator::new(starts.clone());
            for (unit, &size) in sizes.iter().enumerate().filter(|(_, size)| **size > 0) {
                for within in [0, within % size, size - 1] {
                    prop_assert_eq!(locator.locate(starts[unit] + u64::from(within)), (unit, within));
                }
            }
            prop_assert_eq!(locator.locate(locator.rows().saturating_add(beyond)).0, sizes.len());
        }
    }
}
