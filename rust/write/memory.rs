//! Rows into memory.

use std::sync::Mutex;

use arrow::record_batch::RecordBatch;

use crate::checked;
use crate::error::Result;
use crate::exec::job::{Job, State};
use crate::exec::locks::{into_inner, lock};
use crate::gather::{Block, Corpus, Plan, Sink, Split, gather};

/// The rows of a corpus as record batches, in the order given.
///
/// # Errors
/// Whatever [`gather`] fails with.
pub fn take(job: &Job<'_>, corpus: &Corpus, rows: &[i64], memory_limit: u64) -> Result<Vec<RecordBatch>> {
    let plan = Plan::new(corpus, rows.len() as u64, 0, Split::Shards(1), memory_limit)?;
    let collected = Collected(Mutex::new(Vec::new()));
    gather(job, corpus, rows, &[], &plan, &collected)?;
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
