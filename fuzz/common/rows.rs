//! Rows gathered by dsdm, held against all rows as another reader gives them.

use std::path::Path;

use arrow::record_batch::RecordBatch;
use dsdm::error::Error;
use dsdm::exec::job::Job;
use dsdm::gather::fuzzing::unit_rows;
use dsdm::gather::{Corpus, take};
use dsdm::scores::Io;

use crate::{accepted, check_refusal, value};

/// Rows beyond which some are gathered and not all.
pub const MANY: u64 = 1 << 12;
/// Units beyond which they are compared with nothing.
const UNITS: usize = 32;
/// Bytes that a gather may hold: far below what the fuzzer takes for a defect.
const LIMIT: u64 = 128 << 20;

/// One thread, so that a run is the same each time.
pub fn job() -> Job<'static> {
    Job::new(1)
}

/// Row numbers below `count`, some of them twice, which are the same for the same bytes.
pub fn draw(bytes: &[u8], count: u64) -> Vec<i64> {
    if count == 0 {
        return Vec::new();
    }
    let mut state = u64::from(crc32fast::hash(bytes)) | 1 << 40;
    let mut next = || {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    (0..next() % 9).map(|_| i64::try_from(next() % count).expect("rows are below 2^63")).collect()
}

/// The rows of a unit as another reader gives them: a row group, or a batch. Nothing where they are refused.
pub type Unit = Option<Vec<RecordBatch>>;

/// Gathers rows of a file, all, those of each unit and some, and compares them with those that another reader gives.
/// Tells how many units there are, if all rows of all of them are read here.
///
/// What one of both refuses is compared with nothing: dsdm looks at the wanted rows alone, and is stricter in others.
/// The other reader is told of which units all rows are read here, and asked for no others: it may ask for any amount of
/// memory where it looks at nothing before.
pub fn check_rows(
    path: &Path,
    bytes: &[u8],
    other: impl FnOnce(&[bool]) -> Option<Vec<Unit>>,
) -> Option<usize> {
    let open = |io| Corpus::open(&job(), &[path.to_owned()], None, io);
    let (mapped, read) = match (open(Io::Mmap), open(Io::Pread)) {
        (Ok(mapped), Ok(read)) => (mapped.within(LIMIT), read.within(LIMIT)),
        (Err(mapped), Err(read)) => {
            [mapped, read].iter().for_each(check_refusal);
            return None;
        }
        (mapped, read) => panic!("one way of reading refuses: {:?}, {:?}", mapped.err(), read.err()),
    };
    let sizes = unit_rows(&mapped).expect("the units are there");
    let count = mapped.rows();
    assert_eq!(sizes.iter().sum::<u64>(), count, "rows of all units");
    let drawn = draw(bytes, count);
    let ours = taken(&mapped, &read, &drawn);
    if count > MANY || sizes.len() > UNITS {
        return None;
    }
    let whole = taken(&mapped, &read, &(0..count.cast_signed()).collect::<Vec<_>>());
    let units = sizes.iter().scan(0, |start, &rows| {
        let unit: Vec<i64> = (*start..*start + rows.cast_signed()).collect();
        *start += rows.cast_signed();
        Some(if whole.is_some() { Some(Vec::new()) } else { taken(&mapped, &read, &unit) })
    });
    let units: Vec<_> = units.collect();
    let are_read: Vec<bool> = units.iter().map(Option::is_some).collect();
    let Some(theirs) = are_read.contains(&true).then(|| other(&are_read)).flatten() else {
        return whole.map(|_| sizes.len());
    };
    let theirs = theirs_by_row(&sizes, theirs);
    if let Some(whole) = &whole {
        compare((0..count.cast_signed()).collect::<Vec<_>>().into_iter(), whole, &theirs);
    }
    let mut start = 0;
    for (rows, ours) in sizes.iter().zip(&units) {
        let end = start + rows.cast_signed();
        if let Some(ours) = ours.as_ref().filter(|_| whole.is_none()) {
            compare((start..end).collect::<Vec<_>>().into_iter(), ours, &theirs);
        }
        start = end;
    }
    if let Some(ours) = &ours {
        compare(drawn.iter().copied(), ours, &theirs);
    }
    whole.map(|_| sizes.len())
}

/// The values of each row that the other reader finds; nothing for those that it refuses.
fn theirs_by_row(sizes: &[u64], units: Vec<Unit>) -> Vec<Option<Vec<u8>>> {
    assert_eq!(sizes.len(), units.len(), "units of the file");
    let mut values = Vec::new();
    for (rows, batches) in sizes.iter().zip(units) {
        match batches {
            None => values.extend((0..*rows).map(|_| None)),
            Some(batches) => {
                let found: u64 = batches.iter().map(|batch| batch.num_rows() as u64).sum();
                assert_eq!(*rows, found, "rows of a unit, and those that the other reader finds");
                values.extend(values_of(&batches).map(Some));
            }
        }
    }
    values
}

/// Rows as bytes, by all ways to them: through a map, by position, and with less memory, where rows are read first and
/// in more passes than one.
fn taken(mapped: &Corpus, read: &Corpus, rows: &[i64]) -> Option<Vec<Vec<u8>>> {
    let take = |corpus, limit| take(&job(), corpus, rows, limit).map(|batches| values_of(&batches).collect());
    let found: Option<Vec<Vec<u8>>> = accepted(take(mapped, LIMIT));
    for (corpus, limit) in [(read, LIMIT), (mapped, 1)] {
        match (&found, take(corpus, limit)) {
            (Some(found), Ok(other)) => {
                assert!(*found == other, "other rows by another way, with a limit of {limit} bytes");
            }
            (None, Ok(_)) => {
                panic!("rows are refused, and given by another way with a limit of {limit} bytes")
            }
            (_, Err(error)) => {
                check_refusal(&error);
                // A limit may be too little.
                let by_limit = limit < LIMIT && matches!(error, Error::Memory(_));
                assert!(found.is_none() || by_limit, "by another way with a limit of {limit} bytes: {error}");
            }
        }
    }
    found
}

fn compare(rows: impl ExactSizeIterator<Item = i64>, ours: &[Vec<u8>], theirs: &[Option<Vec<u8>>]) {
    assert_eq!(ours.len(), rows.len(), "rows gathered, and those asked for");
    for (position, (ours, row)) in ours.iter().zip(rows).enumerate() {
        if let Some(theirs) = &theirs[usize::try_from(row).expect("it is one of those there are")] {
            assert!(ours == theirs, "row {row} at {position}: {ours:?}, and {theirs:?} expected");
        }
    }
}

/// The values of each row in turn, as bytes.
fn values_of(batches: &[RecordBatch]) -> impl Iterator<Item = Vec<u8>> {
    let rows = batches.iter().flat_map(|batch| (0..batch.num_rows()).map(move |row| (batch, row)));
    rows.map(|(batch, row)| {
        let mut bytes = Vec::new();
        batch.columns().iter().for_each(|column| value(column.as_ref(), row, &mut bytes));
        bytes
    })
}
