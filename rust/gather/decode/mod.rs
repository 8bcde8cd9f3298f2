//! Rows read into memory, in the order in which they lie, and handed on from there in the order wanted.
//!
//! Parquet is read so, compressed Arrow, values that must be converted, and files that are larger than the page cache.
//! Beside such parts, rows of others are used where they lie, or read by their position. The plan's passes bound what is
//! held. If rows turn out to be larger than the files' own numbers tell, a pass is cut in two.

use std::ops::Range;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arrow::record_batch::RecordBatch;

use super::copy::{OpenUnits, Unit};
use super::corpus::Corpus;
use super::output::{BlockQueue, Output, index, interleaved};
use super::plan::{Block, Plan, Strategy};
use crate::checked::{self, impossible};
use crate::error::{Error, Result};
use crate::exec::job::{Job, Queue, State};
use crate::exec::locks;
use crate::exec::memory::{check_free, reserved};

/// The place of a row that was not read: that of no batch.
const NOWHERE: u64 = u64::MAX;
/// What is said where they are.
const TOO_MANY: &str = "rows: lower memory_limit= or select fewer at once";
/// How far rows may exceed the limit where a pass cannot be cut.
const OVERRUN: u64 = 4;
/// What they may take whatever the limit, as guesses of small sizes err most.
const LEAST_BUDGET: u64 = 256 << 20;

/// Gathers the blocks of a pass. Rows of units that are open are not decoded.
pub(super) fn pass(
    job: &Job<'_>,
    output: &Output<'_>,
    plan: &Plan,
    open: &OpenUnits,
    mut blocks: &[Block],
) -> Result<()> {
    let counted = AtomicU64::new(0);
    let mut count = blocks.len();
    while !blocks.is_empty() {
        let (now, later) = blocks.split_at(count.min(blocks.len()));
        if part_of_pass(job, output, plan, open, now, &counted)? {
            blocks = later;
        } else {
            count = now.len() / 2;
        }
    }
    Ok(())
}

/// Gathers some blocks, or returns `false` if their rows take more memory than they may.
fn part_of_pass(
    job: &Job<'_>,
    output: &Output<'_>,
    plan: &Plan,
    open: &OpenUnits,
    blocks: &[Block],
    counted: &AtomicU64,
) -> Result<bool> {
    let rows = blocks.iter().try_fold(0, |sum, block| checked::add(sum, block.len()))?;
    let mut starts = vec![0];
    let mut wanted = reserved(index(rows)?, TOO_MANY)?;
    for block in blocks {
        wanted.extend_from_slice(output.rows_of(block)?);
        starts.push(wanted.len());
    }
    // Proof: a bound; one that is cut at 2^64 bounds nothing either.
    let most = plan.memory_limit.saturating_mul(OVERRUN).max(LEAST_BUDGET);
    // Where the limit is small, there is nothing to be gained by smaller passes.
    let may_stop = blocks.len() > 1 && plan.memory_limit >= LEAST_BUDGET / OVERRUN;
    let budget = if may_stop { plan.memory_limit - plan.for_blocks } else { most };
    let read = Reading {
        corpus: output.corpus,
        plan,
        open,
        budget,
        may_stop,
        held: AtomicU64::new(0),
        stopped: AtomicBool::new(false),
        counted,
    };
    let Some(found) = read.rows(job, &wanted)? else { return Ok(false) }; // Proof: they are read again, in parts.
    drop(wanted);
    let queue = BlockQueue::of(blocks);
    job.run_on(plan.makers(), |_, state| {
        let mut mine = None;
        while let Some(number) = queue.take(&mut mine) {
            check_free("gathering rows")?;
            let (block, start) = (checked::get(blocks, number)?, *checked::get(&starts, number)?);
            output.put(block, make(output, &found, block, start)?, state)?;
        }
        Ok(())
    })?;
    Ok(true)
}

/// Rows as they were read, and where each wanted row is among them.
struct RowsInMemory {
    batches: Vec<RecordBatch>,
    /// For each row, its batch in the upper half and its row there in the lower.
    picks: Vec<AtomicU64>,
}

