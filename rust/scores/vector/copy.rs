//! Copies values that do not lie as this machine has them: strided, in the other byte order, or on disk.

use std::ops::Range;

use super::part::Part;
use crate::checked::{self, impossible};
use crate::error::{Error, Result};
use crate::io::file::{Storage, to_usize};
use crate::io::opened::Opened;

/// Bytes read at once where values lie apart.
const WINDOW: u64 = 1 << 16;

/// Copies the values `rows` of a part into `into`, contiguous and in this machine's byte order.
pub(crate) fn copy_values(part: &Part, rows: &Range<u64>, into: &mut [u8]) -> Result<()> {
    let bytes = checked::mul(checked::len(rows)?, part.dtype.size())?;
    checked::equal("bytes of room for values", into.len(), bytes)?;
    match &part.storage {
        Storage::Positional(opened) if part.stride == 1 => {
            opened.read_exact_at(into, start(part, rows)?)?;
        }
        Storage::Positional(opened) => read_strided(part, opened, rows, into)?,
        Storage::Mapped(_) | Storage::Memory(_) => {
            let span = part.span(rows).and_then(to_usize).ok_or_else(outside)?;
            let bytes = part.storage.bytes().and_then(|bytes| bytes.get(span)).ok_or_else(outside)?;
            pick(part, bytes, into)?;
        }
    }
    if part.swapped {
        // Proof: nothing remains, as there is room for whole values.
        into.chunks_exact_mut(part.dtype.size()).for_each(<[u8]>::reverse);
    }
    Ok(())
}

/// Reads values that lie apart, as many at once as fit a window.
fn read_strided(part: &Part, opened: &Opened, rows: &Range<u64>, into: &mut [u8]) -> Result<()> {
    let size = part.dtype.size();
    let step = checked::mul(part.stride, size as u64)?.max(1);
    let count = (WINDOW / step).max(1);
    let mut window = Vec::new();
    let mut row = rows.start;
    for into in into.chunks_mut(checked::mul(checked::index(count)?, size)?) {
        let here = row..checked::add(row, (into.len() / size) as u64)?;
        let span = part.span(&here).ok_or_else(outside)?;
        window.resize(checked::len(&span)?, 0);
        opened.read_exact_at(&mut window, span.start)?;
        pick(part, &window, into)?;
        row = here.end;
    }
    checked::equal("rows that were read", row, rows.end)
}

/// Copies every `stride`-th value of `bytes`, from the first.
fn pick(part: &Part, bytes: &[u8], into: &mut [u8]) -> Result<()> {
    if part.stride == 1 {
        into.copy_from_slice(bytes.get(..into.len()).ok_or_else(outside)?);
        return Ok(());
    }
    let size = part.dtype.size();
    let step = checked::mul(checked::index(part.stride)?, size)?;
    // Proof: nothing remains, as there is room for whole values.
    for (index, value) in into.chunks_exact_mut(size).enumerate() {
        let at = checked::mul(index, step)?;
        value.copy_from_slice(bytes.get(at..checked::add(at, size)?).ok_or_else(outside)?);
    }
    Ok(())
}

fn start(part: &Part, rows: &Range<u64>) -> Result<u64> {
    part.span(rows).map(|span| span.start).ok_or_else(outside)
}

fn outside() -> Error {
    impossible("values of a part lie outside its storage")
}
