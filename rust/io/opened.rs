//! A file opened for reading by position, and what the system knows and is told of it: whether it is still the
//! same, which of its bytes are in memory, and which will be needed.

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::handle::{Handle, Open};
use super::state::{FileState, REOPEN};
use crate::error::{At, Error, Result};

/// Bytes of a chunk, which is asked of the disk at once.
const CHUNK: u64 = 8 << 20;
/// Pages of a chunk that are looked at first.
const PROBES: u64 = 4;
/// Bytes that are asked of the disk before they are needed: enough to keep it busy.
const AHEAD: u64 = 256 << 20;

/// A file opened for reading, with the state it had then.
#[derive(Debug)]
pub struct Opened {
    handle: Handle,
    /// Which chunks were asked of the disk already.
    asked: Vec<AtomicBool>,
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
        let asked = flags(handle.identity().size, CHUNK);
        Ok(Self { handle, asked })
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

    /// Ask the disk for a range of bytes and those that follow, each chunk once, without waiting for them.
    ///
    /// The kernel reads ahead of a reader on its own, but not far enough to keep a fast disk busy.
    pub fn read_ahead(&self, range: Range<u64>) {
        let end = range.end.saturating_add(AHEAD).min(self.identity().size); // Proof: a hint, cut at the file's end.
        for chunk in range.start / CHUNK..end.div_ceil(CHUNK) {
            let asked = self.asked(chunk);
            if asked
                .is_some_and(|asked| !asked.load(Ordering::Relaxed) && !asked.swap(true, Ordering::Relaxed))
                && !self.seems_resident(chunk)
            {
                self.will_need(chunk * CHUNK, CHUNK);
            }
        }
    }

    /// Return whether a few pages of a chunk are in memory: asking for what is there takes longer than finding out.
    fn seems_resident(&self, chunk: u64) -> bool {
        (0..PROBES).all(|probe| {
            let offset = chunk * CHUNK + probe * (CHUNK / PROBES);
            offset >= self.identity().size || self.is_resident(offset)
        })
    }

    /// Ask the disk for a few bytes that will be read out of order, without waiting for them.
    pub fn hint_will_need(&self, range: &Range<u64>) {
        let asked = self.asked(range.start / CHUNK);
        if asked.is_some_and(|asked| !asked.load(Ordering::Relaxed)) {
            self.will_need(range.start, range.end.saturating_sub(range.start)); // Proof: a hint.
        }
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
        #[cfg(target_os = "linux")]
        {
            use rustix::io::{Errno, ReadWriteFlags, preadv2};
            let mut byte = [0];
            let mut into = [std::io::IoSliceMut::new(&mut byte)];
            // Proof: where the system cannot tell, nothing is gained by asking the disk for it.
            let Ok(file) = self.file() else { return true };
            preadv2(&*file, &mut into, offset, ReadWriteFlags::NOWAIT) != Err(Errno::AGAIN)
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = offset;
            true
        }
    }

    fn asked(&self, chunk: u64) -> Option<&AtomicBool> {
        usize::try_from(chunk).ok().and_then(|chunk| self.asked.get(chunk))
    }

    #[cfg(target_os = "linux")]
    fn will_need(&self, start: u64, len: u64) {
        // A hint: where it is refused, the bytes are read when they are needed.
        let len = std::num::NonZeroU64::new(len);
        let Ok(file) = self.file() else { return }; // Proof: a hint.
        let _ = rustix::fs::fadvise(&*file, start, len, rustix::fs::Advice::WillNeed);
    }

    #[cfg(not(target_os = "linux"))]
    #[allow(clippy::unused_self)]
    fn will_need(&self, _start: u64, _len: u64) {}

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

/// One flag for each chunk of so many bytes.
fn flags(size: u64, chunk: u64) -> Vec<AtomicBool> {
    (0..size.div_ceil(chunk)).map(|_| AtomicBool::new(false)).collect()
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
