//! Rows copied from where they lie, in mapped files or in memory: nothing of them is held but the blocks in the
//! making.
//!
//! Each unit is looked at once. Where many of its rows are wanted, its pages are brought into the map at once;
//! where few are, rows are read one by one by their position, which costs a call for each but no page of the
//! map. Those of a block that are not in memory are asked for together before the first of them is waited for,
//! and while there are many, those of the next blocks too: one after the other would leave the disk idle most
//! of the time.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{ArrayRef, RecordBatchOptions};
use arrow::buffer::{Buffer, MutableBuffer};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;

use super::corpus::Corpus;
use super::decoded::interleaved;
use super::outlook::Outlook;
use super::plan::{Block, Plan};
use super::run::{BATCH_BYTES, Output, index};
use super::shares::Shares;
use super::strides::{Strided, column, same_stride};
use super::types::cut_by_bytes;
use crate::error::{At, Error, Result};
use crate::guard::guard;
use crate::mmap::Map;
use crate::parallel::{Job, Queue, State};
use crate::simd::prefetch;

/// A read of its own costs as much as it costs to map so many bytes that are in memory.
const WARM_READ: u64 = 12 << 10;
/// And as much as it costs to read so many bytes of a disk in one piece.
const COLD_READ: u64 = 48 << 10;
/// Pages of a file that are looked at to learn whether it is in memory.
const PROBES: usize = 32;
/// A good part of a file: one of so many.
const GOOD_PART: usize = 4;
/// How many blocks ahead rows are asked for where many are not in memory: one in so many of a block.
const BLOCKS_AHEAD: usize = 4;
const MANY: usize = 16;
/// How many rows ahead the processor is asked for bytes, and for how many of a row: of long ones it sees itself
/// what comes next.
const ROWS_AHEAD: usize = 4;
const ASKED: usize = 4 << 10;

/// Gathers all blocks of a plan, or gives `false`, before any, if there are rows that cannot be used in place.
pub(super) fn gather(job: &Job<'_>, output: &Output<'_>, plan: &Plan) -> Result<bool> {
    let wanted = output.count_by_unit(job, &plan.blocks)?;
    let Some(units) = look_at_units(job, output.corpus, &wanted)? else { return Ok(false) };
    let make = Make::new(output, units);
    let shares = Shares::of(&plan.blocks);
    job.run_on(plan.makers(), |_, state| {
        let (mut mine, mut spare) = (None, Spare::default());
        while let Some(taken) = shares.take(&mut mine, BLOCKS_AHEAD) {
            make.announce(plan.blocks.get(taken.ahead).unwrap_or_default())?;
            let Some(block) = plan.blocks.get(taken.block) else { break };
            make.put(block, &mut spare, state)?;
        }
        Ok(())
    })?;
    Ok(true)
}

/// A unit whose rows are wanted.
struct Unit {
    batch: RecordBatch,
    /// Its columns as bytes, where all of them can be taken so.
    columns: Option<Vec<Lane>>,
    /// Where its rows are read one by one, the file.
    file: Option<Arc<Map>>,
}

/// A column of a unit.
struct Lane {
    strided: Strided,
    /// Where its first row is in the file, if it is to be read from there.
    offset: Option<u64>,
}

/// Every unit that is wanted, or nothing if one cannot be used in place.
fn look_at_units(job: &Job<'_>, corpus: &Corpus, wanted: &[u64]) -> Result<Option<Vec<Option<Unit>>>> {
    let touched = touched(wanted);
    let cold = cold_files(corpus, &touched);
    let queue = Queue::new(touched.len() as u64);
    let found = job.run(|_, state| {
        let mut mine = Vec::new();
        while let Some(&unit) = queue.take().map(index).transpose()?.and_then(|next| touched.get(next)) {
            state.check()?;
            let count = wanted.get(unit).copied().unwrap_or(0);
            mine.push((unit, look_at(corpus, unit, count, &cold)?));
        }
        Ok(mine)
    })?;
    let mut units: Vec<Option<Unit>> = (0..wanted.len()).map(|_| None).collect();
    for (unit, found) in found.into_iter().flatten() {
        let Some(found) = found else { return Ok(None) };
        if let Some(unit) = units.get_mut(unit) {
            *unit = Some(found);
        }
    }
    Ok(Some(units))
}

/// The files of which a good part is not in memory, by their address.
fn cold_files(corpus: &Corpus, units: &[usize]) -> HashMap<usize, bool> {
    let mut files: HashMap<usize, Vec<usize>> = HashMap::new();
    for &unit in units {
        if let Some((map, _)) = corpus.place(unit) {
            files.entry(address(map)).or_default().push(unit);
        }
    }
    let is_cold = |units: &[usize]| {
        let probes = units.iter().step_by(units.len().div_ceil(PROBES).max(1));
        let missing = probes.clone().filter_map(|&unit| corpus.place(unit)).filter(|(map, span)| {
            // Headers, at the beginning, were just read.
            !map.opened().is_resident((span.start + (span.end - span.start) / 2) as u64)
        });
        missing.count() * GOOD_PART > probes.count()
    };
    files.into_iter().map(|(file, units)| (file, is_cold(&units))).collect()
}

fn address(map: &Arc<Map>) -> usize {
    Arc::as_ptr(map) as usize
}

/// Whether it costs less to read so many rows one by one than to have all bytes of their unit in the map.
fn by_position(count: u64, bytes: u64, cold: bool) -> bool {
    count.saturating_mul(if cold { COLD_READ } else { WARM_READ }) < bytes
}

