//! The read-only map of a file, and what keeps it honest.
//!
//! A mapped file can be changed by others while it is read. Two things bound the harm: every chunk is
//! populated by `madvise` before its bytes are touched, so that an unreadable page is an error and not a
//! signal; and the file's size, time and identity are compared at the end of each pass, so that a result
//! computed from a file that changed is never returned. What remains is a file truncated between the
//! populate and the read of the same chunk: the kernel then sends SIGBUS, and no library can prevent it.
//! `io="pread"` has no such window.
#![allow(unsafe_code)]

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;

use crate::error::{At, Error, Result};

/// Bytes that are populated at once: what one table of pages maps on most systems, as threads that fill the same one
/// wait for each other.
const CHUNK: usize = 2 << 20;
/// Populated bytes of a map that is not undone at once.
const LARGE: usize = 256 << 20;
/// Bytes that are asked of the disk at once.
const ASKED: u64 = 8 << 20;
/// Pages of them that are looked at first.
const PROBES: u64 = 4;
/// Bytes that are asked of it before they are needed: enough to keep it busy.
const AHEAD: u64 = 256 << 20;

/// What tells one state of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Size in bytes.
    pub size: u64,
    /// Time of the last modification.
    pub modified: Option<SystemTime>,
    /// Device and inode, where the system has them.
    pub inode: Option<(u64, u64)>,
}

impl Identity {
    /// Of an open file.
    pub fn of(file: &File, path: &Path) -> Result<Self> {
        let meta = file.metadata().map_err(|e| Error::io(path, "reading the file's size", e))?;
        #[cfg(unix)]
        let inode = {
            use std::os::unix::fs::MetadataExt;
            Some((meta.dev(), meta.ino()))
        };
        #[cfg(not(unix))]
        let inode = None;
        Ok(Self { size: meta.len(), modified: meta.modified().ok(), inode })
    }
}

/// A file opened for reading, with the state it had then.
#[derive(Debug)]
pub struct Opened {
    file: File,
    path: PathBuf,
    identity: Identity,
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
        let file = File::open(path).map_err(|e| Error::io(path, "opening", e))?;
        let identity = Identity::of(&file, path)?;
        let asked = flags(identity.size, ASKED);
        Ok(Self { file, path: path.to_path_buf(), identity, asked })
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The state it had when it was opened.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Asks the disk for a range of bytes and those that follow, each chunk once, and does not wait for them.
    ///
    /// The kernel reads ahead of a reader on its own, but not far enough to keep a fast disk busy.
    pub fn read_ahead(&self, range: Range<u64>) {
        let end = range.end.saturating_add(AHEAD).min(self.identity.size);
        for part in range.start / ASKED..end.div_ceil(ASKED) {
            let asked = self.asked(part);
            if asked
                .is_some_and(|asked| !asked.load(Ordering::Relaxed) && !asked.swap(true, Ordering::Relaxed))
                && !self.seems_resident(part)
            {
                self.ask(part * ASKED, ASKED);
            }
        }
    }

    /// Whether a few pages of a part are in memory: asking for what is there takes longer than finding out.
    fn seems_resident(&self, part: u64) -> bool {
        (0..PROBES).all(|probe| {
            let offset = part * ASKED + probe * (ASKED / PROBES);
            offset >= self.identity.size || self.is_resident(offset)
        })
    }

    /// Asks the disk for a few bytes that will be read out of order, and does not wait for them.
    pub fn announce(&self, range: &Range<u64>) {
        let asked = self.asked(range.start / ASKED);
        if asked.is_some_and(|asked| !asked.load(Ordering::Relaxed)) {
            self.ask(range.start, range.end.saturating_sub(range.start));
        }
    }

    /// The same for so few bytes that they lie on a page or two, unless they are in memory. Tells whether the disk was
    /// asked.
    pub fn announce_missing(&self, range: &Range<u64>) -> bool {
        let missing = !self.is_resident(range.start);
        if missing {
            self.announce(range);
        }
        missing
    }

    /// Fills `into` from `offset` if all of it is in memory, and tells whether it was. Where the system does not
    /// tell, the disk is waited for.
    pub fn read_resident(&self, into: &mut [u8], offset: u64) -> Result<bool> {
        #[cfg(target_os = "linux")]
        {
            use rustix::io::{Errno, ReadWriteFlags, preadv2};
            let len = into.len();
            match preadv2(&self.file, &mut [std::io::IoSliceMut::new(into)], offset, ReadWriteFlags::NOWAIT) {
                Ok(read) if read == len => return Ok(true),
                // What is there of the rest, or the file's end, is found out by reading it in the common way.
                Ok(_) | Err(Errno::AGAIN | Errno::INTR) => return Ok(false),
                Err(_) => {}
            }
        }
        self.read_exact_at(into, offset).map(|()| true)
    }

