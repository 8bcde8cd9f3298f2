//! The lengths of rows, which add up to a budget.

use super::place::Rows;
use crate::checked;
use crate::error::{Error, Result};
use crate::scores::{DType, Scratch, Source, Values};
use crate::select::candidates::entry::Entry;

/// What stands for a length that is none: no budget has room for it.
pub(super) const NO_LENGTH: u64 = u64::MAX;

/// The length of each row.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    source: &'a dyn Source,
}

impl<'a> Weights<'a> {
    /// Takes one length for each of the rows.
    pub(super) fn new(source: &'a dyn Source, rows: Rows) -> Result<Self> {
        if matches!(source.dtype(), DType::F16 | DType::BF16 | DType::F32 | DType::F64) {
            return Err(Error::Type(format!(
                "lengths are {}; whole numbers are needed, such as the tokens of each row",
                source.dtype()
            )));
        }
        if source.len() != rows.len {
            return Err(Error::Value(format!(
                "{} lengths, {} scores: each row needs one of both",
                source.len(),
                rows.len
            )));
        }
        Ok(Self { source })
    }

    /// Fails if they changed since they were opened.
    pub(super) fn check_unchanged(&self) -> Result<()> {
        self.source.check_unchanged()
    }

    /// Replaces what is in `into` by the lengths of entries, which ascend by row and lie close to each other.
    pub(super) fn read<E: Entry>(
        &self,
        entries: &[E],
        scratch: &mut Scratch,
        into: &mut Vec<u64>,
    ) -> Result<()> {
        into.clear();
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return Ok(()) }; // Proof: no entries.
        let first = first.row();
        let values = self.source.read(first..checked::add(last.row(), 1)?, scratch)?;
        for entry in entries {
            let at = checked::index(checked::sub(entry.row(), first)?)?;
            // Proof: what is no length stands for itself, and is refused where a budget comes to it.
            into.push(
                number_at(values, at)?
                    .try_into()
                    .ok()
                    .filter(|&length| is_length(length))
                    .unwrap_or(NO_LENGTH),
            );
        }
        Ok(())
    }

    /// Returns the error for a row whose length is none.
    pub(super) fn refusal(&self, row: u64, rows: Rows) -> Result<Error> {
        let mut scratch = Scratch::default();
        let here = checked::sub(row, rows.first)?;
        let values = self.source.read(here..checked::add(here, 1)?, &mut scratch)?;
        let length = number_at(values, 0)?;
        Ok(Error::Value(format!("lengths[{row}] is {length}; a length is at least 0 and below 2^63")))
    }
}

fn is_length(length: u64) -> bool {
    i64::try_from(length).is_ok()
}

fn number_at(values: Values<'_>, at: usize) -> Result<i128> {
    Ok(match values {
        Values::I8(values) => (*checked::get(values, at)?).into(),
        Values::I16(values) => (*checked::get(values, at)?).into(),
        Values::I32(values) => (*checked::get(values, at)?).into(),
        Values::I64(values) => (*checked::get(values, at)?).into(),
        Values::U8(values) => (*checked::get(values, at)?).into(),
        Values::U16(values) => (*checked::get(values, at)?).into(),
        Values::U32(values) => (*checked::get(values, at)?).into(),
        Values::U64(values) => (*checked::get(values, at)?).into(),
        Values::F16(_) | Values::BF16(_) | Values::F32(_) | Values::F64(_) => {
            return Err(checked::impossible("lengths of whole numbers are floats"));
        }
    })
}
