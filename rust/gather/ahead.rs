//! Rows that are not in memory, asked of the disk before they are needed.
//!
//! They are asked for in the order in which they lie, and those that nearly touch at once: a disk does so many
//! reads a second, and does more of them where it has many at a time.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::run::index;
use crate::checked;
use crate::error::Result;
use crate::exec::job::{Job, Queue};
use crate::io::opened::Opened;

/// Rows that are looked at to learn whether the disk is to be asked: it is, if one in so many is missing.
const PROBES: usize = 128;
const MISSING: usize = 16;
/// Rows that a thread asks for at once.
const SHARE: usize = 1024;
/// Bytes between rows that are read rather than left out.
const GAP: u64 = 16 << 10;
/// The most bytes that are asked for at once.
const RUN: u64 = 1 << 20;
/// Bytes that are asked for ahead of those that are waited for: enough to keep a disk busy.
const RUNWAY: u64 = 64 << 20;

/// Where something lies.
pub(super) struct Spot<'a> {
    pub(super) file: &'a Opened,
    pub(super) bytes: Range<u64>,
}

impl Spot<'_> {
    /// Grows to another spot that nearly touches, and tells whether it did.
    fn join(&mut self, next: &Spot<'_>) -> bool {
        // Proof: it only decides what is asked for at once.
        let near = std::ptr::eq(self.file, next.file)
            && next.bytes.start >= self.bytes.start
            && next.bytes.start <= self.bytes.end.saturating_add(GAP)
            && next.bytes.end - self.bytes.start <= RUN;
        if near {
            self.bytes.end = self.bytes.end.max(next.bytes.end);
        }
        near
    }
}

/// Whether many rows are not in memory, by a look at some of them.
pub(super) fn is_cold<'a>(rows: &[i64], spot: impl Fn(i64) -> Option<Spot<'a>>) -> bool {
    // Proof: rows that are not read by their position have no spot.
    let probes = rows.iter().step_by(rows.len().div_ceil(PROBES).max(1)).filter_map(|&row| spot(row));
    let (all, missing) = probes.fold((0, 0), |(all, missing), spot| {
        (all + 1, missing + usize::from(!spot.file.is_resident(spot.bytes.start)))
    });
    missing * MISSING > all
}

/// Asks for rows, of which each has a spot in some columns. Nothing is waited for but room in the disk's queue.
pub(super) fn ask<'a>(
    job: &Job<'_>,
    mut rows: Vec<i64>,
    columns: usize,
    spot: impl Fn(i64, usize) -> Option<Spot<'a>> + Sync,
) -> Result<()> {
    rows.sort_unstable();
    let shares: Vec<&[i64]> = rows.chunks(SHARE).collect();
    let queue = Queue::new(shares.len() as u64);
    job.run(|_, state| {
        while let Some(share) = queue.take() {
            state.check()?;
            let rows = *checked::get(&shares, index(share)?)?;
            for column in 0..columns {
                // Proof: as above.
                for run in runs(rows.iter().filter_map(|&row| spot(row, column))) {
                    run.file.announce(&run.bytes);
                }
            }
        }
        Ok(())
    })?;
    Ok(())
}

/// Spots, with those that nearly touch joined.
fn runs<'a>(mut spots: impl Iterator<Item = Spot<'a>>) -> impl Iterator<Item = Spot<'a>> {
    let mut open = spots.next();
    std::iter::from_fn(move || {
        let mut run = open.take()?;
        open = spots.find(|next| !run.join(next));
        Some(run)
    })
}

/// Spots that are used in about their order, of which the next ones are always asked for.
pub(super) struct Runway<'a> {
    spots: Vec<Spot<'a>>,
    /// For each, the bytes of those before it.
    before: Vec<u64>,
    /// The first that was not asked for.
    next: AtomicUsize,
}

impl<'a> Runway<'a> {
    pub(super) fn new(spots: impl Iterator<Item = Spot<'a>>) -> Self {
        let spots: Vec<_> = spots.collect();
        let before = spots.iter().scan(0u64, |sum, spot| {
            let before = *sum;
            *sum = sum.saturating_add(spot.bytes.end - spot.bytes.start); // Proof: what is asked for is a hint.
            Some(before)
        });
        Self { before: before.collect(), spots, next: AtomicUsize::new(0) }
    }

    /// Asks for a spot and those behind it, unless they were asked for. Returns how many are asked for by now.
    pub(super) fn ask_from(&self, number: usize) -> usize {
        // Proof: a hint; for a number that none has, nothing is asked for.
        let until = self.before.get(number).map_or(0, |before| before.saturating_add(RUNWAY));
        let end = self.before.partition_point(|&before| before < until);
        loop {
            let next = self.next.load(Ordering::Relaxed);
            if next >= end {
                return next;
            }
            if self.next.compare_exchange(next, next + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok()
                && let Some(Spot { file, bytes }) = self.spots.get(next)
            {
                file.announce(bytes);
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
        fn runs_hold_every_spot_and_little_else(
            mut starts in prop::collection::vec(0u64..3_000_000, 0..200),
            length in 1u64..5000,
        ) {
            let file = tempfile::NamedTempFile::new().unwrap();
            let opened = Opened::open(file.path()).unwrap();
            starts.sort_unstable();
            let spot = |&start: &u64| Spot { file: &opened, bytes: start..start + length };
            let found: Vec<_> = runs(starts.iter().map(spot)).map(|run| run.bytes).collect();
            for start in &starts {
                prop_assert!(found.iter().any(|run| run.start <= *start && start + length <= run.end));
            }
            for pair in found.windows(2) {
                let apart = pair[1].start > pair[0].end + GAP;
                prop_assert!(apart || pair[1].start + length - pair[0].start > RUN);
            }
            for run in found {
                prop_assert!(run.end - run.start <= RUN);
                let inside: Vec<_> = starts.iter().filter(|start| run.contains(start)).collect();
                prop_assert!(inside.windows(2).all(|pair| pair[1] - pair[0] <= length + GAP));
            }
        }
    }

    #[test]
    fn spots_of_two_files_are_not_joined() {
        let files = [tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap()];
        let opened = files.each_ref().map(|file| Opened::open(file.path()).unwrap());
        let spots = opened.iter().map(|file| Spot { file, bytes: 0..10 });
        assert_eq!(runs(spots).count(), 2);
    }

    #[test]
    fn a_runway_reaches_so_many_bytes_and_never_back() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let opened = Opened::open(file.path()).unwrap();
        let each = RUNWAY / 4;
        let runway = Runway::new((0..20).map(|n| Spot { file: &opened, bytes: n * each..(n + 1) * each }));
        assert_eq!([0, 3, 1, 19].map(|number| runway.ask_from(number)), [4, 7, 7, 20]);
        assert_eq!(Runway::new(std::iter::empty()).ask_from(0), 0);
    }

    #[test]
    fn a_file_just_written_is_not_cold_and_asking_for_it_changes_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [7; 10_000]).unwrap();
        let opened = Opened::open(file.path()).unwrap();
        let start = |row: i64| u64::try_from(row).unwrap() * 100;
        let spot = |row| Some(Spot { file: &opened, bytes: start(row)..start(row) + 100 });
        let rows: Vec<i64> = (0..100).rev().collect();
        ask(&Job::new(2), rows.clone(), 1, |row, _| spot(row)).unwrap();
        let mut bytes = [0; 10_000];
        opened.read_exact_at(&mut bytes, 0).unwrap();
        assert!(!is_cold(&rows, spot) && bytes == [7; 10_000]);
        assert!(!is_cold(&rows, |_| None) && !is_cold(&[], spot));
    }
}
