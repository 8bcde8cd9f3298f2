//! Rows that are not in memory, asked of the disk before they are needed.
//!
//! They are asked for in the order in which they lie, and those that nearly touch in one request: a disk does so many
//! requests a second, and does more of them if it has many at a time.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::checked;
use crate::error::Result;
use crate::exec::job::{Job, Queue};
use crate::gather::output::index;
use crate::io::opened::Opened;

/// Rows that are probed to learn whether the disk is to be asked.
const PROBES: usize = 128;
/// It is asked if more than one probe in so many is not in memory.
const MISSING: usize = 16;
/// Rows that a thread sorts out and asks for at once.
const CHUNK: usize = 1024;
/// Bytes between rows that are read rather than left out.
const GAP: u64 = 16 << 10;
/// The most bytes of one request.
const REQUEST: u64 = 1 << 20;
/// Bytes that are asked for ahead of those that are waited for: enough to keep a disk busy.
const WINDOW: u64 = 64 << 20;

/// Where something lies.
pub(super) struct FileRange<'a> {
    pub(super) file: &'a Opened,
    pub(super) bytes: Range<u64>,
}

impl FileRange<'_> {
    /// Grows to the end of another range if both nearly touch. Returns whether it did.
    fn join(&mut self, next: &FileRange<'_>) -> bool {
        // Proof: it only decides what is asked for at once.
        let near = std::ptr::eq(self.file, next.file)
            && next.bytes.start >= self.bytes.start
            && next.bytes.start <= self.bytes.end.saturating_add(GAP)
            && next.bytes.end - self.bytes.start <= REQUEST;
        if near {
            self.bytes.end = self.bytes.end.max(next.bytes.end);
        }
        near
    }
}

/// Whether many rows are not in memory, by a probe of some of them.
pub(super) fn mostly_uncached<'a>(rows: &[i64], range: impl Fn(i64) -> Option<FileRange<'a>>) -> bool {
    // Proof: rows that are not read by their position have no range.
    let probes = rows.iter().step_by(rows.len().div_ceil(PROBES).max(1)).filter_map(|&row| range(row));
    let (all, missing) = probes.fold((0, 0), |(all, missing), range| {
        (all + 1, missing + usize::from(!range.file.is_resident(range.bytes.start)))
    });
    missing * MISSING > all
}

/// Asks the disk for rows, each of which has a range in some columns. Waits for nothing but room in the disk's queue.
pub(super) fn prefetch<'a>(
    job: &Job<'_>,
    mut rows: Vec<i64>,
    columns: usize,
    range: impl Fn(i64, usize) -> Option<FileRange<'a>> + Sync,
) -> Result<()> {
    rows.sort_unstable();
    let chunks: Vec<&[i64]> = rows.chunks(CHUNK).collect();
    let queue = Queue::new(chunks.len() as u64);
    job.run(|_, state| {
        while let Some(chunk) = queue.take() {
            state.check()?;
            let rows = *checked::get(&chunks, index(chunk)?)?;
            for column in 0..columns {
                // Proof: as above.
                for request in coalesce(rows.iter().filter_map(|&row| range(row, column))) {
                    request.file.hint_will_need(&request.bytes);
                }
            }
        }
        Ok(())
    })?;
    Ok(())
}

/// Joins ranges that nearly touch.
fn coalesce<'a>(mut ranges: impl Iterator<Item = FileRange<'a>>) -> impl Iterator<Item = FileRange<'a>> {
    let mut open = ranges.next();
    std::iter::from_fn(move || {
        let mut request = open.take()?;
        open = ranges.find(|next| !request.join(next));
        Some(request)
    })
}

/// Ranges that are read in about their order, of which the next ones are always asked for.
pub(super) struct ReadaheadWindow<'a> {
    ranges: Vec<FileRange<'a>>,
    /// For each, the bytes of those before it.
    before: Vec<u64>,
    /// The first that was not asked for.
    next: AtomicUsize,
}

