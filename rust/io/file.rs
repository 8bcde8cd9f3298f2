//! An opened file, and where bytes of it are had: through its map, by position, or decoded into memory.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::map::Map;
use super::opened::Opened;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::memory::check_bytes;

/// How the bytes of a file are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub enum Io {
    /// Through a memory map: nothing is copied.
    #[default]
    Mmap,
    /// By positional reads: every byte is copied, and no change of the file can end the process.
    Pread,
}

impl Io {
    /// What callers name it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mmap => "mmap",
            Self::Pread => "pread",
        }
    }
}

/// Where the bytes of a part lie.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// In a mapped file.
    Mapped(Arc<Map>),
    /// In a file that is read by position.
    Positional(Arc<Opened>),
    /// In memory, because the file holds them in another form (compressed Parquet or Arrow).
    Memory(Bytes),
}

impl Storage {
    /// Bytes there are.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Mapped(map) => map.bytes().len() as u64,
            Self::Positional(opened) => opened.identity().size,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// The open file, if they are not in memory.
    pub(crate) fn opened(&self) -> Option<&Opened> {
        match self {
            Self::Mapped(map) => Some(map.opened()),
            Self::Positional(opened) => Some(opened),
            Self::Memory(_) => None,
        }
    }

    /// The bytes, if they can be addressed.
    pub(crate) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Mapped(map) => Some(map.bytes()),
            Self::Positional(_) => None,
            Self::Memory(bytes) => Some(bytes),
        }
    }
}

/// An opened file, in either io mode.
#[derive(Debug, Clone)]
pub(crate) enum File {
    /// Mapped.
    Mapped(Arc<Map>),
    /// Read by position.
    Positional(Arc<Opened>),
}

impl File {
    /// Opens a regular file.
    pub(crate) fn open(path: &Path, io: Io) -> Result<Self> {
        let opened = Opened::open(path)?;
        Ok(match io {
            Io::Mmap => Self::Mapped(Arc::new(Map::new(opened)?)),
            Io::Pread => Self::Positional(Arc::new(opened)),
        })
    }

    /// The open file.
    pub(crate) fn opened(&self) -> &Opened {
        match self {
            Self::Mapped(map) => map.opened(),
            Self::Positional(opened) => opened,
        }
    }

    /// The open file, to be kept.
    pub(crate) fn shared(&self) -> Arc<Opened> {
        match self {
            Self::Mapped(map) => Arc::clone(map.shared()),
            Self::Positional(opened) => Arc::clone(opened),
        }
    }

    /// The path it was opened by.
    pub(crate) fn path(&self) -> &Path {
        self.opened().path()
    }

    /// Bytes it had when it was opened.
    pub(crate) fn size(&self) -> u64 {
        self.opened().identity().size
    }

    /// Read `len` bytes from `offset`: headers and trailers, not values. Of a map, whole chunks around them are brought
    /// into memory, so that an unreadable page is an error and not a signal.
    pub(crate) fn read(&self, offset: u64, len: usize) -> Result<Cow<'_, [u8]>> {
        let size = self.size();
        let end = offset.checked_add(len as u64).filter(|&end| end <= size).ok_or_else(|| {
            Error::truncated(
                self.path(),
                At::Byte(offset),
                format!("{len} bytes are needed here, and the file ends at byte {size}; it is cut, or its header is wrong: get it again"),
            )
        })?;
        match self {
            Self::Mapped(map) => {
                let outside = || Error::Internal(format!("the map is shorter than {end} bytes"));
                let range = to_usize(offset..end).ok_or_else(outside)?;
                map.populate(range.clone())?;
                Ok(Cow::Borrowed(map.bytes().get(range).ok_or_else(outside)?))
            }
            Self::Positional(opened) => {
                check_bytes(
                    || format!("{}: what is read at byte {offset}", self.path().display()),
                    len as u64,
                    1,
                )?;
                let mut bytes = Vec::new();
                bytes.try_reserve_exact(len).map_err(|_| {
                    Error::Memory(format!("{}: {len} bytes of memory are not there", self.path().display()))
                })?;
                bytes.resize(len, 0);
                opened.read_exact_at(&mut bytes, offset)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// The map, if there is one.
    pub(crate) fn map(&self) -> Option<&Arc<Map>> {
        match self {
            Self::Mapped(map) => Some(map),
            Self::Positional(_) => None,
        }
    }

    /// Brings a range of bytes into the map, if there is one.
    pub(crate) fn populate(&self, range: &Range<u64>) -> Result<()> {
        let Some(map) = self.map() else { return Ok(()) }; // Proof: what is not mapped is read when it is needed.
        map.populate(checked::span(range)?)
    }

    /// Its bytes as the storage of parts.
    pub(crate) fn storage(&self) -> Storage {
        match self {
            Self::Mapped(map) => Storage::Mapped(Arc::clone(map)),
            Self::Positional(opened) => Storage::Positional(Arc::clone(opened)),
        }
    }
}

/// A range of bytes as one that memory can have.
pub(crate) fn to_usize(range: Range<u64>) -> Option<Range<usize>> {
    Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_read_the_same_bytes_and_none_behind_the_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bytes: Vec<u8> = (0..=u8::MAX).collect();
        std::fs::write(file.path(), &bytes).unwrap();
        for io in [Io::Mmap, Io::Pread] {
            let file = File::open(file.path(), io).unwrap();
            assert_eq!((file.size(), file.storage().size()), (256, 256));
            for (offset, len) in [(0u8, 0usize), (0, 256), (7, 9), (255, 1)] {
                let expected = &bytes[usize::from(offset)..usize::from(offset) + len];
                assert_eq!(file.read(offset.into(), len).unwrap().as_ref(), expected, "{io:?}");
            }
            assert!(file.read(256, 0).unwrap().is_empty());
            for (offset, len) in [(0, 257), (256, 1), (257, 0), (u64::MAX, 1), (1, usize::MAX)] {
                let error = file.read(offset, len).unwrap_err();
                assert!(matches!(error, Error::Truncated(_)), "{io:?}: {offset}, {len}: {error}");
                assert!(error.to_string().contains("the file ends at byte 256"), "{error}");
            }
            assert_eq!(file.map().is_some(), io == Io::Mmap);
        }
    }
}
