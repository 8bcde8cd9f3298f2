//! Memory for the entries of many tasks: one block per arena, in huge pages where the block is large.
//!
//! The kernel zeroes each page at its first touch. With 4 KB pages, that takes a third of the time of selecting a
//! quarter of 200 million rows; huge pages make it cheap.

use std::marker::PhantomData;

use memmap2::MmapMut;

use super::buckets::{Buckets, TaskEntries};
use super::entry::Entry;
use crate::checked::{self, impossible};
use crate::error::{Error, Result};

/// The smallest arena: it holds every entry that one task can produce.
pub(super) const MIN_ENTRIES: usize = 1 << 18;
/// The largest arena.
const MAX_ENTRIES: usize = 1 << 22;
/// Arenas from this size on ask for huge pages. A smaller arena would leave most of a huge page empty.
#[cfg(target_os = "linux")]
const HUGE_PAGE_BYTES: usize = 4 << 20;

/// The entries of some tasks, stored one task after another.
#[derive(Debug)]
pub(crate) struct Arena<E> {
    memory: MmapMut,
    used: usize,
    spans: Vec<TaskSpan>,
    entry: PhantomData<E>,
}

/// Where the entries of one task lie.
#[derive(Debug)]
struct TaskSpan {
    task: u64,
    start: usize,
    /// Where each bucket ends, relative to `start`.
    ends: Vec<u32>,
}

impl<E: Entry> Arena<E> {
    #[allow(clippy::cast_possible_truncation)] // at most `MAX_ENTRIES`
    /// Returns how many entries one arena should hold when `threads` threads keep `entries` entries altogether.
    pub(crate) fn capacity_for(entries: u64, threads: usize) -> usize {
        let each = entries / (4 * threads.max(1) as u64);
        each.clamp(MIN_ENTRIES as u64, MAX_ENTRIES as u64) as usize
    }

    /// Allocates memory for `len` entries.
    pub(crate) fn new(len: usize) -> Result<Self> {
        let bytes = checked::mul(len.max(1), size_of::<E>())?;
        let memory = MmapMut::map_anon(bytes)
            .map_err(|e| Error::Memory(format!("no memory for {len} rows ({bytes} bytes): {e}")))?;
        #[cfg(target_os = "linux")]
        if bytes >= HUGE_PAGE_BYTES {
            // The advice may fail: a kernel without huge pages uses small ones.
            let _ = memory.advise(memmap2::Advice::HugePage);
        }
        Ok(Self { memory, used: 0, spans: Vec::new(), entry: PhantomData })
    }

    /// Returns how many more entries fit.
    pub(crate) fn remaining(&self) -> usize {
        self.memory.len() / size_of::<E>() - self.used
    }

    /// Appends the entries of a task, which ascend by row and must fit. `bucketed` is scratch memory for reuse.
    pub(crate) fn push_task(
        &mut self,
        task: u64,
        entries: &[E],
        buckets: Buckets,
        bucketed: &mut Vec<E>,
    ) -> Result<()> {
        // Bucket ends are 32-bit.
        checked::to::<u32, _>(entries.len())?;
        let (start, end) = (self.used, checked::add(self.used, entries.len())?);
        // Distribute within the cache, then copy: sequential writes are the fastest way into cold memory.
        bucketed.resize(bucketed.len().max(entries.len()), E::WORST);
        let bucketed = &mut bucketed[..entries.len()];
        let ends = buckets.distribute(entries, bucketed);
        let into = self.entries_mut().get_mut(start..end);
        into.ok_or_else(|| impossible("the entries of a task do not fit its arena"))?
            .copy_from_slice(bucketed);
        self.used = end;
        self.spans.push(TaskSpan { task, start, ends });
        Ok(())
    }

    /// Yields the entries of each task, with the task's number.
    pub(super) fn tasks(&self) -> impl Iterator<Item = (u64, TaskEntries<'_, E>)> {
        let entries: &[E] = bytemuck::cast_slice(&self.memory);
        self.spans.iter().map(|span| {
            let len = span.ends.last().map_or(0, |&end| end as usize); // Proof: every span has at least one bucket.
            (span.task, TaskEntries { entries: &entries[span.start..span.start + len], ends: &span.ends })
        })
    }

    /// Keeps the entries for which `keep` returns true, and closes the gaps between them. `keep` sees the entries in
    /// storage order, each with the position of its task in this arena.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(usize, E) -> bool) -> Result<()> {
        let mut spans = std::mem::take(&mut self.spans);
        let entries = self.entries_mut();
        let mut kept = 0;
        for (number, span) in spans.iter_mut().enumerate() {
            let (mut read, from, start) = (span.start, span.start, kept);
            for end in &mut span.ends {
                while read < from + *end as usize {
                    let entry = entries[read];
                    entries[kept] = entry;
                    kept += usize::from(keep(number, entry));
                    read += 1;
                }
                *end = checked::to(kept - start)?;
            }
            span.start = start;
        }
        spans.retain(|span| span.ends.last().is_some_and(|&end| end > 0));
        (self.spans, self.used) = (spans, kept);
        Ok(())
    }

    fn entries_mut(&mut self) -> &mut [E] {
        bytemuck::cast_slice_mut(&mut self.memory)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::candidates::entry::Key64Row64;

    #[test]
    fn a_cut_closes_the_gaps_and_frees_space() {
        let buckets = Buckets::new::<Key64Row64>(0, 99, 1 << 20);
        assert!(buckets.count() > 1);
        let mut arena = Arena::new(300).unwrap();
        let entries = |task: u64| -> Vec<Key64Row64> {
            (0..100).map(|row| Key64Row64::new(row * 37 % 100, task * 100 + row)).collect()
        };
        for task in 0..3 {
            arena.push_task(task, &entries(task), buckets, &mut Vec::new()).unwrap();
        }
        assert_eq!(arena.remaining(), 0);
        assert!(arena.push_task(3, &entries(3), buckets, &mut Vec::new()).is_err());
        arena.retain(|number, entry| number != 1 && entry.sort_key() % 2 == 0).unwrap();
        assert_eq!(arena.remaining(), 200);
        arena.push_task(9, &entries(9), buckets, &mut Vec::new()).unwrap();
        let tasks: Vec<u64> = arena.tasks().map(|(task, _)| task).collect();
        assert_eq!(tasks, [0, 2, 9]);
        for (task, kept) in arena.tasks() {
            let mut expected = entries(task);
            expected.retain(|entry| task == 9 || entry.sort_key() % 2 == 0);
            for bucket in 0..buckets.count() {
                let here = kept.bucket(bucket).unwrap();
                assert!(here.is_sorted_by_key(|entry| entry.row()));
                expected.retain(|entry| !here.contains(entry));
            }
            assert!(expected.is_empty());
        }
    }

    #[test]
    fn arenas_are_large_where_much_is_kept() {
        assert_eq!(Arena::<Key64Row64>::capacity_for(0, 1), MIN_ENTRIES);
        assert_eq!(Arena::<Key64Row64>::capacity_for(u64::MAX, 2), MAX_ENTRIES);
        assert!((MIN_ENTRIES..MAX_ENTRIES).contains(&Arena::<Key64Row64>::capacity_for(1 << 23, 2)));
    }
}