impl<'a> ReadaheadWindow<'a> {
    pub(super) fn new(ranges: impl Iterator<Item = FileRange<'a>>) -> Self {
        let ranges: Vec<_> = ranges.collect();
        let before = ranges.iter().scan(0u64, |sum, range| {
            let before = *sum;
            *sum = sum.saturating_add(range.bytes.end - range.bytes.start); // Proof: what is asked for is a hint.
            Some(before)
        });
        Self { before: before.collect(), ranges, next: AtomicUsize::new(0) }
    }

    /// Asks for a range and those within the window behind it, unless they were asked for. Returns how many are
    /// asked for by now.
    pub(super) fn prefetch_from(&self, number: usize) -> usize {
        // Proof: a hint; for a number that none has, nothing is asked for.
        let until = self.before.get(number).map_or(0, |before| before.saturating_add(WINDOW));
        let end = self.before.partition_point(|&before| before < until);
        loop {
            let next = self.next.load(Ordering::Relaxed);
            if next >= end {
                return next;
            }
            if self.next.compare_exchange(next, next + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok()
                && let Some(FileRange { file, bytes }) = self.ranges.get(next)
            {
                file.hint_will_need(bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn requests_hold_every_range_and_little_else(
            mut starts in prop::collection::vec(0u64..3_000_000, 0..200),
            length in 1u64..5000,
        ) {
            let file = tempfile::NamedTempFile::new().unwrap();
            let opened = Opened::open(file.path()).unwrap();
            starts.sort_unstable();
            let range = |&start: &u64| FileRange { file: &opened, bytes: start..start + length };
            let found: Vec<_> = coalesce(starts.iter().map(range)).map(|request| request.bytes).collect();
            for start in &starts {
                prop_assert!(found.iter().any(|run| run.start <= *start && start + length <= run.end));
            }
            for pair in found.windows(2) {
                let apart = pair[1].start > pair[0].end + GAP;
                prop_assert!(apart || pair[1].start + length - pair[0].start > REQUEST);
            }
            for run in found {
                prop_assert!(run.end - run.start <= REQUEST);
                let inside: Vec<_> = starts.iter().filter(|start| run.contains(start)).collect();
                prop_assert!(inside.windows(2).all(|pair| pair[1] - pair[0] <= length + GAP));
            }
        }
    }

    #[test]
    fn ranges_of_two_files_are_not_joined() {
        let files = [tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap()];
        let opened = files.each_ref().map(|file| Opened::open(file.path()).unwrap());
        let ranges = opened.iter().map(|file| FileRange { file, bytes: 0..10 });
        assert_eq!(coalesce(ranges).count(), 2);
    }

    #[test]
    fn a_window_reaches_so_many_bytes_and_never_back() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let opened = Opened::open(file.path()).unwrap();
        let each = WINDOW / 4;
        let window = ReadaheadWindow::new(
            (0..20).map(|n| FileRange { file: &opened, bytes: n * each..(n + 1) * each }),
        );
        assert_eq!([0, 3, 1, 19].map(|number| window.prefetch_from(number)), [4, 7, 7, 20]);
        assert_eq!(ReadaheadWindow::new(std::iter::empty()).prefetch_from(0), 0);
    }

    #[test]
    fn a_file_just_written_is_cached_and_prefetching_it_changes_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [7; 10_000]).unwrap();
        let opened = Opened::open(file.path()).unwrap();
        let start = |row: i64| u64::try_from(row).unwrap() * 100;
        let range = |row| Some(FileRange { file: &opened, bytes: start(row)..start(row) + 100 });
        let rows: Vec<i64> = (0..100).rev().collect();
        prefetch(&Job::new(2), rows.clone(), 1, |row, _| range(row)).unwrap();
        let mut bytes = [0; 10_000];
        opened.read_exact_at(&mut bytes, 0).unwrap();
        assert!(!mostly_uncached(&rows, range) && bytes == [7; 10_000]);
        assert!(!mostly_uncached(&rows, |_| None) && !mostly_uncached(&[], range));
    }
}
