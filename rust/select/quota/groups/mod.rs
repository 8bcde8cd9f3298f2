//! The best rows of each group, in one pass over the scores for all groups.
//!
//! ```text
//! threads, until no task is left:
//!     take a task of 262,144 rows
//!     for each block of 16,384 rows: the entries that are not worse than every group's threshold    (Ranker)
//!         keep those that are not worse than the threshold of their own group
//!     for each group among them: append them to its best so far
//!         where these are twice its quota: cut them to the quota, and make the worst of them the group's threshold
//! cut each group to its quota, and order all that is left
//! ```
//!
//! A threshold is the sort key of one of so many rows that are as good, so that what it rules out is not among the best.
//! The result is that of a sort, whatever the threads and the order in which they find rows. Memory is proportional to
//! the sum of the quotas.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::exec::locks::lock;
use crate::exec::memory::reserved;
use crate::select::candidates::buckets::Buckets;
use crate::select::candidates::entry::Entry;
use crate::select::candidates::{Candidates, order, sort_key_range};
use crate::select::options::Order;
use crate::select::pass::TASK_ROWS;
use crate::select::pass::ranker::{PassStats, Ranker};
use crate::select::pass::tasks::by_tasks;

/// More groups than this are not looked through for the worst threshold of all before each task.
const FEW_GROUPS: usize = 1 << 12;
/// Entries that a group may have beyond its quota before it is cut, besides as many again.
const SPARE_ENTRIES: usize = 64;

/// The group of each row: a number below that of the groups.
#[derive(Debug, Clone, Copy)]
pub struct Groups<'a> {
    of_rows: &'a [u32],
    count: usize,
}

impl<'a> Groups<'a> {
    /// Takes one number below `count` for each of `rows` rows.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for another number of them. One that is no group is an error where it is read.
    pub fn new(of_rows: &'a [u32], count: usize, rows: u64) -> Result<Self> {
        if of_rows.len() as u64 == rows {
            return Ok(Self { of_rows, count });
        }
        Err(Error::Value(format!(
            "groups has {} values, and there are {rows} rows: each needs one",
            of_rows.len()
        )))
    }

    /// Returns the groups of some of the rows.
    #[cfg(test)]
    pub(in crate::select) fn within(&self, rows: Range<usize>) -> Self {
        Self { of_rows: &self.of_rows[rows], ..*self }
    }

    /// Returns how many groups there are.
    pub(in crate::select) fn count(&self) -> usize {
        self.count
    }

    /// Returns the group of a row.
    pub(in crate::select) fn of(&self, row: u64) -> Result<usize> {
        let group = *checked::get(self.of_rows, checked::index(row)?)? as usize;
        if group < self.count {
            return Ok(group);
        }
        Err(Error::Value(format!("groups: row {row} is of group {group}, and there are {}", self.count)))
    }
}

/// Counts the rows of each group that can be chosen.
pub(super) fn count<E: Entry>(
    ranker: &dyn Ranker<E>,
    groups: &Groups<'_>,
    job: &Job<'_>,
) -> Result<(Vec<u64>, PassStats)> {
    let parts = by_tasks(
        ranker,
        job,
        || reserved_of(groups.count, 0),
        |counts, work| {
            work.each_block(E::WORST, |entries| {
                for entry in entries {
                    counts[groups.of(entry.row())?] += 1;
                }
                Ok(())
            })
        },
    )?;
    let (mut sums, mut stats) = (reserved_of(groups.count, 0)?, PassStats::default());
    for (counts, part) in &parts {
        for (sum, &count) in checked::zip(&mut sums, counts)? {
            *sum = checked::add(*sum, count)?;
        }
        stats.merge(part)?;
    }
    Ok((sums, stats))
}

/// Collects the best entries of each group, as many as its quota, or all if there are fewer: in no order.
pub(super) fn collect<E: Entry>(
    ranker: &dyn Ranker<E>,
    groups: &Groups<'_>,
    quotas: &[u64],
    job: &Job<'_>,
) -> Result<(Vec<E>, PassStats)> {
    checked::equal("quotas of groups", quotas.len(), groups.count)?;
    let quotas = quotas.iter().map(|&quota| checked::index(quota)).collect::<Result<Vec<usize>>>()?;
    let best = quotas.into_iter().map(BestOfGroup::new).collect::<Vec<BestOfGroup<E>>>();
    let parts = by_tasks(
        ranker,
        job,
        || Ok(Vec::new()),
        |batch: &mut Vec<(u32, E)>, work| {
            batch.clear();
            work.each_block(worst_of(&best, ranker.rows()), |entries| {
                for &entry in entries {
                    let group = groups.of(entry.row())?;
                    if best[group].may_take(entry) {
                        batch.push((checked::to(group)?, entry));
                    }
                }
                Ok(())
            })?;
            batch.sort_unstable_by_key(|&(group, _)| group);
            for entries in batch.chunk_by(|a, b| a.0 == b.0) {
                best[entries[0].0 as usize].take(entries)?;
            }
            Ok(())
        },
    )?;
    let mut stats = PassStats::default();
    for (_, part) in &parts {
        stats.merge(part)?;
    }
    let mut all = Vec::new();
    for group in best {
        all.append(&mut group.into_best()?);
    }
    Ok((all, stats))
}

