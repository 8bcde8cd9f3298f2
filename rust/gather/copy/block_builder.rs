//! Blocks made of units that are open.

use arrow::array::RecordBatchOptions;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;

use super::buffer_pool::BufferPool;
use super::prefetch::{FileRange, mostly_uncached, prefetch};
use super::units::{FixedWidthColumn, OpenUnits, Unit, copy_rows};
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::catch_panic::faultless;
use crate::exec::job::{Job, State};
use crate::exec::memory::check_free;
use crate::gather::columns::fixed_width::{column, same_stride};
use crate::gather::columns::size::cut_by_bytes;
use crate::gather::output::{BATCH_BYTES, BlockQueue, Output, interleaved};
use crate::gather::plan::{Block, Plan};

/// Makes blocks out of units.
pub(super) struct BlockBuilder<'a> {
    output: &'a Output<'a>,
    units: OpenUnits,
    /// Bytes of a row in each column, where they are the same in every unit.
    strides: Option<Vec<usize>>,
}

impl<'a> BlockBuilder<'a> {
    pub(super) fn new(output: &'a Output<'a>, units: OpenUnits) -> Self {
        let stride = |column: usize| {
            // Proof: units of which no row is wanted are not there.
            let columns = units.units.iter().flatten().map(|unit| unit.columns.as_ref()?.get(column));
            same_stride(columns.map(|column| column.map(|column| &column.values)))
        };
        let strides = (0..output.gathered()).map(stride).collect();
        Self { output, units, strides }
    }

