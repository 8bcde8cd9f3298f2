//! The entries that a pass collected: in pieces, in ascending rows, and cut to the best of them.
//!
//! That rows ascend through the pieces is what ties are decided by: of entries as bad as each other, the first
//! are the best. It lets everything after the pass look at badness alone.

use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

use super::entry::Entry;
use crate::error::{Error, Result};
use crate::parallel::Job;
use crate::simd::{Kernel, dispatch};

/// Bits of badness that are told apart at once when the k-th best is looked for.
const DIGIT: u32 = 12;

/// Entries of a run of rows, and the range of their badness.
#[derive(Debug)]
pub(super) struct Piece<E> {
    pub(super) entries: Vec<E>,
    low: u64,
    high: u64,
}

impl<E: Entry> Piece<E> {
    /// Best made of entries that are in the cache, as all are looked at.
    pub(super) fn new(entries: Vec<E>) -> Self {
        let (low, high) = range(&entries);
        Self { entries, low, high }
    }
}

/// The least and the greatest badness; `(u64::MAX, 0)` of none.
pub(super) fn range<E: Entry>(entries: &[E]) -> (u64, u64) {
    dispatch(Range { entries })
}

struct Range<'a, E> {
    entries: &'a [E],
}

impl<E: Entry> Kernel for Range<'_, E> {
    type Output = (u64, u64);

    #[inline(always)]
    fn run(self) -> (u64, u64) {
        // Badness leads an entry, so that the best and the worst entry have the least and the greatest.
        let Some(&first) = self.entries.first() else { return (u64::MAX, 0) };
        let (best, worst) = self
            .entries
            .iter()
            .fold((first, first), |(best, worst), &entry| (best.min(entry), worst.max(entry)));
        (best.badness(), worst.badness())
    }
}

/// Entries in ascending rows.
#[derive(Debug)]
pub(super) struct Pieces<E> {
    pub(super) all: Vec<Vec<E>>,
    low: u64,
    high: u64,
}

impl<E> Default for Pieces<E> {
    fn default() -> Self {
        Self { all: Vec::new(), low: u64::MAX, high: 0 }
    }
}

impl<E: Entry> Pieces<E> {
    /// Adds entries of rows behind those that there are.
    pub(super) fn push(&mut self, piece: Piece<E>) {
        self.low = self.low.min(piece.low);
        self.high = self.high.max(piece.high);
        self.all.push(piece.entries);
    }

    /// Their number.
    pub(super) fn count(&self) -> usize {
        self.all.iter().map(Vec::len).sum()
    }

    /// A range that holds the badness of each, if there are entries.
    pub(super) fn range(&self) -> Option<RangeInclusive<u64>> {
        (self.low <= self.high).then_some(self.low..=self.high)
    }

    /// Cuts to the `k` best (all, if there are no more) and gives the worst of them.
    pub(super) fn cut(&mut self, k: usize, job: &Job<'_>) -> Result<E> {
        if self.count() > k {
            self.keep(k, job)?;
        }
        let worst =
            self.fold(job, || None, |worst, _, piece| *worst = piece.iter().copied().max().max(*worst))?;
        Ok(worst.into_iter().flatten().max().unwrap_or(E::WORST))
    }

    /// Keeps the `k` best of more than `k`.
    fn keep(&mut self, k: usize, job: &Job<'_>) -> Result<()> {
        let Some(last) = k.checked_sub(1) else {
            self.all.clear();
            return Ok(());
        };
        let (badness, ties_before) = self.kth(last, job)?;
        self.high = badness;
        // Of those as bad as the k-th best, the first stay: how many in each piece?
        let mut room = ties_before + 1;
        let ties = self.map(job, |piece| piece.iter().filter(|entry| entry.badness() == badness).count())?;
        let rooms: Vec<usize> = ties
            .into_iter()
            .map(|ties| {
                let here = ties.min(room);
                room -= here;
                here
            })
            .collect();
        let pairs = Mutex::new(self.all.iter_mut().zip(rooms));
        job.run(|_, state| {
            loop {
                let next = pairs.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((piece, mut room)) = next else { return Ok(()) };
                piece.retain(|entry| {
                    let level = entry.badness() == badness;
                    let kept = entry.badness() < badness || (level && room > 0);
                    room -= usize::from(level && kept);
                    kept
                });
                state.check()?;
            }
        })?;
        self.all.retain(|piece| !piece.is_empty());
        Ok(())
    }

