//! Values that someone else holds in memory: an array beside scores in an expression.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::checked::{self, impossible};
use crate::error::Result;
use crate::scores::dtype::{DType, Values};

/// What messages say of where they lie.
pub(crate) const IN_MEMORY: &str = "an array in memory";

/// One run of values where they lie in memory, which lives as long as this does.
#[derive(Clone)]
pub struct HeldVector {
    bytes: Bytes,
    dtype: DType,
    /// The number of the first one in what was given.
    start: u64,
    /// The file that whoever holds them has mapped.
    file: Option<Arc<Path>>,
}

impl HeldVector {
    /// Values in native byte order.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::Internal`] for bytes that are no whole values, or whose address does not suit the type.
    pub fn new(bytes: Bytes, dtype: DType, file: Option<PathBuf>) -> Result<Self> {
        if Values::from_bytes(dtype, &bytes).is_none() {
            return Err(impossible(format_args!("{} bytes in memory are no {dtype}", bytes.len())));
        }
        Ok(Self { bytes, dtype, start: 0, file: file.map(Arc::from) })
    }

    /// All of them.
    pub fn values(&self) -> Result<Values<'_>> {
        Values::from_bytes(self.dtype, &self.bytes)
            .ok_or_else(|| impossible("values in memory are of another type"))
    }

    /// The file that whoever holds them has mapped, if it is known.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    pub(super) fn dtype(&self) -> DType {
        self.dtype
    }

    pub(super) fn len(&self) -> u64 {
        (self.bytes.len() / self.dtype.size()) as u64
    }

    /// The number of the first one in what was given.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// The same values as those from a number on of what was given.
    pub(crate) fn starting_at(self, start: u64) -> Self {
        Self { start, ..self }
    }

    /// The number of a row in what was given.
    pub(super) fn row(&self, row: u64) -> Result<u64> {
        checked::add(self.start, row)
    }

    pub(super) fn read(&self, rows: &Range<u64>) -> Result<Values<'_>> {
        let values = self.values()?;
        let rows = checked::span(rows)?;
        if rows.start > rows.end || rows.end > values.len() {
            return Err(impossible("rows behind those in memory are read"));
        }
        Ok(values.slice(rows))
    }

    /// The rows `rows`, which lie within it.
    pub(super) fn cut(&self, rows: &Range<u64>) -> Result<Self> {
        // Looked at here, as a slice of bytes beyond their end is a panic.
        let part = self.read(rows)?;
        let from = checked::mul(checked::index(rows.start)?, self.dtype.size())?;
        let bytes = self.bytes.slice(from..checked::add(from, part.as_bytes().len())?);
        Ok(Self { bytes, start: checked::add(self.start, rows.start)?, ..self.clone() })
    }
}

impl fmt::Debug for HeldVector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} values of {} in memory", self.len(), self.dtype)
    }
}