/// The first half of a pass.
struct Reading<'a> {
    corpus: &'a Corpus,
    plan: &'a Plan,
    /// Units whose rows are not decoded.
    open: &'a OpenUnits,
    /// Bytes that may be held.
    budget: u64,
    /// Whether to stop where they are exceeded, and not to fail.
    may_stop: bool,
    held: AtomicU64,
    stopped: AtomicBool,
    /// Rows that were counted as read in an attempt before this one.
    counted: &'a AtomicU64,
}

impl Reading<'_> {
    fn rows(&self, job: &Job<'_>, rows: &[i64]) -> Result<Option<RowsInMemory>> {
        let wanted = by_unit(job, self.corpus, rows)?;
        let mut picks = reserved(rows.len(), TOO_MANY)?;
        picks.resize_with(rows.len(), || AtomicU64::new(NOWHERE));
        let batches = RwLock::new(Vec::new());
        let queue = Queue::new(wanted.units.len() as u64);
        let counted = AtomicU64::new(0);
        job.run(|_, state| {
            while let Some(unit) = queue.take().filter(|_| !self.stopped.load(Ordering::Relaxed)) {
                let (unit, span) = checked::get(&wanted.units, index(unit)?)?;
                let mut mine = checked::get(&wanted.rows, span.clone())?.to_vec();
                mine.sort_unstable();
                self.unit(*unit, &mine, &batches, &picks, state)?;
                state.advance(self.newly_counted(&counted, mine.len() as u64))?;
            }
            Ok(())
        })?;
        if self.stopped.load(Ordering::Relaxed) {
            self.counted.fetch_max(counted.into_inner(), Ordering::Relaxed);
            return Ok(None);
        }
        let before = self.counted.load(Ordering::Relaxed);
        // Proof: only the progress that is shown depends on it.
        self.counted.store(before.saturating_sub(rows.len() as u64), Ordering::Relaxed);
        Ok(Some(RowsInMemory { batches: locks::into_written(batches)?, picks }))
    }

    /// How many of the rows just read were not counted in an attempt before.
    fn newly_counted(&self, counted: &AtomicU64, rows: u64) -> u64 {
        let before = counted.fetch_add(rows, Ordering::Relaxed);
        let known = self.counted.load(Ordering::Relaxed);
        // Proof: fewer than were counted before are none more.
        (before + rows).saturating_sub(before.max(known))
    }

    /// Reads the rows of one unit, and notes for each wanted row where it now is.
    fn unit(
        &self,
        unit: usize,
        wanted: &[(u32, u32)],
        batches: &RwLock<Vec<RecordBatch>>,
        picks: &[AtomicU64],
        state: &State,
    ) -> Result<()> {
        let open = self.open.get(unit);
        if let Some(batch) = open.and_then(Unit::in_place) {
            let id = u64::from(checked::to::<u32, _>(keep(batches, batch.clone())?)?);
            return wanted.iter().try_for_each(|&(row, output)| note(picks, output, id, row));
        }
        let mut distinct: Vec<u32> = wanted.iter().map(|(row, _)| *row).collect();
        distinct.dedup();
        let mut outputs = wanted.chunk_by(|a, b| a.0 == b.0);
        let mut read = 0;
        check_free("reading rows")?;
        let by_position = open.map_or(Ok(None), |open| open.read_by_position(&distinct))?;
        let mut batches_of_unit = match by_position {
            Some(batch) => Box::new(std::iter::once(Ok(batch))),
            None => self.corpus.read(
                unit,
                &distinct,
                self.plan.strategy_of(self.corpus, unit)? == Strategy::Expand,
            )?,
        };
        let mut next = || {
            check_free("reading rows")?;
            batches_of_unit.next().transpose()
        };
        while let Some(batch) = next()? {
            state.check()?;
            if !self.hold(&batch)? {
                self.stopped.store(true, Ordering::Relaxed);
                return Ok(());
            }
            let rows = 0..checked::to::<u32, _>(batch.num_rows())?;
            read = checked::add(read, batch.num_rows())?;
            let id = u64::from(checked::to::<u32, _>(keep(batches, batch)?)?);
            // Proof: there are as many in all, which is compared below.
            for (row, outputs) in rows.zip(outputs.by_ref()) {
                outputs.iter().try_for_each(|&(_, output)| note(picks, output, id, row))?;
            }
        }
        checked::equal("rows read of a unit", read, distinct.len())
    }

    /// Counts decoded rows against the budget: a small file can hold rows of any size.
    fn hold(&self, batch: &RecordBatch) -> Result<bool> {
        let bytes = batch.get_array_memory_size() as u64;
        // Proof: what is held fits in memory.
        let held = self.held.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if held <= self.budget || self.may_stop {
            return Ok(held <= self.budget);
        }
        Err(Error::Memory(format!(
            "the decoded rows take {held} bytes so far, far more than the files' own numbers tell; the memory limit allows {}: raise memory_limit= or select fewer rows at once",
            self.budget
        )))
    }
}

