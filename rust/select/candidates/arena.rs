//! Room for the entries of many tasks: one stretch of memory, in large pages where there are many.
//!
//! The system clears a page before it gives it away and does so at its first touch. For a quarter of 200 million
//! rows in pages of 4 KB that is a third of the time of a selection.

use std::marker::PhantomData;

use memmap2::MmapMut;

use super::buckets::{Parting, Piece};
use super::entry::Entry;
use crate::checked::{self, impossible};
use crate::error::{Error, Result};

/// Entries of a slab at least: as many as a task can have.
pub(super) const LEAST: usize = 1 << 18;
/// Entries of a slab at most.
const MOST: usize = 1 << 22;
/// Bytes from which on a slab is in large pages. Those of a smaller one would be mostly empty.
const LARGE: usize = 4 << 20;

/// Entries of some tasks, one run of them after the other.
#[derive(Debug)]
pub(crate) struct Slab<E> {
    memory: MmapMut,
    used: usize,
    runs: Vec<Run>,
    entry: PhantomData<E>,
}

/// The entries of a task.
#[derive(Debug)]
struct Run {
    task: u64,
    start: usize,
    /// Where each bucket ends, counted from the start.
    ends: Vec<u32>,
}

impl<E: Entry> Slab<E> {
    #[allow(clippy::cast_possible_truncation)] // at most `MOST`
    /// How many entries a slab should have where so many are kept by so many threads.
    pub(crate) fn len_for(entries: u64, threads: usize) -> usize {
        let each = entries / (4 * threads.max(1) as u64);
        each.clamp(LEAST as u64, MOST as u64) as usize
    }

    /// Room for `len` entries.
    pub(crate) fn new(len: usize) -> Result<Self> {
        let bytes = checked::mul(len.max(1), size_of::<E>())?;
        let memory = MmapMut::map_anon(bytes)
            .map_err(|e| Error::Memory(format!("no memory for {len} rows ({bytes} bytes): {e}")))?;
        #[cfg(target_os = "linux")]
        if bytes >= LARGE {
            // A kernel without them gives small ones.
            let _ = memory.advise(memmap2::Advice::HugePage);
        }
        Ok(Self { memory, used: 0, runs: Vec::new(), entry: PhantomData })
    }

    /// How many entries still fit.
    pub(crate) fn room(&self) -> usize {
        self.memory.len() / size_of::<E>() - self.used
    }

    /// Adds the entries of a task, in ascending rows; they must fit. `parted` is memory to work in.
    pub(crate) fn add(
        &mut self,
        task: u64,
        entries: &[E],
        parting: Parting,
        parted: &mut Vec<E>,
    ) -> Result<()> {
        // The ends of buckets are counted in 32 bits.
        checked::to::<u32, _>(entries.len())?;
        let (start, end) = (self.used, checked::add(self.used, entries.len())?);
        // Parted in the cache, and then copied: memory that is cold is written to fastest from end to end.
        parted.resize(parted.len().max(entries.len()), E::WORST);
        let parted = &mut parted[..entries.len()];
        let ends = parting.part(entries, parted);
        let into = self.entries_mut().get_mut(start..end);
        into.ok_or_else(|| impossible("the entries of a task do not fit its slab"))?.copy_from_slice(parted);
        self.used = end;
        self.runs.push(Run { task, start, ends });
        Ok(())
    }

    /// The pieces, each with its task.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (u64, Piece<'_, E>)> {
        let entries: &[E] = bytemuck::cast_slice(&self.memory);
        self.runs.iter().map(|run| {
            let len = run.ends.last().map_or(0, |&end| end as usize); // Proof: there is a bucket.
            (run.task, Piece { entries: &entries[run.start..run.start + len], ends: &run.ends })
        })
    }

    /// Keeps the entries of which that is true. They are asked for in their order, with the number of their piece;
    /// what stays moves together.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(usize, E) -> bool) -> Result<()> {
        let mut runs = std::mem::take(&mut self.runs);
        let entries = self.entries_mut();
        let mut kept = 0;
        for (number, run) in runs.iter_mut().enumerate() {
            let (mut read, from, start) = (run.start, run.start, kept);
            for end in &mut run.ends {
                while read < from + *end as usize {
                    let entry = entries[read];
                    entries[kept] = entry;
                    kept += usize::from(keep(number, entry));
                    read += 1;
                }
                *end = checked::to(kept - start)?;
            }
            run.start = start;
        }
        runs.retain(|run| run.ends.last().is_some_and(|&end| end > 0));
        (self.runs, self.used) = (runs, kept);
        Ok(())
    }

    fn entries_mut(&mut self) -> &mut [E] {
        bytemuck::cast_slice_mut(&mut self.memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::candidates::entry::Wide;

    #[test]
    fn what_stays_moves_together_and_leaves_room() {
        let parting = Parting::new::<Wide>(0, 99, 1 << 20);
        assert!(parting.buckets() > 1);
        let mut slab = Slab::new(300).unwrap();
        let entries = |task: u64| -> Vec<Wide> {
            (0..100).map(|row| Wide::new(row * 37 % 100, task * 100 + row)).collect()
        };
        for task in 0..3 {
            slab.add(task, &entries(task), parting, &mut Vec::new()).unwrap();
        }
        assert_eq!(slab.room(), 0);
        assert!(slab.add(3, &entries(3), parting, &mut Vec::new()).is_err());
        slab.retain(|number, entry| number != 1 && entry.badness() % 2 == 0).unwrap();
        assert_eq!(slab.room(), 200);
        slab.add(9, &entries(9), parting, &mut Vec::new()).unwrap();
        let tasks: Vec<u64> = slab.pieces().map(|(task, _)| task).collect();
        assert_eq!(tasks, [0, 2, 9]);
        for (task, piece) in slab.pieces() {
            let mut expected = entries(task);
            expected.retain(|entry| task == 9 || entry.badness() % 2 == 0);
            for bucket in 0..parting.buckets() {
                let here = piece.bucket(bucket).unwrap();
                assert!(here.is_sorted_by_key(|entry| entry.row()));
                expected.retain(|entry| !here.contains(entry));
            }
            assert!(expected.is_empty());
        }
    }

    #[test]
    fn slabs_are_large_where_much_is_kept() {
        assert_eq!(Slab::<Wide>::len_for(0, 1), LEAST);
        assert_eq!(Slab::<Wide>::len_for(u64::MAX, 2), MOST);
        assert!((LEAST..MOST).contains(&Slab::<Wide>::len_for(1 << 23, 2)));
    }
}
