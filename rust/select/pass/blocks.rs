//! One pass over the scores of all rows, block by block: each thread adds those that it takes to what is its own.

use super::TASK_ROWS;
use super::ranker::BLOCK_ROWS;
use crate::checked::{self, impossible};
use crate::error::Result;
use crate::exec::job::{Job, Queue};
use crate::scores::{Scratch, Source};
use crate::select::key::Keyed;

/// A block of scores: the number of its first row, and its values.
pub(crate) type Block<'a, T> = (u64, &'a [T]);

/// Has every block of rows added to what some thread began with by `start`; returns what each of them came to.
pub(crate) fn each_block<T: Keyed, A: Send>(
    source: &dyn Source,
    job: &Job<'_>,
    start: impl Fn() -> A + Sync,
    add: impl Fn(&mut A, Block<'_, T>) -> Result<()> + Sync,
) -> Result<Vec<A>> {
    source.check_unchanged()?;
    let len = source.len();
    let tasks = len.div_ceil(TASK_ROWS);
    let queue = Queue::new(tasks);
    let parts = job.run_on(checked::index(tasks)?, |_, state| {
        let (mut mine, mut scratch, mut seen) = (start(), Scratch::default(), 0);
        while let Some(task) = queue.take() {
            let first = checked::mul(task, TASK_ROWS)?;
            let end = first + TASK_ROWS.min(checked::sub(len, first)?);
            source.prefetch(first..end)?;
            let mut row = first;
            while row < end {
                let rows = row..row + BLOCK_ROWS.min(end - row);
                let values = T::values(source.read(rows.clone(), &mut scratch)?)
                    .ok_or_else(|| impossible("a source gave another type than it says"))?;
                checked::equal("scores of a run of rows", values.len() as u64, rows.end - rows.start)?;
                add(&mut mine, (row, values))?;
                row = rows.end;
            }
            seen = checked::add(seen, end - first)?;
            state.advance(end - first)?;
        }
        Ok((mine, seen))
    })?;
    source.check_unchanged()?;
    let mut all = 0;
    let mut tallies = Vec::with_capacity(parts.len());
    for (tally, seen) in parts {
        all = checked::add(all, seen)?;
        tallies.push(tally);
    }
    checked::equal("rows that were looked at", all, len)?;
    Ok(tallies)
}
