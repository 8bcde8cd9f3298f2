//! Bytes of a file by their position, wherever they come from: one trait, and its implementations.
//!
//! What frames messages and reads their headers takes any of them.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use super::file::File;
use super::map::Map;
use super::opened::Opened;
use crate::error::{At, Error, Result};

/// A file whose bytes are read by their position.
pub(crate) trait ReadAt {
    /// The path it was opened by.
    fn path(&self) -> &Path;

    /// Its size in bytes.
    fn size(&self) -> u64;

    /// Read `len` bytes from `offset`, or fail if they are not all there.
    fn read_at(&self, offset: u64, len: usize) -> Result<Cow<'_, [u8]>>;

    /// Hint that bytes will probably be read soon.
    fn hint_will_need(&self, _bytes: Range<u64>) {}
}

impl ReadAt for Opened {
    fn path(&self) -> &Path {
        Opened::path(self)
    }

    fn size(&self) -> u64 {
        self.identity().size
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Cow<'_, [u8]>> {
        // Proof: from beyond the end on there are no bytes.
        let there = ReadAt::size(self).saturating_sub(offset);
        if len as u64 > there {
            let message = format!("{len} bytes are needed here, and the file has {}", ReadAt::size(self));
            return Err(Error::truncated(Opened::path(self), At::Byte(offset), message));
        }
        let mut bytes = vec![0; len];
        self.read_exact_at(&mut bytes, offset)?;
        Ok(Cow::Owned(bytes))
    }

    fn hint_will_need(&self, bytes: Range<u64>) {
        let end = bytes.end.min(ReadAt::size(self));
        if bytes.start < end {
            Opened::hint_will_need(self, &(bytes.start..end));
        }
    }
}

impl ReadAt for Map {
    fn path(&self) -> &Path {
        Map::path(self)
    }

    fn size(&self) -> u64 {
        self.bytes().len() as u64
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Cow<'_, [u8]>> {
        let start = usize::try_from(offset).ok();
        let range = start.and_then(|start| Some(start..start.checked_add(len)?));
        let bytes = range.and_then(|range| self.bytes().get(range)).ok_or_else(|| {
            let message = format!("{len} bytes are needed here, and the file has {}", ReadAt::size(self));
            Error::truncated(Map::path(self), At::Byte(offset), message)
        })?;
        Ok(Cow::Borrowed(bytes))
    }
}

impl ReadAt for File {
    fn path(&self) -> &Path {
        File::path(self)
    }

    fn size(&self) -> u64 {
        File::size(self)
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Cow<'_, [u8]>> {
        match self {
            // The headers of batches lie far apart: whole chunks around each would be the whole file.
            Self::Mapped(map) => ReadAt::read_at(map.as_ref(), offset, len),
            Self::Positional(_) => self.read(offset, len),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn every_file_gives_the_same_bytes_and_fails_beyond_its_end() {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), [0, 1, 2, 3, 4, 5]).unwrap();
        let opened = || Opened::open(path.path()).unwrap();
        let map = || Map::new(opened()).unwrap();
        let mapped = File::Mapped(Arc::new(map()));
        let positional = File::Positional(Arc::new(opened()));
        let files: [&dyn ReadAt; 4] = [&opened(), &map(), &mapped, &positional];
        for file in files {
            assert_eq!((file.path(), file.size()), (path.path(), 6));
            for (offset, len) in [(0, 6), (2, 3), (6, 0), (5, 1)] {
                let at = usize::try_from(offset).unwrap();
                assert_eq!(*file.read_at(offset, len).unwrap(), [0, 1, 2, 3, 4, 5][at..at + len]);
            }
            for (offset, len) in [(0, 7), (6, 1), (7, 2), (u64::MAX, 1), (1, usize::MAX)] {
                let error = file.read_at(offset, len).unwrap_err();
                assert!(matches!(error, Error::Truncated(_)), "{offset} {len}: {error}");
            }
            file.hint_will_need(0..100);
        }
    }
}
