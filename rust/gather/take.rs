//! Rows into memory: any of them, or a few that lie together.

use std::ops::Range;
use std::sync::Mutex;

use arrow::record_batch::RecordBatch;

use super::corpus::Corpus;
use super::output::Sink;
use super::plan::{Block, Plan, Split};
use super::run::gather;
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::{Job, State};
use crate::exec::locks::{into_inner, lock};

/// Returns rows of a corpus as record batches, in the order given.
///
/// # Errors
/// Whatever [`gather`] fails with.
pub fn take(job: &Job<'_>, corpus: &Corpus, rows: &[i64], memory_limit: u64) -> Result<Vec<RecordBatch>> {
    by_plan(job, corpus, rows, &Plan::new(corpus, rows.len() as u64, 0, Split::Shards(1), memory_limit)?)
}

/// Returns the rows of a plan of one shard, in the order given.
pub(super) fn by_plan(job: &Job<'_>, corpus: &Corpus, rows: &[i64], plan: &Plan) -> Result<Vec<RecordBatch>> {
    let collected = Collected(Mutex::new(Vec::new()));
    gather(job, corpus, rows, &[], plan, &collected)?;
    let mut blocks = into_inner(collected.0)?;
    blocks.sort_by_key(|(index, _)| *index);
    let batches: Vec<_> = blocks.into_iter().flat_map(|(_, batches)| batches).collect();
    checked::equal("rows taken", batches.iter().map(RecordBatch::num_rows).sum(), rows.len())?;
    Ok(batches)
}

/// Blocks as they come, with their numbers.
struct Collected(Mutex<Vec<(u64, Vec<RecordBatch>)>>);

impl Sink for Collected {
    fn put(&self, block: &Block, batches: Vec<RecordBatch>, _state: &State) -> Result<()> {
        lock(&self.0)?.push((block.index, batches));
        Ok(())
    }
}

impl Corpus {
    /// Returns a run of rows as record batches, read by the calling thread.
    ///
    /// What [`gather`] prepares for each call (threads, a count for every unit) costs more than a few rows that lie
    /// together.
    ///
    /// # Errors
    /// A row that is not there, and whatever reading a unit fails with.
    pub fn run(&self, rows: Range<u64>) -> Result<Vec<RecordBatch>> {
        if rows.start > rows.end || rows.end > self.rows() {
            let there = self.rows();
            return Err(Error::Value(format!("the rows {rows:?} are not there: the corpus has {there}")));
        }
        let mut batches = Vec::new();
        let mut next = rows.start;
        while next < rows.end {
            let (unit, first) = self.locate(next);
            let left = self.unit_rows(unit)?.checked_sub(u64::from(first)).filter(|&left| left > 0);
            let count = left.ok_or_else(|| misplaced(next, unit))?.min(rows.end - next);
            let end = u32::try_from(u64::from(first) + count).map_err(|_| misplaced(next, unit))?;
            let wanted: Vec<u32> = (first..end).collect();
            // A file that was cut since it was opened would end the process where its map is read.
            self.check_unit_unchanged(unit)?;
            let read = self.read(unit, &wanted, false)?.collect::<Result<Vec<_>>>()?;
            let found: u64 = read.iter().map(|batch| batch.num_rows() as u64).sum();
            if found != count {
                return Err(Error::Internal(format!("unit {unit} gave {found} rows of {count}")));
            }
            self.check_unit_unchanged(unit)?;
            batches.extend(read);
            next += count;
        }
        Ok(batches)
    }
}

fn misplaced(row: u64, unit: usize) -> Error {
    Error::Internal(format!("row {row} is not in unit {unit}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch};
    use arrow::compute::concat_batches;
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn every_run_is_that_of_the_table() {
        let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
        let batch = |rows: Range<i64>| {
            let values = Arc::new(Int64Array::from_iter_values(rows));
            RecordBatch::try_new(schema.clone(), vec![values]).unwrap()
        };
        let batches = [batch(0..3), batch(3..3), batch(3..4), batch(4..9)];
        let corpus = Corpus::from_batches(schema.clone(), &batches, None).unwrap();
        for start in 0..=9u32 {
            for end in start..=9 {
                let found = corpus.run(u64::from(start)..u64::from(end)).unwrap();
                let schema = corpus.schema();
                let found = concat_batches(schema, &found).unwrap();
                let wanted = Int64Array::from_iter_values(i64::from(start)..i64::from(end));
                assert_eq!(found.column(0).as_ref(), &wanted as &dyn arrow::array::Array);
            }
        }
        let error = corpus.run(4..10).unwrap_err().to_string();
        assert_eq!(error, "the rows 4..10 are not there: the corpus has 9");
        assert!(corpus.run(Range { start: 5, end: 4 }).is_err());
    }
}
