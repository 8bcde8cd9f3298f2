//! The ends of lists, which are to be as long as each other: then their values lie as in a matrix.

use std::path::Path;

use super::column::ScoreColumn;
use crate::checked::{self, impossible};
use crate::error::{Error, Result};

/// The ends of the lists of a column, one after the other, from where the first begins on.
#[derive(Debug)]
pub(crate) struct ListEnds {
    column: ScoreColumn,
    width: Option<u64>,
    /// The row of the list that ends next.
    row: u64,
    /// Where the first list begins, and the last one that was looked at ends.
    span: Option<(u64, u64)>,
}

impl ListEnds {
    /// Those of lists from a row on, which have so many values each, or as many as the first.
    pub(crate) fn new(column: ScoreColumn, width: Option<u64>, row: u64) -> Self {
        Self { column, width, row, span: None }
    }

    /// Looks at the next ones, as numbers of four or eight bytes in the order of bytes of Arrow's files.
    pub(crate) fn add(&mut self, path: &Path, bytes: &[u8], size: usize) -> Result<()> {
        // Proof: nothing remains, as they are whole numbers.
        for end in bytes.chunks_exact(size) {
            let end = match (end.first_chunk(), end.first_chunk()) {
                (_, Some(end)) => i64::from_le_bytes(*end),
                (Some(end), None) => i64::from(i32::from_le_bytes(*end)),
                _ => return Err(impossible(format_args!("ends of {size} bytes"))),
            };
            self.next(path, end)?;
        }
        Ok(())
    }

    /// Looks at the end of the next list, or where the first begins.
    pub(crate) fn next(&mut self, path: &Path, end: i64) -> Result<()> {
        let broken = |before: u64| {
            let message = format!(
                "the list of row {} ends at value {end} and begins at {before}; the file is damaged",
                self.row
            );
            Error::format(path, self.column.at(), message)
        };
        let Some((first, before)) = self.span else {
            let start = u64::try_from(end).map_err(|_| broken(0))?;
            self.span = Some((start, start));
            return Ok(());
        };
        let end = u64::try_from(end).map_err(|_| broken(before))?;
        let length = end.checked_sub(before).ok_or_else(|| broken(before))?;
        let width = *self.width.get_or_insert(length);
        self.column.check_length(path, self.row, length, width)?;
        self.span = Some((first, end));
        self.row = checked::add(self.row, 1)?;
        Ok(())
    }

    /// The first value of the first list, and how many each has.
    pub(crate) fn found(&self) -> Result<(u64, u64)> {
        match (self.span, self.width) {
            (Some((first, _)), Some(width)) => Ok((first, width)),
            _ => Err(impossible("lists without a row")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};
    use proptest::prelude::*;

    use super::*;
    use crate::scores::options::OpenOptions;

    fn column(place: u64) -> ScoreColumn {
        let item = Arc::new(Field::new("item", DataType::Float32, true));
        let schema = Schema::new(vec![Field::new("s", DataType::List(item), true)]);
        let options = OpenOptions { column: Some(format!("s[{place}]")), ..OpenOptions::default() };
        ScoreColumn::choose(Path::new("f"), &schema, &options).unwrap()
    }

    /// Ends as they are stored, added in runs of some numbers.
    fn added(ends: &[i64], size: usize, run: usize, width: Option<u64>) -> Result<(u64, u64)> {
        let mut lists = ListEnds::new(column(0), width, 100);
        for run in ends.chunks(run) {
            let bytes =
                run.iter().flat_map(|end| end.to_le_bytes().into_iter().take(size)).collect::<Vec<_>>();
            lists.add(Path::new("f"), &bytes, size)?;
        }
        lists.found()
    }

    proptest! {
        /// Ends are taken if each list is as long as the first, or as it is told; the first row that is not is named.
        #[test]
        fn lists_are_of_one_length_or_the_first_other_is_named(
            start in 0..1000i64,
            steps in prop::collection::vec(prop_oneof![20 => Just(3i64), 1 => -9..9i64], 1..12),
            told in prop::option::of(2..4u64),
            long in any::<bool>(),
            run in 1..5usize,
        ) {
            let size = if long { 8 } else { 4 };
            let mut ends = vec![start];
            for step in &steps {
                ends.push(ends[ends.len() - 1] + step);
            }
            let width = told.map_or(steps[0], u64::cast_signed);
            let wrong = steps.iter().position(|&step| step < 0 || step != width);
            match (added(&ends, size, run, told), wrong) {
                (Ok(found), None) => prop_assert_eq!(found, (start.cast_unsigned(), width.cast_unsigned())),
                (Err(error), Some(at)) => {
                    let (row, step) = (100 + at, steps[at]);
                    let said = if step < 0 {
                        format!("the list of row {row} ends at value {} and begins at {};", ends[at + 1], ends[at])
                    } else {
                        format!("row {row} is a list of {step} value")
                    };
                    prop_assert!(error.to_string().contains(&said), "{}", error);
                    prop_assert_eq!(step < 0, matches!(error, Error::Format(_)));
                }
                (found, wrong) => prop_assert!(false, "{:?} {:?}", found, wrong),
            }
        }
    }

    #[test]
    fn ends_below_zero_or_beyond_all_are_no_rows() {
        for (ends, said) in [
            (&[-1][..], "the list of row 100 ends at value -1 and begins at 0;"),
            (&[0, 2, i64::MIN], "the list of row 101 ends at value -9223372036854775808 and begins at 2;"),
        ] {
            let error = added(ends, 8, 9, None).unwrap_err();
            assert!(matches!(error, Error::Format(_)) && error.to_string().contains(said), "{error}");
        }
        let most = i64::MAX.cast_unsigned();
        assert_eq!(added(&[0, i64::MAX], 8, 1, None).unwrap(), (0, most));
        assert_eq!(
            added(&[i64::from(i32::MAX) - 1, i32::MAX.into()], 4, 1, None).unwrap(),
            (2_147_483_646, 1)
        );
        // Without a list there is no length, and numbers of other sizes are none of Arrow's.
        assert!(matches!(added(&[0], 8, 1, None), Err(Error::Internal(_))));
        assert!(matches!(added(&[0, 1], 2, 1, None), Err(Error::Internal(_))));
    }
}
