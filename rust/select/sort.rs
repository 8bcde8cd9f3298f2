//! Entries to rows, best first: parted by their leading bits into buckets that fit the second-level cache, and
//! each bucket sorted there.
//!
//! Entries come in ascending rows, and both steps keep the order of entries that are as bad as each other. So
//! only badness is looked at, and only the bits of it in which entries differ.

use std::slice::IterMut;
use std::sync::{Mutex, PoisonError};

use super::entry::{Entry, there_is_room};
use super::pieces::{Pieces, digit, range, significant};
use crate::error::{Error, Result};
use crate::parallel::Job;

/// Entries that one bucket should have.
const BUCKET: usize = 1 << 14;
/// The most bits that buckets are told apart by: the places that a thread writes to must fit its caches.
const BUCKET_BITS: u32 = 10;
/// Bits of a digit within a bucket.
const DIGIT: u32 = 8;
/// What a digit is cut out by.
const MASK: usize = (1 << DIGIT) - 1;
/// Digits within a bucket; entries that agree in all of them are compared.
const DIGITS: usize = 3;
/// Their bits.
const DIGITS_BITS: u32 = 24;
/// Buckets of fewer entries are sorted by comparison.
const FEW: usize = 256;

/// Tells entries apart that are as bad as each other and would else go by row: less is better.
pub(super) type Finer<'a> = &'a (dyn Fn(u64) -> u64 + Sync);

/// The rows of the `k` best entries, best first or best last. Fails if there are fewer than `k`.
pub(super) fn rows<E: Entry>(
    pieces: Pieces<E>,
    k: usize,
    best_last: bool,
    finer: Option<Finer<'_>>,
    job: &Job<'_>,
) -> Result<Vec<i64>> {
    let (mut entries, ends) = part(pieces, job)?;
    let mut rows = zeroed_rows(k)?;
    let pairs = Mutex::new(share(&mut entries, &ends, &mut rows, best_last).into_iter());
    job.run_on(ends.len(), |_, state| {
        let mut spare = Vec::new();
        loop {
            let next = pairs.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((bucket, rows)) = next else { return Ok(()) };
            sort(bucket, &mut spare, &mut Out { rows, best_last }, finer);
            state.check()?;
        }
    })?;
    Ok(rows)
}

/// Room for `k` rows.
pub(super) fn zeroed_rows(k: usize) -> Result<Vec<i64>> {
    if there_is_room::<i64>(k) { Ok(vec![0; k]) } else { Err(no_memory(k)) }
}

fn no_memory(rows: usize) -> Error {
    Error::Memory(format!("no memory for {rows} row indices; choose fewer"))
}

/// A bucket and the rows that it fills.
type Pair<'a, E> = (&'a mut [E], &'a mut [i64]);

/// Pairs each bucket with its slice of the rows, the best bucket's at the start or, best last, at the end.
fn share<'a, E>(
    mut entries: &'a mut [E],
    ends: &[usize],
    mut rows: &'a mut [i64],
    best_last: bool,
) -> Vec<Pair<'a, E>> {
    let mut pairs = Vec::with_capacity(ends.len());
    let mut start = 0;
    for &end in ends {
        let (bucket, later) = entries.split_at_mut(end - start);
        let len = bucket.len().min(rows.len());
        let (mine, rest) = if best_last {
            let (rest, mine) = rows.split_at_mut(rows.len() - len);
            (mine, rest)
        } else {
            rows.split_at_mut(len)
        };
        if len > 0 {
            pairs.push((bucket, mine));
        }
        (entries, rows, start) = (later, rest, end);
    }
    pairs
}

/// All entries, each bucket's better than the next one's, and where each bucket ends.
fn part<E: Entry>(pieces: Pieces<E>, job: &Job<'_>) -> Result<(Vec<E>, Vec<usize>)> {
    let count = pieces.count();
    let bits = significant((count / BUCKET) as u64).min(BUCKET_BITS);
    let range = if bits == 0 { None } else { pieces.range().filter(|range| range.start() < range.end()) };
    let Some(range) = range else {
        let mut all = Vec::new();
        all.try_reserve_exact(count).map_err(|_| no_memory(count))?;
        pieces.all.into_iter().for_each(|piece| all.extend_from_slice(&piece));
        return Ok((all, vec![count]));
    };
    let shift = significant(range.end() - range.start()).saturating_sub(bits);
    let parting =
        Parting { low: *range.start(), shift, buckets: digit(*range.end(), *range.start(), shift) + 1 };
    parting.run(pieces, count, job)
}

/// How entries are parted.
struct Parting {
    low: u64,
    shift: u32,
    buckets: usize,
}

