//! A message of an Arrow file, as it is decoded: in the map of its file, or copied from there at once.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use arrow::buffer::Buffer;

use crate::checked;
use crate::error::{At, Error, Result};
use crate::io::file::File;
use crate::io::read_at::ReadAt;

/// Bytes of a file that lie in memory.
///
/// Those that were copied are what they are, whatever becomes of the file: what is decoded is what was looked at.
pub(crate) struct Excerpt<'f> {
    path: &'f Path,
    /// Where they begin in the file.
    start: u64,
    bytes: Buffer,
}

impl<'f> Excerpt<'f> {
    /// The whole map of a file.
    pub(crate) fn of_map(path: &'f Path, mapped: &Buffer) -> Self {
        Self { path, start: 0, bytes: mapped.clone() }
    }

    /// A copy of some bytes.
    pub(crate) fn copied(file: &'f File, range: &Range<u64>) -> Result<Self> {
        let bytes = file.read(range.start, checked::len(range)?)?.into_owned();
        Ok(Self { path: file.path(), start: range.start, bytes: Buffer::from_vec(bytes) })
    }

    /// Some of them, by where they are in the file. Framing has seen to it that they are there.
    pub(crate) fn buffer(&self, range: &Range<u64>) -> Result<Buffer> {
        let span = self.span(range.start, checked::len(range)?).ok_or_else(|| {
            let message = format!("a message ends at byte {}, outside of what was read", range.end);
            Error::Internal(format!("{}: {message}", self.path.display()))
        })?;
        Ok(self.bytes.slice_with_length(span.start, span.len()))
    }

    fn span(&self, offset: u64, len: usize) -> Option<Range<usize>> {
        let start = usize::try_from(offset.checked_sub(self.start)?).ok()?;
        let end = start.checked_add(len)?;
        (end <= self.bytes.len()).then_some(start..end)
    }
}

impl ReadAt for Excerpt<'_> {
    fn path(&self) -> &Path {
        self.path
    }

    fn size(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, len: usize) -> Result<Cow<'_, [u8]>> {
        let bytes = self.span(offset, len).and_then(|span| self.bytes.get(span));
        bytes.map(Cow::Borrowed).ok_or_else(|| {
            let message =
                format!("{len} bytes are needed here, and those before byte {} are there", self.size());
            Error::truncated(self.path, At::Byte(offset), message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::file::Io;

    #[test]
    fn bytes_are_those_of_the_file_and_stay() {
        let path = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(path.path(), (0..100).collect::<Vec<u8>>()).unwrap();
        let file = File::open(path.path(), Io::Pread).unwrap();
        let copied = Excerpt::copied(&file, &(40..60)).unwrap();
        path.as_file().set_len(0).unwrap();
        assert_eq!(*copied.read_at(41, 3).unwrap(), [41, 42, 43]);
        assert_eq!(copied.buffer(&(40..60)).unwrap().as_slice(), (40..60).collect::<Vec<u8>>());
        let outside = [(39, 1), (41, 20), (60, 1), (u64::MAX, 1), (41, usize::MAX)];
        assert!(outside.iter().all(|&(offset, len)| copied.read_at(offset, len).is_err()));
        assert!(copied.buffer(&(40..61)).is_err() && copied.buffer(&(39..40)).is_err());
        assert!(Excerpt::copied(&file, &(40..60)).is_err());
        let whole = Excerpt::of_map(file.path(), &Buffer::from_vec(vec![7_u8, 8, 9]));
        assert_eq!(*whole.read_at(1, 2).unwrap(), [8, 9]);
        assert_eq!(whole.size(), 3);
    }
}
