//! The buffers of a record batch: where they lie in the file, and how many bytes they unpack to.

use std::ops::Range;
use std::path::Path;

use arrow::ipc::{Buffer, RecordBatch as BatchHeader};

use super::message::MessageBlock;
use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};
use crate::io::read_at::ReadAt;

/// Return where a buffer of a batch lies in the file, or fail if that is not within the batch's body.
pub(crate) fn buffer(
    path: &Path,
    place: &MessageBlock,
    batch: &BatchHeader<'_>,
    index: usize,
) -> Result<Range<u64>> {
    let broken = |message| Error::format(path, At::Byte(place.header.start), message);
    let buffers = batch.buffers();
    #[allow(clippy::redundant_closure_for_method_calls)] // the method is of a crate that is not named here
    let count = buffers.as_ref().map_or(0, |buffers| buffers.len()); // Proof: a list that is not there is empty.
    let Some(found) = buffers.filter(|_| index < count).map(|buffers| *buffers.get(index)) else {
        let message = format!("the batch has {count} buffers, and its schema needs more than {index}");
        return Err(broken(message));
    };
    if found.offset() % 8 != 0 {
        return Err(broken(format!(
            "buffer {index} of the batch begins at byte {} of its body, and buffers begin at multiples of 8; the file is damaged",
            found.offset()
        )));
    }
    span(place, &found).ok_or_else(|| outside(path, place, index, &found))
}

/// Fail unless every buffer that is not empty lies within the body, whether or not it will be read.
pub(super) fn check_buffers(path: &Path, place: &MessageBlock, batch: &BatchHeader<'_>) -> Result<()> {
    let buffers = batch.buffers().into_iter().flatten(); // Proof: a list that is not there is empty.
    for (index, buffer) in buffers.enumerate() {
        if buffer.length() != 0 && span(place, buffer).is_none() {
            return Err(outside(path, place, index, buffer));
        }
    }
    Ok(())
}

/// Return where a buffer lies in the file, if it is within its body.
fn span(place: &MessageBlock, buffer: &Buffer) -> Option<Range<u64>> {
    let start = place.body.start.checked_add(u64::try_from(buffer.offset()).ok()?)?;
    let end = start.checked_add(u64::try_from(buffer.length()).ok()?)?;
    (end <= place.body.end).then_some(start..end)
}

fn outside(path: &Path, place: &MessageBlock, index: usize, buffer: &Buffer) -> Error {
    let message = format!(
        "buffer {index} of the batch spans {} bytes from {}, and its body has {}",
        buffer.length(),
        buffer.offset(),
        place.body.end - place.body.start
    );
    Error::format(path, At::Byte(place.header.start), message)
}

/// A compressed buffer says how many bytes it unpacks to; this many times its own is more than any codec reaches.
pub(crate) const MAX_RATIO: u64 = 1 << 17;

/// Return how many bytes the buffer at `span` of a compressed batch unpacks to.
///
/// Fail if it is declared to unpack to more than it can hold.
pub(crate) fn unpacked(file: &(impl ReadAt + ?Sized), span: Range<u64>) -> Result<u64> {
    let packed = checked::sub(span.end, span.start)?;
    let Some(plain) = packed.checked_sub(8) else {
        if packed == 0 {
            return Ok(0); // Proof: an empty buffer has no length before it.
        }
        let message = format!("a compressed buffer has {packed} bytes, and its length alone takes 8");
        return Err(Error::format(file.path(), At::Byte(span.start), message));
    };
    let prefix = file.read_at(span.start, 8)?;
    let declared =
        prefix.first_chunk::<8>().ok_or_else(|| impossible("8 bytes were read and are not there"))?;
    let declared = i64::from_le_bytes(*declared);
    // -1 says that the bytes were not worth compressing.
    if declared == -1 {
        return Ok(plain);
    }
    // Proof: what saturates is more than any buffer can declare.
    if let Some(length) =
        u64::try_from(declared).ok().filter(|&length| length <= packed.saturating_mul(MAX_RATIO))
    {
        return Ok(length);
    }
    let message = format!(
        "a buffer of {packed} compressed bytes is declared to unpack to {declared}: more than can be; the file is damaged"
    );
    Err(Error::format(file.path(), At::Byte(span.start), message))
}