impl Parting {
    fn bucket(&self, entry: impl Entry) -> usize {
        digit(entry.badness(), self.low, self.shift)
    }

    fn run<E: Entry>(&self, pieces: Pieces<E>, count: usize, job: &Job<'_>) -> Result<(Vec<E>, Vec<usize>)> {
        let groups = groups(pieces, count, job.threads());
        let counts = job.run_on(groups.len(), |index, state| {
            let mut counts = vec![0usize; self.buckets];
            for piece in groups.get(index).into_iter().flatten() {
                for &entry in piece {
                    counts[self.bucket(entry)] += 1;
                }
                state.check()?;
            }
            Ok(counts)
        })?;
        let mut entries = E::buffer(count).ok_or_else(|| no_memory(count))?;
        let (places, ends) = places(&mut entries, &counts, self.buckets);
        let work: Vec<_> = groups.into_iter().zip(places).map(|work| Mutex::new(Some(work))).collect();
        job.run_on(work.len(), |index, state| {
            let mine =
                work.get(index).and_then(|work| work.lock().unwrap_or_else(PoisonError::into_inner).take());
            let Some((group, mut places)) = mine else { return Ok(()) };
            // Each piece is freed once it is parted: there are never two whole copies.
            for piece in group {
                for &entry in &piece {
                    if let Some(place) = places[self.bucket(entry)].next() {
                        *place = entry;
                    }
                }
                state.check()?;
            }
            Ok(())
        })?;
        Ok((entries, ends))
    }
}

/// Runs of pieces of about equal size, one for each thread.
fn groups<E>(pieces: Pieces<E>, count: usize, threads: usize) -> Vec<Vec<Vec<E>>> {
    let mut groups: Vec<Vec<Vec<E>>> = Vec::new();
    groups.resize_with(threads, Vec::new);
    let each = count.div_ceil(threads).max(1);
    let mut before = 0;
    for piece in pieces.all {
        let group = (before / each).min(threads - 1);
        before += piece.len();
        groups[group].push(piece);
    }
    groups
}

/// Where one group's entries of each bucket go.
type Places<'a, E> = Vec<IterMut<'a, E>>;

/// For each group its places: within a bucket, an earlier group's lie before a later one's. And the buckets' ends.
fn places<'a, E>(
    mut entries: &'a mut [E],
    counts: &[Vec<usize>],
    buckets: usize,
) -> (Vec<Places<'a, E>>, Vec<usize>) {
    let mut places: Vec<Places<'a, E>> = Vec::new();
    places.resize_with(counts.len(), || Vec::with_capacity(buckets));
    let (mut ends, mut end) = (Vec::with_capacity(buckets), 0);
    for bucket in 0..buckets {
        for (places, counts) in places.iter_mut().zip(counts) {
            let (mine, rest) = entries.split_at_mut(counts[bucket]);
            places.push(mine.iter_mut());
            entries = rest;
            end += counts[bucket];
        }
        ends.push(end);
    }
    (places, ends)
}

/// The rows that a bucket fills; what lies beyond them is dropped.
struct Out<'a> {
    rows: &'a mut [i64],
    best_last: bool,
}

impl Out<'_> {
    #[inline(always)]
    fn set(&mut self, rank: usize, entry: impl Entry) {
        let at = if self.best_last { self.rows.len().wrapping_sub(rank + 1) } else { rank };
        if let Some(row) = self.rows.get_mut(at) {
            *row = entry.row().cast_signed();
        }
    }
}

/// Sorts a bucket, whose entries as bad as each other are in ascending rows, and gives its rows.
fn sort<E: Entry>(entries: &mut [E], spare: &mut Vec<E>, out: &mut Out<'_>, finer: Option<Finer<'_>>) {
    let mut done = false;
    if entries.len() < FEW {
        entries.sort_unstable();
    } else {
        if spare.len() < entries.len() {
            spare.resize(entries.len(), E::WORST);
        }
        done = by_digits(entries, &mut spare[..], finer.is_none().then_some(&mut *out));
    }
    if done {
        return;
    }
    if let Some(finer) = finer {
        refine(entries, finer);
    }
    entries.iter().enumerate().for_each(|(rank, &entry)| out.set(rank, entry));
}

