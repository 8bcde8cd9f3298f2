//! The k best rows by their score.

use std::marker::PhantomData;
use std::ops::Range;

use super::entry::{Entry, Halved, Packed, Wide};
use super::pass::{Collected, Ranker, Tally, Workspace, collect};
use super::rank::Rank;
use super::{Exclude, Nan, Options, Order, check_k, order, scan};
use crate::checked::{self, impossible};
use crate::error::{Error, Result};
use crate::parallel::Job;
use crate::scores::Source;
use crate::simd::{Kernel, dispatch};
use crate::with_dtype;

/// Fills `rows` with the rows of the largest (or smallest) scores, as many as there is room for: `k`.
///
/// Ties go to the lower row, -0.0 equals 0.0, infinities are ordinary. The result does not depend on the
/// threads of the job. Memory: in proportion to `k`, at most 64 MB + 32 bytes for each.
pub fn top_k(
    source: &dyn Source,
    rows: &mut [i64],
    largest: bool,
    options: &Options<'_>,
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
            (32, true) => best::<T, Packed>(source, rows, largest, options, job),
            (_, true) => best::<T, Halved>(source, rows, largest, options, job),
            _ => best::<T, Wide>(source, rows, largest, options, job),
        }
    })
}

fn best<T: Rank, E: Entry>(
    source: &dyn Source,
    rows: &mut [i64],
    largest: bool,
    options: &Options<'_>,
    job: &Job<'_>,
) -> Result<()> {
    let k = rows.len() as u64;
    let Options { order, nan, ref exclude } = *options;
    let ranker = ByScore::<T> { source, largest, nan, exclude, value: PhantomData };
    // Of no rows, the scores are looked at as for one: what is wrong with them is told for every k.
    let Collected { pieces, tally, .. } = collect::<E>(&ranker, k.max(1), order != Order::Row, job)?;
    check_nan(nan, tally)?;
    if k == 0 {
        return Ok(());
    }
    check_count(k, pieces.count() as u64, source.len(), exclude.count(), tally)?;
    order::fill(pieces, rows, order, None, job)
}

/// Fails if NaN is an error and there is one.
pub(super) fn check_nan(nan: Nan, tally: Tally) -> Result<()> {
    match (nan, tally.first_nan) {
        (Nan::Raise, Some(first)) => Err(Error::Value(format!(
            "{} of the scores {} NaN, the first at row {first}; say what they mean: \
             nan=\"omit\", \"largest\" or \"smallest\"",
            tally.nan,
            if tally.nan == 1 { "is" } else { "are" },
        ))),
        _ => Ok(()),
    }
}

/// Fails if fewer than `k` rows can be chosen.
pub(super) fn check_count(k: u64, count: u64, rows: u64, excluded: u64, tally: Tally) -> Result<()> {
    if count >= k {
        return Ok(());
    }
    // All that can be chosen were collected then: no row may be lacking without a reason.
    let valid = [excluded, tally.nan, tally.never].into_iter().try_fold(rows, checked::sub)?;
    checked::equal("rows that can be chosen", count, valid)?;
    let mut reasons = vec![format!("there are {rows} rows")];
    for (number, what) in [
        (excluded, "excluded"),
        (tally.nan, "NaN and omitted"),
        (tally.never, "of score -inf, which is never drawn"),
    ] {
        if number > 0 {
            reasons.push(format!("{number} {what}"));
        }
    }
    Err(Error::Value(format!("k is {k}, and {count} rows are valid: {}", reasons.join(", "))))
}

/// Ranks rows by the scores of a source, which are of type `T`.
struct ByScore<'a, T> {
    source: &'a dyn Source,
    largest: bool,
    nan: Nan,
    exclude: &'a Exclude<'a>,
    value: PhantomData<fn() -> T>,
}

