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
    if finer.is_none() && (order == Order::Row || is_too_much(count, k, size_of::<E>())) {
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

/// Whether entries beyond the `k` best are cut before all are ordered: if they are many, or if two copies of them
/// take more memory than 32 bytes for each row and a little.
fn is_too_much(count: usize, k: usize, entry: usize) -> bool {
    let copies = count.saturating_mul(2 * entry);
    count - k > k / 4 + (1 << 16) || copies > k.saturating_mul(32).saturating_add(32 << 20)
}
