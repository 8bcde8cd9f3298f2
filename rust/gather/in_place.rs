//! Rows copied from where they lie, in mapped files or in memory: nothing of them is held but the blocks in the
//! making.
//!
//! Each unit is looked at once. Rows are then copied from the map or read by their position. Where many of the
//! latter are not in memory, they are asked for before blocks are made of them: one after the other would leave
//! the disk idle most of the time.

use arrow::array::RecordBatchOptions;
use arrow::buffer::{Buffer, MutableBuffer};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;

use super::ahead::{self, Spot};
use super::budget::available_memory;
use super::decoded::interleaved;
use super::plan::{Block, Plan};
use super::run::{BATCH_BYTES, Output};
use super::shares::Shares;
use super::strides::{column, same_stride};
use super::types::cut_by_bytes;
use super::units::{Lane, Unit, look_at_units};
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::catch_panic::faultless;
use crate::exec::job::{Job, State};
use crate::exec::memory::{check_bytes, check_free};

/// Bytes that are asked of the disk before blocks are made of them, with all that is read around them: as much as
/// stays in memory until then.
const ASKED_AHEAD: u64 = 2 << 30;
/// What is read around a row.
const AROUND: u64 = 8 << 10;

/// Gathers all blocks of a plan, or gives `false`, before any, if there are rows that cannot be used in place.
pub(super) fn gather(job: &Job<'_>, output: &Output<'_>, plan: &Plan) -> Result<bool> {
    let wanted = output.count_by_unit(job, &plan.blocks)?;
    // Proof: rows are then read first.
    let Some(units) = look_at_units(job, output.corpus, &wanted)? else { return Ok(false) };
    let make = Make::new(output, units);
    if !make.is_cold(&plan.blocks)? {
        make.blocks(job, plan, &plan.blocks)?;
        return Ok(true);
    }
    // Proof: of rows of so many bytes, one is asked for at once, however many they are.
    let rows = (ASKED_AHEAD.min(available_memory() / 4) / plan.row_bytes.saturating_add(AROUND)).max(1);
    for blocks in plan.blocks.chunk_by(|a, b| a.rows.start / rows == b.rows.start / rows) {
        make.ask(job, blocks)?;
        make.blocks(job, plan, blocks)?;
    }
    Ok(true)
}

/// Blocks out of units.
struct Make<'a> {
    output: &'a Output<'a>,
    units: Vec<Option<Unit>>,
    /// Bytes of a row in each column, where they are the same in every unit.
    strides: Option<Vec<usize>>,
}

impl<'a> Make<'a> {
    fn new(output: &'a Output<'a>, units: Vec<Option<Unit>>) -> Self {
        let stride = |column: usize| {
            // Proof: units of which no row is wanted are not there.
            let lanes = units.iter().flatten().map(|unit| unit.columns.as_ref()?.get(column));
            same_stride(lanes.map(|lane| lane.map(|lane| &lane.strided)))
        };
        let strides = (0..output.gathered()).map(stride).collect();
        Self { output, units, strides }
    }

