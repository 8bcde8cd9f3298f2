//! Rows gathered by dsdm, held against all rows as another reader gives them.

use std::path::Path;

use arrow::record_batch::RecordBatch;
use dsdm::error::Error;
use dsdm::gather::Corpus;
use dsdm::parallel::Job;
use dsdm::scores::Io;
use dsdm::write::take;

use crate::{accepted, check_refusal, value};

/// Rows beyond which some are gathered and not all.
pub const MANY: u64 = 1 << 12;
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

/// Rows that another reader gives on their own: those of a row group, or of a batch.
pub struct Unit {
    /// How many rows the file says that it has.
    pub rows: u64,
    /// The rows; nothing where they are refused.
    pub batches: Option<Vec<RecordBatch>>,
}

/// Gathers rows of a file, all and some, and compares them with those that another reader gives.
///
/// What one of both refuses is compared with nothing: dsdm looks at the wanted rows alone, and is stricter in others.
pub fn check_rows(path: &Path, bytes: &[u8], other: impl FnOnce() -> Option<Vec<Unit>>) {
    let open = |io| Corpus::open(&job(), &[path.to_owned()], None, io);
    let (mapped, read) = match (open(Io::Mmap), open(Io::Pread)) {
        (Ok(mapped), Ok(read)) => (mapped.within(LIMIT), read.within(LIMIT)),
        (Err(mapped), Err(read)) => return [mapped, read].iter().for_each(check_refusal),
        (mapped, read) => panic!("one way of reading refuses: {:?}, {:?}", mapped.err(), read.err()),
    };
    let count = mapped.rows();
    let all: Vec<i64> = (0..count.min(MANY)).map(|row| row.cast_signed()).collect();
    let asked = [draw(bytes, count), all];
    let ours = asked.each_ref().map(|rows| taken(&mapped, &read, rows));
    if count > MANY || ours.iter().all(Option::is_none) {
        return;
    }
    let Some(units) = other() else { return };
    let all_are_read = ours[1].is_some();
    let theirs = theirs(units, all_are_read);
    assert!(!all_are_read || count == theirs.len() as u64, "{count} rows, and {} expected", theirs.len());
    for (rows, ours) in asked.iter().zip(ours) {
        if let Some(ours) = ours {
            compare(rows, &ours, &theirs);
        }
    }
}

/// The values of each row that the other reader finds; nothing for those that it refuses.
fn theirs(units: Vec<Unit>, all_are_read_here: bool) -> Vec<Option<Vec<u8>>> {
    let mut values = Vec::new();
    for Unit { rows, batches } in units {
        let batches = batches.unwrap_or_default();
        let found: u64 = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        if found == rows {
            values.extend(values_of(&batches).map(Some));
        } else {
            // What says that it has other rows than it has is refused here.
            assert!(!all_are_read_here || batches.is_empty(), "{rows} rows of a unit, and {found} are found");
            values.extend((0..rows.min(MANY)).map(|_| None));
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

fn compare(rows: &[i64], ours: &[Vec<u8>], theirs: &[Option<Vec<u8>>]) {
    assert_eq!(ours.len(), rows.len(), "rows gathered, and those asked for");
    for (position, (ours, row)) in ours.iter().zip(rows).enumerate() {
        // Where the other reader refuses a unit, it says nothing of those behind it either.
        let theirs = theirs.get(usize::try_from(*row).expect("it was drawn from those there are"));
        if let Some(Some(theirs)) = theirs {
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