    /// Whether the page at an offset is in memory, as far as the system tells.
    pub fn is_resident(&self, offset: u64) -> bool {
        #[cfg(target_os = "linux")]
        {
            use rustix::io::{Errno, ReadWriteFlags, preadv2};
            let mut byte = [0];
            let mut into = [std::io::IoSliceMut::new(&mut byte)];
            // Where the system cannot tell, nothing is gained by asking the disk for it.
            preadv2(&self.file, &mut into, offset, ReadWriteFlags::NOWAIT) != Err(Errno::AGAIN)
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = offset;
            true
        }
    }

    fn asked(&self, part: u64) -> Option<&AtomicBool> {
        usize::try_from(part).ok().and_then(|part| self.asked.get(part))
    }

    #[cfg(target_os = "linux")]
    fn ask(&self, start: u64, len: u64) {
        // A hint: where it is refused, the bytes are read when they are needed.
        let len = std::num::NonZeroU64::new(len);
        let _ = rustix::fs::fadvise(&self.file, start, len, rustix::fs::Advice::WillNeed);
    }

    #[cfg(not(target_os = "linux"))]
    #[allow(clippy::unused_self)]
    fn ask(&self, _start: u64, _len: u64) {}

    /// Fails if the file's size, time or inode is no longer what it was when it was opened.
    pub fn check_unchanged(&self) -> Result<()> {
        let now = Identity::of(&self.file, &self.path)?;
        if now == self.identity {
            return Ok(());
        }
        let what = if now.size == self.identity.size {
            "its modification time is another".to_owned()
        } else {
            format!("it had {} bytes and has {}", self.identity.size, now.size)
        };
        Err(Error::source_changed(
            &self.path,
            At::File,
            format!("the file changed while it was read: {what}; run again once nothing writes to it"),
        ))
    }

    /// Fills `into` from `offset`, without moving a cursor that threads would share.
    pub fn read_exact_at(&self, into: &mut [u8], offset: u64) -> Result<()> {
        #[cfg(unix)]
        let done = std::os::unix::fs::FileExt::read_exact_at(&self.file, into, offset);
        #[cfg(windows)]
        let done = read_exact_at_windows(&self.file, into, offset);
        done.map_err(|e| {
            if e.kind() == std::io::ErrorKind::UnexpectedEof {
                Error::source_changed(
                    &self.path,
                    At::Byte(offset),
                    format!("{} bytes were there when the file was opened and are gone; it was cut while it was read", into.len()),
                )
            } else {
                Error::io(&self.path, format!("reading {} bytes at {offset}", into.len()), e)
            }
        })
    }
}

