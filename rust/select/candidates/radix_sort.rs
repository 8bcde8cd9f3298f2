//! Entries to rows, best first: bucket by bucket, each gathered from the pieces into the second-level cache and
//! sorted there.
//!
//! Within a bucket entries come in ascending rows, and sorting keeps the order of those as bad as each other. So
//! only badness is looked at, and only the bits of it in which entries differ.

use std::sync::Mutex;

use super::buckets::{Piece, digit, significant};
use super::entry::Entry;
use super::{Pieces, range};
use crate::checked;
use crate::error::{Error, Result};
use crate::locks::lock;
use crate::parallel::Job;

/// Bits of a digit at most.
const DIGIT: u32 = 9;
/// Digits that entries are sorted by; those that agree in all of them are compared.
const DIGITS: usize = 3;
/// Their bits at most.
const DIGITS_BITS: u32 = 27;
/// Bytes that are read twice for less than once from memory.
const CACHED: usize = if cfg!(test) { 64 << 10 } else { 2 << 20 };
/// Buckets of fewer entries are sorted by comparison.
const FEW: usize = 256;

/// Tells entries apart that are as bad as each other and would else go by row: less is better.
pub(crate) type Finer<'a> = &'a (dyn Fn(u64) -> u64 + Sync);

/// Fills `rows` with the rows of the best entries, best first or best last. Fails if there are fewer.
pub(crate) fn fill<E: Entry>(
    pieces: &Pieces<E>,
    rows: &mut [i64],
    best_last: bool,
    finer: Option<Finer<'_>>,
    job: &Job<'_>,
) -> Result<()> {
    let (all, k) = (pieces.all(), rows.len());
    let buckets = Mutex::new(share(&all, pieces.parting.buckets(), rows, best_last)?.into_iter());
    let filled = job.run_on(pieces.parting.buckets(), |_, state| {
        let (mut room, mut filled) = (Room::default(), 0);
        loop {
            let next = lock(&buckets)?.next();
            let Some((bucket, rows)) = next else { return Ok(filled) }; // Proof: no bucket is left.
            filled += rows.len();
            room.bucket(&parts(&all, bucket)?, &mut Out { rows, best_last }, finer)?;
            state.check()?;
        }
    })?;
    checked::equal("rows that were filled", filled.into_iter().sum(), k)
}

/// The entries of a bucket, from each piece.
fn parts<'a, E: Entry>(pieces: &[Piece<'a, E>], bucket: usize) -> Result<Vec<&'a [E]>> {
    pieces.iter().map(|piece| piece.bucket(bucket)).collect()
}

fn no_memory(rows: usize) -> Error {
    Error::Memory(format!("no memory for {rows} row indices; choose fewer"))
}

/// Pairs each bucket with its slice of the rows, the best bucket's at the start or, best last, at the end.
fn share<'a, E: Entry>(
    pieces: &[Piece<'_, E>],
    buckets: usize,
    mut rows: &'a mut [i64],
    best_last: bool,
) -> Result<Vec<(usize, &'a mut [i64])>> {
    let mut pairs = Vec::with_capacity(buckets);
    let mut found = 0;
    for bucket in 0..buckets {
        let here: usize = parts(pieces, bucket)?.iter().map(|part| part.len()).sum();
        found += here;
        let len = here.min(rows.len());
        let (mine, rest) = if best_last {
            let (rest, mine) = rows.split_at_mut(rows.len() - len);
            (mine, rest)
        } else {
            rows.split_at_mut(len)
        };
        if len > 0 {
            pairs.push((bucket, mine));
        }
        rows = rest;
    }
    let there: usize = pieces.iter().map(|piece| piece.entries.len()).sum();
    checked::equal("entries in buckets", found, there)?;
    checked::equal("rows without an entry", rows.len(), 0)?;
    Ok(pairs)
}

/// The rows that a bucket fills; what lies beyond them is dropped.
struct Out<'a> {
    rows: &'a mut [i64],
    best_last: bool,
}

