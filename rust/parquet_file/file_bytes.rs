//! The bytes of a file as the `parquet` crate reads them: where they lie in a map, or copied by reads.

use std::io::{BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use super::footer::check_end;
use crate::error::{At, Error, Result as DsdmResult};
use crate::exec::catch_panic::guard;
use crate::io::file::File;
use crate::io::map::Map;

/// Bytes of the magic that a file ends with.
const MAGIC: usize = 4;

/// A file as the crate reads it.
#[derive(Clone)]
pub(crate) struct FileBytes {
    file: File,
    /// All of its bytes, if they are used where they lie.
    mapped: Option<Bytes>,
    /// The first error of a read is kept, for it says more than the decoder can.
    failed: Arc<Mutex<Option<Error>>>,
}

impl FileBytes {
    /// Bytes of a map are used where they lie: what is read much of is to be populated before. A file that is not mapped
    /// is read.
    pub(crate) fn in_place(file: &File) -> Self {
        let mapped = file.map().map(Map::shared_bytes);
        Self { file: file.clone(), mapped, failed: Arc::default() }
    }

    /// All that is read is copied, and of a map, populated before.
    pub(crate) fn copied(file: &File) -> Self {
        Self { file: file.clone(), mapped: None, failed: Arc::default() }
    }

    /// The same file for another decoder, which fails by itself.
    pub(crate) fn again(&self) -> Self {
        Self { failed: Arc::default(), ..self.clone() }
    }

    /// Fails unless it ends as Parquet does, behind a footer that can be read.
    pub(crate) fn check_end(&self) -> DsdmResult<()> {
        let size = self.len();
        let last = |start| self.guard(&At::Byte(start), "reading the end", || self.get_bytes(start, MAGIC));
        // Proof: a file that is shorter is told to be.
        let end = size.checked_sub(MAGIC as u64).map(last).transpose()?.unwrap_or_default();
        check_end(self.file.path(), size, &end)
    }

    /// Runs a decoder; an error of reading is told as that error.
    pub(crate) fn guard<R, E: std::fmt::Display + 'static>(
        &self,
        at: &At,
        doing: &str,
        decode: impl FnOnce() -> Result<R, E>,
    ) -> DsdmResult<R> {
        guard(self.file.path(), at, doing, decode).map_err(|error| {
            // Proof: an error is put in or taken out while it is held, and neither fails.
            let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            failed.take().unwrap_or(error) // Proof: an error either way.
        })
    }

    fn fail(&self, error: Error) -> String {
        let text = error.to_string();
        // Proof: an error is put in or taken out while it is held, and neither fails.
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        text
    }
}

impl Length for FileBytes {
    fn len(&self) -> u64 {
        self.file.size()
    }
}

impl ChunkReader for FileBytes {
    type T = Tail;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(match &self.mapped {
            Some(bytes) => Tail::Mapped(bytes.get_read(start)?),
            None => Tail::Copied(BufReader::new(SequentialReader { file: self.clone(), position: start })),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        if let Some(bytes) = &self.mapped {
            return bytes.get_bytes(start, length);
        }
        let bytes = self.file.read(start, length);
        let bytes = bytes.map_err(|error| ParquetError::General(self.fail(error)))?;
        Ok(Bytes::from(bytes.into_owned()))
    }
}

/// The bytes of a file from a position on.
pub(crate) enum Tail {
    Mapped(<Bytes as ChunkReader>::T),
    Copied(BufReader<SequentialReader>),
}

impl Read for Tail {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Mapped(bytes) => bytes.read(into),
            Self::Copied(bytes) => bytes.read(into),
        }
    }
}

/// Reads one after the other.
pub(crate) struct SequentialReader {
    file: FileBytes,
    position: u64,
}

impl Read for SequentialReader {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        // Proof: from beyond the end on there are no bytes, and of more than memory can have, `into` is the less.
        let there = self.file.len().saturating_sub(self.position);
        let len = into.len().min(usize::try_from(there).unwrap_or(usize::MAX)); // Proof: as above.
        let into = &mut into[..len];
        let bytes = self.file.file.read(self.position, len);
        let bytes = bytes.map_err(|error| {
            let path = self.file.file.path().display().to_string();
            std::io::Error::other(format!("{path}: {}", self.file.fail(error)))
        })?;
        into.copy_from_slice(&bytes);
        self.position += len as u64;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::file::Io;

    #[test]
    fn all_ways_give_the_same_bytes() {
        let path = tempfile::NamedTempFile::new().unwrap();
        let all: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[1]).collect();
        std::fs::write(path.path(), &all).unwrap();
        let [mapped, positional] = [Io::Mmap, Io::Pread].map(|io| File::open(path.path(), io).unwrap());
        for file in
            [FileBytes::in_place(&mapped), FileBytes::copied(&mapped), FileBytes::in_place(&positional)]
        {
            assert_eq!(file.len(), 200_000);
            for (start, length) in [(0, 0), (0, 200_000), (7, 65_536), (199_999, 1), (200_000, 0)] {
                let end = usize::try_from(start).unwrap() + length;
                assert_eq!(file.get_bytes(start, length).unwrap(), all[end - length..end]);
                let mut read = Vec::new();
                file.get_read(start).unwrap().read_to_end(&mut read).unwrap();
                assert_eq!(read, all[end - length..]);
            }
            assert!(file.get_bytes(199_999, 2).is_err());
        }
    }

    #[test]
    fn the_error_of_a_read_is_that_of_its_decoder_and_of_no_other() {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), [1; 100]).unwrap();
        let file = FileBytes::in_place(&File::open(path.path(), Io::Pread).unwrap());
        let other = file.again();
        path.as_file().set_len(50).unwrap();
        let fails = |file: &FileBytes| file.guard(&At::File, "decoding", || file.get_bytes(0, 100));
        let says = |file: &FileBytes| file.guard(&At::File, "decoding", || Err::<(), _>("it is damaged"));
        assert!(matches!(fails(&file), Err(Error::SourceChanged(_))));
        assert!(file.get_bytes(0, 100).is_err());
        assert!(matches!(says(&other), Err(Error::Format(_))));
        assert!(matches!(says(&file), Err(Error::SourceChanged(_))));
    }
}
