//! The first pass over JSON lines: where rows lie, and of which types their columns are.
//!
//! Files are looked at in parallel, and a plain file by pieces. Pieces are of a fixed size, and what was found in them is
//! put together in their order, so that nothing depends on the number of threads: of several errors, the one of the
//! first line is told.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::check::{Checker, MOST_FIELDS, too_many_fields};
use super::shape::{Seen, Shape};
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::job::{Job, Queue, State};
use crate::io::lines::{Blocks, LineFile, Packing, Place, Reading};

/// Bytes of a plain file that one thread looks at.
const PIECE: u64 = 16 << 20;

/// What was found in a file or a piece of one.
#[derive(Debug)]
pub(super) struct Scanned {
    /// Where each unit begins, and where the last ends.
    pub(super) places: Vec<Place>,
    pub(super) shape: Shape,
}

/// A piece of a file, or all of one that is compressed.
struct Piece {
    file: usize,
    run: Option<Range<u64>>,
}

/// Looks at all files.
pub(super) fn scan(job: &Job<'_>, files: &[LineFile]) -> Result<Vec<Scanned>> {
    let pieces = pieces(files);
    let queue = Queue::new(pieces.len() as u64);
    // Pieces behind one that failed are not looked at: its error comes first.
    let failed = AtomicU64::new(u64::MAX);
    let found = job.run_on(pieces.len(), |_, state| {
        let mut mine = Vec::new();
        while let Some(number) = queue.take() {
            if number > failed.load(Ordering::Relaxed) {
                break;
            }
            let piece = checked::get(&pieces, checked::index(number)?)?;
            let found = scan_piece(checked::get(files, piece.file)?, piece, state);
            match found {
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(_) => failed.fetch_min(number, Ordering::Relaxed),
                Ok(_) => 0,
            };
            mine.push((number, found));
        }
        Ok(mine)
    })?;
    let mut found: Vec<_> = found.into_iter().flatten().collect(); // Proof: those of all threads.
    found.sort_by_key(|(number, _)| *number);
    put_together(files, &pieces, found)
}

fn pieces(files: &[LineFile]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (file, lines) in files.iter().enumerate() {
        match lines.packing() {
            Packing::Plain => {
                let count = lines.size().div_ceil(PIECE).max(1);
                // Proof: below the file's size but the last, which is cut there.
                let run = |piece: u64| piece * PIECE..(piece + 1).saturating_mul(PIECE).min(lines.size());
                pieces.extend((0..count).map(|piece| Piece { file, run: Some(run(piece)) }));
            }
            Packing::Gzip | Packing::Zstd => pieces.push(Piece { file, run: None }),
        }
    }
    pieces
}

fn scan_piece(file: &LineFile, piece: &Piece, state: &State) -> Result<Scanned> {
    let Some(run) = &piece.run else {
        let all = file.blocks(Reading::default())?;
        let mut found = scan_blocks(file, piece.file, all, Place::default(), state)?;
        // It is read from its beginning each time, so that all of it is one unit.
        found.places.drain(1..found.places.len().saturating_sub(1).max(1)); // Proof: no places between two.
        return Ok(found);
    };
    let run = file.line_start(run.start)?..file.line_start(run.end)?;
    let start = Place { bytes: run.start, ..Place::default() };
    scan_blocks(file, piece.file, file.blocks_of(&run, start, Reading::default())?, start, state)
}

fn scan_blocks(
    file: &LineFile,
    number: usize,
    blocks: Blocks,
    start: Place,
    state: &State,
) -> Result<Scanned> {
    let mut shape = Shape::default();
    let mut checker = Checker::default();
    let mut places = vec![start];
    let mut seen = start.bytes;
    for block in blocks {
        let block = block?;
        for line in block.lines() {
            let at = Seen { file: number, line: line.number };
            let looked = checker.line(line.bytes, at, &mut shape);
            looked.map_err(|wrong| {
                let error = Error::format(file.path(), At::Line(line.number), wrong.told());
                error.unless_changed(|| file.check_unchanged())
            })?;
        }
        state.advance(checked::sub(block.end().bytes, seen)?)?;
        seen = block.end().bytes;
        places.push(block.end());
    }
    Ok(Scanned { places, shape })
}

/// The pieces of each file as one, or the error of the first line.
fn put_together(
    files: &[LineFile],
    pieces: &[Piece],
    found: Vec<(u64, Result<Scanned>)>,
) -> Result<Vec<Scanned>> {
    let mut whole: Vec<Scanned> = Vec::new();
    // Proof: pieces come in their order, from the first on; that none is missing is compared below.
    for ((_, found), piece) in found.into_iter().zip(pieces) {
        if piece.file == whole.len() {
            whole.push(Scanned { places: Vec::new(), shape: Shape::default() });
        }
        let file = whole.last_mut().ok_or_else(|| checked::impossible("a piece of no file"))?;
        let before = file.places.last().copied().unwrap_or_default(); // Proof: nothing is before the first piece.
        let found = found.map_err(|error| later(error, before.lines))?;
        checked::equal("the number of a piece", piece.file, whole.len() - 1)?;
        let file = whole.last_mut().ok_or_else(|| checked::impossible("a piece of no file"))?;
        let from = usize::from(!file.places.is_empty());
        for place in checked::get(&found.places, from..)? {
            let (lines, rows) =
                (checked::add(place.lines, before.lines)?, checked::add(place.rows, before.rows)?);
            file.places.push(Place { bytes: place.bytes, lines, rows });
        }
        file.shape.merge(found.shape, before.lines)?;
        if fields_of(&file.shape) > MOST_FIELDS {
            let path = checked::get(files, piece.file)?.path();
            return Err(Error::format(path, At::File, too_many_fields()));
        }
    }
    checked::equal("files that were looked at", whole.len(), files.len())?;
    Ok(whole)
}

/// How many fields there are in all.
pub(super) fn fields_of(shape: &Shape) -> usize {
    let items = shape.items.as_deref().map_or(0, fields_of); // Proof: without items there are none.
    items + shape.fields.all.iter().map(|field| 1 + fields_of(&field.shape)).sum::<usize>()
}

/// An error of a piece as one of its file, in which so many lines are before it.
fn later(error: Error, lines: u64) -> Error {
    match error {
        Error::Format(mut fault) => {
            if let At::Line(line) = &mut fault.at {
                *line = line.saturating_add(lines); // Proof: for a message.
            }
            Error::Format(fault)
        }
        other => other,
    }
}