impl Out<'_> {
    #[inline(always)]
    fn set(&mut self, rank: usize, entry: impl Entry) {
        // Proof: what wraps lies outside the rows, as do ranks beyond the best; each other rank has its row.
        let at = if self.best_last { self.rows.len().wrapping_sub(rank + 1) } else { rank };
        if let Some(row) = self.rows.get_mut(at) {
            *row = entry.row().cast_signed();
        }
    }
}

/// What one thread sorts buckets in.
struct Room<E> {
    entries: Vec<E>,
    spare: Vec<E>,
}

impl<E> Default for Room<E> {
    fn default() -> Self {
        Self { entries: Vec::new(), spare: Vec::new() }
    }
}

impl<E: Entry> Room<E> {
    /// Sorts a bucket, whose entries as bad as each other are in ascending rows, and gives its rows.
    fn bucket(&mut self, parts: &[&[E]], out: &mut Out<'_>, finer: Option<Finer<'_>>) -> Result<()> {
        let len = parts.iter().map(|part| part.len()).sum();
        let cached = len <= CACHED / size_of::<E>();
        let joined = |(a, b): (u64, u64), (c, d): (u64, u64)| (a.min(c), b.max(d));
        let mut bounds = (u64::MAX, 0);
        if !cached {
            // Not copied, if all are as bad as each other.
            bounds = parts.iter().map(|part| range(part)).fold(bounds, joined);
            if bounds.0 == bounds.1 && finer.is_none() {
                let entries = parts.iter().copied().flatten(); // Proof: slices, each whole.
                entries.enumerate().for_each(|(rank, &entry)| out.set(rank, entry));
                return Ok(());
            }
        }
        self.entries.clear();
        self.entries.try_reserve(len).map_err(|_| no_memory(len))?;
        for part in parts {
            self.entries.extend_from_slice(part);
        }
        if cached {
            bounds = range(&self.entries);
        }
        let mut done = false;
        if len < FEW {
            self.entries.sort_unstable();
        } else {
            if self.spare.len() < len {
                self.spare.try_reserve(len - self.spare.len()).map_err(|_| no_memory(len))?;
                self.spare.resize(len, E::WORST);
            }
            let to_rows = finer.is_none().then_some(&mut *out);
            done = by_digits(&mut self.entries, &mut self.spare[..len], bounds, to_rows);
        }
        if done {
            return Ok(());
        }
        if let Some(finer) = finer {
            refine(&mut self.entries, finer);
        }
        self.entries.iter().enumerate().for_each(|(rank, &entry)| out.set(rank, entry));
        Ok(())
    }
}

