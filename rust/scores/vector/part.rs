//! One run of values in one storage: what the reader of a format finds in a file.

use std::ops::Range;

use crate::io::file::{Storage, to_usize};
use crate::scores::dtype::{DType, Values};
use crate::scores::options::Reduce;

/// Columns that are read ahead, where each lies by itself.
const MOST_SPANS: u64 = 1 << 10;

/// A run of values in one storage: value `i` lies at byte `offset + i * stride * stored().size()`.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Where the bytes lie.
    pub storage: Storage,
    /// Bytes from the start of the storage.
    pub offset: u64,
    /// In stored values; 1 is contiguous.
    pub stride: u64,
    /// In values.
    pub len: u64,
    /// The type of each value.
    pub dtype: DType,
    /// Whether the bytes are in the other order than this machine's.
    pub swapped: bool,
    /// What values it is made of, if each is made of several.
    pub reduced: Option<Reduced>,
}

/// Of each value of a part, the stored values that it is made of: the first where the part has the value, and then one
/// every `step`, in stored values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reduced {
    /// How.
    pub how: Reduce,
    /// The type of the stored values.
    pub of: DType,
    /// How many there are, at least 1.
    pub width: u64,
    /// From one to the next.
    pub step: u64,
}

impl Part {
    /// The type of the values as they are stored.
    pub(crate) fn stored(&self) -> DType {
        match &self.reduced {
            Some(reduced) => reduced.of,
            None => self.dtype,
        }
    }

    /// The bytes from the first stored byte of a value to its last.
    pub(crate) fn width(&self) -> Option<u64> {
        let size = self.stored().size() as u64;
        match &self.reduced {
            Some(reduced) => {
                reduced.width.checked_sub(1)?.checked_mul(reduced.step)?.checked_mul(size)?.checked_add(size)
            }
            None => Some(size),
        }
    }

    /// The bytes that the values `rows` span, first to last, or nothing if that overflows.
    pub(crate) fn span(&self, rows: &Range<u64>) -> Option<Range<u64>> {
        let step = self.stride.checked_mul(self.stored().size() as u64)?;
        let start = self.offset.checked_add(rows.start.checked_mul(step)?)?;
        let Some(last) = rows.end.checked_sub(1).filter(|&last| last >= rows.start) else {
            // Proof: no rows span no bytes.
            return Some(start..start);
        };
        let end = self.offset.checked_add(last.checked_mul(step)?)?.checked_add(self.width()?)?;
        Some(start..end)
    }

    /// The bytes that the values `rows` take, or more: column by column where these lie further apart than rows.
    pub(super) fn spans(&self, rows: &Range<u64>) -> Vec<Range<u64>> {
        let Some(reduced) = self.reduced.filter(|reduced| reduced.step > self.stride) else {
            return self.span(rows).into_iter().collect(); // Proof: what is no span is no bytes of a file.
        };
        let column = |number| self.column(&reduced, number)?.span(rows);
        // Proof: as above, and what reads ahead needs no more columns than that at once.
        (0..reduced.width.min(MOST_SPANS)).filter_map(column).collect()
    }

    /// The stored values that are at one place in each value, or nothing if that overflows.
    pub(crate) fn column(&self, reduced: &Reduced, number: u64) -> Option<Self> {
        let before = number.checked_mul(reduced.step)?.checked_mul(reduced.of.size() as u64)?;
        let offset = self.offset.checked_add(before)?;
        Some(Self { offset, dtype: reduced.of, reduced: None, ..self.clone() })
    }

    /// The values `rows` where they lie, if they lie as this machine has them.
    pub(super) fn borrow(&self, rows: &Range<u64>) -> Option<Values<'_>> {
        if rows.is_empty() {
            return Values::from_bytes(self.dtype, &[]);
        }
        if self.reduced.is_some() || self.swapped || (self.stride != 1 && rows.end - rows.start != 1) {
            return None;
        }
        let bytes = self.storage.bytes()?;
        Values::from_bytes(self.dtype, bytes.get(to_usize(self.span(rows)?)?)?)
    }

    /// The values `start..stop` of it as a part.
    pub(super) fn cut(&self, rows: &Range<u64>) -> Option<Self> {
        let offset = self.span(rows)?.start;
        Some(Self { offset, len: rows.end.checked_sub(rows.start)?, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// Four values of two bytes, each third of which is taken.
    fn part(bytes: &'static [u8]) -> Part {
        let storage = Storage::Memory(Bytes::from_static(bytes));
        Part { storage, offset: 1, stride: 3, len: 4, dtype: DType::I16, swapped: false, reduced: None }
    }

    #[test]
    fn values_span_the_bytes_from_the_first_to_the_last() {
        let part = part(&[0; 30]);
        assert_eq!(part.span(&(0..4)), Some(1..21));
        assert_eq!(part.span(&(2..3)), Some(13..15));
        assert_eq!(part.span(&(2..2)), Some(13..13));
        assert_eq!(part.span(&(0..u64::MAX)), None);
        let cut = part.cut(&(1..3)).unwrap();
        assert_eq!((cut.offset, cut.len, cut.span(&(0..2))), (7, 2, Some(7..15)));
    }

    #[test]
    fn what_lies_as_this_machine_has_it_is_borrowed() {
        let part = Part { offset: 0, stride: 1, dtype: DType::U8, ..part(b"abcd") };
        assert_eq!(part.borrow(&(1..3)).unwrap().as_bytes(), b"bc");
        assert!(part.borrow(&(1..5)).is_none(), "it lies behind the storage");
        let strided = Part { stride: 2, ..part.clone() };
        assert!(strided.borrow(&(0..2)).is_none());
        assert_eq!(strided.borrow(&(1..2)).unwrap().as_bytes(), b"c");
        let swapped = Part { swapped: true, ..part };
        assert!(swapped.borrow(&(0..2)).is_none() && swapped.borrow(&(0..0)).is_some());
    }
}
