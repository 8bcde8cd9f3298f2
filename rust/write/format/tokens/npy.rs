//! Arrays of numpy: (rows, length), or where rows differ in length (tokens,) and beside it rows + 1 offsets.

use std::path::Path;

use arrow::datatypes::DataType;

use super::files::{Around, Ended, TokenFiles, check_is_file, ends, width_of};
use super::header::{self, HEADER, check_size, header, read_header, unknown};
use crate::error::Result;

pub(super) struct Npy;

impl TokenFiles for Npy {
    fn default_type(&self, kind: &DataType) -> Option<DataType> {
        Some(kind.clone()).filter(DataType::is_integer)
    }

    fn head_bytes(&self, _rows: u64) -> Result<usize> {
        Ok(HEADER)
    }

    fn around(&self, shard: &Ended<'_>) -> Result<Around> {
        let (shape, beside) = match shard.length {
            Some(length) => (format!("({}, {length})", shard.lengths.len()), None),
            None => (format!("({},)", shard.tokens), Some(offsets(shard.lengths)?)),
        };
        Ok(Around { head: header(&descr(shard.stored)?, &shape)?, beside })
    }

    fn count_rows(&self, path: &Path, beside: &Path, _width: Option<u64>) -> Result<u64> {
        let (shape, width) = read_header(path)?;
        check_size(path, &shape, width)?;
        match *shape {
            [rows, _] => return Ok(rows),
            [_] => {}
            _ => return Err(unknown(path)),
        }
        check_is_file(beside)?;
        let (shape, width) = read_header(beside)?;
        check_size(beside, &shape, width)?;
        let [ends] = *shape else { return Err(unknown(beside)) };
        ends.checked_sub(1).ok_or_else(|| unknown(beside))
    }

    fn dtype(&self, path: &Path, _beside: &Path) -> Result<Option<String>> {
        header::dtype(path).map(Some)
    }
}

/// The type as numpy spells it: byte order, sign, bytes.
fn descr(stored: &DataType) -> Result<String> {
    let width = width_of(stored)?;
    let order = if width == 1 { '|' } else { '<' };
    let sign = if stored.is_unsigned_integer() { 'u' } else { 'i' };
    Ok(format!("{order}{sign}{width}"))
}

fn offsets(lengths: &[u64]) -> Result<Vec<u8>> {
    let mut bytes = header("<i8", &format!("({},)", lengths.len() + 1))?;
    bytes.extend(0u64.to_le_bytes());
    bytes.extend(ends(lengths)?.into_iter().flat_map(u64::to_le_bytes));
    Ok(bytes)
}
