//! A run of bytes of a file, read in order.

use std::io::Read;
use std::sync::Arc;

use crate::io::opened::Opened;

/// The run from the next byte to the end.
pub(super) struct Stored {
    pub(super) opened: Arc<Opened>,
    /// The first byte that was not read yet.
    pub(super) next: u64,
    pub(super) end: u64,
}

impl Read for Stored {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        // Proof: behind its end there is nothing.
        let left = self.end.saturating_sub(self.next);
        // Proof: as long as what is read into, where that is less.
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        let Some(into) = into.get_mut(..len).filter(|into| !into.is_empty()) else { return Ok(0) }; // Proof: the end.
        self.opened.read_ahead(&(self.next..self.next + len as u64));
        self.opened.read_exact_at(into, self.next).map_err(std::io::Error::other)?;
        self.next += len as u64;
        Ok(len)
    }
}
