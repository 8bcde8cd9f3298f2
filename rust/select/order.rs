//! Collected entries to the rows of the k best, in the order asked for.

use super::Order;
use super::entry::Entry;
use super::pieces::Pieces;
use super::sort::{self, Finer};
use crate::error::{Error, Result};
use crate::parallel::Job;

/// Fills `rows` with the rows of the best entries. Fails if there are fewer than it has room for.
///
/// `finer` decides between entries that are as bad as each other, for entries that do not hold all bits of
/// what rows are ranked by; else the lower row is better.
pub(super) fn fill<E: Entry>(
    mut pieces: Pieces<E>,
    rows: &mut [i64],
    order: Order,
    finer: Option<Finer<'_>>,
    job: &Job<'_>,
) -> Result<()> {
    let (count, k) = (pieces.count(), rows.len());
    if count < k {
        return Err(Error::Internal(format!("{count} entries were collected for {k} rows")));
    }
    if finer.is_none() && (order == Order::Row || is_too_much(count, k, size_of::<E>())) {
        pieces.cut(k, job)?;
    }
    match order {
        Order::BestFirst => sort::fill(&pieces, rows, false, finer, job),
        Order::BestLast => sort::fill(&pieces, rows, true, finer, job),
        Order::Row => {
            // They are in this order already.
            let all = pieces.all();
            let entries = all.iter().flat_map(|piece| piece.entries);
            rows.iter_mut().zip(entries).for_each(|(row, entry)| *row = entry.row().cast_signed());
            Ok(())
        }
    }
}

/// Whether entries beyond the `k` best are cut before all are ordered: if they are many, or if they and their rows
/// take more memory than 32 bytes for each row and a little.
fn is_too_much(count: usize, k: usize, entry: usize) -> bool {
    let taken = count.saturating_mul(entry).saturating_add(k.saturating_mul(8));
    count - k > k / 4 + (1 << 16) || taken > k.saturating_mul(32).saturating_add(32 << 20)
}
