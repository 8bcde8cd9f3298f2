//! Collected entries to the rows of the k best, in the order asked for.

use super::Order;
use super::entry::Entry;
use super::pieces::Pieces;
use super::sort::{self, Finer, zeroed_rows};
use crate::error::{Error, Result};
use crate::parallel::Job;

/// The rows of the `k` best entries. Fails if there are fewer than `k`.
///
/// `finer` decides between entries that are as bad as each other, for entries that do not hold all bits of
/// what rows are ranked by; else the lower row is better.
pub(super) fn rows<E: Entry>(
    mut pieces: Pieces<E>,
    k: u64,
    order: Order,
    finer: Option<Finer<'_>>,
    job: &Job<'_>,
) -> Result<Vec<i64>> {
    let k = usize::try_from(k).map_err(|_| Error::Memory(format!("no memory for {k} row indices")))?;
    let count = pieces.count();
    if count < k {
        return Err(Error::Internal(format!("{count} entries were collected for {k} rows")));
    }
    // What is sorted beyond the k best is lost work and memory; what is cut is read once or twice more.
    if finer.is_none() && (order == Order::Row || count - k > k / 16) {
        pieces.cut(k, job)?;
    }
    match order {
        Order::BestFirst => sort::rows(pieces, k, false, finer, job),
        Order::BestLast => sort::rows(pieces, k, true, finer, job),
        Order::Row => ascending(&pieces, k),
    }
}

/// The rows of all entries, which are in this order already.
fn ascending<E: Entry>(pieces: &Pieces<E>, k: usize) -> Result<Vec<i64>> {
    let mut rows = zeroed_rows(k)?;
    for (row, entry) in rows.iter_mut().zip(pieces.all.iter().flatten()) {
        *row = entry.row().cast_signed();
    }
    Ok(rows)
}
