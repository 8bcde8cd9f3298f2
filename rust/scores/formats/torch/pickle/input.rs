//! The bytes of a pickle, read from the first to the last.

use std::path::Path;

use crate::checked;
use crate::error::{At, Error, Result};
use crate::scores::formats::bytes::array_at;

/// Bytes of a file, of which some were read.
pub(super) struct Input<'a, 'p> {
    path: &'a Path,
    /// Where they begin in the file.
    start: u64,
    bytes: &'p [u8],
    next: usize,
}

impl<'a, 'p> Input<'a, 'p> {
    pub(super) fn new(path: &'a Path, start: u64, bytes: &'p [u8]) -> Self {
        Self { path, start, bytes, next: 0 }
    }

    pub(super) fn path(&self) -> &'a Path {
        self.path
    }

    /// Return the byte of the file that is read next.
    pub(super) fn position(&self) -> u64 {
        self.start.saturating_add(self.next as u64) // Proof: a place in messages.
    }

    /// Return how many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.next
    }

    /// Read some bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'p [u8]> {
        let rest = checked::get(self.bytes, self.next..)?;
        let Some((taken, _)) = rest.split_at_checked(count) else {
            let have = self.bytes.len();
            return Err(Error::truncated(
                self.path,
                At::Byte(checked::add(self.start, have as u64)?),
                format!(
                    "data.pkl ends after {have} bytes without its STOP opcode; copy or download the file again"
                ),
            ));
        };
        self.next += count;
        Ok(taken)
    }

    /// Read so many bytes as an array has.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        array_at(self.take(N)?, 0)
    }

    /// Read the bytes up to the end of a line, and the end.
    pub(super) fn line(&mut self) -> Result<&'p [u8]> {
        let rest = checked::get(self.bytes, self.next..)?;
        // Proof: where no line ends, there is no byte after all that is there, and that is told.
        let len = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = self.take(len)?;
        self.take(1)?;
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_once_and_those_that_are_missing_are_told() {
        let mut input = Input::new(Path::new("a.pt"), 100, b"\x01\x02ab\nxyz");
        assert_eq!(input.array::<2>().unwrap(), [1, 2]);
        assert_eq!(input.line().unwrap(), b"ab");
        assert_eq!((input.position(), input.left()), (105, 3));
        assert_eq!(input.take(0).unwrap(), b"");
        for error in [input.take(4).unwrap_err(), input.array::<4>().unwrap_err()] {
            assert!(matches!(&error, Error::Truncated(_)), "{error}");
            assert!(error.to_string().contains("at byte 108: data.pkl ends after 8 bytes"), "{error}");
        }
        assert_eq!(input.take(3).unwrap(), b"xyz");
        let mut input = Input::new(Path::new("a.pt"), 100, b"no end");
        assert!(matches!(input.line(), Err(Error::Truncated(_))));
    }
}