    /// Makes blocks of a plan, and hands them on.
    pub(super) fn build(&self, job: &Job<'_>, plan: &Plan, blocks: &[Block]) -> Result<()> {
        let queue = BlockQueue::of(blocks);
        job.run_on(plan.makers(), |_, state| {
            let (mut mine, mut pool) = (None, BufferPool::default());
            while let Some(number) = queue.take(&mut mine) {
                check_free("gathering rows")?;
                self.put(checked::get(blocks, number)?, &mut pool, state)?;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Whether many rows of blocks are read by their position and are not in memory.
    pub(super) fn is_mostly_uncached(&self, blocks: &[Block]) -> Result<bool> {
        // Proof: without blocks, there are no rows.
        let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else { return Ok(false) };
        let rows = self.output.rows_between(first.rows.start, last.rows.end)?;
        Ok(self.strides.is_some() && mostly_uncached(rows, |row| self.range(row, 0)))
    }

    /// Asks the disk for the rows of blocks.
    pub(super) fn prefetch(&self, job: &Job<'_>, blocks: &[Block]) -> Result<()> {
        let mut rows = Vec::new();
        for block in blocks {
            rows.extend_from_slice(self.output.rows_of(block)?);
        }
        prefetch(job, rows, self.output.gathered(), |row, column| self.range(row, column))
    }

    /// Where a row of a column lies, if it is read by its position.
    fn range(&self, row: i64, column: usize) -> Option<FileRange<'_>> {
        let (unit, column, row) = self.column(column, row)?;
        let start = column.place_of(row)?;
        let bytes = start..start + column.values.stride as u64;
        unit.file.as_ref().map(|map| FileRange { file: map.opened(), bytes })
    }

    /// Makes a block and hands it on.
    fn put(&self, block: &Block, pool: &mut BufferPool, state: &State) -> Result<()> {
        let rows = self.output.rows_of(block)?;
        let Some(strides) = &self.strides else {
            let places = rows.iter().map(|row| self.output.corpus.locate(row.unsigned_abs()));
            let places: Vec<_> = places.map(|(unit, row)| (unit, row as usize)).collect();
            let batch = |unit: usize| self.units.get(unit).map(|unit| &unit.batch);
            self.output.put(block, interleaved(self.output, block, &places, batch)?, state)?;
            return state.advance(block.len());
        };
        let row_bytes = self.row_bytes(strides);
        let mut batches = Vec::new();
        for (run, _) in cut_by_bytes(rows, |_| row_bytes, BATCH_BYTES) {
            let rows = checked::get(rows, run.clone())?;
            let mut columns = Vec::with_capacity(self.output.schema.fields().len());
            // Proof: one for each field, before those of the added columns.
            for (number, (&stride, field)) in strides.iter().zip(self.output.schema.fields()).enumerate() {
                let bytes = copy_rows(rows, stride, pool.take(), |row| self.column(number, *row))?;
                pool.keep(bytes.clone());
                let made = || column(field.data_type(), rows.len(), bytes);
                columns.push(faultless(&format!("gathering the column {:?}", field.name()), made)?);
            }
            columns.extend(self.output.extras_of(block, &run)?);
            let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
            let batch = RecordBatch::try_new_with_options(self.output.schema.clone(), columns, &options);
            batches.push(batch.map_err(|e| Error::Internal(e.to_string()))?);
        }
        self.output.put(block, batches, state)?;
        // Copied rows count as read once they are handed on.
        state.advance(block.len())
    }

    /// What a row takes as an upper bound for the lists in it, as [`nbytes`](crate::gather::columns::size::nbytes) has it.
    fn row_bytes(&self, strides: &[usize]) -> u64 {
        let offset = |data_type: &DataType| match data_type {
            DataType::List(_) => 4,
            DataType::LargeList(_) => 8,
            _ => 0,
        };
        let fields = self.output.schema.fields().iter().zip(strides); // Proof: as above.
        fields.map(|(field, &stride)| stride as u64 + offset(field.data_type())).sum()
    }

    /// Where a row of a column lies.
    fn column(&self, column: usize, row: i64) -> Option<(&Unit, &FixedWidthColumn, u32)> {
        let (unit, row) = self.output.corpus.locate(row.unsigned_abs());
        let unit = self.units.get(unit)?;
        Some((unit, unit.columns.as_ref()?.get(column)?, row))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use arrow::array::{
        ArrayRef, Int8Array, Int64Array, LargeListArray, ListArray, StringArray, UInt32Array,
    };
    use arrow::buffer::OffsetBuffer;
    use arrow::compute::take_record_batch;
    use arrow::datatypes::Field;

    use super::*;
    use crate::gather::copy::open_units;
    use crate::gather::corpus::Corpus;
    use crate::gather::output::Sink;
    use crate::gather::plan::{Split, Strategy};

    /// Takes blocks, by their first row.
    #[derive(Default)]
    struct Collected(Mutex<Vec<(u64, Vec<RecordBatch>)>>);

    impl Sink for Collected {
        fn put(&self, block: &Block, batches: Vec<RecordBatch>, _state: &State) -> Result<()> {
            self.0.lock().unwrap().push((block.rows.start, batches));
            Ok(())
        }
    }

    /// Rows of a small number, and of lists of so many numbers.
    fn table(lengths: &[usize]) -> RecordBatch {
        let item = || Arc::new(Field::new("item", DataType::Int64, true));
        let rows = i8::try_from(lengths.len()).unwrap();
        let all = i64::try_from(lengths.iter().sum::<usize>()).unwrap();
        let values = || Arc::new(Int64Array::from_iter_values(0..all));
        let lengths = || lengths.iter().copied();
        let list = ListArray::new(item(), OffsetBuffer::from_lengths(lengths()), values(), None);
        let large = LargeListArray::new(item(), OffsetBuffer::from_lengths(lengths()), values(), None);
        let columns: [(&str, ArrayRef); 3] = [
            ("n", Arc::new(Int8Array::from_iter_values(0..rows))),
            ("l", Arc::new(list)),
            ("large", Arc::new(large)),
        ];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
    }

    /// Tells of the builder of all blocks of some rows, and what it hands on.
    fn built<R>(
        batches: &[RecordBatch],
        rows: &[i64],
        look: impl FnOnce(&BlockBuilder<'_>, &Plan) -> R,
    ) -> (R, Vec<(u64, Vec<RecordBatch>)>) {
        let corpus = Corpus::from_batches(batches[0].schema(), batches, None).unwrap();
        let count = rows.len() as u64;
        let plan = Plan::with_strategy(&corpus, count, 0, Split::Shards(2), 1 << 30, Some(Strategy::Copy));
        let (plan, sink, job) = (plan.unwrap(), Collected::default(), Job::new(2));
        let output = Output::new(&corpus, rows, &[], &sink);
        let units = open_units(&job, &output, &plan).unwrap();
        let builder = BlockBuilder::new(&output, units);
        let seen = look(&builder, &plan);
        builder.build(&job, &plan, &plan.blocks).unwrap();
        let mut found = sink.0.into_inner().unwrap();
        found.sort_by_key(|(start, _)| *start);
        (seen, found)
    }

    #[test]
    fn rows_of_one_width_in_every_unit_are_copied_as_bytes_and_others_are_interleaved() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "bb", "", "ccc"]));
        let texts = RecordBatch::try_from_iter_with_nullable([("t", texts, true)]).unwrap();
        let cases = [
            (table(&[3; 6]).slice(0, 4), table(&[3; 5]), Some(vec![1, 24, 24])),
            (table(&[2, 2]), table(&[2, 2, 2, 2]).slice(1, 2), Some(vec![1, 16, 16])),
            (table(&[3, 3]), table(&[2, 2, 2]), None),
            (table(&[1, 2]), table(&[1, 2]), None),
            (texts.clone(), texts.slice(1, 2), None),
        ];
        for (one, other, strides) in cases {
            let whole = arrow::compute::concat_batches(&one.schema(), [&one, &other]).unwrap();
            let count = i64::try_from(whole.num_rows()).unwrap();
            let rows: Vec<i64> = (0..3 * count).map(|row| (row * row + 1) % count).collect();
            let (found, blocks) = built(&[one, other], &rows, |builder, _| builder.strides.clone());
            assert_eq!(found, strides);
            let batches: Vec<RecordBatch> = blocks.into_iter().flat_map(|(_, batches)| batches).collect();
            let rows = UInt32Array::from_iter_values(rows.iter().map(|&row| u32::try_from(row).unwrap()));
            let expected = take_record_batch(&whole, &rows).unwrap();
            let found = arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap();
            assert_eq!(found.columns(), expected.columns());
        }
    }

    #[test]
    fn a_row_is_measured_with_its_offsets_and_lies_in_no_file() {
        let (found, blocks) = built(&[table(&[3; 6])], &[5, 0, 5], |builder, plan| {
            let strides = builder.strides.clone().unwrap();
            let range = (0..3).any(|column| builder.range(5, column).is_some());
            let cold = [&plan.blocks[..], &[]].map(|blocks| builder.is_mostly_uncached(blocks).unwrap());
            builder.prefetch(&Job::new(1), &plan.blocks).unwrap();
            (builder.row_bytes(&strides), range, cold, builder.column(3, 0).is_some())
        });
        // A byte, three numbers and an offset of four bytes, and three with one of eight.
        assert_eq!(found, (1 + (24 + 4) + (24 + 8), false, [false; 2], false));
        assert_eq!(blocks.iter().map(|(start, _)| *start).collect::<Vec<_>>(), [0, 2]);
        // Units of which nothing is wanted are not open, and say nothing of the width.
        let (strides, _) =
            built(&[table(&[3; 6]), table(&[2; 2])], &[1, 2], |builder, _| builder.strides.clone());
        assert_eq!(strides, Some(vec![1, 24, 24]));
    }
}
