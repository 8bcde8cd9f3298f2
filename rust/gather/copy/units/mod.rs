//! The units that rows are copied from, opened once before any block is made.
//!
//! Where many rows of a unit are wanted, its pages are brought into the map at once. Where few are, rows are read one
//! by one by their position, which costs a call for each but no page of the map.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatchOptions};
use arrow::buffer::{Buffer, MutableBuffer};
use arrow::record_batch::RecordBatch;

use super::prefetch::{FileRange, ReadaheadWindow};
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::catch_panic::faultless;
use crate::exec::job::{Job, Queue};
use crate::exec::memory::check_bytes;
use crate::gather::columns::fixed_width::{FixedWidth, column};
use crate::gather::corpus::Corpus;
use crate::gather::output::{Output, index};
use crate::gather::plan::{Plan, Strategy};
use crate::io::map::Map;

/// One read costs as much as mapping so many bytes that are in memory.
const WARM_READ: u64 = 12 << 10;
/// One read costs as much as reading so many bytes of a disk in one piece.
const COLD_READ: u64 = 16 << 10;
/// Pages of a file that are probed to learn whether it is in memory.
const PROBES: usize = 32;
/// A file counts as uncached if more than one probe in so many is not in memory.
const UNCACHED: usize = 4;
/// Units that a thread opens one after the other: neighbours share pages, which threads would wait for.
const RUN: usize = 8;

/// A unit whose rows are wanted.
pub(crate) struct Unit {
    pub(super) batch: RecordBatch,
    /// Its columns as rows of equal width, if all of them are.
    pub(super) columns: Option<Vec<FixedWidthColumn>>,
    /// The file, if its rows are read one by one by their position.
    pub(super) file: Option<Arc<Map>>,
}

impl Unit {
    /// Returns all rows where they lie, unless they are read one by one.
    ///
    /// Rows that have no width that all have are used in the map whatever is cheaper. Otherwise the bytes that are
    /// hidden under nulls, which copies keep, would depend on what the page cache holds.
    pub(crate) fn in_place(&self) -> Option<&RecordBatch> {
        (self.file.is_none() || self.columns.is_none()).then_some(&self.batch)
    }

    /// Reads rows one by one by their position. Nothing if they are used [in place](Self::in_place).
    pub(crate) fn read_by_position(&self, rows: &[u32]) -> Result<Option<RecordBatch>> {
        let Some(fixed) = self.columns.as_ref().filter(|_| self.file.is_some()) else {
            return Ok(None); // Proof: they are copied from where they lie.
        };
        let mut columns = Vec::with_capacity(fixed.len());
        for (source, field) in checked::zip(fixed, self.batch.schema_ref().fields())? {
            let stride = source.values.stride;
            let bytes = copy_rows(rows, stride, MutableBuffer::new(0), |row| Some((self, source, *row)))?;
            let made = || column(field.data_type(), rows.len(), bytes);
            columns.push(faultless(&format!("gathering the column {:?}", field.name()), made)?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(self.batch.schema(), columns, &options)
            .map(Some)
            .map_err(|e| Error::Internal(e.to_string()))
    }
}

/// A column of a unit whose rows have the same width.
pub(super) struct FixedWidthColumn {
    pub(super) values: FixedWidth,
    /// Where its first row is in the file, if it is read from there.
    offset: Option<u64>,
}

impl FixedWidthColumn {
    /// Where a row is in the file, if it is read from there.
    pub(super) fn place_of(&self, row: u32) -> Option<u64> {
        // Proof: the row is one of the unit's, which were counted, and all of them lie in memory.
        self.offset?.checked_add(u64::from(row) * self.values.stride as u64)
    }
}

/// How the rows of a unit are read.
enum ReadPath {
    /// They are in the process's own memory.
    InMemory,
    /// One by one, by their position.
    Positional(Arc<Map>),
    /// From these bytes of the map. The number is their position in the readahead queue, if they are not in memory.
    Mapped(Arc<Map>, Range<usize>, Option<usize>),
}

/// What is read of units that rows are copied from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct CopyEstimate {
    /// Bytes of the units that are copied from the map.
    pub(crate) mapped_bytes: u64,
    /// Rows that are read one by one, by their position.
    pub(crate) positional_rows: u64,
    /// Bytes of those rows, about.
    pub(crate) positional_bytes: u64,
    /// Reads: one for each unit that is mapped, and one for each row that is read by its position.
    pub(crate) count: u64,
}

/// Units that are open.
#[derive(Default)]
pub(crate) struct OpenUnits {
    /// Each unit of the corpus, if it is open.
    pub(super) units: Vec<Option<Unit>>,
    /// Whether all rows of the gather are in them.
    hold_all: bool,
}

impl OpenUnits {
    /// Whether all rows of the gather are in units that are open.
    pub(crate) fn hold_all(&self) -> bool {
        self.hold_all
    }