impl<T: Rank> ByScore<'_, T> {
    const LAST_KEY: u64 = u64::MAX >> (64 - T::KEY_BITS);

    /// From a key to a badness, and back.
    #[inline(always)]
    fn turned(&self, key: u64) -> u64 {
        let key = key.min(Self::LAST_KEY);
        if self.largest { Self::LAST_KEY - key } else { key }
    }

    /// The bound that just the scores within a limit reach, in rows from `start` on; none if no score can.
    ///
    /// Rows after the limit's own must be better than it.
    fn bound(&self, limit: impl Entry, start: u64) -> Option<T::Bound> {
        let mut key = self.turned(limit.badness());
        if start > limit.row() {
            key = if self.largest { key.checked_add(1) } else { key.checked_sub(1) }?;
        }
        Some(if self.largest { T::bound::<true>(key) } else { T::bound::<false>(key) })
    }
}

/// Appends an entry for each hit.
struct Extend<'a, T, E> {
    ranker: &'a ByScore<'a, T>,
    start: u64,
    hits: &'a [u32],
    picked: &'a [T],
    found: &'a mut Vec<E>,
}

impl<T: Rank, E: Entry> Kernel for Extend<'_, T, E> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { ranker, start, hits, picked, found } = self;
        let pairs = hits.iter().zip(picked); // Proof: both are cut to one count.
        found.extend(pairs.map(|(&at, value)| E::new(ranker.turned(value.key()), start + u64::from(at))));
    }
}

impl<T: Rank, E: Entry> Ranker<E> for ByScore<'_, T> {
    fn rows(&self) -> u64 {
        self.source.len()
    }

    fn collect(&self, rows: Range<u64>, limit: E, work: &mut Workspace, found: &mut Vec<E>) -> Result<()> {
        let Workspace { scratch, hits, picked, tally, .. } = work;
        let values = T::values(self.source.read(rows.clone(), scratch)?)
            .ok_or_else(|| impossible("a source gave another type than it says"))?;
        checked::equal("scores of a run of rows", values.len() as u64, checked::sub(rows.end, rows.start)?)?;
        if hits.len() < values.len() {
            hits.resize(values.len(), 0);
        }
        // Proof: no score is better than the limit, and NaN, if it is to be counted, is never as good.
        let Some(bound) = self.bound(limit, rows.start) else { return Ok(()) };
        let picked = picked.values::<T>(values.len());
        let count = scan::reaching(values, bound, self.largest, hits, picked);
        let (hits, picked) = (&hits[..count], &picked[..count]);
        let plain = matches!(self.exclude, Exclude::Nothing) && !rows.contains(&limit.row());
        if plain && !picked.iter().fold(false, |any, value| any | value.is_nan()) {
            // What reaches the bound lies within the limit: one loop without a question.
            dispatch(Extend { ranker: self, start: rows.start, hits, picked, found });
            return Ok(());
        }
        let mut excluded = self.exclude.from(rows.start);
        // Proof: both are cut to one count.
        for (&offset, &value) in hits.iter().zip(picked) {
            let row = rows.start + u64::from(offset);
            if excluded.excludes(row) {
                continue;
            }
            if value.is_nan() && matches!(self.nan, Nan::Raise | Nan::Omit) {
                tally.add_nan(row);
                continue;
            }
            let entry = E::new(self.turned(value.key_with(self.nan)), row);
            if entry <= limit {
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
    use super::*;

    #[test]
    fn rows_that_are_lacking_have_a_reason_or_are_a_defect() {
        let tally = Tally { nan: 2, never: 1, ..Tally::default() };
        assert!(check_count(5, 5, 10, 3, tally).is_ok());
        let error = check_count(5, 4, 10, 3, tally).unwrap_err();
        assert!(
            matches!(&error, Error::Value(message) if message.contains("k is 5, and 4 rows are valid")),
            "{error}"
        );
        let error = check_count(5, 3, 10, 3, tally).unwrap_err();
        let expected = "rows that can be chosen: 3 are there and 4 must be";
        assert!(matches!(&error, Error::Internal(message) if message.contains(expected)), "{error}");
    }
}
