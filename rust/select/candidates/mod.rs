//! The entries that a pass collected, and their cut to the k best.
//!
//! Of entries as bad as each other, the first are those of the lower rows, and so the best: pieces are of
//! ascending rows, and within a bucket of a piece rows ascend. It lets everything after the pass look at badness
//! alone.

pub(super) mod arena;
pub(super) mod buckets;
pub(super) mod entry;
pub(super) mod order;
pub(super) mod radix_sort;

use std::ops::RangeInclusive;
use std::sync::Mutex;

use arena::Slab;
use buckets::{Parting, Piece, digit, significant};
use entry::Entry;

use crate::checked::{self, impossible};
use crate::error::Result;
use crate::locks::lock;
use crate::parallel::Job;
use crate::simd::{Kernel, dispatch};

/// Bits of badness that are told apart at once when the k-th best is looked for.
const DIGIT: u32 = 12;

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
        self.entries.iter().fold((u64::MAX, 0), |(low, high), entry| {
            let badness = entry.badness();
            (low.min(badness), high.max(badness))
        })
    }
}

/// Entries in pieces of ascending rows.
#[derive(Debug)]
pub(crate) struct Pieces<E> {
    pub(crate) slabs: Vec<Slab<E>>,
    pub(crate) parting: Parting,
}

