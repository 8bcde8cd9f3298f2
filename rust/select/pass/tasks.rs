//! One pass over all rows by tasks, for what keeps more of them than the k best, or counts them.

use std::ops::Range;

use super::TASK_ROWS;
use super::ranker::{BLOCK_ROWS, PassStats, Ranker, Workspace};
use crate::checked;
use crate::error::Result;
use crate::exec::job::{Job, Queue, State};
use crate::scores::Source;
use crate::select::candidates::entry::Entry;

/// A task of a thread, which reads its rows block by block.
pub(crate) struct Task<'a, E: Entry> {
    ranker: &'a dyn Ranker<E>,
    /// The rows of the task.
    rows: Range<u64>,
    work: &'a mut Workspace,
    found: &'a mut Vec<E>,
}

impl<E: Entry> Task<'_, E> {
    /// Calls `look` with the entries of each block that are not worse than `threshold`, in the order of their rows.
    pub(crate) fn each_block(
        &mut self,
        threshold: E,
        mut look: impl FnMut(&[E]) -> Result<()>,
    ) -> Result<()> {
        let mut start = self.rows.start;
        while start < self.rows.end {
            let end = start + BLOCK_ROWS.min(self.rows.end - start);
            self.found.clear();
            self.ranker.collect(start..end, threshold, self.work, self.found)?;
            look(self.found)?;
            start = end;
        }
        Ok(())
    }
}

/// Lets each thread go through the tasks that it takes, with what it keeps of its own; returns that, and what was
/// counted on the way.
pub(crate) fn by_tasks<E: Entry, R: Send>(
    ranker: &dyn Ranker<E>,
    job: &Job<'_>,
    begin: impl Fn() -> Result<R> + Sync,
    step: impl Fn(&mut R, &mut Task<'_, E>) -> Result<()> + Sync,
) -> Result<Vec<(R, PassStats)>> {
    let tasks = ranker.rows().div_ceil(TASK_ROWS);
    let queue = Queue::new(tasks);
    let parts = job.run_on(checked::index(tasks)?, |_, state: &State| {
        let (mut mine, mut work, mut found) = (begin()?, Workspace::default(), Vec::new());
        while let Some(task) = queue.take() {
            let start = checked::mul(task, TASK_ROWS)?;
            // Proof: the end of the last task may exceed u64; the minimum is then the number of rows.
            let rows = start..ranker.rows().min(start.saturating_add(TASK_ROWS));
            ranker.source().map_or(Ok(()), |source| source.prefetch(rows.clone()))?;
            step(&mut mine, &mut Task { ranker, rows: rows.clone(), work: &mut work, found: &mut found })?;
            let len = checked::sub(rows.end, rows.start)?;
            work.stats.rows = checked::add(work.stats.rows, len)?;
            state.advance(len)?;
        }
        Ok((mine, work.stats))
    })?;
    let rows = parts.iter().try_fold(0, |sum, (_, stats)| checked::add(sum, stats.rows))?;
    checked::equal("rows that were looked at", rows, ranker.rows())?;
    ranker.source().map_or(Ok(()), Source::check_unchanged)?;
    Ok(parts)
}
