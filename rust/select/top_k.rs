//! Selects the k best rows by score.

use std::marker::PhantomData;
use std::ops::Range;

use super::candidates::entry::{Entry, Key32Row32, Key64Row32, Key64Row64};
use super::candidates::order;
use super::exclude::Exclude;
use super::key::Keyed;
use super::options::{Nan, Order, SelectOptions};
use super::pass::ranker::{Ranker, Workspace};
use super::pass::{Collected, collect, scan};
use super::validate::{check_count, check_k, check_nan};
use crate::checked::{self, impossible};
use crate::error::Result;
use crate::exec::job::Job;
use crate::exec::simd::{Kernel, dispatch};
use crate::scores::Source;
use crate::with_dtype;

/// Fills `rows` with the `k = rows.len()` rows of the largest (or smallest) scores.
///
/// Ties go to the lower row, -0.0 equals 0.0, and infinities are ordinary scores. The result does not depend on the
/// threads of the job. Memory: proportional to `k`, at most 64 MB and 32 bytes per row.
pub fn top_k(
    source: &dyn Source,
    rows: &mut [i64],
    largest: bool,
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<()> {
    check_k(rows.len() as u64, source.len(), options.exclude.count())?;
    source.check_unchanged()?;
    source.prepare(job)?;
    if source.len() == options.exclude.count() {
        return Ok(());
    }
    with_dtype!(source.dtype(), T => {
        match (T::KEY_BITS, source.len() <= 1 << 32) {
            (32, true) => best::<T, Key32Row32>(source, rows, largest, options, job),
            (_, true) => best::<T, Key64Row32>(source, rows, largest, options, job),
            _ => best::<T, Key64Row64>(source, rows, largest, options, job),
        }
    })
}

fn best<T: Keyed, E: Entry>(
    source: &dyn Source,
    rows: &mut [i64],
    largest: bool,
    options: &SelectOptions<'_>,
    job: &Job<'_>,
) -> Result<()> {
    let k = rows.len() as u64;
    let SelectOptions { order, nan, ref exclude } = *options;
    let ranker = ByScore::<T> { source, largest, nan, exclude, value: PhantomData };
    // For k = 0 this ranks rows as for k = 1, so that every k reports the same errors in the scores.
    let Collected { candidates, stats, .. } = collect::<E>(&ranker, k.max(1), order != Order::Row, job)?;
    check_nan(nan, stats)?;
    if k == 0 {
        return Ok(());
    }
    check_count(k, candidates.count() as u64, source.len(), exclude.count(), stats)?;
    order::fill(candidates, rows, order, None, job)
}

/// Ranks rows by the scores of a source, which are of type `T`.
struct ByScore<'a, T> {
    source: &'a dyn Source,
    largest: bool,
    nan: Nan,
    exclude: &'a Exclude<'a>,
    value: PhantomData<fn() -> T>,
}

impl<T: Keyed> ByScore<'_, T> {
    const LAST_KEY: u64 = u64::MAX >> (64 - T::KEY_BITS);

    /// Turns a key into a sort key, and a sort key into a key: it is its own inverse.
    #[inline(always)]
    fn flip(&self, key: u64) -> u64 {
        let key = key.min(Self::LAST_KEY);
        if self.largest { Self::LAST_KEY - key } else { key }
    }

    /// Returns the bound that exactly the scores within the threshold pass, in rows from `start` on, or `None` if no
    /// score can.
    ///
    /// Rows after the threshold's own lose ties with it, so they must be better.
    fn bound(&self, threshold: impl Entry, start: u64) -> Option<T::Bound> {
        let mut key = self.flip(threshold.sort_key());
        if start > threshold.row() {
            key = if self.largest { key.checked_add(1) } else { key.checked_sub(1) }?;
        }
        Some(if self.largest { T::bound::<true>(key) } else { T::bound::<false>(key) })
    }
}

/// Appends an entry for each hit.
struct PushEntries<'a, T, E> {
    ranker: &'a ByScore<'a, T>,
    start: u64,
    hits: &'a [u32],
    picked: &'a [T],
    found: &'a mut Vec<E>,
}

impl<T: Keyed, E: Entry> Kernel for PushEntries<'_, T, E> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { ranker, start, hits, picked, found } = self;
        let pairs = hits.iter().zip(picked); // Proof: the caller cut both to one length.
        found.extend(pairs.map(|(&at, value)| E::new(ranker.flip(value.key()), start + u64::from(at))));
    }
}

