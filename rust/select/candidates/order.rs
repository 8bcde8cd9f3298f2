//! Turns candidates into the rows of the k best, in the requested order.

use super::Candidates;
use super::entry::Entry;
use super::radix_sort::{self, TieBreak};
use crate::checked::{self, impossible};
use crate::error::Result;
use crate::exec::job::Job;
use crate::select::options::Order;

/// Debug builds fill the result with this first, to find a row that nothing wrote.
const UNWRITTEN: i64 = -1;

/// Fills `rows` with the rows of the best entries. Fails if there are fewer entries than rows.
///
/// A `tie_break` orders entries whose sort keys are equal because the keys were shortened. Without one the lower row
/// wins.
pub(crate) fn fill<E: Entry>(
    mut candidates: Candidates<E>,
    rows: &mut [i64],
    order: Order,
    tie_break: Option<TieBreak<'_>>,
    job: &Job<'_>,
) -> Result<()> {
    let (count, k) = (candidates.count(), rows.len());
    if count < k {
        return Err(impossible(format_args!("{count} entries were collected for {k} rows")));
    }
    if cfg!(debug_assertions) {
        rows.fill(UNWRITTEN);
    }
    if tie_break.is_none() && (order == Order::Row || is_worth_a_cut(count, k, size_of::<E>())) {
        candidates.cut(k, job)?;
    }
    match order {
        Order::BestFirst => radix_sort::fill(&candidates, rows, false, tie_break, job)?,
        Order::BestLast => radix_sort::fill(&candidates, rows, true, tie_break, job)?,
        Order::Row => fill_in_row_order(&candidates, rows)?,
    }
    debug_assert!(!rows.contains(&UNWRITTEN));
    Ok(())
}

/// Fills `rows` with the rows of exactly as many entries, ascending: without buckets they are stored in this order.
fn fill_in_row_order<E: Entry>(candidates: &Candidates<E>, rows: &mut [i64]) -> Result<()> {
    let mut rest = rows;
    for task in candidates.by_row() {
        let (here, after) = rest
            .split_at_mut_checked(task.entries.len())
            .ok_or_else(|| impossible("more entries than rows are wanted"))?;
        checked::zip(here, task.entries)?.for_each(|(row, entry)| *row = entry.row().cast_signed());
        rest = after;
    }
    checked::equal("rows without an entry", rest.len(), 0)
}

/// Returns whether to cut to the `k` best before sorting: if many more were collected, or if the entries and the rows
/// together exceed the documented memory of 32 bytes a row and some.
fn is_worth_a_cut(count: usize, k: usize, entry: usize) -> bool {
    // Proof: saturation only decides when memory is freed.
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
    use crate::select::candidates::buckets::Buckets;
    use crate::select::candidates::entry::Key64Row64;

    proptest! {
        #[test]
        fn every_order_has_the_rows_of_a_sort(
            sort_keys in proptest::collection::vec(prop_oneof![any::<u64>(), u64::MAX - 2..], 1..400),
            run_len in 1usize..60,
            part in 0usize..=100,
        ) {
            let entries: Vec<Key64Row64> = sort_keys.iter().zip(0..).map(|(&sort_key, row)| Key64Row64::new(sort_key, row)).collect();
            let k = entries.len() * part / 100;
            let mut best = entries.clone();
            best.sort_unstable();
            let mut best: Vec<i64> = best[..k].iter().map(|entry| entry.row().cast_signed()).collect();
            let check = |order, buckets, expected: &[i64]| {
                for threads in [1, 2, 7] {
                    let mut rows = vec![7; k];
                    let candidates = Candidates::of_runs(entries.chunks(run_len), buckets).unwrap();
                    fill(candidates, &mut rows, order, None, &Job::new(threads)).unwrap();
                    assert_eq!(rows, expected);
                }
            };
            let buckets = Buckets::new::<Key64Row64>(1 << 60, u64::MAX, 1 << 22);
            check(Order::BestFirst, buckets, &best);
            best.reverse();
            check(Order::BestLast, buckets, &best);
            best.sort_unstable();
            check(Order::Row, Buckets::ONE, &best);
        }
    }

    #[test]
    fn fewer_entries_than_rows_are_an_error() {
        let entries: Vec<Key64Row64> = (0..9).map(|row| Key64Row64::new(row, row)).collect();
        for order in [Order::BestFirst, Order::BestLast, Order::Row] {
            let candidates = Candidates::of_runs(entries.chunks(4), Buckets::ONE).unwrap();
            let error = fill(candidates, &mut [0; 10], order, None, &Job::new(1)).unwrap_err();
            assert!(error.to_string().contains("9 entries were collected for 10 rows"), "{error}");
        }
        let candidates = Candidates::of_runs(entries.chunks(4), Buckets::ONE).unwrap();
        assert!(
            fill_in_row_order(&candidates, &mut [0; 10])
                .unwrap_err()
                .to_string()
                .contains("1 are there and 0 must be")
        );
        assert!(
            fill_in_row_order(&candidates, &mut [0; 8])
                .unwrap_err()
                .to_string()
                .contains("more entries than rows")
        );
        for best_last in [false, true] {
            let error =
                radix_sort::fill(&candidates, &mut [0; 10], best_last, None, &Job::new(1)).unwrap_err();
            assert!(error.to_string().contains("rows without an entry"), "{error}");
        }
    }
}
