//! Gathering with the reader of lists and without it, for the benchmarks. This is not part of the public interface.

use arrow::record_batch::RecordBatch;

use super::corpus::Corpus;
use super::plan::{Plan, Split, Strategy};
use super::take;
use crate::error::Result;
use crate::exec::job::Job;

/// Returns rows as [`take()`](super::take()) does. With `expand`, all of them are decoded by libraries: lists of numbers
/// in Parquet as well.
///
/// # Errors
/// Whatever [`take()`](super::take()) fails with.
pub fn take_decoded(
    job: &Job<'_>,
    corpus: &Corpus,
    rows: &[i64],
    memory_limit: u64,
    expand: bool,
) -> Result<Vec<RecordBatch>> {
    let strategy = if expand { Strategy::Expand } else { Strategy::Decode };
    let split = Split::Shards(1);
    let plan = Plan::with_strategy(corpus, rows.len() as u64, 0, split, memory_limit, Some(strategy))?;
    take::by_plan(job, corpus, rows, &plan)
}
