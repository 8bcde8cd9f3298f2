//! Whether the bytes of score files are still what they were when they were opened, by their hashes.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Source;
use super::expr::Scores;
use super::vector::hashes::{AT_ONCE, BLOCK, bytes_of, hash_of};
use super::vector::part::Part;
use super::vector::stored::StoredVector;
use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};
use crate::exec::job::{Job, Queue};
use crate::io::file::Storage;
use crate::io::state::REOPEN;

impl Scores {
    /// Compares the blocks of its files that hold its values with what they were when it was opened by
    /// [`Scores::open_in`] to be verified, on the threads of a job. Of files whose values were decoded when they were
    /// opened, these are all blocks.
    ///
    /// # Errors
    ///
    /// [`Error::SourceChanged`], which names the file, the bytes and the rows; [`Error::Value`] for a vector that was
    /// opened without hashes.
    pub fn check(&self, job: &Job<'_>) -> Result<()> {
        let mut vectors = Vec::new();
        self.each_stored(&mut |stored| vectors.push(stored.clone()));
        let mut blocks = Vec::new();
        for (vector, stored) in vectors.iter().enumerate() {
            for (file, block) in held(stored)? {
                blocks.push((vector, file, block));
            }
        }
        self.check_unchanged()?;
        if let Some(first) = first_other(&vectors, &blocks, job)? {
            let (vector, file, block) = *checked::get(&blocks, first)?;
            return Err(other(checked::get(&vectors, vector)?, file, block)?);
        }
        self.check_unchanged()
    }
}

/// The blocks of each file that hold values of a vector, in their order.
fn held(stored: &StoredVector) -> Result<BTreeSet<(usize, u64)>> {
    if stored.hashes().is_none() {
        let path = stored.paths().next().map(|path| path.display().to_string());
        return Err(Error::Value(format!(
            "check() compares with what open_scores(…, verify=True) kept, and {} was opened without; open it again so",
            path.unwrap_or_default() // Proof: a vector has a file.
        )));
    }
    let mut blocks = BTreeSet::new();
    for placed in stored.placed() {
        let (file, _, part) = placed?;
        let bytes = match &part.storage {
            Storage::Memory(_) => 0..checked::get(stored.files(), file)?.size(),
            Storage::Mapped(_) | Storage::Positional(_) => {
                part.span(&(0..part.len)).ok_or_else(|| impossible("a part lies outside its file"))?
            }
        };
        blocks.extend((bytes.start / BLOCK..bytes.end.div_ceil(BLOCK)).map(|block| (file, block)));
    }
    Ok(blocks)
}

/// The number of the first block whose bytes are others, if there is one.
fn first_other(
    vectors: &[StoredVector],
    blocks: &[(usize, usize, u64)],
    job: &Job<'_>,
) -> Result<Option<usize>> {
    let first = AtomicU64::new(u64::MAX);
    let queue = Queue::new((blocks.len() as u64).div_ceil(AT_ONCE));
    job.run_on(blocks.len().div_ceil(checked::index(AT_ONCE)?), |_, state| {
        while let Some(run) = queue.take() {
            // Those before the first that was found are taken already, and looked at to their end.
            if run * AT_ONCE > first.load(Ordering::Relaxed) {
                break;
            }
            for number in run * AT_ONCE..(blocks.len() as u64).min((run + 1) * AT_ONCE) {
                let (vector, file, block) = *checked::get(blocks, checked::index(number)?)?;
                if !is_same(checked::get(vectors, vector)?, file, block)? {
                    first.fetch_min(number, Ordering::Relaxed);
                    break;
                }
                state.check()?;
            }
        }
        Ok(())
    })?;
    let first = first.into_inner();
    (first != u64::MAX).then(|| checked::index(first)).transpose()
}

fn is_same(stored: &StoredVector, file: usize, block: u64) -> Result<bool> {
    let hashes = stored.hashes().ok_or_else(|| impossible("a vector lost its hashes"))?;
    let before = checked::get(hashes, file)?.get(block)?;
    Ok(hash_of(checked::get(stored.files(), file)?, block)? == before)
}

/// The error for a block whose bytes are others.
fn other(stored: &StoredVector, number: usize, block: u64) -> Result<Error> {
    let file = checked::get(stored.files(), number)?;
    let bytes = bytes_of(file, block)?;
    let mut rows: Option<Range<u64>> = None;
    for placed in stored.placed() {
        let (of, first, part) = placed?;
        let Some(found) = (of == number).then(|| rows_within(part, &bytes)).flatten() else { continue }; // Proof: no row.
        let (start, end) = (checked::add(first, found.start)?, checked::add(first, found.end)?);
        rows = Some(rows.map_or(start..end, |rows| rows.start.min(start)..rows.end.max(end)));
    }
    let rows = match rows {
        Some(rows) => {
            let (_, first) = stored.file_of(rows.start)?;
            let (_, last) = stored.file_of(checked::sub(rows.end, 1)?)?;
            format!(", which hold rows {first} to {last} of it,")
        }
        None => ", of which rows were decoded,".to_owned(),
    };
    Ok(Error::source_changed(
        file.path(),
        At::Byte(bytes.start),
        format!(
            "bytes {} to {}{rows} are others than when it was opened, which neither its size nor its times tell, as after a write through a map of it; {REOPEN}",
            bytes.start,
            bytes.end - 1
        ),
    ))
}

/// The values of a part that lie in some bytes, by their numbers in it; nothing where its values were decoded.
fn rows_within(part: &Part, bytes: &Range<u64>) -> Option<Range<u64>> {
    if matches!(part.storage, Storage::Memory(_)) {
        return None;
    }
    let step = part.stride.checked_mul(part.dtype.size() as u64)?;
    let size = part.dtype.size() as u64;
    // Proof: a part that begins behind the bytes, or whose first values lie in them, has none before them.
    let start = bytes.start.saturating_add(1).saturating_sub(part.offset).saturating_sub(size);
    let end = bytes.end.checked_sub(part.offset)?; // it begins behind them
    let rows = start.div_ceil(step)..end.div_ceil(step).min(part.len);
    (rows.start < rows.end).then_some(rows)
}
