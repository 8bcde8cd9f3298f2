//! The read-only map of a file, and what keeps it honest.
//!
//! A mapped file can be changed by others while it is read. Two things bound the harm: every chunk is
//! populated by `madvise` before its bytes are touched, so that an unreadable page is an error and not a
//! signal; and the file's size, time and identity are compared at the end of each pass, so that a result
//! computed from a file that changed is never returned. What remains is a file truncated between the
//! populate and the read of the same chunk: the kernel then sends SIGBUS, and no library can prevent it.
//! `io="pread"` has no such window.
#![allow(unsafe_code)]

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::opened::Opened;
use crate::error::{Error, Result};

/// Bytes that are populated at once: what one table of pages maps on most systems, as threads that fill the same one
/// wait for each other.
const CHUNK: usize = 2 << 20;
/// The states of a chunk: nobody asked for it, a thread is populating it, it is in memory.
const UNTOUCHED: u8 = 0;
const BUSY: u8 = 1;
const POPULATED: u8 = 2;
/// How often, and after how long each, a thread looks again at a chunk that another is populating.
const LOOKS: usize = 100;
const LOOK: Duration = Duration::from_micros(20);
/// Populated bytes of a map that is not undone at once.
#[cfg(unix)]
const LARGE: usize = 256 << 20;

/// A whole file, mapped for reading.
#[derive(Debug)]
pub struct Map {
    opened: Arc<Opened>,
    /// Nothing while it is dropped.
    bytes: Option<memmap2::Mmap>,
    /// Which chunks were populated already: a second pass need not ask the kernel again. A thread that needs what
    /// another is populating waits for it, and not for ever: in a forked child, that other one is not there.
    chunks: Vec<AtomicU8>,
    /// Whether the system was told that reads follow no order.
    jumps: AtomicBool,
}

/// What is done, and what to do where the system allows no more: files that are small are as many maps as large ones.
const MAPPING: &str = "mapping into memory (io=\"pread\" maps no file; the system allows so many maps as the sysctl vm.max_map_count says)";

impl Map {
    /// Maps a regular file. An empty file gives an empty map.
    pub fn open(path: &Path) -> Result<Self> {
        Self::new(Opened::open(path)?)
    }

    /// Maps a file that is open already.
    pub fn new(opened: Opened) -> Result<Self> {
        let file = opened.file()?;
        // SAFETY: the map is private to this struct, read-only, and read through nothing that outlives the struct;
        // the system keeps the file for as long as the map is there, whether or not it is open.
        // That nobody changes the file is not ours to guarantee: the bytes are only ever read as plain
        // numbers or through validating parsers, for which any bit pattern is a value; a change is found by
        // `check_unchanged`; a truncation is the residual case described at the head of this file.
        let bytes = unsafe { memmap2::Mmap::map(&*file) };
        drop(file);
        let bytes = bytes.map_err(|e| Error::io(opened.path(), MAPPING, e))?;
        let chunks = (0..bytes.len().div_ceil(CHUNK)).map(|_| AtomicU8::new(UNTOUCHED)).collect();
        Ok(Self { opened: Arc::new(opened), bytes: Some(bytes), chunks, jumps: AtomicBool::new(false) })
    }

    /// The path it was opened by.
    pub fn path(&self) -> &Path {
        self.opened.path()
    }

    /// The open file behind the map.
    pub fn opened(&self) -> &Opened {
        &self.opened
    }

    /// The same, to be kept.
    pub(crate) fn shared(&self) -> &Arc<Opened> {
        &self.opened
    }

    /// All bytes of the file. Call [`Map::populate`] on a range before reading much of it.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or_default() // Proof: it is taken by the drop alone, after which nobody asks.
    }

    /// All bytes of the file, for libraries that want to own what they read: it keeps the map alive.
    pub fn shared_bytes(self: &Arc<Self>) -> Bytes {
        Bytes::from_owner(MapBytes(Arc::clone(self)))
    }

    /// Tells the system that reads follow no order: nothing but what is asked for is then read.
    pub fn expect_jumps(&self) {
        self.jumps.store(true, Ordering::Relaxed);
        // Hints: where they are refused, more is read than is needed.
        #[cfg(target_os = "linux")]
        let _ =
            self.opened.file().map(|file| rustix::fs::fadvise(&*file, 0, None, rustix::fs::Advice::Random));
        #[cfg(unix)]
        let _ = self.bytes.as_ref().map(|bytes| bytes.advise(memmap2::Advice::Random));
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
            let state = &self.chunks[chunk];
            if state.load(Ordering::Relaxed) == POPULATED || is_another_done(state) {
                continue;
            }
            let outcome = self.populate_chunk(chunk);
            state.store(if outcome.is_ok() { POPULATED } else { UNTOUCHED }, Ordering::Relaxed);
            outcome?;
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn populate_chunk(&self, chunk: usize) -> Result<()> {
        use rustix::io::Errno;
        let start = chunk * CHUNK;
        let Some(bytes) = &self.bytes else { return Ok(()) }; // Proof: as for `bytes`.
        let len = CHUNK.min(bytes.len() - start);
        // Of pages that are missing here and there, the system would else read one at a time.
        if self.jumps.swap(false, Ordering::Relaxed) {
            let _ = bytes.advise(memmap2::Advice::Normal);
        }
        // Waits for the disk once, and not at every page.
        self.opened.read_exact_at(&mut [0], (start + len - 1) as u64)?;
        match bytes.advise_range(memmap2::Advice::PopulateRead, start, len) {
            Ok(()) => Ok(()),
            // A kernel before 5.14 does not know the advice. The pages then fault one by one.
            Err(e) if Errno::from_io_error(&e) == Some(Errno::INVAL) => Ok(()),
            // A page lies past the end of the file, or its device failed to deliver it.
            Err(e) if Errno::from_io_error(&e) == Some(Errno::FAULT) => {
                self.opened.check_unchanged()?;
                Err(Error::io(self.path(), format!("reading {len} bytes at {start}"), Errno::IO.into()))
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
        let populated = self.chunks.iter().filter(|state| state.load(Ordering::Relaxed) == POPULATED);
        if populated.count() >= LARGE / CHUNK {
            let bytes = self.bytes.take();
            // Where there can be no thread, it is done here.
            let _ = std::thread::Builder::new().name("dsdm-unmap".to_owned()).spawn(move || drop(bytes));
        }
    }
}

/// Waits for a chunk that another thread is populating. If there is no such thread, or it takes long, the chunk is this
/// one's to populate: twice does no harm.
fn is_another_done(state: &AtomicU8) -> bool {
    for _ in 0..LOOKS {
        match state.compare_exchange(UNTOUCHED, BUSY, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return false,
            Err(POPULATED) => return true,
            Err(_) => std::thread::sleep(LOOK),
        }
    }
    false
}

/// A map as the owner of [`Bytes`].
struct MapBytes(Arc<Map>);

impl AsRef<[u8]> for MapBytes {
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
    fn a_thread_that_is_not_there_is_not_waited_for() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), [1u8; 100]).unwrap();
        let map = Map::open(file.path()).unwrap();
        map.chunks[0].store(BUSY, Ordering::Relaxed);
        map.populate(0..100).unwrap();
        assert_eq!(map.chunks[0].load(Ordering::Relaxed), POPULATED);
    }

    #[test]
    fn an_empty_file_maps_to_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let map = Map::open(file.path()).unwrap();
        map.populate(0..0).unwrap();
        assert!(map.bytes().is_empty());
    }
}
