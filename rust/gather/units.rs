//! The units that rows are wanted of, looked at once before they are copied from.
//!
//! Where many rows of a unit are wanted, its pages are brought into the map at once; where few are, rows are read
//! one by one by their position, which costs a call for each but no page of the map.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::record_batch::RecordBatch;

use super::ahead::{Runway, Spot};
use super::corpus::Corpus;
use super::outlook::Outlook;
use super::run::index;
use super::strides::Strided;
use crate::checked;
use crate::error::Result;
use crate::exec::job::{Job, Queue};
use crate::io::mmap::Map;

/// A read of its own costs as much as it costs to map so many bytes that are in memory.
const WARM_READ: u64 = 12 << 10;
/// And as much as it costs to read so many bytes of a disk in one piece.
const COLD_READ: u64 = 16 << 10;
/// Pages of a file that are looked at to learn whether it is in memory.
const PROBES: usize = 32;
/// A good part of a file: one of so many.
const GOOD_PART: usize = 4;
/// Units that a thread looks at one after the other: neighbours share pages, which threads would wait for.
const RUN: usize = 8;

/// A unit whose rows are wanted.
pub(super) struct Unit {
    pub(super) batch: RecordBatch,
    /// Its columns as bytes, where all of them can be taken so.
    pub(super) columns: Option<Vec<Lane>>,
    /// Where its rows are read one by one, the file.
    pub(super) file: Option<Arc<Map>>,
}

/// A column of a unit.
pub(super) struct Lane {
    pub(super) strided: Strided,
    /// Where its first row is in the file, if it is to be read from there.
    offset: Option<u64>,
}

impl Lane {
    /// Where a row is in the file, if it is to be read from there.
    pub(super) fn place_of(&self, row: u32) -> Option<u64> {
        // Proof: the row is one of the unit's, which were counted, and all of them lie in memory.
        self.offset?.checked_add(u64::from(row) * self.strided.stride as u64)
    }
}

/// How the rows of a unit are read.
enum Way {
    /// They are in memory of the process.
    Held,
    /// One by one, by their position.
    ByPosition(Arc<Map>),
    /// From these bytes of the map, which are the so manieth to be asked of the disk, if they are on it.
    Mapped(Arc<Map>, Range<usize>, Option<usize>),
}

/// Every unit that is wanted, or nothing if one cannot be used in place.
pub(super) fn look_at_units(
    job: &Job<'_>,
    corpus: &Corpus,
    wanted: &[u64],
) -> Result<Option<Vec<Option<Unit>>>> {
    let ways = ways(corpus, wanted);
    // Proof: of what is not read from the map, or is in memory, nothing is asked of the disk.
    let runway = Runway::new(ways.iter().filter_map(|(_, _, way)| match way {
        Way::Mapped(map, span, Some(_)) => {
            Some(Spot { file: map.opened(), bytes: span.start as u64..span.end as u64 })
        }
        _ => None,
    }));
    let runs: Vec<_> = ways.chunks(RUN).collect();
    let queue = Queue::new(runs.len() as u64);
    let found = job.run(|_, state| {
        let mut mine = Vec::new();
        while let Some(run) = queue.take() {
            for (unit, _, way) in *checked::get(&runs, index(run)?)? {
                state.check()?;
                mine.push((*unit, look_at(corpus, *unit, way, &runway)?));
            }
        }
        Ok(mine)
    })?;
    let mut units: Vec<Option<Unit>> = (0..wanted.len()).map(|_| None).collect();
    let mut looked_at = 0;
    // Proof: the units of each thread in turn; all are counted below.
    for (unit, found) in found.into_iter().flatten() {
        let Some(found) = found else { return Ok(None) }; // Proof: as told above; rows are then read first.
        *units.get_mut(unit).ok_or_else(|| checked::impossible(format_args!("rows of unit {unit}")))? =
            Some(found);
        looked_at += 1;
    }
    checked::equal("units looked at", looked_at, ways.len())?;
    Ok(Some(units))
}

/// Each unit that is wanted, how many of its rows are, and how they are read.
fn ways(corpus: &Corpus, wanted: &[u64]) -> Vec<(usize, u64, Way)> {
    let touched = touched(wanted);
    let cold = cold_files(corpus, &touched);
    let mut asked = 0..;
    let way = |(unit, count): (usize, u64)| {
        // Proof: what lies in no file is in memory; what lies outside of its file is an error when it is looked at.
        let Some((map, span)) = corpus.place(unit) else { return (unit, count, Way::Held) };
        let cold = cold.get(&address(map)).copied().unwrap_or(false); // Proof: a hint, known of each of these files.
        if by_position(count, span.len() as u64, cold) {
            return (unit, count, Way::ByPosition(map.clone()));
        }
        let number = if cold { asked.next() } else { None };
        (unit, count, Way::Mapped(map.clone(), span, number))
    };
    touched.into_iter().map(way).collect()
}

/// The files of which a good part is not in memory, by their address.
fn cold_files(corpus: &Corpus, units: &[(usize, u64)]) -> HashMap<usize, bool> {
    let mut files: HashMap<usize, Vec<usize>> = HashMap::new();
    for &(unit, _) in units {
        if let Some((map, _)) = corpus.place(unit) {
            files.entry(address(map)).or_default().push(unit);
        }
    }
    let is_cold = |units: &[usize]| {
        let probes = units.iter().step_by(units.len().div_ceil(PROBES).max(1));
        // Proof: each of these has a place, by which it was found.
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
    // Proof: it only decides how they are read.
    count.saturating_mul(if cold { COLD_READ } else { WARM_READ }) < bytes
}

/// Adds to an outlook what will be read of units of which so many rows are wanted.
///
/// Proof: bytes are an estimate that is shown.
pub(super) fn foresee(corpus: &Corpus, wanted: &[u64], row_bytes: u64, outlook: &mut Outlook) {
    for (_, count, way) in ways(corpus, wanted) {
        match way {
            Way::Held => {}
            Way::ByPosition(_) => {
                outlook.positional_rows += count;
                let bytes = count.saturating_mul(row_bytes);
                outlook.positional_bytes = outlook.positional_bytes.saturating_add(bytes);
                outlook.reads += count;
            }
            Way::Mapped(_, span, _) => {
                outlook.mapped_bytes += span.len() as u64;
                outlook.reads += 1;
            }
        }
    }
}

fn touched(wanted: &[u64]) -> Vec<(usize, u64)> {
    wanted.iter().copied().enumerate().filter(|(_, count)| *count > 0).collect()
}

/// A unit, brought into memory if that is the way to read it.
fn look_at(corpus: &Corpus, unit: usize, way: &Way, runway: &Runway<'_>) -> Result<Option<Unit>> {
    let mut file = None;
    match way {
        Way::Held => {}
        Way::ByPosition(map) => file = Some(map.clone()),
        Way::Mapped(map, span, number) => {
            if let Some(number) = number {
                runway.ask_from(*number);
            }
            map.populate(span.clone())?;
        }
    }
    let Some(batch) = corpus.view(unit)? else { return Ok(None) }; // Proof: its rows are then read first.
    // Rows are read by their position from now on, without a look at what is there.
    checked::equal("rows of a unit in place", batch.num_rows() as u64, corpus.unit_rows(unit)?)?;
    let lane = |column: &ArrayRef| {
        let strided = Strided::of(column)?;
        let offset = file.as_ref().and_then(|map| strided.place_in(map.bytes()));
        Some(Lane { strided, offset })
    };
    let columns = batch.columns().iter().map(lane).collect();
    Ok(Some(Unit { batch, columns, file }))
}