    /// Returns a unit, if it is open.
    pub(crate) fn get(&self, unit: usize) -> Option<&Unit> {
        self.units.get(unit)?.as_ref()
    }
}

/// Opens the wanted units of the parts that a plan copies rows from.
///
/// If one of them turns out to be of no use in place, all rows of its part are to be decoded, and none of its units is
/// open.
pub(crate) fn open_units(job: &Job<'_>, output: &Output<'_>, plan: &Plan) -> Result<OpenUnits> {
    if !plan.copies() {
        return Ok(OpenUnits::default());
    }
    let corpus = output.corpus;
    let wanted = output.count_by_unit(job, &plan.blocks)?;
    let read_paths = read_paths(corpus, plan, &wanted)?;
    // Proof: the disk is not asked for what is in memory, nor for what is read by position.
    let window = ReadaheadWindow::new(read_paths.iter().filter_map(|(_, _, path)| match path {
        ReadPath::Mapped(map, span, Some(_)) => {
            Some(FileRange { file: map.opened(), bytes: span.start as u64..span.end as u64 })
        }
        _ => None,
    }));
    let runs: Vec<_> = read_paths.chunks(RUN).collect();
    let queue = Queue::new(runs.len() as u64);
    let found = job.run(|_, state| {
        let mut mine = Vec::new();
        while let Some(run) = queue.take() {
            for (unit, _, path) in *checked::get(&runs, index(run)?)? {
                state.check()?;
                mine.push((*unit, open_unit(corpus, *unit, path, &window)?));
            }
        }
        Ok(mine)
    })?;
    let mut units: Vec<Option<Unit>> = (0..wanted.len()).map(|_| None).collect();
    let (mut opened, mut unusable) = (0, HashSet::new());
    // Proof: the units of each thread in turn; all are counted below.
    for (unit, found) in found.into_iter().flatten() {
        if found.is_none() {
            unusable.insert(corpus.part_of(unit)?);
        }
        *units.get_mut(unit).ok_or_else(|| checked::impossible(format_args!("rows of unit {unit}")))? = found;
        opened += 1;
    }
    checked::equal("units opened", opened, read_paths.len())?;
    let mut hold_all = true;
    for (number, (unit, count)) in checked::zip(&mut units, wanted)?.enumerate() {
        if unusable.contains(&corpus.part_of(number)?) {
            *unit = None;
        }
        hold_all &= unit.is_some() || count == 0;
    }
    Ok(OpenUnits { units, hold_all })
}

/// Returns each wanted unit that rows are copied from, how many of them are wanted, and how they are read.
fn read_paths(corpus: &Corpus, plan: &Plan, wanted: &[u64]) -> Result<Vec<(usize, u64, ReadPath)>> {
    let strategy = |unit| plan.strategy_of(corpus, unit);
    let mut touched = Vec::new();
    for (unit, &count) in wanted.iter().enumerate().filter(|(_, count)| **count > 0) {
        if !strategy(unit)?.decodes() {
            touched.push((unit, count));
        }
    }
    let uncached = uncached_files(corpus, &touched);
    let mut queue = 0..;
    let read_path = |(unit, count): (usize, u64)| {
        // Proof: what lies in no file is in memory; what lies outside of its file is an error when it is opened.
        let Some((map, span)) = corpus.place(unit) else { return Ok((unit, count, ReadPath::InMemory)) };
        let is_cold = uncached.contains(&address(map));
        let by_position = match strategy(unit)? {
            Strategy::Positional => true,
            Strategy::Cheapest => costs_less_by_position(count, span.len() as u64, is_cold),
            Strategy::Copy | Strategy::Decode | Strategy::Expand => false,
        };
        if by_position {
            return Ok((unit, count, ReadPath::Positional(map.clone())));
        }
        let number = if is_cold { queue.next() } else { None };
        Ok((unit, count, ReadPath::Mapped(map.clone(), span, number)))
    };
    touched.iter().copied().map(read_path).collect()
}

/// Returns the files, by their address, of which a good part is not in memory.
fn uncached_files(corpus: &Corpus, units: &[(usize, u64)]) -> HashSet<usize> {
    let mut files: HashMap<usize, Vec<usize>> = HashMap::new();
    for &(unit, _) in units {
        if let Some((map, _)) = corpus.place(unit) {
            files.entry(address(map)).or_default().push(unit);
        }
    }
    let is_uncached = |units: &[usize]| {
        let probes = units.iter().step_by(units.len().div_ceil(PROBES).max(1));
        // Proof: each of these has a place, by which it was found.
        let missing = probes.clone().filter_map(|&unit| corpus.place(unit)).filter(|(map, span)| {
            // The middle of each: headers, at the beginning, were just read.
            !map.opened().is_resident((span.start + (span.end - span.start) / 2) as u64)
        });
        missing.count() * UNCACHED > probes.count()
    };
    files.into_iter().filter(|(_, units)| is_uncached(units)).map(|(file, _)| file).collect()
}

fn address(map: &Arc<Map>) -> usize {
    Arc::as_ptr(map) as usize
}

/// Whether reading so many rows one by one costs less than bringing all bytes of their unit into the map.
fn costs_less_by_position(count: u64, bytes: u64, cold: bool) -> bool {
    // Proof: it only decides how they are read.
    count.saturating_mul(if cold { COLD_READ } else { WARM_READ }) < bytes
}

/// Returns what copying so many rows of each unit reads, of those that a plan copies rows from.
///
/// Proof: bytes are an estimate that is shown.
pub(crate) fn estimate_reads(corpus: &Corpus, plan: &Plan, wanted: &[u64]) -> Result<CopyEstimate> {
    let mut reads = CopyEstimate::default();
    for (_, count, path) in read_paths(corpus, plan, wanted)? {
        match path {
            ReadPath::InMemory => {}
            ReadPath::Positional(_) => {
                reads.positional_rows += count;
                let bytes = count.saturating_mul(plan.row_bytes);
                reads.positional_bytes = reads.positional_bytes.saturating_add(bytes);
                reads.count += count;
            }
            ReadPath::Mapped(_, span, _) => {
                reads.mapped_bytes += span.len() as u64;
                reads.count += 1;
            }
        }
    }
    Ok(reads)
}

/// Opens a unit, and brings its pages into memory if it is read from the map. Nothing if it cannot be used in place.
fn open_unit(
    corpus: &Corpus,
    unit: usize,
    path: &ReadPath,
    window: &ReadaheadWindow<'_>,
) -> Result<Option<Unit>> {
    let mut file = None;
    match path {
        ReadPath::InMemory => {}
        ReadPath::Positional(map) => file = Some(map.clone()),
        ReadPath::Mapped(map, span, number) => {
            if let Some(number) = number {
                window.prefetch_from(*number);
            }
            map.populate(span.clone())?;
        }
    }
    let Some(batch) = corpus.view(unit)? else { return Ok(None) }; // Proof: its rows are then decoded.
    // Rows are read by their position from now on, and nothing is checked again.
    checked::equal("rows of a unit in place", batch.num_rows() as u64, corpus.unit_rows(unit)?)?;
    let fixed_width = |column: &ArrayRef| {
        let values = FixedWidth::of(column)?;
        let offset = file.as_ref().and_then(|map| values.place_in(map.bytes()));
        Some(FixedWidthColumn { values, offset })
    };
    let columns = batch.columns().iter().map(fixed_width).collect();
    Ok(Some(Unit { batch, columns, file }))
}

/// Copies rows of a column, one behind the other. `place` tells the unit, the column in it and the row there.
///
/// Rows that are read by their position and are not in memory are all asked for before the first is waited for.
pub(super) fn copy_rows<'u, R>(
    rows: &[R],
    stride: usize,
    mut bytes: MutableBuffer,
    place: impl Fn(&R) -> Option<(&'u Unit, &'u FixedWidthColumn, u32)>,
) -> Result<Buffer> {
    let size = checked::mul(rows.len(), stride)?;
    if size > bytes.capacity() {
        // What is grown is moved to another place.
        check_bytes(|| format!("gathering {} rows", rows.len()), size as u64, 2)?;
    }
    bytes.resize(size, 0);
    let mut missing = Vec::new();
    // Proof: as many chunks as rows, by the length just given; rows of no bytes have nothing to copy.
    for (into, row) in bytes.as_slice_mut().chunks_exact_mut(stride.max(1)).zip(rows) {
        let (unit, column, row) = place(row).ok_or_else(Output::mismatch)?;
        match (&unit.file, column.place_of(row)) {
            (Some(map), Some(start)) => {
                if !map.opened().read_resident(into, start)? {
                    map.opened().hint_will_need(&(start..start + stride as u64));
                    missing.push((into, map, start));
                }
            }
            _ => into.copy_from_slice(column.values.row(row as usize).ok_or_else(Output::mismatch)?),
        }
    }
    for (into, map, start) in missing {
        map.opened().read_exact_at(into, start)?;
    }
    Ok(bytes.into())
}

#[cfg(test)]
mod tests;