impl<E: Entry> Pieces<E> {
    /// Each run of entries as a piece, in their order.
    pub(crate) fn of<'a>(runs: impl Iterator<Item = &'a [E]>, parting: Parting) -> Result<Self>
    where
        E: 'a,
    {
        let slab = |(task, run): (u64, &'a [E])| {
            let mut slab = Slab::new(run.len())?;
            slab.add(task, run, parting, &mut Vec::new())?;
            Ok(slab)
        };
        Ok(Self { slabs: (0..).zip(runs).map(slab).collect::<Result<_>>()?, parting })
    }

    /// The pieces in the order of their rows.
    pub(crate) fn all(&self) -> Vec<Piece<'_, E>> {
        let mut all: Vec<_> = self.slabs.iter().flat_map(Slab::pieces).collect();
        all.sort_unstable_by_key(|&(task, _)| task);
        all.into_iter().map(|(_, piece)| piece).collect()
    }

    /// Their number.
    pub(crate) fn count(&self) -> usize {
        self.slabs.iter().flat_map(Slab::pieces).map(|(_, piece)| piece.entries.len()).sum()
    }

    /// The least and the greatest badness, if there are entries.
    fn range(&self, job: &Job<'_>) -> Result<Option<RangeInclusive<u64>>> {
        let none = || (u64::MAX, 0);
        let join = |(a, b): (u64, u64), (c, d): (u64, u64)| (a.min(c), b.max(d));
        let found = self.fold(job, none, |sofar, _, piece| *sofar = join(*sofar, range(piece)))?;
        let (low, high) = found.into_iter().fold(none(), join);
        Ok((low <= high).then_some(low..=high))
    }

    /// The worst entry; that than which none is worse, if there are none.
    pub(crate) fn worst(&self, job: &Job<'_>) -> Result<E> {
        let worst =
            self.fold(job, || None, |worst, _, piece| *worst = piece.iter().copied().max().max(*worst))?;
        // Proof: a thread without pieces has no worst, and of no entries the default is what is asked for.
        Ok(worst.into_iter().flatten().max().unwrap_or(E::WORST))
    }

    /// Cuts to the `k` best: all, if there are no more.
    pub(crate) fn cut(&mut self, k: usize, job: &Job<'_>) -> Result<()> {
        if self.count() <= k {
            return Ok(());
        }
        let Some(last) = k.checked_sub(1) else {
            self.slabs.clear(); // Proof: the 0 best are none.
            return Ok(());
        };
        let (badness, ties_before) = self.kth(last, job)?;
        let rooms = self.rooms(badness, checked::add(ties_before, 1)?, job)?;
        let pairs = Mutex::new(checked::zip(&mut self.slabs, rooms)?);
        job.run(|_, state| {
            loop {
                let next = lock(&pairs)?.next();
                let Some((slab, mut rooms)) = next else { return Ok(()) }; // Proof: every slab was cut.
                slab.retain(|piece, entry| {
                    let level = entry.badness() == badness && rooms[piece] > 0;
                    rooms[piece] -= usize::from(level);
                    level || entry.badness() < badness
                })?;
                state.check()?;
            }
        })?;
        drop(pairs);
        checked::equal("entries after a cut", self.count(), k)
    }

    /// Of the entries that bad, the first `room` stay: how many in each piece of each slab.
    fn rooms(&self, badness: u64, mut room: usize, job: &Job<'_>) -> Result<Vec<Vec<usize>>> {
        let ties = self.map(job, |piece| piece.iter().filter(|entry| entry.badness() == badness).count())?;
        let mut order = Vec::with_capacity(ties.len());
        let mut rooms = Vec::with_capacity(self.slabs.len());
        for (slab, pieces) in self.slabs.iter().enumerate() {
            let before = order.len();
            order.extend(pieces.pieces().enumerate().map(|(piece, (task, _))| (task, slab, piece)));
            rooms.push(vec![0; order.len() - before]);
        }
        order.sort_unstable();
        for ((_, slab, piece), ties) in checked::zip(order, ties)? {
            let here = ties.min(room);
            room -= here;
            rooms[slab][piece] = here;
        }
        checked::equal("entries as bad as the last that are lacking", room, 0)?;
        Ok(rooms)
    }

    /// The badness of the entry that `rank` others precede, and how many of those are as bad as it.
    fn kth(&self, mut rank: usize, job: &Job<'_>) -> Result<(u64, usize)> {
        let lost = || impossible("fewer entries were collected than counted");
        let (mut low, mut high) = self.range(job)?.ok_or_else(lost)?.into_inner();
        while low < high {
            let bits = significant(high - low);
            let shift = bits - bits.min(DIGIT);
            let counts = self.histogram(low..=high, shift, job)?;
            let digit = counts.iter().position(|&count| {
                let here = rank < count;
                rank -= if here { 0 } else { count };
                here
            });
            // An entry has that digit, so that neither bound passes the range there was.
            low = checked::add(low, (digit.ok_or_else(lost)? as u64) << shift)?;
            high = low + checked::sub(high, low)?.min((1 << shift) - 1);
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
            // Proof: each is as long as `none` makes it.
            sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
            sums
        }))
    }

    /// What `look` gives for each piece, in their order.
    fn map<R: Send>(&self, job: &Job<'_>, look: impl Fn(&[E]) -> R + Sync) -> Result<Vec<R>> {
        let found = self.fold(job, Vec::new, |mine, index, piece| mine.push((index, look(piece))))?;
        let mut found = found.into_iter().flatten().collect::<Vec<_>>(); // Proof: lists, each whole.
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
        let all = self.all();
        let pieces = Mutex::new(all.iter().enumerate());
        job.run_on(all.len(), |_, state| {
            let mut mine = start();
            loop {
                let next = lock(&pieces)?.next();
                let Some((index, piece)) = next else { return Ok(mine) }; // Proof: no piece is left.
                step(&mut mine, index, piece.entries);
                state.check()?;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::select::candidates::entry::{Halved, Packed, Wide};

    fn check<E: Entry>(badness: &[u64], piece: usize, k: usize) {
        let entries: Vec<E> = badness.iter().zip(0..).map(|(&badness, row)| E::new(badness, row)).collect();
        let mut best = entries.clone();
        best.sort_unstable();
        best.truncate(k);
        let worst = best.last().copied().unwrap_or(E::WORST);
        best.sort_unstable();
        for threads in [1, 2, 7] {
            let parting = Parting::new::<E>(1, u64::from(u32::MAX), 1 << 30);
            let mut pieces = Pieces::of(entries.chunks(piece), parting).unwrap();
            pieces.cut(k, &Job::new(threads)).unwrap();
            assert_eq!(pieces.worst(&Job::new(threads)).unwrap(), worst);
            let mut kept = pieces.all().iter().map(|piece| piece.entries).collect::<Vec<_>>().concat();
            kept.sort_unstable();
            assert_eq!(kept, best);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(120))]
        #[test]
        fn the_best_stay(
            badness in proptest::collection::vec(
                prop_oneof![0u64..4, any::<u64>(), u64::MAX - 3.., (0u32..64).prop_map(|bit| !0 << bit)],
                0..200,
            ),
            piece in 1usize..50,
            k in 0usize..220,
        ) {
            check::<Wide>(&badness, piece, k);
            check::<Halved>(&badness, piece, k);
            let short: Vec<u64> = badness.iter().map(|badness| badness & u64::from(u32::MAX)).collect();
            check::<Packed>(&short, piece, k);
        }
    }
}
