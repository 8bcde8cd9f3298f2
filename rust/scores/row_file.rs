//! Files of row numbers: `.npy`, read by position, so that one that changes meanwhile is told.

use std::path::Path;

use super::expr::Scores;
use super::formats::npy;
use super::vector::stored::StoredVector;
use crate::error::Result;
use crate::io::file::{File, Io};

/// Row numbers in a `.npy` file, in the type that it has.
#[derive(Debug)]
pub struct RowFile {
    /// The numbers, or the booleans as bytes.
    pub values: Scores,
    /// Whether it holds one boolean for each row instead.
    pub booleans: bool,
}

impl RowFile {
    /// Opens one; its values are not read yet.
    ///
    /// # Errors
    ///
    /// [`Error::Io`](crate::error::Error::Io) for what the system refuses; what is no `.npy` file of one dimension of
    /// integers or booleans is a [`Error::Format`](crate::error::Error::Format) or one of its like.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path, Io::Pread)?;
        let unchanged = || file.opened().check_unchanged();
        let (parts, booleans) = npy::row_parts(&file).map_err(|error| error.unless_changed(unchanged))?;
        let values = Scores::stored(StoredVector::new(vec![(file, parts)])?);
        Ok(Self { values, booleans })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::exec::job::Job;
    use crate::scores::copy_rows;

    #[test]
    fn a_file_that_changes_before_it_is_read_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.npy");
        let mut bytes =
            b"\x93NUMPY\x01\x00\x36\x00{'descr': '<i8', 'fortran_order': False, 'shape': (1,)}".to_vec();
        bytes[8] = u8::try_from(bytes.len() - 10).unwrap();
        bytes.extend_from_slice(&7_u64.to_le_bytes());
        std::fs::write(&path, &bytes).unwrap();
        let file = RowFile::open(&path).unwrap();
        let mut into = [0; 8];
        copy_rows(&file.values, &(0..1), &mut into, &Job::new(1)).unwrap();
        assert_eq!((u64::from_le_bytes(into), file.booleans), (7, false));
        for len in [bytes.len() - 1, bytes.len() + 1, 0] {
            let file = RowFile::open(&path).unwrap();
            let changed = std::fs::File::options().write(true).open(&path).unwrap();
            changed.set_len(len as u64).unwrap();
            let error = copy_rows(&file.values, &(0..1), &mut into, &Job::new(1)).unwrap_err();
            assert!(matches!(error, Error::SourceChanged(_)), "{error}");
            std::fs::write(&path, &bytes).unwrap();
        }
    }
}
