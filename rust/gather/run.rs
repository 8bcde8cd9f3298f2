//! The work: rows read in the order in which they lie, and handed on in the order wanted.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use arrow::array::{Array, ArrayRef, RecordBatchOptions};
use arrow::compute::interleave;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use std::sync::Arc;

use super::corpus::{Corpus, Fragment};
use super::plan::{Block, Plan};
use super::types::{cut_by_bytes, row_bytes};
use crate::error::{At, Error, Result};
use crate::guard::guard;
use crate::parallel::{Job, Queue, State};

/// Bytes of an output batch at most, if it has more than one row: list offsets then never overflow.
const BATCH_BYTES: u64 = 256 << 20;
/// How far the rows of a pass may exceed the plan's guess of their size.
const OVERRUN: u64 = 4;
/// What the rows of a pass may take whatever the limit, as guesses of small sizes err most.
const LEAST_BUDGET: u64 = 256 << 20;

/// Takes the rows of each block, from any thread.
///
/// Blocks are begun in ascending order, so a sink may wait for the block before the one it was given.
pub trait Sink: Sync {
    /// The rows of a block, in one batch or, where rows are large, in several.
    ///
    /// # Errors
    /// Whatever the sink fails with; it ends the gather.
    fn put(&self, block: &Block, batches: Vec<RecordBatch>, state: &State) -> Result<()>;
}

/// A column that is added to the rows, as long as the output.
pub type Extra = (FieldRef, ArrayRef);

/// The schema of gathered rows with the columns that are added to them.
pub fn output_schema(corpus: &Corpus, extras: &[Extra]) -> SchemaRef {
    let fields: Vec<FieldRef> =
        corpus.schema().fields().iter().cloned().chain(extras.iter().map(|e| e.0.clone())).collect();
    Arc::new(Schema::new_with_metadata(fields, corpus.schema().metadata().clone()))
}

/// Reads the rows of a corpus and gives them to a sink, block by block of the plan.
///
/// Progress counts each row twice: once read, once given.
///
/// # Errors
/// A row number that the corpus does not have, by its position; files that are damaged or that changed.
pub fn gather(
    job: &Job<'_>,
    corpus: &Corpus,
    rows: &[i64],
    extras: &[Extra],
    plan: &Plan,
    sink: &dyn Sink,
) -> Result<()> {
    check_rows(rows, corpus.rows())?;
    let schema = output_schema(corpus, extras);
    for pass in &plan.passes {
        let blocks = plan.blocks.get(pass.clone()).unwrap_or_default();
        let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else { continue };
        let span = index(first.rows.start)?..index(last.rows.end)?;
        let wanted =
            rows.get(span.clone()).ok_or_else(|| Error::Internal("the plan has other rows".to_owned()))?;
        let budget = plan.memory_limit.saturating_mul(OVERRUN).max(LEAST_BUDGET);
        let read = Read { corpus, budget, held: AtomicU64::new(0) };
        let pieces = read.pass(job, wanted)?;
        let queue = Queue::new(blocks.len() as u64);
        let make = Make { pieces: &pieces, base: span.start, extras, schema: &schema };
        job.run(|_, state| {
            while let Some(block) = queue.take() {
                let Some(block) = blocks.get(index(block)?) else { break };
                sink.put(block, make.block(block)?, state)?;
                state.advance(block.rows.end - block.rows.start)?;
            }
            Ok(())
        })?;
    }
    corpus.check_unchanged()
}

fn index(row: u64) -> Result<usize> {
    usize::try_from(row)
        .map_err(|_| Error::Memory(format!("{row} rows are more than this machine can address")))
}

/// Fails at the first row number that there is no row for.
fn check_rows(rows: &[i64], count: u64) -> Result<()> {
    let outside = |&row: &i64| u64::try_from(row).map_or(true, |row| row >= count);
    match rows.iter().position(outside) {
        None => Ok(()),
        Some(position) => {
            let there = match count {
                0 => "there are no rows".to_owned(),
                _ => format!("there are {count} rows, 0 to {}", count - 1),
            };
            let row = rows.get(position).copied().unwrap_or_default();
            Err(Error::Index(format!("index {row} at position {position} is out of range: {there}")))
        }
    }
}