    /// The badness of the entry that `rank` others precede, and how many of those are as bad as it.
    fn kth(&self, rank: usize, job: &Job<'_>) -> Result<(u64, usize)> {
        let lost = || Error::Internal("fewer entries were collected than counted".into());
        let (mut low, mut high) = self.range().ok_or_else(lost)?.into_inner();
        let mut rank = rank;
        while low < high {
            let shift = significant(high - low).saturating_sub(DIGIT);
            let counts = self.histogram(low..=high, shift, job)?;
            let digit = counts.iter().position(|&count| {
                let here = rank < count;
                rank -= if here { 0 } else { count };
                here
            });
            low += (digit.ok_or_else(lost)? as u64) << shift;
            high = high.min(low + ((1 << shift) - 1));
        }
        Ok((low, rank))
    }

    /// How many entries of that range have each digit above its start.
    fn histogram(&self, range: RangeInclusive<u64>, shift: u32, job: &Job<'_>) -> Result<Vec<usize>> {
        let none = || vec![0usize; 1 << DIGIT];
        let counts = self.fold(job, none, |counts, _, piece| {
            for entry in piece.iter().filter(|entry| range.contains(&entry.badness())) {
                counts[digit(entry.badness(), *range.start(), shift)] += 1;
            }
        })?;
        Ok(counts.into_iter().fold(none(), |mut sums, counts| {
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            sums
        }))
    }

    /// What `look` gives for each piece, in their order.
    fn map<R: Send>(&self, job: &Job<'_>, look: impl Fn(&[E]) -> R + Sync) -> Result<Vec<R>> {
        let found = self.fold(job, Vec::new, |mine, index, piece| mine.push((index, look(piece))))?;
        let mut found: Vec<_> = found.into_iter().flatten().collect();
        found.sort_unstable_by_key(|&(index, _)| index);
        Ok(found.into_iter().map(|(_, result)| result).collect())
    }

    /// What each thread makes of the pieces that it is given, by their numbers.
    fn fold<R: Send>(
        &self,
        job: &Job<'_>,
        start: impl Fn() -> R + Sync,
        step: impl Fn(&mut R, usize, &[E]) + Sync,
    ) -> Result<Vec<R>> {
        let pieces = Mutex::new(self.all.iter().enumerate());
        job.run_on(self.all.len(), |_, state| {
            let mut mine = start();
            loop {
                let next = pieces.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((index, piece)) = next else { return Ok(mine) };
                step(&mut mine, index, piece);
                state.check()?;
            }
        })
    }
}

/// Bits up to the highest that is set.
pub(super) fn significant(number: u64) -> u32 {
    u64::BITS - number.leading_zeros()
}

/// What lies `shift` bits and more above `low`.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // callers choose the shift so that few bits are left
pub(super) fn digit(badness: u64, low: u64, shift: u32) -> usize {
    (badness.wrapping_sub(low) >> shift) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::select::entry::{Packed, Wide};

    fn check<E: Entry>(badness: &[u64], piece: usize, k: usize) {
        let entries: Vec<E> = badness.iter().zip(0..).map(|(&badness, row)| E::new(badness, row)).collect();
        let mut best = entries.clone();
        best.sort_unstable();
        best.truncate(k);
        let worst = best.last().copied().unwrap_or(E::WORST);
        best.sort_unstable_by_key(|entry| entry.row());
        for threads in [1, 2, 7] {
            let mut pieces = Pieces::default();
            entries.chunks(piece).for_each(|piece| pieces.push(Piece::new(piece.to_vec())));
            assert_eq!(pieces.cut(k, &Job::new(threads)).unwrap(), worst);
            assert_eq!(pieces.all.concat(), best);
        }
    }

    proptest! {
        #[test]
        fn the_best_stay_in_their_order(
            badness in proptest::collection::vec(prop_oneof![0u64..4, any::<u64>()], 0..200),
            piece in 1usize..50,
            k in 0usize..220,
        ) {
            check::<Wide>(&badness, piece, k);
            let short: Vec<u64> = badness.iter().map(|badness| badness & u64::from(u32::MAX)).collect();
            check::<Packed>(&short, piece, k);
        }
    }
}