    /// Makes blocks of a plan, and hands them on.
    fn blocks(&self, job: &Job<'_>, plan: &Plan, blocks: &[Block]) -> Result<()> {
        let shares = Shares::of(blocks);
        job.run_on(plan.makers(), |_, state| {
            let (mut mine, mut spare) = (None, Spare::default());
            while let Some(number) = shares.take(&mut mine) {
                check_free("gathering rows")?;
                self.put(checked::get(blocks, number)?, &mut spare, state)?;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Whether many rows of blocks are to be read by their position and are not in memory.
    fn is_cold(&self, blocks: &[Block]) -> Result<bool> {
        // Proof: without blocks, there are no rows.
        let (Some(first), Some(last)) = (blocks.first(), blocks.last()) else { return Ok(false) };
        let rows = self.output.rows_between(first.rows.start, last.rows.end)?;
        Ok(self.strides.is_some() && ahead::is_cold(rows, |row| self.spot(row, 0)))
    }

    /// Asks the disk for the rows of blocks.
    fn ask(&self, job: &Job<'_>, blocks: &[Block]) -> Result<()> {
        let mut rows = Vec::new();
        for block in blocks {
            rows.extend_from_slice(self.output.rows_of(block)?);
        }
        ahead::ask(job, rows, self.output.gathered(), |row, column| self.spot(row, column))
    }

    /// Where a row of a column lies, if it is read by its position.
    fn spot(&self, row: i64, column: usize) -> Option<Spot<'_>> {
        let (unit, lane, row) = self.lane(column, row)?;
        let start = lane.place_of(row)?;
        let bytes = start..start + lane.strided.stride as u64;
        unit.file.as_ref().map(|map| Spot { file: map.opened(), bytes })
    }

    /// Makes a block and hands it on.
    fn put(&self, block: &Block, spare: &mut Spare, state: &State) -> Result<()> {
        let rows = self.output.rows_of(block)?;
        let Some(strides) = &self.strides else {
            let places = rows.iter().map(|row| self.output.corpus.locate(row.unsigned_abs()));
            let places: Vec<_> = places.map(|(unit, row)| (unit, row as usize)).collect();
            let batch = |unit: usize| self.units.get(unit)?.as_ref().map(|unit| &unit.batch);
            return self.output.put(block, interleaved(self.output, block, &places, batch)?, state);
        };
        let row_bytes = self.row_bytes(strides);
        let mut batches = Vec::new();
        for (run, _) in cut_by_bytes(rows, |_| row_bytes, BATCH_BYTES) {
            let rows = checked::get(rows, run.clone())?;
            let mut columns = Vec::with_capacity(self.output.schema.fields().len());
            // Proof: one for each field, before those of the added columns.
            for (number, (&stride, field)) in strides.iter().zip(self.output.schema.fields()).enumerate() {
                let bytes = self.copy(number, stride, rows, spare.take())?;
                spare.0.push(bytes.clone());
                let made = || column(field.data_type(), rows.len(), bytes);
                columns.push(faultless(&format!("gathering the column {:?}", field.name()), made)?);
            }
            columns.extend(self.output.extras_of(block, &run)?);
            let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
            let batch = RecordBatch::try_new_with_options(self.output.schema.clone(), columns, &options);
            batches.push(batch.map_err(|e| Error::Internal(e.to_string()))?);
        }
        self.output.put(block, batches, state)
    }

    /// What a row takes as an upper bound for the lists in it, as `extent` has it.
    fn row_bytes(&self, strides: &[usize]) -> u64 {
        let offset = |data_type: &DataType| match data_type {
            DataType::List(_) => 4,
            DataType::LargeList(_) => 8,
            _ => 0,
        };
        let fields = self.output.schema.fields().iter().zip(strides); // Proof: as above.
        fields.map(|(field, &stride)| stride as u64 + offset(field.data_type())).sum()
    }

    /// The bytes of some rows of a column, one behind the other.
    fn copy(&self, column: usize, stride: usize, rows: &[i64], mut bytes: MutableBuffer) -> Result<Buffer> {
        let size = checked::mul(rows.len(), stride)?;
        if size > bytes.capacity() {
            // What is grown is moved to another place.
            check_bytes(|| format!("gathering {} rows", rows.len()), size as u64, 2)?;
        }
        bytes.resize(size, 0);
        let mut missing = Vec::new();
        // Proof: as many chunks as rows, by the length just given; rows of no bytes have nothing to copy.
        for (into, row) in bytes.as_slice_mut().chunks_exact_mut(stride.max(1)).zip(rows) {
            let (unit, lane, row) = self.lane(column, *row).ok_or_else(Output::mismatch)?;
            match (&unit.file, lane.place_of(row)) {
                (Some(map), Some(start)) => {
                    if !map.opened().read_resident(into, start)? {
                        map.opened().announce(&(start..start + stride as u64));
                        missing.push((into, map, start));
                    }
                }
                _ => into.copy_from_slice(lane.strided.row(row as usize).ok_or_else(Output::mismatch)?),
            }
        }
        for (into, map, start) in missing {
            map.opened().read_exact_at(into, start)?;
        }
        Ok(bytes.into())
    }

    /// Where a row of a column lies.
    fn lane(&self, column: usize, row: i64) -> Option<(&Unit, &Lane, u32)> {
        let (unit, row) = self.output.corpus.locate(row.unsigned_abs());
        let unit = self.units.get(unit)?.as_ref()?;
        Some((unit, unit.columns.as_ref()?.get(column)?, row))
    }
}

/// Memory of blocks that were made: taken again once the sink has let go of it.
#[derive(Default)]
struct Spare(Vec<Buffer>);

impl Spare {
    fn take(&mut self) -> MutableBuffer {
        // The last is the likeliest to be in the processor's cache.
        let mut held = Vec::new();
        let found = loop {
            match self.0.pop().map(Buffer::into_mutable) {
                Some(Err(bytes)) => held.push(bytes),
                Some(Ok(bytes)) => break bytes,
                None => break MutableBuffer::new(0),
            }
        };
        self.0.extend(held.into_iter().rev());
        found
    }
}
