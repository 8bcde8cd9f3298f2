//! What gathered rows become: batches of the output's schema, given to a sink block by block.

mod blocks;
mod interleave;
mod under_nulls;

pub(super) use blocks::BlockQueue;
pub(super) use interleave::interleaved;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::ArrayRef;
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::corpus::Corpus;
use super::plan::Block;
use crate::checked::{self, impossible};
use crate::error::{Error, Result};
use crate::exec::job::{Job, State};

/// Bytes of an output batch at most, if it has more than one row: list offsets then never overflow.
pub(super) const BATCH_BYTES: u64 = 256 << 20;

/// Takes the rows of each block, from any thread.
///
/// Blocks of a shard are begun in ascending order, so `put` may block until the preceding block of the shard was put.
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

/// What rows become.
pub(super) struct Output<'a> {
    pub(super) corpus: &'a Corpus,
    /// The row of the corpus for each output row.
    rows: &'a [i64],
    extras: &'a [Extra],
    pub(super) schema: SchemaRef,
    sink: &'a dyn Sink,
    /// Rows that were handed on.
    put: AtomicU64,
}

impl<'a> Output<'a> {
    pub(super) fn new(corpus: &'a Corpus, rows: &'a [i64], extras: &'a [Extra], sink: &'a dyn Sink) -> Self {
        let (schema, put) = (output_schema(corpus, extras), AtomicU64::new(0));
        Self { corpus, rows, extras, schema, sink, put }
    }

    /// How many rows were handed on.
    pub(super) fn rows_put(&self) -> u64 {
        self.put.load(Ordering::Relaxed)
    }

    /// How many columns are of the corpus.
    pub(super) fn gathered(&self) -> usize {
        self.schema.fields().len() - self.extras.len()
    }

    /// The columns that are added to some rows of a block.
    pub(super) fn extras_of(&self, block: &Block, run: &Range<usize>) -> Result<Vec<ArrayRef>> {
        let start = checked::add(index(block.rows.start)?, run.start)?;
        let end = checked::add(start, run.len())?;
        let part = |(_, values): &Extra| {
            let there = end <= values.len();
            there
                .then(|| values.slice(start, run.len()))
                .ok_or_else(|| impossible("an added column is shorter"))
        };
        self.extras.iter().map(part).collect()
    }

    /// The rows of the corpus that make a block.
    pub(super) fn rows_of(&self, block: &Block) -> Result<&[i64]> {
        self.rows_between(block.rows.start, block.rows.end)
    }

    /// The rows of the corpus that make a run of output rows.
    pub(super) fn rows_between(&self, start: u64, end: u64) -> Result<&[i64]> {
        self.rows.get(index(start)?..index(end)?).ok_or_else(Self::mismatch)
    }

    /// How many rows of each unit are wanted in some blocks.
    pub(super) fn count_by_unit(&self, job: &Job<'_>, blocks: &[Block]) -> Result<Vec<u64>> {
        let runs: Vec<&[i64]> = blocks.iter().map(|block| self.rows_of(block)).collect::<Result<_>>()?;
        self.corpus.count_by_unit(job, &runs)
    }

    pub(super) fn put(&self, block: &Block, batches: Vec<RecordBatch>, state: &State) -> Result<()> {
        let rows = checked::sub(block.rows.end, block.rows.start)?;
        let made = batches.iter().try_fold(0, |sum, batch| checked::add(sum, batch.num_rows() as u64))?;
        checked::equal("rows of a block", made, rows)?;
        self.sink.put(block, batches, state)?;
        self.put.fetch_add(rows, Ordering::Relaxed);
        state.advance(rows)
    }

    pub(super) fn mismatch() -> Error {
        Error::Internal("the plan has other rows".to_owned())
    }
}

pub(super) fn index(row: u64) -> Result<usize> {
    usize::try_from(row)
        .map_err(|_| Error::Memory(format!("{row} rows are more than this machine can address")))
}

/// Fails at the first row number that there is no row for.
pub(super) fn check_rows(rows: &[i64], count: u64) -> Result<()> {
    let outside = |&row: &i64| u64::try_from(row).map_or(true, |row| row >= count);
    match rows.iter().position(outside) {
        None => Ok(()),
        Some(position) => {
            let there = match count {
                0 => "there are no rows".to_owned(),
                _ => format!("there are {count} rows, 0 to {}", count - 1),
            };
            let row = checked::get(rows, position)?;
            Err(Error::Index(format!("index {row} at position {position} is out of range: {there}")))
        }
    }
}

#[cfg(test)]
mod tests;
