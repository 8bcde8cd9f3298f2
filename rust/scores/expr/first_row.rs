//! The number of a vector's first row in the whole that it is a part of.
//!
//! ```text
//! vector of files      the row of the files, as one vector, that it begins with
//! array in memory      0
//! slice                that of what it is cut from, and how far behind it begins
//! expression           that of its vectors from files, if these agree, else 0; without any, that of its arrays
//! ```
//!
//! An array beside a slice of files has no rows of its own to disagree with: it has values for the rows of the slice.

use crate::checked;
use crate::error::Result;

/// The number of the first row, and what knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FirstRow {
    row: u64,
    /// Whether a vector of files tells it, or a slice: an array in memory has no number of its own.
    is_known: bool,
}

impl FirstRow {
    /// Of a vector of files that begins with a row of them.
    pub(super) fn of_files(row: u64) -> Self {
        Self { row, is_known: true }
    }

    /// Of an array in memory, or of a part of it that begins with a value of it.
    pub(super) fn of_array(row: u64) -> Self {
        Self { row, is_known: row > 0 }
    }

    /// Of a slice that begins so many rows behind it.
    pub(super) fn behind(self, rows: u64) -> Result<Self> {
        Ok(Self { row: checked::add(self.row, rows)?, is_known: true })
    }

    /// The one that the vectors of an expression have in common, or 0.
    pub(super) fn shared(vectors: impl Iterator<Item = Self>) -> Self {
        let (known, other): (Vec<Self>, Vec<Self>) = vectors.partition(|first| first.is_known);
        let which = if known.is_empty() { other } else { known };
        match which.split_first() {
            Some((&first, rest)) if rest.iter().all(|other| *other == first) => first,
            _ => Self { row: 0, is_known: which.iter().any(|first| first.is_known) },
        }
    }

    /// The number.
    pub(super) fn row(self) -> u64 {
        self.row
    }
}

#[cfg(test)]
mod tests {
    use crate::scores::{DType, HeldVector, OpenOptions, Operand, Operator, RawType, Scores, Source};

    fn of_file(folder: &std::path::Path, rows: u8) -> Scores {
        let path = folder.join(format!("{rows}"));
        std::fs::write(&path, (0..rows).collect::<Vec<u8>>()).unwrap();
        let dtype = Some(RawType { dtype: DType::U8, swapped: false });
        Scores::open(&[path], &OpenOptions { dtype, ..OpenOptions::default() }).unwrap()
    }

    fn array(rows: usize) -> Scores {
        Scores::of_held(HeldVector::new(vec![1; rows].into(), DType::U8, None).unwrap())
    }

    fn sum(left: &Scores, right: &Scores) -> Scores {
        Scores::binary(Operator::Add, Operand::Scores(left.clone()), Operand::Scores(right.clone())).unwrap()
    }

    #[test]
    fn slices_know_which_rows_of_the_whole_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, other) = (of_file(folder.path(), 100), of_file(folder.path(), 90));
        let first = |scores: &Scores| scores.first_row();
        let slice = |scores: &Scores, start: u64| scores.slice(start..start + 10).unwrap();
        assert_eq!((first(&whole), first(&slice(&whole, 0)), first(&slice(&whole, 30))), (0, 0, 30));
        assert_eq!(first(&slice(&slice(&whole, 30).slice(0..10).unwrap(), 0)), 30);
        assert_eq!(first(&whole.slice(20..80).unwrap().slice(5..9).unwrap()), 25);
        // Arithmetic, whose vectors agree or do not.
        assert_eq!(first(&sum(&slice(&whole, 30), &slice(&other, 30))), 30);
        assert_eq!(first(&sum(&slice(&whole, 30), &slice(&other, 20))), 0);
        assert_eq!(first(&sum(&slice(&whole, 30), &slice(&other, 0))), 0);
        // Arrays have values for the rows of slices, on either side.
        assert_eq!(first(&sum(&slice(&whole, 30), &array(10))), 30);
        assert_eq!(first(&sum(&array(10), &slice(&whole, 30))), 30);
        assert_eq!(first(&sum(&array(10), &array(10))), 0);
        assert_eq!(first(&sum(&sum(&array(10), &array(10)), &slice(&whole, 7))), 7);
        assert_eq!(first(&array(50).slice(20..30).unwrap()), 20);
        // A vector whose parts disagree counts from 0, and its slices from there.
        let apart = sum(&whole.slice(10..90).unwrap(), &other.slice(5..85).unwrap());
        assert_eq!((first(&apart), first(&slice(&apart, 40))), (0, 40));
        assert_eq!(first(&sum(&slice(&apart, 40), &slice(&apart, 40))), 40);
        // What is computed of one vector begins where it does.
        let computed = slice(&whole, 30).negated().unwrap().zscore(0).unwrap().widened().unwrap();
        assert_eq!(first(&computed), 30);
        assert_eq!(first(&whole.zscore(1).unwrap().slice(12..20).unwrap().slice(1..3).unwrap()), 13);
        assert_eq!(
            first(
                &Scores::binary(Operator::Add, Operand::Number(1.0), Operand::Scores(slice(&whole, 9)))
                    .unwrap()
            ),
            9
        );
    }
}