/// Adds to an outlook what will be read of units of which so many rows are wanted.
pub(super) fn foresee(corpus: &Corpus, wanted: &[u64], row_bytes: u64, outlook: &mut Outlook) {
    let cold = cold_files(corpus, &touched(wanted));
    for unit in touched(wanted) {
        let Some((map, span)) = corpus.place(unit) else { continue };
        let count = wanted.get(unit).copied().unwrap_or(0);
        if by_position(count, span.len() as u64, cold.get(&address(map)).copied().unwrap_or(false)) {
            outlook.positional_rows += count;
            outlook.positional_bytes += count.saturating_mul(row_bytes);
            outlook.reads += count;
        } else {
            outlook.mapped_bytes += span.len() as u64;
            outlook.reads += 1;
        }
    }
}

fn touched(wanted: &[u64]) -> Vec<usize> {
    (0..wanted.len()).filter(|&unit| wanted.get(unit) > Some(&0)).collect()
}

/// A unit of which so many rows are wanted, brought into memory if that is the way to read them.
fn look_at(corpus: &Corpus, unit: usize, count: u64, cold: &HashMap<usize, bool>) -> Result<Option<Unit>> {
    let mut file = None;
    if let Some((map, span)) = corpus.place(unit) {
        let cold = cold.get(&address(map)).copied().unwrap_or(false);
        if by_position(count, span.len() as u64, cold) {
            file = Some(map.clone());
        } else {
            if cold {
                map.opened().read_ahead(span.start as u64..span.end as u64);
            }
            map.populate(span)?;
        }
    }
    let Some(batch) = corpus.view(unit)? else { return Ok(None) };
    let lane = |column: &ArrayRef| {
        let strided = Strided::of(column)?;
        let offset = file.as_ref().and_then(|map| strided.place_in(map.bytes()));
        Some(Lane { strided, offset })
    };
    let columns = batch.columns().iter().map(lane).collect();
    Ok(Some(Unit { batch, columns, file }))
}

/// The second half: blocks out of units.
struct Make<'a> {
    output: &'a Output<'a>,
    units: Vec<Option<Unit>>,
    /// Bytes of a row in each column, where they are the same in every unit.
    strides: Option<Vec<usize>>,
    /// Whether many rows of the last block were not in memory.
    cold: AtomicBool,
}

impl<'a> Make<'a> {
    fn new(output: &'a Output<'a>, units: Vec<Option<Unit>>) -> Self {
        let stride = |column: usize| {
            let lanes = units.iter().flatten().map(|unit| unit.columns.as_ref()?.get(column));
            same_stride(lanes.map(|lane| lane.map(|lane| &lane.strided)))
        };
        let strides = (0..output.gathered()).map(stride).collect();
        Self { output, units, strides, cold: AtomicBool::new(false) }
    }

    /// Asks the disk for the rows of some blocks.
    fn announce(&self, blocks: &[Block]) -> Result<()> {
        if self.strides.is_none() || !self.cold.load(Ordering::Relaxed) {
            return Ok(());
        }
        for block in blocks {
            for row in self.output.rows_of(block)? {
                let (unit, row) = self.output.corpus.locate(row.unsigned_abs());
                let Some(unit) = self.units.get(unit).and_then(Option::as_ref) else { continue };
                let Some(map) = &unit.file else { continue };
                for lane in unit.columns.iter().flatten() {
                    if let Some(start) = lane.place_of(row) {
                        map.opened().announce(&(start..start + lane.strided.stride as u64));
                    }
                }
            }
        }
        Ok(())
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
        for run in cut_by_bytes(rows, |_| row_bytes, BATCH_BYTES) {
            let rows = rows.get(run.clone()).unwrap_or_default();
            let mut columns = Vec::with_capacity(self.output.schema.fields().len());
            for (number, (&stride, field)) in strides.iter().zip(self.output.schema.fields()).enumerate() {
                let bytes = self.copy(number, stride, rows, spare.take())?;
                spare.0.push(bytes.clone());
                let at = At::Field(format!("column {:?}", field.name()));
                let made = || column(field.data_type(), rows.len(), bytes);
                columns.push(guard("<rows>".as_ref(), &at, "gathering", made)?);
            }
            columns.extend(self.output.extras_of(block, &run));
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
        let fields = self.output.schema.fields().iter().zip(strides);
        fields.map(|(field, &stride)| stride as u64 + offset(field.data_type())).sum()
    }

    /// The bytes of some rows of a column, one behind the other.
    fn copy(&self, column: usize, stride: usize, rows: &[i64], mut bytes: MutableBuffer) -> Result<Buffer> {
        bytes.resize(rows.len().saturating_mul(stride), 0);
        let ahead = rows.iter().skip(ROWS_AHEAD).map(Some).chain(std::iter::repeat(None));
        let mut missing = Vec::new();
        let places = bytes.as_slice_mut().chunks_exact_mut(stride.max(1));
        for ((into, row), later) in places.zip(rows).zip(ahead) {
            if let Some(bytes) = later.and_then(|&row| self.lane(column, row)).and_then(mapped) {
                prefetch(bytes.get(..ASKED).unwrap_or(bytes));
            }
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
        self.cold.store(missing.len() * MANY > rows.len(), Ordering::Relaxed);
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

/// The bytes of a row, unless they are read by their position.
fn mapped<'a>((unit, lane, row): (&'a Unit, &'a Lane, u32)) -> Option<&'a [u8]> {
    if unit.file.is_some() { None } else { lane.strided.row(row as usize) }
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

impl Lane {
    /// Where a row is in the file, if it is to be read from there.
    fn place_of(&self, row: u32) -> Option<u64> {
        self.offset?.checked_add(u64::from(row) * self.strided.stride as u64)
    }
}