#[cfg(windows)]
fn read_exact_at_windows(file: &File, mut into: &mut [u8], mut offset: u64) -> std::io::Result<()> {
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

/// One flag for each part of so many bytes.
fn flags(size: u64, part: u64) -> Vec<AtomicBool> {
    (0..size.div_ceil(part)).map(|_| AtomicBool::new(false)).collect()
}

/// A whole file, mapped for reading.
#[derive(Debug)]
pub struct Map {
    opened: Opened,
    /// Nothing while it is dropped.
    bytes: Option<memmap2::Mmap>,
    /// Which chunks were populated already: a second pass need not ask the kernel again. A thread that needs what
    /// another is populating waits for it.
    populated: Vec<Mutex<bool>>,
    /// Whether the system was told that reads follow no order.
    jumps: AtomicBool,
}

impl Map {
    /// Maps a regular file. An empty file gives an empty map.
    pub fn open(path: &Path) -> Result<Self> {
        Self::new(Opened::open(path)?)
    }

    /// Maps a file that is open already.
    pub fn new(opened: Opened) -> Result<Self> {
        // SAFETY: the map is private to this struct, read-only, and read through nothing that outlives the struct;
        // the system keeps the file for as long as the map is there, whether or not it is open.
        // That nobody changes the file is not ours to guarantee: the bytes are only ever read as plain
        // numbers or through validating parsers, for which any bit pattern is a value; a change is found by
        // `check_unchanged`; a truncation is the residual case described at the head of this file.
        let bytes = unsafe { memmap2::Mmap::map(&opened.file) }
            .map_err(|e| Error::io(&opened.path, "mapping into memory", e))?;
        let populated = (0..bytes.len().div_ceil(CHUNK)).map(|_| Mutex::new(false)).collect();
        Ok(Self { opened, bytes: Some(bytes), populated, jumps: AtomicBool::new(false) })
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        self.opened.path()
    }

    /// The open file behind the map.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// All bytes of the file. Call [`Map::populate`] on a range before reading much of it.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or_default()
    }

    /// All bytes of the file, for libraries that want to own what they read: it keeps the map alive.
    pub fn shared_bytes(self: &Arc<Self>) -> Bytes {
        Bytes::from_owner(Shared(Arc::clone(self)))
    }

    /// Tells the system that reads follow no order: nothing but what is asked for is then read.
    pub fn expect_jumps(&self) {
        #[cfg(target_os = "linux")]
        {
            // Hints: where they are refused, more is read than is needed.
            let _ = rustix::fs::fadvise(&self.opened.file, 0, None, rustix::fs::Advice::Random);
            let _ = self.bytes.as_ref().map(|bytes| bytes.advise(memmap2::Advice::Random));
            self.jumps.store(true, Ordering::Relaxed);
        }
    }

    /// Brings a range of bytes into memory, whole chunks at a time, each at most once.
    ///
    /// A page that cannot be read (a disk error, a file that was cut) is an error here and not a signal later.
    pub fn populate(&self, range: Range<usize>) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let end = range.end.min(self.bytes().len());
        for chunk in range.start / CHUNK..end.div_ceil(CHUNK) {
            let mut populated = self.populated[chunk].lock().unwrap_or_else(PoisonError::into_inner);
            if !*populated {
                self.populate_chunk(chunk)?;
                *populated = true;
            }
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn populate_chunk(&self, chunk: usize) -> Result<()> {
        let start = chunk * CHUNK;
        let Some(bytes) = &self.bytes else { return Ok(()) };
        let len = CHUNK.min(bytes.len() - start);
        // Of pages that are missing here and there, the system would else read one at a time.
        if self.jumps.swap(false, Ordering::Relaxed) {
            let _ = bytes.advise(memmap2::Advice::Normal);
        }
        // Waits for the disk once, and not at every page.
        self.opened.read_exact_at(&mut [0], (start + len - 1) as u64)?;
        match bytes.advise_range(memmap2::Advice::PopulateRead, start, len) {
            Ok(()) => Ok(()),
            // EINVAL: a kernel before 5.14 does not know the advice. The pages then fault one by one.
            Err(e) if e.raw_os_error() == Some(22) => Ok(()),
            // EFAULT: a page lies past the end of the file, or its device failed to deliver it.
            Err(e) if e.raw_os_error() == Some(14) => {
                self.opened.check_unchanged()?;
                let eio = std::io::Error::from_raw_os_error(5);
                Err(Error::io(self.path(), format!("reading {len} bytes at {start}"), eio))
            }
            Err(e) => Err(Error::io(self.path(), format!("reading {len} bytes at {start}"), e)),
        }
    }

    #[cfg(not(target_os = "linux"))]
    #[allow(clippy::unnecessary_wraps, clippy::unused_self)]
    fn populate_chunk(&self, _chunk: usize) -> Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
impl Drop for Map {
    /// Taking the pages of a large map away takes tenths of a second, which nobody need wait for.
    fn drop(&mut self) {
        let populated = self.populated.iter_mut().filter_map(|chunk| chunk.get_mut().ok()).filter(|p| **p);
        if populated.count() >= LARGE / CHUNK {
            let bytes = self.bytes.take();
            // Where there can be no thread, it is done here.
            let _ = std::thread::Builder::new().name("dsdm-unmap".to_owned()).spawn(move || drop(bytes));
        }
    }
}

/// A map as the owner of [`Bytes`].
struct Shared(Arc<Map>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scores.bin");
        std::fs::write(&path, [1u8; 100]).unwrap();
        let map = Map::open(&path).unwrap();
        map.populate(0..100).unwrap();
        assert_eq!(map.bytes(), [1u8; 100]);
        map.opened().check_unchanged().unwrap();
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().set_len(120).unwrap();
        let error = map.opened().check_unchanged().unwrap_err();
        assert!(matches!(&error, Error::SourceChanged(_)), "{error}");
        assert!(error.to_string().contains("100 bytes and has 120"), "{error}");
    }

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

    #[cfg(target_os = "linux")]
    #[test]
    fn a_large_map_is_undone_soon() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large-scores.bin");
        std::fs::File::create(&path).unwrap().set_len(LARGE as u64 + 1).unwrap();
        let map = Map::open(&path).unwrap();
        map.populate(0..LARGE).unwrap();
        let is_mapped = || std::fs::read_to_string("/proc/self/maps").unwrap().contains("large-scores.bin");
        assert!(is_mapped() && map.bytes().iter().step_by(1 << 20).all(|&byte| byte == 0));
        drop(map);
        let begun = std::time::Instant::now();
        while is_mapped() {
            assert!(begun.elapsed().as_secs() < 60);
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    #[test]
    fn an_empty_file_maps_to_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let map = Map::open(file.path()).unwrap();
        map.populate(0..0).unwrap();
        assert!(map.bytes().is_empty());
    }
}