/// Sorts by digits, the lowest first. Gives the rows on the way, if that is asked for and digits decide everything;
/// says whether it did.
fn by_digits<E: Entry>(entries: &mut [E], spare: &mut [E], out: Option<&mut Out<'_>>) -> bool {
    let (low, high) = range(entries);
    let bits = significant(high - low);
    let rest = bits.saturating_sub(DIGITS_BITS);
    let shifts = (rest..bits).step_by(DIGIT as usize);
    let count = shifts.len();
    let mut starts = starts(entries, low, shifts.clone());
    let spare = &mut spare[..entries.len()];
    let mut out = out.filter(|_| rest == 0);
    for (digit, (shift, next)) in shifts.zip(&mut starts).enumerate() {
        let moved = digit % 2 == 1;
        let (from, to) = if moved { (&*spare, &mut *entries) } else { (&*entries, &mut *spare) };
        match &mut out {
            Some(out) if digit + 1 == count => {
                scatter(from, low, shift, next, |rank, entry| out.set(rank, entry));
                return true;
            }
            _ => scatter(from, low, shift, next, |rank, entry| to[rank] = entry),
        }
    }
    if count % 2 == 1 {
        entries.copy_from_slice(spare);
    }
    if rest > 0 {
        let alike = |a: &E, b: &E| digit(a.badness(), low, rest) == digit(b.badness(), low, rest);
        entries.chunk_by_mut(alike).filter(|run| run.len() > 1).for_each(<[E]>::sort_unstable);
    }
    false
}

/// For each value of a digit, where its entries begin.
type Starts = [usize; 1 << DIGIT];

/// The starts for each digit, by one look at the entries.
fn starts<E: Entry>(entries: &[E], low: u64, shifts: impl Iterator<Item = u32> + Clone) -> [Starts; DIGITS] {
    let mut starts = [[0; 1 << DIGIT]; DIGITS];
    for entry in entries {
        for (counts, shift) in starts.iter_mut().zip(shifts.clone()) {
            counts[digit(entry.badness(), low, shift) & MASK] += 1;
        }
    }
    for counts in &mut starts {
        let mut before = 0;
        for count in counts {
            (*count, before) = (before, before + *count);
        }
    }
    starts
}

/// Puts each entry at its rank by one digit, keeping the order of those that agree in it.
#[inline(always)]
fn scatter<E: Entry>(from: &[E], low: u64, shift: u32, next: &mut Starts, mut put: impl FnMut(usize, E)) {
    for &entry in from {
        let next = &mut next[digit(entry.badness(), low, shift) & MASK];
        put(*next, entry);
        *next += 1;
    }
}

/// Orders entries that are as bad as each other by what tells them apart.
fn refine<E: Entry>(entries: &mut [E], finer: Finer<'_>) {
    let alike = |a: &E, b: &E| a.badness() == b.badness();
    for run in entries.chunk_by_mut(alike).filter(|run| run.len() > 1) {
        run.sort_by_cached_key(|entry| (finer(entry.row()), entry.row()));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::select::entry::{Packed, Wide};
    use crate::select::pieces::Piece;

    fn check<E: Entry>(badness: &[u64], piece: usize, k: usize) {
        let entries: Vec<E> = badness.iter().zip(0..).map(|(&badness, row)| E::new(badness, row)).collect();
        let mut best = entries.clone();
        best.sort_unstable();
        let mut best: Vec<i64> = best.iter().map(|entry| entry.row().cast_signed()).take(k).collect();
        for best_last in [false, true] {
            for threads in [1, 2, 7] {
                let mut pieces = Pieces::default();
                entries.chunks(piece).for_each(|piece| pieces.push(Piece::new(piece.to_vec())));
                assert_eq!(rows(pieces, k, best_last, None, &Job::new(threads)).unwrap(), best);
            }
            best.reverse();
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn rows_come_as_a_sort_gives_them(
            seed: u64,
            bits in 0u32..64,
            low in prop_oneof![Just(0u64), any::<u64>()],
            len in prop_oneof![0usize..600, 60_000usize..80_000],
            piece in 1_000usize..30_000,
        ) {
            let mask = (1u64 << bits) - 1;
            let philox = super::super::rng::Philox::new(seed, 9);
            let badness: Vec<u64> = (0..len as u64).map(|row| (low & !mask) + (philox.bits(row) & mask)).collect();
            check::<Wide>(&badness, piece, len * 3 / 4);
            let short: Vec<u64> = badness.iter().map(|badness| badness & u64::from(u32::MAX)).collect();
            check::<Packed>(&short, piece, len * 3 / 4);
        }
    }

    #[test]
    fn what_is_finer_decides_between_those_as_bad() {
        let entries: Vec<Packed> = (0..1000).map(|row| Packed::new(row / 400, row)).collect();
        let mut pieces = Pieces::default();
        pieces.push(Piece::new(entries));
        let finer = |row: u64| 1000 - row;
        let found = rows(pieces, 900, false, Some(&finer), &Job::new(2)).unwrap();
        let expected: Vec<i64> = (0..400).rev().chain((400..800).rev()).chain((800..1000).rev()).collect();
        assert_eq!(found, expected[..900]);
    }
}
