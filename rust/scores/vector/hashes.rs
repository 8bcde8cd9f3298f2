//! Hashes of the blocks of score files, by which it is told later whether their bytes are still what they were.
//!
//! The times of a file tell of most writes, and not of all: a page that was written through a map is written again
//! without a word, and within a tick of the clock so is any other.

use std::ops::Range;

use twox_hash::XxHash3_128;

use crate::checked;
use crate::error::Result;
use crate::exec::job::{Job, Queue};
use crate::io::file::File;

/// Bytes of a block.
pub(crate) const BLOCK: u64 = 1 << 20;
/// Blocks that a thread takes at once.
pub(crate) const AT_ONCE: u64 = 8;

/// A hash of each block of a file.
#[derive(Debug)]
pub(crate) struct Hashes(Vec<u128>);

impl Hashes {
    /// Those of a file as it is.
    pub(crate) fn of(file: &File, job: &Job<'_>) -> Result<Self> {
        let count = file.size().div_ceil(BLOCK);
        let queue = Queue::new(count.div_ceil(AT_ONCE));
        let runs = job.run_on(checked::index(count.div_ceil(AT_ONCE))?, |_, state| {
            let mut mine = Vec::new();
            while let Some(run) = queue.take() {
                for block in run * AT_ONCE..count.min((run + 1) * AT_ONCE) {
                    mine.push((block, hash_of(file, block)?));
                    state.check()?;
                }
            }
            Ok(mine)
        })?;
        // Proof: those of each thread in turn, which are counted.
        let mut all: Vec<(u64, u128)> = runs.into_iter().flatten().collect();
        checked::equal("blocks that were hashed", all.len() as u64, count)?;
        all.sort_unstable_by_key(|(block, _)| *block);
        Ok(Self(all.into_iter().map(|(_, hash)| hash).collect()))
    }

    /// That of a block.
    pub(crate) fn get(&self, block: u64) -> Result<u128> {
        checked::get(&self.0, checked::index(block)?).copied()
    }
}

/// The hash of a block of a file.
pub(crate) fn hash_of(file: &File, block: u64) -> Result<u128> {
    let bytes = bytes_of(file, block)?;
    let len = checked::len(&bytes)?;
    file.opened().read_ahead(&bytes);
    Ok(XxHash3_128::oneshot(&file.read(bytes.start, len)?))
}

/// The bytes of a block.
pub(crate) fn bytes_of(file: &File, block: u64) -> Result<Range<u64>> {
    let start = checked::mul(block, BLOCK)?;
    let len = checked::sub(file.size(), start)?.min(BLOCK);
    Ok(start..checked::add(start, len)?)
}
