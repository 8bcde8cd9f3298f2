//! A block of rows that lie in several batches.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ops::Range;

use arrow::array::{Array, ArrayRef, RecordBatchOptions};
use arrow::compute::interleave;
use arrow::record_batch::RecordBatch;

use super::under_nulls::without_hidden;
use super::{BATCH_BYTES, Output};
use crate::checked::{self, impossible};
use crate::error::{Error, Result};
use crate::exec::catch_panic::faultless;
use crate::exec::memory::{COPIES, check_bytes};
use crate::gather::columns::size::{cut_by_bytes, row_bytes};
use crate::gather::plan::Block;

/// Makes a block of rows that are each in a batch.
pub(crate) fn interleaved<'b>(
    output: &Output<'_>,
    block: &Block,
    places: &[(usize, usize)],
    batch_of: impl Fn(usize) -> Option<&'b RecordBatch>,
) -> Result<Vec<RecordBatch>> {
    // The batches that hold these rows, numbered in the order in which they first appear.
    let mut local: HashMap<usize, usize> = HashMap::new();
    let mut batches: Vec<&RecordBatch> = Vec::new();
    let mut numbered = Vec::with_capacity(places.len());
    for &(batch, row) in places {
        let number = match local.entry(batch) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                batches
                    .push(batch_of(batch).ok_or_else(|| impossible(format_args!("rows of batch {batch}")))?);
                *new.insert(batches.len() - 1)
            }
        };
        numbered.push((number, row));
    }
    let doing = format!("gathering the output rows {} to {}", block.rows.start, block.rows.end);
    let bytes_of =
        // Proof: each place has the number of a batch that was just added.
        |&(batch, row): &(usize, usize)| batches.get(batch).map_or(0, |b: &&RecordBatch| row_bytes(b, row));
    let made = |(run, bytes): (Range<usize>, u64)| {
        let extras = output.extras_of(block, &run)?;
        let places = checked::get(&numbered, run)?;
        check_bytes(|| format!("{doing}: a batch of {} rows", places.len()), bytes, COPIES)?;
        faultless(&doing, || interleave_run(output, &batches, places, extras))
    };
    let runs = faultless(&doing, || Ok::<_, Error>(cut_by_bytes(&numbered, bytes_of, BATCH_BYTES)))?;
    runs.into_iter().map(made).collect()
}

fn interleave_run(
    output: &Output<'_>,
    batches: &[&RecordBatch],
    places: &[(usize, usize)],
    extras: Vec<ArrayRef>,
) -> Result<RecordBatch, arrow::error::ArrowError> {
    let columns = (0..output.gathered()).map(|column| {
        let values: Vec<&dyn Array> = batches.iter().map(|batch| batch.column(column).as_ref()).collect();
        interleave(&values, places).and_then(without_hidden)
    });
    let mut columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>()?;
    columns.extend(extras);
    let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
    RecordBatch::try_new_with_options(output.schema.clone(), columns, &options)
}
