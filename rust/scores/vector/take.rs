//! Values out of a vector into memory of the caller: a run of rows, or rows in any order.

use std::ops::Range;
use std::sync::Mutex;

use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::{Job, State};
use crate::scores::Source;
use crate::scores::dtype::Scratch;

/// Rows that are copied at once.
pub const BLOCK: usize = 1 << 15;

/// Copies the values of `rows` into `into`, which has just room for them, in the vector's own type.
pub fn copy_rows(source: &dyn Source, rows: &Range<u64>, into: &mut [u8], job: &Job<'_>) -> Result<()> {
    let size = source.dtype().size();
    check_room(checked::len(rows)?, size, into)?;
    // A file that was cut is seen here rather than by a signal.
    source.check_unchanged()?;
    by_blocks(into, size, job, |index, into, scratch| {
        let start = checked::add(rows.start, index as u64)?;
        let block = start..checked::add(start, (into.len() / size) as u64)?;
        source.prefetch(block.clone())?;
        copy(source.read(block, scratch)?.as_bytes(), into)
    })?;
    source.check_unchanged()
}

/// Copies the value of each of `rows` into `into`, which has just room for them. Negative rows count from the end.
///
/// # Errors
///
/// [`Error::Index`] for a row that is not there, with its position.
pub fn take_rows(source: &dyn Source, rows: &[i64], into: &mut [u8], job: &Job<'_>) -> Result<()> {
    let size = source.dtype().size();
    let len = source.len();
    check_room(rows.len(), size, into)?;
    // A file that was cut is seen here rather than by a signal.
    source.check_unchanged()?;
    let all = source.borrow_all();
    by_blocks(into, size, job, |index, into, scratch| {
        let rows = checked::get(rows, index..index + into.len() / size)?;
        for (position, (&given, into)) in checked::zip(rows, into.chunks_exact_mut(size))?.enumerate() {
            let row = row_of(given, len, index + position)?;
            // Proof: the vector says what a row means that does not lie in memory.
            let there = usize::try_from(row).ok().zip(all).filter(|&(row, all)| row < all.len());
            match there {
                Some((row, all)) => copy(all.slice(row..row + 1).as_bytes(), into)?,
                None => copy(source.read(row..row + 1, scratch)?.as_bytes(), into)?,
            }
        }
        Ok(())
    })?;
    source.check_unchanged()
}

/// Fails unless there is room for just so many values: what is handed out was written from end to end.
fn check_room(values: usize, size: usize, into: &[u8]) -> Result<()> {
    checked::equal("bytes of room for values", into.len(), checked::mul(values, size)?)
}

/// The row that a number means, from the start or from the end.
fn row_of(given: i64, len: u64, position: usize) -> Result<u64> {
    let row = if given < 0 { len.checked_sub(given.unsigned_abs()) } else { Some(given.unsigned_abs()) };
    row.filter(|&row| row < len).ok_or_else(|| {
        Error::Index(format!("row {given} at position {position} lies outside the {len} rows there are"))
    })
}

/// Calls `work` with the number of the first value, the room and a scratch, for every block of `into`.
pub(in crate::scores) fn by_blocks(
    into: &mut [u8],
    size: usize,
    job: &Job<'_>,
    work: impl Fn(usize, &mut [u8], &mut Scratch) -> Result<()> + Sync,
) -> Result<()> {
    let count = into.len() / size;
    let blocks = Mutex::new(into.chunks_mut(BLOCK * size).enumerate());
    job.run_on(count.div_ceil(BLOCK), |_, state: &State| {
        let mut scratch = Scratch::default();
        loop {
            let next = blocks.lock().map_err(|_| Error::Internal("a thread panicked".into()))?.next();
            let Some((block, into)) = next else { return Ok(()) }; // Proof: no block is left.
            work(block * BLOCK, into, &mut scratch)?;
            state.check()?;
        }
    })?;
    Ok(())
}

fn copy(bytes: &[u8], into: &mut [u8]) -> Result<()> {
    checked::equal("bytes of values that were read", bytes.len(), into.len())?;
    into.copy_from_slice(bytes);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scores::{OpenOptions, RawType, Scores};

    #[test]
    fn room_for_more_or_fewer_values_is_a_defect() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("source.raw");
        std::fs::write(&path, [1, 2, 3, 4, 5, 6]).unwrap();
        let options =
            OpenOptions { dtype: Some(RawType::parse("<int16").unwrap()), ..OpenOptions::default() };
        let source = Scores::open(&[path], &options).unwrap();
        let job = Job::new(1);
        for room in [0, 3, 5, 6] {
            let mut into = vec![0; room];
            let copied = copy_rows(&source, &(0..2), &mut into, &job).unwrap_err();
            let taken = take_rows(&source, &[0, 1], &mut into, &job).unwrap_err();
            for error in [copied, taken] {
                assert!(
                    matches!(&error, Error::Internal(message) if message.contains("room for values")),
                    "{error}"
                );
            }
        }
        let mut into = [0; 4];
        take_rows(&source, &[-1, 0], &mut into, &job).unwrap();
        assert_eq!(into, [5, 6, 1, 2]);
        let mut scratch = Scratch::default();
        for rows in [2..4, 4..4, 0..4] {
            assert!(matches!(source.read(rows, &mut scratch), Err(Error::Internal(_))));
        }
    }
}
