//! One run of values in one storage: what the reader of a format finds in a file.

use std::ops::Range;

use crate::io::file::{Storage, to_usize};
use crate::scores::dtype::{DType, Values};

/// A run of values in one storage: value `i` lies at byte `offset + i * stride * dtype.size()`.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Where the bytes lie.
    pub storage: Storage,
    /// Bytes from the start of the storage.
    pub offset: u64,
    /// In values; 1 is contiguous.
    pub stride: u64,
    /// In values.
    pub len: u64,
    /// The type of each value.
    pub dtype: DType,
    /// Whether the bytes are in the other order than this machine's.
    pub swapped: bool,
}

impl Part {
    /// The bytes that the values `rows` span, first to last, or nothing if that overflows.
    pub(crate) fn span(&self, rows: &Range<u64>) -> Option<Range<u64>> {
        let size = self.dtype.size() as u64;
        let step = self.stride.checked_mul(size)?;
        let start = self.offset.checked_add(rows.start.checked_mul(step)?)?;
        let Some(last) = rows.end.checked_sub(1).filter(|&last| last >= rows.start) else {
            // Proof: no rows span no bytes.
            return Some(start..start);
        };
        let end = self.offset.checked_add(last.checked_mul(step)?)?.checked_add(size)?;
        Some(start..end)
    }

    /// The values `rows` where they lie, if they lie as this machine has them.
    pub(super) fn borrow(&self, rows: &Range<u64>) -> Option<Values<'_>> {
        if rows.is_empty() {
            return Values::from_bytes(self.dtype, &[]);
        }
        if self.swapped || (self.stride != 1 && rows.end - rows.start != 1) {
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
        Part { storage, offset: 1, stride: 3, len: 4, dtype: DType::I16, swapped: false }
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