impl<T: Keyed, E: Entry> Ranker<E> for ByScore<'_, T> {
    fn rows(&self) -> u64 {
        self.source.len()
    }

    fn collect(
        &self,
        rows: Range<u64>,
        threshold: E,
        work: &mut Workspace,
        found: &mut Vec<E>,
    ) -> Result<()> {
        let Workspace { scratch, hits, picked, stats, .. } = work;
        let values = T::values(self.source.read(rows.clone(), scratch)?)
            .ok_or_else(|| impossible("a source gave another type than it says"))?;
        checked::equal("scores of a run of rows", values.len() as u64, checked::sub(rows.end, rows.start)?)?;
        if hits.len() < values.len() {
            hits.resize(values.len(), 0);
        }
        // Proof: only the extreme key has no bound. Integers have no NaN to count, and floats reach that key only
        // where a NaN is a score and not counted.
        let Some(bound) = self.bound(threshold, rows.start) else { return Ok(()) };
        let picked = picked.values::<T>(values.len());
        let count = scan::select_at_least(values, bound, self.largest, hits, picked);
        let (hits, picked) = (&hits[..count], &picked[..count]);
        let plain = matches!(self.exclude, Exclude::Nothing) && !rows.contains(&threshold.row());
        if plain && !picked.iter().fold(false, |any, value| any | value.is_nan()) {
            // Every hit lies within the threshold, so the loop needs no branch.
            dispatch(PushEntries { ranker: self, start: rows.start, hits, picked, found });
            return Ok(());
        }
        let mut excluded = self.exclude.cursor(rows.start);
        // Proof: both were cut to one length above.
        for (&offset, &value) in hits.iter().zip(picked) {
            let row = rows.start + u64::from(offset);
            if excluded.excludes(row) {
                continue;
            }
            if value.is_nan() && matches!(self.nan, Nan::Raise | Nan::Omit) {
                stats.add_nan(row);
                continue;
            }
            let entry = E::new(self.flip(value.key_with(self.nan)), row);
            if entry <= threshold {
                found.push(entry);
            }
        }
        Ok(())
    }

    fn source(&self) -> Option<&dyn Source> {
        Some(self.source)
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Ordering;

    use half::{bf16, f16};
    use proptest::prelude::*;

    use super::*;

    /// Returns the rows by comparing scores as float64, or `None` if one of them is a NaN that is an error.
    fn sorted<T: Keyed>(values: &[T], largest: bool, nan: Nan, excluded: &[bool]) -> Option<Vec<i64>> {
        let class = |score: f64| match nan {
            _ if !score.is_nan() => 1,
            Nan::Largest => 2,
            _ => 0,
        };
        let compare = |a: f64, b: f64| match class(a).cmp(&class(b)) {
            Ordering::Equal => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            other => other,
        };
        let scores: Vec<f64> = (0..values.len()).map(|row| T::wrap(values).to_f64(row)).collect();
        let mut rows: Vec<usize> = (0..values.len()).filter(|&row| !excluded[row]).collect();
        if nan == Nan::Raise && rows.iter().any(|&row| scores[row].is_nan()) {
            return None;
        }
        rows.retain(|&row| nan != Nan::Omit || !scores[row].is_nan());
        rows.sort_by(|&a, &b| {
            let ascending = compare(scores[a], scores[b]);
            if largest { ascending.reverse() } else { ascending }
        });
        Some(rows.into_iter().map(|row| i64::try_from(row).unwrap()).collect())
    }

    fn check<T: Keyed>(values: &[T], largest: bool, nan: Nan, excluded: &[bool], part: usize) {
        let mask: Vec<u8> = excluded.iter().map(|&excluded| u8::from(excluded)).collect();
        let rows: Vec<i64> = (0..).zip(excluded).filter(|&(_, &out)| out).map(|(row, _)| row).collect();
        let len = values.len() as u64;
        let expected = sorted(values, largest, nan, excluded);
        for exclude in [Exclude::rows(&rows, len).unwrap(), Exclude::mask(&mask, len).unwrap()] {
            for order in [Order::BestFirst, Order::BestLast, Order::Row] {
                let options = SelectOptions { order, nan, exclude: exclude.clone() };
                let mut found = vec![-1; expected.as_ref().map_or(1, Vec::len) * part / 100];
                let outcome = top_k(&T::wrap(values), &mut found, largest, &options, &Job::new(2));
                let Some(expected) = &expected else {
                    assert!(outcome.is_err());
                    continue;
                };
                outcome.unwrap();
                let mut expected = expected[..found.len()].to_vec();
                match order {
                    Order::BestFirst => {}
                    Order::BestLast => expected.reverse(),
                    Order::Row => expected.sort_unstable(),
                }
                assert_eq!(found, expected);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn rows_are_those_of_a_sort_by_score(
            scores in proptest::collection::vec(prop_oneof![
                8 => -3i8..3,
                1 => prop_oneof![Just(i8::MIN), Just(i8::MAX), Just(i8::MAX - 1)],
            ], 1..300),
            nan in prop_oneof![Just(Nan::Raise), Just(Nan::Omit), Just(Nan::Largest), Just(Nan::Smallest)],
            excluded in proptest::collection::vec(prop::bool::weighted(0.1), 300),
            largest: bool,
            part in 0usize..=100,
        ) {
            let float = |score: i8| match score {
                i8::MIN => f32::NEG_INFINITY,
                i8::MAX => f32::INFINITY,
                126 => f32::NAN,
                0 => -0.0,
                score => f32::from(score).max(0.0),
            };
            let floats: Vec<f32> = scores.iter().map(|&score| float(score)).collect();
            let excluded = &excluded[..scores.len()];
            check(&floats, largest, nan, excluded, part);
            check(&floats.iter().map(|&score| f64::from(score)).collect::<Vec<_>>(), largest, nan, excluded, part);
            check(&floats.iter().map(|&score| f16::from_f32(score)).collect::<Vec<_>>(), largest, nan, excluded, part);
            check(&floats.iter().map(|&score| bf16::from_f32(score)).collect::<Vec<_>>(), largest, nan, excluded, part);
            check(&scores, largest, nan, excluded, part);
            check(&scores.iter().map(|&score| score.cast_unsigned()).collect::<Vec<_>>(), largest, nan, excluded, part);
            check(&scores.iter().map(|&score| i64::from(score)).collect::<Vec<_>>(), largest, nan, excluded, part);
        }
    }

    #[test]
    fn vectors_that_are_sampled_give_the_rows_of_a_sort() {
        let scores: Vec<i32> = (0..100_000).map(|row| row * 7919 % 5003).collect();
        for part in [0, 1, 40, 100] {
            check(&scores, part != 1, Nan::Raise, &vec![false; scores.len()], part);
        }
    }
}
