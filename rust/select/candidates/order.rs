//! Collected entries to the rows of the k best, in the order asked for.

use super::Pieces;
use super::entry::Entry;
use super::radix_sort::{self, Finer};
use crate::checked::{self, impossible};
use crate::error::Result;
use crate::parallel::Job;
use crate::select::options::Order;

/// No row: what tests find where a row was not filled.
const UNWRITTEN: i64 = -1;

/// Fills `rows` with the rows of the best entries. Fails if there are fewer than it has room for.
///
/// `finer` decides between entries that are as bad as each other, for entries that do not hold all bits of
/// what rows are ranked by; else the lower row is better.
pub(crate) fn fill<E: Entry>(
    mut pieces: Pieces<E>,
    rows: &mut [i64],
    order: Order,
    finer: Option<Finer<'_>>,
    job: &Job<'_>,
) -> Result<()> {
    let (count, k) = (pieces.count(), rows.len());
    if count < k {
        return Err(impossible(format_args!("{count} entries were collected for {k} rows")));
    }
    if cfg!(debug_assertions) {
        rows.fill(UNWRITTEN);
    }
    if finer.is_none() && (order == Order::Row || is_too_much(count, k, size_of::<E>())) {
        pieces.cut(k, job)?;
    }
    match order {
        Order::BestFirst => radix_sort::fill(&pieces, rows, false, finer, job)?,
        Order::BestLast => radix_sort::fill(&pieces, rows, true, finer, job)?,
        Order::Row => ascending(&pieces, rows)?,
    }
    debug_assert!(!rows.contains(&UNWRITTEN));
    Ok(())
}

/// Fills `rows` with the rows of just as many entries, ascending: pieces without buckets are in this order already.
fn ascending<E: Entry>(pieces: &Pieces<E>, rows: &mut [i64]) -> Result<()> {
    let mut rest = rows;
    for piece in pieces.all() {
        let (here, after) = rest
            .split_at_mut_checked(piece.entries.len())
            .ok_or_else(|| impossible("more entries than rows are wanted"))?;
        checked::zip(here, piece.entries)?.for_each(|(row, entry)| *row = entry.row().cast_signed());
        rest = after;
    }
    checked::equal("rows without an entry", rest.len(), 0)
}

/// Whether entries beyond the `k` best are cut before all are ordered: if they are many, or if they and their rows
/// take more memory than 32 bytes for each row and a little.
fn is_too_much(count: usize, k: usize, entry: usize) -> bool {
    // Proof: what saturates only decides when memory is given back.
    let (taken, allowed) = (
        count.saturating_mul(entry).saturating_add(k.saturating_mul(8)),
        k.saturating_mul(32).saturating_add(32 << 20),
    );
    count - k > k / 4 + (1 << 16) || taken > allowed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::select::candidates::buckets::Parting;
    use crate::select::candidates::entry::Wide;

    proptest! {
        #[test]
        fn every_order_has_the_rows_of_a_sort(
            badness in proptest::collection::vec(prop_oneof![any::<u64>(), u64::MAX - 2..], 1..400),
            piece in 1usize..60,
            part in 0usize..=100,
        ) {
            let entries: Vec<Wide> = badness.iter().zip(0..).map(|(&badness, row)| Wide::new(badness, row)).collect();
            let k = entries.len() * part / 100;
            let mut best = entries.clone();
            best.sort_unstable();
            let mut best: Vec<i64> = best[..k].iter().map(|entry| entry.row().cast_signed()).collect();
            let check = |order, parting, expected: &[i64]| {
                for threads in [1, 2, 7] {
                    let mut rows = vec![7; k];
                    let pieces = Pieces::of(entries.chunks(piece), parting).unwrap();
                    fill(pieces, &mut rows, order, None, &Job::new(threads)).unwrap();
                    assert_eq!(rows, expected);
                }
            };
            let buckets = Parting::new::<Wide>(1 << 60, u64::MAX, 1 << 22);
            check(Order::BestFirst, buckets, &best);
            best.reverse();
            check(Order::BestLast, buckets, &best);
            best.sort_unstable();
            check(Order::Row, Parting::WHOLE, &best);
        }
    }

    #[test]
    fn fewer_entries_than_rows_are_an_error() {
        let entries: Vec<Wide> = (0..9).map(|row| Wide::new(row, row)).collect();
        for order in [Order::BestFirst, Order::BestLast, Order::Row] {
            let pieces = Pieces::of(entries.chunks(4), Parting::WHOLE).unwrap();
            let error = fill(pieces, &mut [0; 10], order, None, &Job::new(1)).unwrap_err();
            assert!(error.to_string().contains("9 entries were collected for 10 rows"), "{error}");
        }
        let pieces = Pieces::of(entries.chunks(4), Parting::WHOLE).unwrap();
        assert!(
            ascending(&pieces, &mut [0; 10]).unwrap_err().to_string().contains("1 are there and 0 must be")
        );
        assert!(ascending(&pieces, &mut [0; 8]).unwrap_err().to_string().contains("more entries than rows"));
        for best_last in [false, true] {
            let error = radix_sort::fill(&pieces, &mut [0; 10], best_last, None, &Job::new(1)).unwrap_err();
            assert!(error.to_string().contains("rows without an entry"), "{error}");
        }
    }
}
