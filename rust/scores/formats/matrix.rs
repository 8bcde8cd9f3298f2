//! Which of the values of a row is the score, where a row has several: one of them, or what is made of all.

use crate::checked;
use crate::error::{Error, Result};
use crate::scores::options::{OpenOptions, Reduce, place};
use crate::scores::vector::chosen::Chosen;
use crate::scores::vector::part::{Part, Reduced};

/// Rows of several values each.
#[derive(Debug)]
pub(crate) struct Matrix {
    /// The first value of each row.
    pub(crate) first: Part,
    /// The values of a row.
    pub(crate) width: u64,
    /// From one value of a row to the next, in values.
    pub(crate) step: u64,
}

impl Matrix {
    /// The vector that the options mean, and what of the matrix it is; what is wrong is told to `refuse`.
    ///
    /// A column that has one value in each row is that vector. A name may be that of a column of other files.
    pub(crate) fn vector(
        self,
        options: &OpenOptions,
        refuse: impl Fn(String) -> Error,
    ) -> Result<(Part, Chosen)> {
        if options.transpose {
            let options = OpenOptions { transpose: false, ..options.clone() };
            let (part, chosen) = self.transposed().vector(&options, refuse)?;
            return Ok((part, Chosen { transposed: true, ..chosen }));
        }
        let number = options.column.as_deref().and_then(number);
        match (number, options.reduce) {
            (Some(number), Some(how)) => Err(refuse(format!(
                "column={number} and reduce={:?} are given: one is of one column, the other of all; give one of them",
                how.name()
            ))),
            (Some(number), None) => Ok((self.column(number, refuse)?, Chosen::place(number))),
            (None, Some(how)) => {
                Ok((self.reduced(how, refuse)?, Chosen { reduce: Some(how), ..Chosen::default() }))
            }
            (None, None) if self.width == 1 => Ok((self.first, Chosen::default())),
            (None, None) => match &options.column {
                Some(name) if self.width > 0 => Err(refuse(format!(
                    "column={name:?} is given, and the {} columns of a matrix have numbers: {}",
                    self.width,
                    how_to_choose(self.width)
                ))),
                _ => Err(refuse(format!(
                    "expected one score per row, (n,) or (n, 1); {}",
                    how_to_choose(self.width)
                ))),
            },
        }
    }

    /// The same with columns as rows.
    fn transposed(self) -> Self {
        let Self { first, width, step } = self;
        let (rows, stride) = (first.len, first.stride);
        Self { first: Part { len: width, stride: step, ..first }, width: rows, step: stride }
    }

    /// The values at a place in each row.
    pub(crate) fn column(self, number: u64, refuse: impl Fn(String) -> Error) -> Result<Part> {
        if number >= self.width {
            return Err(refuse(format!(
                "column={number} is given, and a row has {} values: {}",
                self.width,
                how_to_choose(self.width)
            )));
        }
        let before = checked::mul(checked::mul(number, self.step)?, self.first.dtype.size() as u64)?;
        // An empty matrix has no bytes that a column could begin behind.
        let before = if self.first.len == 0 { 0 } else { before };
        Ok(Part { offset: checked::add(self.first.offset, before)?, ..self.first })
    }

    /// What is made of the values of each row.
    pub(crate) fn reduced(self, how: Reduce, refuse: impl Fn(String) -> Error) -> Result<Part> {
        if self.width == 0 {
            return Err(refuse(format!("reduce={:?} is given, and a row has no values", how.name())));
        }
        let of = self.first.dtype;
        let reduced = Reduced { how, of, width: self.width, step: self.step };
        Ok(Part { dtype: how.dtype(of), reduced: Some(reduced), ..self.first })
    }
}

/// The number of a column, as it is given in Python or by the command.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    place(text).or_else(|| digits.then(|| text.parse().ok())?)
}

/// How to choose among the values of a row, as a phrase for errors.
pub(crate) fn how_to_choose(width: u64) -> String {
    match width.checked_sub(1) {
        None => "a row has no values".to_owned(),
        Some(0) => "there is one, column=0".to_owned(),
        Some(last) => format!(
            "choose one with column=0 to column={last}, or what is made of each row with reduce=\"mean\", reduce=\"max\", reduce=\"min\" or reduce=\"sum\""
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_by_their_numbers() {
        for (text, expected) in [("[3]", Some(3)), ("3", Some(3)), ("[0]", Some(0)), ("007", Some(7))] {
            assert_eq!(number(text), expected, "{text}");
        }
        for text in ["", "[]", "[-1]", "-1", "3.0", "a", "a[3]", "[3", "99999999999999999999", "[ 3]", "+3"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
