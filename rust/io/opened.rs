//! A file opened for reading by position, which is still the one that it was.

use std::ops::Range;
use std::path::Path;

use super::handle::{Handle, Open};
use super::readahead::{Readahead, is_resident};
use super::state::{FileState, REOPEN};
use crate::error::{At, Error, Result};

/// A file opened for reading, with the state it had then.
#[derive(Debug)]
pub struct Opened {
    handle: Handle,
    readahead: Readahead,
}

impl Opened {
    /// Opens a regular file. Folders, pipes and devices are refused by name.
    pub fn open(path: &Path) -> Result<Self> {
        // The kind is looked at before opening: opening a pipe would wait for its writer.
        let meta = std::fs::metadata(path).map_err(|e| Error::io(path, "opening", e))?;
        if meta.is_dir() {
            let source = std::io::Error::from(std::io::ErrorKind::IsADirectory);
            return Err(Error::io(path, "opening as a file", source));
        }
        if !meta.is_file() {
            return Err(Error::Type(format!(
                "{}: a regular file is needed, and this is a pipe, socket or device; write its bytes to a file first",
                path.display()
            )));
        }
        let handle = Handle::open(path)?;
        let readahead = Readahead::new(handle.identity().size);
        Ok(Self { handle, readahead })
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        self.handle.path()
    }

    /// The open file. It may be opened anew for this.
    pub(crate) fn file(&self) -> Result<Open<'_>> {
        self.handle.file()
    }

    /// The state it had when it was opened.
    pub fn identity(&self) -> &FileState {
        self.handle.identity()
    }

    /// Ask the disk for a range of bytes and those that follow, each once, without waiting for them.
    pub fn read_ahead(&self, range: &Range<u64>) {
        self.readahead.read_ahead(&self.handle, range);
    }

    /// Ask the disk for a few bytes that will be read out of order, without waiting for them.
    pub fn hint_will_need(&self, range: &Range<u64>) {
        self.readahead.hint_will_need(&self.handle, range);
    }

    /// Ask the disk for bytes on a page or two, unless they are in memory. Return whether it was asked.
    pub fn hint_if_missing(&self, range: &Range<u64>) -> bool {
        let missing = !self.is_resident(range.start);
        if missing {
            self.hint_will_need(range);
        }
        missing
    }

    /// Fill `into` from `offset` if all of it is in memory, and return whether it was. Where the system does not tell,
    /// this waits for the disk.
    #[inline]
    pub fn read_resident(&self, into: &mut [u8], offset: u64) -> Result<bool> {
        #[cfg(target_os = "linux")]
        {
            use rustix::io::{Errno, ReadWriteFlags, preadv2};
            let len = into.len();
            let file = self.file()?;
            match preadv2(&*file, &mut [std::io::IoSliceMut::new(into)], offset, ReadWriteFlags::NOWAIT) {
                Ok(read) if read == len => return Ok(true),
                // What is there of the rest, or the file's end, is found out by reading it in the common way.
                Ok(_) | Err(Errno::AGAIN | Errno::INTR) => return Ok(false),
                Err(_) => {}
            }
        }
        self.read_exact_at(into, offset).map(|()| true)
    }

    /// Return whether the page at an offset is in memory, as far as the system tells.
    pub fn is_resident(&self, offset: u64) -> bool {
        is_resident(&self.handle, offset)
    }

    /// Fails if the file's size, time or inode is no longer what it was when it was opened.
    pub fn check_unchanged(&self) -> Result<()> {
        self.handle.check_unchanged()
    }

    /// Fails if it changed, or if another file has its name.
    pub(crate) fn check_named(&self) -> Result<()> {
        self.handle.check_named()
    }

    /// Fill `into` from `offset`, without moving a cursor that threads would share.
    pub fn read_exact_at(&self, into: &mut [u8], offset: u64) -> Result<()> {
        let file = self.file()?;
        #[cfg(unix)]
        let done = std::os::unix::fs::FileExt::read_exact_at(&*file, into, offset);
        #[cfg(windows)]
        let done = read_exact_at_windows(&file, into, offset);
        done.map_err(|e| {
            if e.kind() == std::io::ErrorKind::UnexpectedEof {
                Error::source_changed(
                    self.path(),
                    At::Byte(offset),
                    format!(
                        "{} bytes were there when the file was opened and are gone: it was cut; {REOPEN}",
                        into.len()
                    ),
                )
            } else {
                Error::io(self.path(), format!("reading {} bytes at {offset}", into.len()), e)
            }
        })
    }
}

#[cfg(windows)]
fn read_exact_at_windows(file: &std::fs::File, mut into: &mut [u8], mut offset: u64) -> std::io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !into.is_empty() {
        match file.seek_read(into, offset)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            n => {
                into = &mut into[n..];
                offset += n as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_memory_is_read_and_what_is_not_there_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scores.bin");
        std::fs::write(&path, [1, 2, 3, 4]).unwrap();
        let opened = Opened::open(&path).unwrap();
        let mut into = [0; 2];
        // It was just written. Where it was taken out of memory since, it is there after it was read.
        let read = opened.read_resident(&mut into, 1).unwrap() || {
            opened.read_exact_at(&mut into, 1).unwrap();
            true
        };
        assert!(read && into == [2, 3]);
        let beyond = opened.read_resident(&mut into, 3);
        assert!(matches!(beyond, Ok(false) | Err(Error::SourceChanged(_))));
    }

    #[test]
    fn a_folder_and_a_missing_file_keep_their_errno() {
        let dir = tempfile::tempdir().unwrap();
        let kind = |r: Result<Opened>| match r.unwrap_err() {
            Error::Io { source, .. } => source.kind(),
            other => panic!("{other}"),
        };
        assert_eq!(kind(Opened::open(dir.path())), std::io::ErrorKind::IsADirectory);
        assert_eq!(kind(Opened::open(&dir.path().join("no"))), std::io::ErrorKind::NotFound);
    }
}
