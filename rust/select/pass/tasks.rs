//! One pass over all rows, or a run of them, by tasks, for what keeps more of them than the k best, or counts them.

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
    /// Returns the first of its rows.
    pub(crate) fn first_row(&self) -> u64 {
        self.rows.start
    }

    /// Calls `look` with the entries of each block that are not worse than `threshold`, in the order of their rows.
    pub(crate) fn each_block(
        &mut self,
        threshold: E,
        mut look: impl FnMut(&[E]) -> Result<()>,
    ) -> Result<()> {
        for rows in blocks(self.rows.clone()) {
            self.found.clear();
            self.ranker.collect(rows, threshold, self.work, self.found)?;
            look(self.found)?;
        }
        Ok(())
    }

    /// Calls `look` with how many entries of each block are not worse than `better`, and with the others that are not
    /// worse than `threshold`.
    pub(crate) fn each_block_between(
        &mut self,
        better: Option<E>,
        threshold: E,
        mut look: impl FnMut(u64, &[E]) -> Result<()>,
    ) -> Result<()> {
        for rows in blocks(self.rows.clone()) {
            self.found.clear();
            let passed = self.ranker.collect_between(rows, better, threshold, self.work, self.found)?;
            look(passed, self.found)?;
        }
        Ok(())
    }
}

/// Cuts rows into blocks.
fn blocks(rows: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut start = rows.start;
    std::iter::from_fn(move || {
        let block = start..start + BLOCK_ROWS.min(rows.end - start);
        start = block.end;
        (!block.is_empty()).then_some(block)
    })
}

/// Lets each thread go through the tasks that it takes, with what it keeps of its own; returns that, and what was
/// counted on the way.
pub(crate) fn by_tasks<E: Entry, R: Send>(
    ranker: &dyn Ranker<E>,
    job: &Job<'_>,
    begin: impl Fn() -> Result<R> + Sync,
    step: impl Fn(&mut R, &mut Task<'_, E>) -> Result<()> + Sync,
) -> Result<Vec<(R, PassStats)>> {
    by_tasks_within(ranker, 0..ranker.rows(), job, begin, step)
}

/// [`by_tasks`] over some of the rows.
pub(crate) fn by_tasks_within<E: Entry, R: Send>(
    ranker: &dyn Ranker<E>,
    within: Range<u64>,
    job: &Job<'_>,
    begin: impl Fn() -> Result<R> + Sync,
    step: impl Fn(&mut R, &mut Task<'_, E>) -> Result<()> + Sync,
) -> Result<Vec<(R, PassStats)>> {
    let all = checked::sub(within.end, within.start)?;
    let tasks = all.div_ceil(TASK_ROWS);
    let queue = Queue::new(tasks);
    let parts = job.run_on(checked::index(tasks)?, |_, state: &State| {
        let (mut mine, mut work, mut found) = (begin()?, Workspace::default(), Vec::new());
        while let Some(task) = queue.take() {
            let start = checked::add(within.start, checked::mul(task, TASK_ROWS)?)?;
            // Proof: the end of the last task may exceed u64; the minimum is then the last row.
            let rows = start..within.end.min(start.saturating_add(TASK_ROWS));
            ranker.source().map_or(Ok(()), |source| source.prefetch(rows.clone()))?;
            step(&mut mine, &mut Task { ranker, rows: rows.clone(), work: &mut work, found: &mut found })?;
            let len = checked::sub(rows.end, rows.start)?;
            work.stats.rows = checked::add(work.stats.rows, len)?;
            state.advance(len)?;
        }
        Ok((mine, work.stats))
    })?;
    let rows = parts.iter().try_fold(0, |sum, (_, stats)| checked::add(sum, stats.rows))?;
    checked::equal("rows that were looked at", rows, all)?;
    ranker.source().map_or(Ok(()), Source::check_unchanged)?;
    Ok(parts)
}
