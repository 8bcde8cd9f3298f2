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
    if let Some(reduced) = &part.reduced {
        // Proof: a column that does not lie in memory has no values there.
        let found =
            (0..reduced.width).filter_map(|number| rows_within(&part.column(reduced, number)?, bytes));
        return found.reduce(|all, rows| all.start.min(rows.start)..all.end.max(rows.end));
    }
    let step = part.stride.checked_mul(part.dtype.size() as u64)?;
    let size = part.dtype.size() as u64;
    // Proof: a part that begins behind the bytes, or whose first values lie in them, has none before them.
    let start = bytes.start.saturating_add(1).saturating_sub(part.offset).saturating_sub(size);
    let end = bytes.end.checked_sub(part.offset)?; // it begins behind them
    let rows = start.div_ceil(step)..end.div_ceil(step).min(part.len);
    (rows.start < rows.end).then_some(rows)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::scores::dtype::DType;
    use crate::scores::{OpenOptions, RawType};

    proptest! {
        #[test]
        fn rows_within_bytes_are_those_that_have_one_of_them(
            dtype in prop::sample::select(vec![DType::I8, DType::F32, DType::F64]),
            offset in 0..40_u64, stride in 1..5_u64, len in 0..30_u64, from in 0..400_u64, count in 1..200_u64,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("f");
            std::fs::write(&path, [0; 8]).unwrap();
            let storage = crate::io::file::File::open(&path, crate::io::file::Io::Pread).unwrap().storage();
            let part = Part { storage, offset, stride, len, dtype, swapped: false, reduced: None };
            let bytes = from..from + count;
            let size = dtype.size() as u64;
            let has_one = |row: &u64| {
                let start = offset + row * stride * size;
                (start..start + size).any(|byte| bytes.contains(&byte))
            };
            let rows: Vec<u64> = (0..len).filter(has_one).collect();
            let expected = rows.first().zip(rows.last()).map(|(&first, &last)| first..last + 1);
            prop_assert_eq!(rows_within(&part, &bytes), expected);
            let decoded = Part { storage: Storage::Memory(vec![0; 8].into()), ..part };
            prop_assert_eq!(rows_within(&decoded, &bytes), None);
        }
    }

    #[test]
    fn a_vector_is_checked_by_the_blocks_that_hold_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        // Three blocks and a half, of one value to a byte.
        let rows = BLOCK * 7 / 2;
        std::fs::write(&path, vec![1; usize::try_from(rows).unwrap()]).unwrap();
        let dtype = Some(RawType { dtype: DType::U8, swapped: false });
        let options = OpenOptions { dtype, verify: true, ..OpenOptions::default() };
        let job = Job::new(2);
        let scores = Scores::open_in(&job, std::slice::from_ref(&path), &options).unwrap();
        scores.check(&job).unwrap();
        let blocks = |scores: &Scores| {
            let mut found = Vec::new();
            scores.each_stored(&mut |stored| found.extend(held(stored).unwrap()));
            found
        };
        for (rows, expected) in [
            (0..rows, vec![0, 1, 2, 3]),
            (0..1, vec![0]),
            (BLOCK - 1..BLOCK, vec![0]),
            (BLOCK..BLOCK + 1, vec![1]),
            (BLOCK - 1..2 * BLOCK + 1, vec![0, 1, 2]),
            (rows - 1..rows, vec![3]),
        ] {
            let slice = scores.slice(rows).unwrap();
            assert_eq!(blocks(&slice), expected.into_iter().map(|block| (0, block)).collect::<Vec<_>>());
        }
        let plain =
            Scores::open(std::slice::from_ref(&path), &OpenOptions { verify: false, ..options }).unwrap();
        let said = plain.check(&job).unwrap_err().to_string();
        assert!(said.starts_with("check() compares with what open_scores(…, verify=True) kept"), "{said}");
        std::fs::write(&path, [1]).unwrap();
        assert!(matches!(scores.check(&job), Err(Error::SourceChanged(_))));
    }
}
