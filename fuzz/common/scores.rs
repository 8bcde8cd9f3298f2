//! Scores read by dsdm, by both ways to a file, held against a column as another reader gives it.

use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray};
use arrow::record_batch::RecordBatch;
use dsdm::error::Error;
use dsdm::scores::{DType, Io, OpenOptions, Scores, Source, copy_rows, take_rows};

use crate::{MANY, accepted, draw, job, value};

/// A vector with its type, as bytes.
pub type Vector = (DType, Vec<u8>);

/// All values of a file, which a map and reads by position must agree about; nothing where it is refused, or has many.
pub fn same_by_both(path: &Path, options: &OpenOptions) -> Option<Vector> {
    let open = |io| {
        let scores = Scores::open(&[PathBuf::from(path)], &OpenOptions { io, ..options.clone() })?;
        all_values(&scores)
    };
    match (open(Io::Mmap), open(Io::Pread)) {
        (Ok(mapped), Ok(read)) => {
            assert!(mapped == read, "other values are read by position");
            mapped
        }
        (Err(mapped), Err(read)) => {
            accepted::<()>(Err(mapped));
            accepted::<()>(Err(read))?;
            None
        }
        (mapped, read) => panic!("one way of reading refuses: {:?}, {:?}", mapped.err(), read.err()),
    }
}

/// All values of a vector, unless it is long.
///
/// # Errors
/// Those of reading it.
pub fn all_values(scores: &Scores) -> Result<Option<Vector>, Error> {
    let len = scores.len();
    if len > MANY {
        return Ok(None);
    }
    let width = scores.dtype().size();
    let mut bytes = vec![0; len as usize * width];
    copy_rows(scores, &(0..len), &mut bytes, &job())?;
    let rows = draw(&bytes, len);
    let mut some = vec![0; rows.len() * width];
    take_rows(scores, &rows, &mut some, &job())?;
    for (row, value) in rows.iter().zip(some.chunks_exact(width)) {
        let start = usize::try_from(*row).expect("it was drawn from those there are") * width;
        assert_eq!(value, &bytes[start..start + width], "row {row} taken alone");
    }
    Ok(Some((scores.dtype(), bytes)))
}

/// Compares the values of a column with those that another reader finds, where both read them.
pub fn check_column(name: &str, ours: &Vector, theirs: &[RecordBatch]) {
    let width = ours.0.size();
    let mut rows = ours.1.chunks_exact(width);
    for batch in theirs {
        let column = batch.column_by_name(name).expect("a column that was read is there");
        // A list of one value is that value.
        let column = match column.as_fixed_size_list_opt() {
            Some(list) => &list.values().slice(0, list.len()),
            None => column,
        };
        for row in 0..column.len() {
            let mut bytes = Vec::new();
            value(column.as_ref(), row, &mut bytes);
            let ours = rows.next().expect("as many rows as the other reader finds");
            assert_eq!((bytes[0], &bytes[1..]), (1, ours), "column {name:?}, row {row}");
        }
    }
    assert!(rows.next().is_none(), "more rows than the other reader finds");
}
