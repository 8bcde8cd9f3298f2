//! The buffers of a batch: where they lie, and how many bytes they unpack to.

use arrow::ipc::RecordBatch as BatchHeader;

use super::excerpt::Excerpt;
use super::stream::{ArrowPart, BatchPlace};
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::memory::UnpackLimit;

use crate::io::ipc::{self, MessageBlock, buffers_of_columns};
use crate::io::read_at::ReadAt;

impl ArrowPart {
    /// Fails where some columns of a batch unpack to more than may be, or than memory has room for.
    pub(super) fn check_room(
        &self,
        batch: &BatchPlace,
        excerpt: &Excerpt<'_>,
        columns: &[usize],
        most: UnpackLimit,
    ) -> Result<()> {
        if !batch.packed {
            return Ok(());
        }
        let place = &batch.place;
        let bytes = self.header(excerpt, place, |header, version| {
            let broken = |what| Error::format(self.file.path(), At::Byte(place.header.start), what);
            let buffers = buffers_of_columns(&self.types.schema, &header, version).map_err(broken)?;
            let mut bytes = 0u64;
            for &column in columns {
                for buffer in checked::get(&buffers, column)?.clone() {
                    let span = ipc::buffer(self.file.path(), place, &header, buffer)?;
                    // Proof: what saturates finds no room.
                    bytes = bytes.saturating_add(ipc::unpacked(excerpt, span)?);
                }
            }
            Ok(bytes)
        })?;
        most.check(|| self.naming(place, "the batch"), bytes, 1)
            .map_err(|none| Error::Memory(none.to_string()))
    }

    /// Bytes of all batches, unpacked: those of compressed buffers stand before them.
    pub(super) fn unpacked(&self) -> Result<u64> {
        let unpacked = self.unpacked.here()?;
        if let Some(&known) = unpacked.get() {
            return Ok(known);
        }
        let mut bytes = self.batches.iter().map(|BatchPlace { place, packed, .. }| match packed {
            false => Ok(place.body.end - place.body.start),
            true => self.header(&self.file, place, |header, _| unpacked_buffers(&self.file, place, &header)),
        });
        // Proof: an estimate, cut at the largest that there can be.
        let sum = bytes.try_fold(0u64, |sum, bytes| Ok::<_, Error>(sum.saturating_add(bytes?)))?;
        Ok(*unpacked.get_or_init(|| sum))
    }
}

/// Fails if a buffer lies outside of the body, or is declared to unpack to more than any codec can hold.
pub(super) fn check_buffers(from: &impl ReadAt, place: &MessageBlock, batch: &BatchHeader<'_>) -> Result<()> {
    // Proof: without buffers, there is none to check, and the decoder refuses columns that need some.
    let count = batch.buffers().map_or(0, |buffers| buffers.iter().len());
    for index in 0..count {
        let span = ipc::buffer(from.path(), place, batch, index)?;
        if batch.compression().is_some() && span.end - span.start >= 8 {
            ipc::unpacked(from, span)?;
        }
    }
    Ok(())
}

/// Returns the bytes that all buffers of a batch unpack to.
///
/// Proof: an estimate, cut at the largest that there can be; without buffers, a batch has no bytes.
pub(super) fn unpacked_buffers(
    from: &impl ReadAt,
    place: &MessageBlock,
    batch: &BatchHeader<'_>,
) -> Result<u64> {
    let count = batch.buffers().map_or(0, |buffers| buffers.iter().len());
    (0..count).try_fold(0u64, |sum, index| {
        let span = ipc::buffer(from.path(), place, batch, index)?;
        Ok(sum.saturating_add(ipc::unpacked(from, span)?))
    })
}