/// Sorts by digits, the lowest first. Gives the rows on the way, if that is asked for and digits decide everything;
/// says whether it did.
fn by_digits<E: Entry>(
    entries: &mut [E],
    spare: &mut [E],
    (low, high): (u64, u64),
    out: Option<&mut Out<'_>>,
) -> bool {
    let bits = significant(high - low);
    let rest = bits - bits.min(DIGITS_BITS);
    let digits = (bits - rest).div_ceil(DIGIT);
    let width = (bits - rest).div_ceil(digits.max(1)).max(1);
    let shifts = (rest..bits).step_by(width as usize);
    let count = shifts.len();
    debug_assert!(count <= DIGITS && width <= DIGIT);
    let cut = |shift| Cut { low, shift, mask: (1 << width) - 1 };
    let mut starts = starts(entries, shifts.clone().map(cut));
    let mut out = out.filter(|_| rest == 0);
    // Proof: at most `DIGITS` shifts, as at most `DIGITS_BITS` bits are cut into digits of `DIGIT` bits.
    for (number, (shift, next)) in shifts.zip(&mut starts).enumerate() {
        let moved = number % 2 == 1;
        let (from, to) = if moved { (&*spare, &mut *entries) } else { (&*entries, &mut *spare) };
        match &mut out {
            Some(out) if number + 1 == count => {
                // Ranked in the cache, and then written from end to end: the rows are memory that is cold.
                scatter(from, cut(shift), next, |rank, entry| to[rank] = entry);
                to.iter().enumerate().for_each(|(rank, &entry)| out.set(rank, entry));
                return true;
            }
            _ => scatter(from, cut(shift), next, |rank, entry| to[rank] = entry),
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

/// Cuts a digit out of badness.
#[derive(Clone, Copy)]
struct Cut {
    low: u64,
    shift: u32,
    mask: usize,
}

impl Cut {
    #[inline(always)]
    fn of(self, entry: impl Entry) -> usize {
        digit(entry.badness(), self.low, self.shift) & self.mask & ((1 << DIGIT) - 1)
    }
}

/// For each value of a digit, where its entries begin.
type Starts = [usize; 1 << DIGIT];

/// The starts for each digit, by one look at the entries.
fn starts<E: Entry>(entries: &[E], cuts: impl Iterator<Item = Cut>) -> [Starts; DIGITS] {
    let mut starts = [[0; 1 << DIGIT]; DIGITS];
    let mut all = [Cut { low: 0, shift: 0, mask: 0 }; DIGITS];
    // Proof: there are at most `DIGITS` cuts, and as many are used of either.
    let used = all.iter_mut().zip(cuts).map(|(to, cut)| *to = cut).count();
    for &entry in entries {
        // Proof: the same number of both.
        for (counts, cut) in starts[..used].iter_mut().zip(&all[..used]) {
            counts[cut.of(entry)] += 1;
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
fn scatter<E: Entry>(from: &[E], cut: Cut, next: &mut Starts, mut put: impl FnMut(usize, E)) {
    for &entry in from {
        let next = &mut next[cut.of(entry)];
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
    use crate::select::candidates::buckets::Parting;
    use crate::select::candidates::entry::{Halved, Packed, Wide};

    fn pieces<E: Entry>(entries: &[E], piece: usize, parting: Parting) -> Pieces<E> {
        Pieces::of(entries.chunks(piece), parting).unwrap()
    }

    fn check<E: Entry>(badness: &[u64], piece: usize, k: usize) {
        let (low, high) = (
            badness.iter().min().map_or(0, |low| low.saturating_add(10)),
            badness.iter().max().map_or(0, |&high| high),
        );
        let entries: Vec<E> = badness.iter().zip(0..).map(|(&badness, row)| E::new(badness, row)).collect();
        let mut best = entries.clone();
        best.sort_unstable();
        let mut best: Vec<i64> = best.iter().map(|entry| entry.row().cast_signed()).take(k).collect();
        for best_last in [false, true] {
            for threads in [1, 2, 7] {
                let parting =
                    if threads == 1 { Parting::WHOLE } else { Parting::new::<E>(low, high, 1 << 20) };
                let pieces = pieces(&entries, piece, parting);
                let mut rows = vec![0; best.len()];
                fill(&pieces, &mut rows, best_last, None, &Job::new(threads)).unwrap();
                assert_eq!(rows, best);
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
            len in prop_oneof![0usize..600, 20_000usize..30_000],
            piece in 1_000usize..12_000,
        ) {
            let mask = (1u64 << bits) - 1;
            let philox = crate::select::noise::philox::Philox::new(seed, 9);
            let badness: Vec<u64> = (0..len as u64).map(|row| (low & !mask) + (philox.bits(row) & mask)).collect();
            check::<Wide>(&badness, piece, len * 3 / 4);
            check::<Halved>(&badness, piece, len * 3 / 4);
            let short: Vec<u64> = badness.iter().map(|badness| badness & u64::from(u32::MAX)).collect();
            check::<Packed>(&short, piece, len * 3 / 4);
        }
    }

    #[test]
    fn what_is_finer_decides_between_those_as_bad() {
        let entries: Vec<Packed> = (0..1000).map(|row| Packed::new(row / 400, row)).collect();
        let pieces = pieces(&entries, 300, Parting::WHOLE);
        let finer = |row: u64| 1000 - row;
        let mut found = vec![0; 900];
        fill(&pieces, &mut found, false, Some(&finer), &Job::new(2)).unwrap();
        let expected: Vec<i64> = (0..400).rev().chain((400..800).rev()).chain((800..1000).rev()).collect();
        assert_eq!(found, expected[..900]);
    }
}