/// Returns the rows of entries in an order.
pub(super) fn ordered<E: Entry>(
    mut entries: Vec<E>,
    rows: u64,
    order: Order,
    job: &Job<'_>,
) -> Result<Vec<i64>> {
    let mut chosen = reserved(entries.len(), "chosen rows")?;
    chosen.resize(entries.len(), 0);
    let runs = by_row(&mut entries, rows, job)?;
    let (low, high) = sort_key_range(&entries);
    let buckets = match order {
        Order::Row => Buckets::ONE,
        _ => Buckets::new::<E>(low, high, entries.len() as u64),
    };
    let runs = runs.into_iter().map(|run| checked::get(&entries, run)).collect::<Result<Vec<_>>>()?;
    let candidates = Candidates::of_runs(runs.into_iter(), buckets)?;
    order::fill(candidates, &mut chosen, order, None, job)?;
    Ok(chosen)
}

/// Sorts entries by row: into the tasks that they are of first, and then within each, in parallel. Returns the tasks.
fn by_row<E: Entry>(entries: &mut Vec<E>, rows: u64, job: &Job<'_>) -> Result<Vec<Range<usize>>> {
    let tasks = checked::index(rows.div_ceil(TASK_ROWS))?;
    let mut next = reserved_of(tasks, 0_usize)?;
    let task_of = |entry: &E| checked::index(entry.row() / TASK_ROWS);
    for entry in &*entries {
        next[task_of(entry)?] += 1;
    }
    let mut before = 0;
    let runs = next.iter_mut().map(|count| {
        let run = before..before + *count;
        (*count, before) = (before, run.end);
        run
    });
    let runs = runs.collect::<Vec<_>>();
    let mut sorted = reserved_of(entries.len(), E::WORST)?;
    for entry in &*entries {
        let place = &mut next[task_of(entry)?];
        sorted[*place] = *entry;
        *place += 1;
    }
    let mut parts = reserved(runs.len(), "tasks")?;
    let mut rest = sorted.as_mut_slice();
    for run in &runs {
        let (part, after) = rest.split_at_mut(run.len());
        parts.push(part);
        rest = after;
    }
    let parts = Mutex::new(parts.into_iter());
    job.run(|_, state| {
        loop {
            let next = lock(&parts)?.next();
            let Some(part) = next else { return Ok(()) }; // Proof: every part was sorted.
            part.sort_unstable_by_key(|entry| entry.row());
            state.check()?;
        }
    })?;
    drop(parts);
    *entries = sorted;
    Ok(runs)
}

fn reserved_of<T: Copy>(count: usize, value: T) -> Result<Vec<T>> {
    let mut values = reserved(count, "groups")?;
    values.resize(count, value);
    Ok(values)
}

/// Returns a threshold that every entry passes which a group may take.
fn worst_of<E: Entry>(best: &[BestOfGroup<E>], rows: u64) -> E {
    if best.len() > FEW_GROUPS {
        return E::WORST;
    }
    // Proof: without groups or rows, nothing is found.
    let worst = best.iter().map(|group| group.threshold.load(Ordering::Relaxed)).max().unwrap_or(u64::MAX);
    match rows.checked_sub(1) {
        Some(last) if worst < u64::MAX => E::new(worst, last),
        _ => E::WORST,
    }
}

/// The best entries of one group that were found so far, and some more.
struct BestOfGroup<E> {
    quota: usize,
    /// The sort key of an entry that `quota` entries do not exceed, or the greatest of all.
    threshold: AtomicU64,
    entries: Mutex<Vec<E>>,
}

impl<E: Entry> BestOfGroup<E> {
    fn new(quota: usize) -> Self {
        Self { quota, threshold: AtomicU64::new(u64::MAX), entries: Mutex::default() }
    }

    /// Returns whether an entry may be among the best.
    #[inline(always)]
    fn may_take(&self, entry: E) -> bool {
        self.quota > 0 && entry.sort_key() <= self.threshold.load(Ordering::Relaxed)
    }

    /// Appends entries, and cuts to the quota where they are many.
    fn take(&self, found: &[(u32, E)]) -> Result<()> {
        let mut entries = lock(&self.entries)?;
        entries.try_reserve(found.len()).map_err(|_| {
            Error::Memory(format!("there is no room in memory for {} rows of a group", self.quota))
        })?;
        entries.extend(found.iter().map(|&(_, entry)| entry));
        // Proof: a quota that is doubled beyond all numbers is never reached.
        let most = self.quota.saturating_mul(2).saturating_add(SPARE_ENTRIES);
        if entries.len() >= most
            && let Some(worst) = self.cut(&mut entries)
        {
            self.threshold.fetch_min(worst.sort_key(), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Cuts entries to the quota, and returns the worst that is left.
    fn cut(&self, entries: &mut Vec<E>) -> Option<E> {
        let last = self.quota.checked_sub(1).filter(|&last| last < entries.len())?;
        let worst = *entries.select_nth_unstable(last).1;
        entries.truncate(self.quota);
        Some(worst)
    }

    fn into_best(self) -> Result<Vec<E>> {
        let mut entries = std::mem::take(&mut *lock(&self.entries)?);
        self.cut(&mut entries);
        Ok(entries)
    }
}

#[cfg(test)]
mod tests;