/// The rows of a pass, as they were read, and where each output row is among them.
struct Pieces {
    batches: Vec<RecordBatch>,
    /// For each output row of the pass, its batch in the upper half and its row there in the lower.
    picks: Vec<AtomicU64>,
}

/// The first half of a pass.
struct Read<'a> {
    corpus: &'a Corpus,
    budget: u64,
    held: AtomicU64,
}

impl Read<'_> {
    fn pass(&self, job: &Job<'_>, rows: &[i64]) -> Result<Pieces> {
        let wanted = by_unit(job, self.corpus, rows)?;
        let picks: Vec<_> = (0..rows.len()).map(|_| AtomicU64::new(0)).collect();
        let batches = RwLock::new(Vec::new());
        let queue = Queue::new(wanted.units.len() as u64);
        job.run(|_, state| {
            while let Some(unit) = queue.take() {
                let Some((unit, span)) = wanted.units.get(index(unit)?) else { break };
                let mut mine = wanted.rows.get(span.clone()).unwrap_or_default().to_vec();
                mine.sort_unstable();
                self.unit(*unit, &mine, &batches, &picks, state)?;
                state.advance(mine.len() as u64)?;
            }
            Ok(())
        })?;
        Ok(Pieces { batches: batches.into_inner().unwrap_or_else(PoisonError::into_inner), picks })
    }

    /// Reads the rows of one unit, and notes for each output row where it now is.
    fn unit(
        &self,
        unit: usize,
        wanted: &[(u32, u32)],
        batches: &RwLock<Vec<RecordBatch>>,
        picks: &[AtomicU64],
        state: &State,
    ) -> Result<()> {
        let mut distinct: Vec<u32> = wanted.iter().map(|(row, _)| *row).collect();
        distinct.dedup();
        let fragment = self.corpus.read(unit, &distinct)?;
        let note = |output: u32, batch: usize, row: usize| {
            if let Some(pick) = picks.get(output as usize) {
                pick.store((batch as u64) << 32 | row as u64, Ordering::Relaxed);
            }
        };
        match fragment {
            Fragment::Whole(batch) => {
                let id = keep(batches, batch);
                for &(row, output) in wanted {
                    note(output, id, row as usize);
                }
            }
            Fragment::Picked(picked) => {
                let mut distinct = wanted.chunk_by(|a, b| a.0 == b.0);
                for batch in picked {
                    let batch = batch?;
                    state.check()?;
                    self.hold(&batch)?;
                    let rows = 0..batch.num_rows();
                    let id = keep(batches, batch);
                    for (row, outputs) in rows.zip(distinct.by_ref()) {
                        for &(_, output) in outputs {
                            note(output, id, row);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Counts decoded rows against the budget: a small file can hold rows of any size.
    fn hold(&self, batch: &RecordBatch) -> Result<()> {
        let bytes = batch.get_array_memory_size() as u64;
        let held = self.held.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if held <= self.budget {
            return Ok(());
        }
        Err(Error::Value(format!(
            "the decoded rows take {held} bytes so far, far more than the files' own numbers tell; the memory limit allows {}: raise memory_limit= or select fewer rows at once",
            self.budget
        )))
    }
}

fn keep(batches: &RwLock<Vec<RecordBatch>>, new: RecordBatch) -> usize {
    let mut batches = batches.write().unwrap_or_else(PoisonError::into_inner);
    batches.push(new);
    batches.len() - 1
}

/// Output rows by the unit that holds them.
struct ByUnit {
    /// Each unit that is wanted, with its run of `rows`.
    units: Vec<(usize, Range<usize>)>,
    /// The row in its unit, and the output row of the pass.
    rows: Vec<(u32, u32)>,
}

/// Sorts the rows of a pass into their units, by counting.
fn by_unit(job: &Job<'_>, corpus: &Corpus, rows: &[i64]) -> Result<ByUnit> {
    let chunk = rows.len().div_ceil(job.threads()).max(1);
    let located = job.run(|thread, state| {
        let mine = rows.chunks(chunk).nth(thread).unwrap_or_default();
        let mut found = Vec::with_capacity(mine.len());
        let mut hint = 0;
        for rows in mine.chunks(1 << 16) {
            state.check()?;
            for &row in rows {
                let (unit, row) = corpus.locate(row.unsigned_abs(), hint);
                hint = unit;
                found.push((unit, row));
            }
        }
        Ok(found)
    })?;
    let mut ends = vec![0usize; corpus.units() + 1];
    for &(unit, _) in located.iter().flatten() {
        if let Some(count) = ends.get_mut(unit + 1) {
            *count += 1;
        }
    }
    for unit in 1..ends.len() {
        ends[unit] += ends[unit - 1];
    }
    let touched = ends.windows(2).enumerate().filter(|(_, span)| span[0] < span[1]);
    let units = touched.map(|(unit, span)| (unit, span[0]..span[1])).collect();
    let mut sorted = vec![(0, 0); rows.len()];
    for (output, (unit, row)) in (0u32..).zip(located.into_iter().flatten()) {
        if let Some(next) = ends.get_mut(unit) {
            if let Some(slot) = sorted.get_mut(*next) {
                *slot = (row, output);
            }
            *next += 1;
        }
    }
    Ok(ByUnit { units, rows: sorted })
}

/// The second half of a pass: blocks out of pieces.
struct Make<'a> {
    pieces: &'a Pieces,
    /// The output row of the first pick.
    base: usize,
    extras: &'a [Extra],
    schema: &'a SchemaRef,
}

impl Make<'_> {
    fn block(&self, block: &Block) -> Result<Vec<RecordBatch>> {
        let (start, end) = (index(block.rows.start)?, index(block.rows.end)?);
        let picks = self.pieces.picks.get(start - self.base..end - self.base).unwrap_or_default();
        // The batches that hold these rows, numbered in the order in which they first appear.
        let mut local: HashMap<usize, usize> = HashMap::new();
        let mut batches: Vec<&RecordBatch> = Vec::new();
        let mut places = Vec::with_capacity(picks.len());
        for pick in picks {
            let pick = pick.load(Ordering::Relaxed);
            let (batch, row) = (index(pick >> 32)?, index(pick & u64::from(u32::MAX))?);
            let number = *local.entry(batch).or_insert_with(|| {
                batches.extend(self.pieces.batches.get(batch));
                batches.len() - 1
            });
            places.push((number, row));
        }
        let at = At::Field(format!("output rows {start} to {end}"));
        guard("<rows>".as_ref(), &at, "gathering", || {
            cut_by_bytes(&places, |&(batch, row)| bytes_of(&batches, batch, row), BATCH_BYTES)
                .into_iter()
                .map(|run| self.batch(&batches, &places, start, run))
                .collect()
        })
    }

    fn batch(
        &self,
        batches: &[&RecordBatch],
        places: &[(usize, usize)],
        start: usize,
        run: Range<usize>,
    ) -> Result<RecordBatch, arrow::error::ArrowError> {
        let places = places.get(run.clone()).unwrap_or_default();
        let gathered = self.schema.fields().len() - self.extras.len();
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for column in 0..gathered {
            let values: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(column).as_ref()).collect();
            columns.push(interleave(&values, places)?);
        }
        columns.extend(self.extras.iter().map(|(_, values)| values.slice(start + run.start, run.len())));
        let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
        RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
    }
}

fn bytes_of(batches: &[&RecordBatch], batch: usize, row: usize) -> u64 {
    batches.get(batch).map_or(0, |batch| row_bytes(batch, row))
}
