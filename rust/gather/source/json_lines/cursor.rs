//! Where compressed files were read to: rows behind that place need not be reached from the beginning again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::Result;
use crate::io::lines::{Blocks, LineBlock};

/// Places that a process keeps at most: each holds what unpacks the file.
const MOST_KEPT: usize = 8;

static KEPT: AtomicUsize = AtomicUsize::new(0);

/// A place in a file.
pub(super) struct Cursor {
    blocks: Blocks,
    /// The block that was read last.
    block: Option<LineBlock>,
}

impl Cursor {
    pub(super) fn new(blocks: Blocks) -> Self {
        Self { blocks, block: None }
    }

    /// The block that holds a row, which is not before those of the last; nothing where the file has no such row.
    pub(super) fn block_of(&mut self, row: u64) -> Result<Option<&LineBlock>> {
        while self.block.as_ref().is_none_or(|block| block.end().rows <= row) {
            self.block = self.blocks.next().transpose()?;
            if self.block.is_none() {
                return Ok(None);
            }
        }
        Ok(self.block.as_ref())
    }

    /// Whether a row is not before the last block.
    fn can_reach(&self, row: u64) -> bool {
        self.block.as_ref().is_some_and(|block| block.start().rows <= row)
    }
}

/// One of the places that may be kept.
struct Permit;

impl Permit {
    fn new() -> Option<Self> {
        let given = KEPT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |kept| {
            (kept < MOST_KEPT).then_some(kept + 1)
        });
        // Made only where it is given: one that is dropped gives its place back.
        given.is_ok().then(|| Self)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        KEPT.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Room for a place in one file. Where another thread looks at the same moment, there is none: nobody waits, nor does a
/// fork of the process for a lock that it found taken.
#[derive(Default)]
pub(super) struct Kept(Mutex<Option<(Cursor, Permit)>>);

impl Kept {
    /// Takes the place that is kept, if the row can be reached from it.
    pub(super) fn take(&self, row: u64) -> Option<Cursor> {
        let mut kept = self.0.try_lock().ok()?;
        let usable = kept.as_ref().is_some_and(|(cursor, _)| cursor.can_reach(row));
        kept.take().filter(|_| usable).map(|(cursor, _)| cursor)
    }

    /// Keeps a place, unless there are too many.
    pub(super) fn put(&self, cursor: Cursor) {
        let Ok(mut kept) = self.0.try_lock() else { return }; // Proof: rows are read from the beginning, then.
        *kept = None;
        *kept = Permit::new().map(|permit| (cursor, permit));
    }
}