/// Notes that an output row is a row of a batch.
fn note(picks: &[AtomicU64], output: u32, batch: u64, row: u32) -> Result<()> {
    checked::get(picks, output as usize)?.store(batch << 32 | u64::from(row), Ordering::Relaxed);
    Ok(())
}

fn keep(batches: &RwLock<Vec<RecordBatch>>, new: RecordBatch) -> Result<usize> {
    let mut batches = locks::write(batches)?;
    let id = batches.len();
    batches.push(new);
    Ok(id)
}

/// Wanted rows by the unit that holds them.
struct ByUnit {
    /// Each unit that is wanted, with its run of `rows`.
    units: Vec<(usize, Range<usize>)>,
    /// The row in its unit, and its place among the wanted rows.
    rows: Vec<(u32, u32)>,
}

/// Sorts rows into their units, by counting.
fn by_unit(job: &Job<'_>, corpus: &Corpus, rows: &[i64]) -> Result<ByUnit> {
    let chunk = rows.len().div_ceil(job.threads()).max(1);
    let _: u32 = checked::to(corpus.units())?;
    #[allow(clippy::cast_possible_truncation)] // the number of units, just looked at, is the largest there is
    let place = |&row: &i64| {
        let (unit, row) = corpus.locate(row.unsigned_abs());
        (unit as u32, row)
    };
    let located = job.run(|thread, state| {
        // Proof: a thread behind the last chunk has no rows; all are counted below.
        let mine = rows.chunks(chunk).nth(thread).unwrap_or_default();
        let mut found: Vec<(u32, u32)> = reserved(mine.len(), TOO_MANY)?;
        for rows in mine.chunks(1 << 16) {
            state.check()?;
            found.extend(rows.iter().map(place));
        }
        Ok(found)
    })?;
    let mut ends = vec![0usize; corpus.units() + 1];
    // Proof: each thread's rows in turn; nothing is dropped.
    for &(unit, _) in located.iter().flatten() {
        *ends
            .get_mut(unit as usize + 1)
            .ok_or_else(|| impossible(format_args!("a row of the unit {unit}")))? += 1;
    }
    for unit in 1..ends.len() {
        ends[unit] += ends[unit - 1];
    }
    checked::equal("rows found in units", *checked::get(&ends, corpus.units())?, rows.len())?;
    let touched = ends.windows(2).enumerate().filter(|(_, span)| span[0] < span[1]);
    let units = touched.map(|(unit, span)| (unit, span[0]..span[1])).collect();
    let mut sorted = reserved(rows.len(), TOO_MANY)?;
    sorted.resize(rows.len(), (0, 0));
    // Proof: a pass has 2^32 rows at most, as the plan cuts it; so many are there, which was just compared.
    for (output, (unit, row)) in (0u32..).zip(located.into_iter().flatten()) {
        let next = ends.get_mut(unit as usize).ok_or_else(Output::mismatch)?;
        *sorted.get_mut(*next).ok_or_else(Output::mismatch)? = (row, output);
        *next += 1;
    }
    Ok(ByUnit { units, rows: sorted })
}

/// Makes a block out of rows in memory. `first` is the place of its first row among the picks.
fn make(output: &Output<'_>, found: &RowsInMemory, block: &Block, first: usize) -> Result<Vec<RecordBatch>> {
    let rows = index(block.len())?;
    let picks = checked::get(&found.picks, first..checked::add(first, rows)?)?;
    let mut places = Vec::with_capacity(rows);
    for pick in picks {
        let pick = pick.load(Ordering::Relaxed);
        places.push((index(pick >> 32)?, index(pick & u64::from(u32::MAX))?));
    }
    interleaved(output, block, &places, |batch| found.batches.get(batch))
}

#[cfg(test)]
mod tests;
