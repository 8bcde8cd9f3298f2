//! What the system knows and is told of the bytes of a file: which are in memory, and which will be needed.
//!
//! Where the system does not tell, or is not asked, bytes are read when they are needed: nothing here is more than a
//! hint.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::handle::Handle;

/// Bytes of a chunk, which is asked of the disk at once.
const CHUNK: u64 = 8 << 20;
/// Pages of a chunk that are looked at first.
const PROBES: u64 = 4;
/// Bytes that are asked of the disk before they are needed: enough to keep it busy.
const AHEAD: u64 = 256 << 20;

/// Which chunks of a file were asked of the disk already.
#[derive(Debug)]
pub(super) struct Readahead {
    asked: Vec<AtomicBool>,
}

impl Readahead {
    /// Of a file of so many bytes.
    pub(super) fn new(size: u64) -> Self {
        Self { asked: (0..size.div_ceil(CHUNK)).map(|_| AtomicBool::new(false)).collect() }
    }

    /// Ask the disk for a range of bytes and those that follow, each chunk once, without waiting for them.
    ///
    /// The kernel reads ahead of a reader on its own, but not far enough to keep a fast disk busy.
    pub(super) fn read_ahead(&self, file: &Handle, range: &Range<u64>) {
        let end = range.end.saturating_add(AHEAD).min(file.identity().size); // Proof: a hint, cut at the file's end.
        for chunk in range.start / CHUNK..end.div_ceil(CHUNK) {
            let asked = self.asked(chunk);
            if asked
                .is_some_and(|asked| !asked.load(Ordering::Relaxed) && !asked.swap(true, Ordering::Relaxed))
                && !seems_resident(file, chunk)
            {
                will_need(file, chunk * CHUNK, CHUNK);
            }
        }
    }

    /// Ask the disk for a few bytes that will be read out of order, without waiting for them.
    pub(super) fn hint_will_need(&self, file: &Handle, range: &Range<u64>) {
        let asked = self.asked(range.start / CHUNK);
        if asked.is_some_and(|asked| !asked.load(Ordering::Relaxed)) {
            will_need(file, range.start, range.end.saturating_sub(range.start)); // Proof: a hint.
        }
    }

    fn asked(&self, chunk: u64) -> Option<&AtomicBool> {
        usize::try_from(chunk).ok().and_then(|chunk| self.asked.get(chunk))
    }
}

/// Return whether a few pages of a chunk are in memory: asking for what is there takes longer than finding out.
fn seems_resident(file: &Handle, chunk: u64) -> bool {
    (0..PROBES).all(|probe| {
        let offset = chunk * CHUNK + probe * (CHUNK / PROBES);
        offset >= file.identity().size || is_resident(file, offset)
    })
}

/// Return whether the page at an offset is in memory, as far as the system tells.
pub(super) fn is_resident(file: &Handle, offset: u64) -> bool {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::{Errno, ReadWriteFlags, preadv2};
        let mut byte = [0];
        let mut into = [std::io::IoSliceMut::new(&mut byte)];
        // Proof: where the system cannot tell, nothing is gained by asking the disk for it.
        let Ok(file) = file.file() else { return true };
        preadv2(&*file, &mut into, offset, ReadWriteFlags::NOWAIT) != Err(Errno::AGAIN)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, offset);
        true
    }
}

#[cfg(target_os = "linux")]
fn will_need(file: &Handle, start: u64, len: u64) {
    // A hint: where it is refused, the bytes are read when they are needed.
    let len = std::num::NonZeroU64::new(len);
    let Ok(file) = file.file() else { return }; // Proof: a hint.
    let _ = rustix::fs::fadvise(&*file, start, len, rustix::fs::Advice::WillNeed);
}

#[cfg(not(target_os = "linux"))]
fn will_need(_file: &Handle, _start: u64, _len: u64) {}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of so many bytes, all of them a hole.
    fn file(size: u64) -> (tempfile::NamedTempFile, Handle) {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(size).unwrap();
        let handle = Handle::open(file.path()).unwrap();
        (file, handle)
    }

    fn asked(readahead: &Readahead) -> Vec<usize> {
        let asked = readahead.asked.iter().enumerate();
        asked.filter(|(_, asked)| asked.load(Ordering::Relaxed)).map(|(chunk, _)| chunk).collect()
    }

    #[test]
    fn chunks_ahead_of_a_range_are_asked_for_once_and_none_behind_the_file() {
        let size = 2 * AHEAD + 1;
        let (_kept, handle) = file(size);
        let readahead = Readahead::new(size);
        assert_eq!(readahead.asked.len(), 65, "of 8 MiB each, and one byte");
        readahead.read_ahead(&handle, &(3 * CHUNK..3 * CHUNK + 1));
        assert_eq!(asked(&readahead), (3..36).collect::<Vec<_>>(), "32 chunks behind the end of the range");
        readahead.read_ahead(&handle, &(size - 1..size));
        assert_eq!(asked(&readahead), (3..36).chain([64]).collect::<Vec<_>>());
        readahead.read_ahead(&handle, &(0..u64::MAX));
        assert_eq!(asked(&readahead), (0..65).collect::<Vec<_>>());
        readahead.read_ahead(&handle, &(size..size + 1));
        readahead.hint_will_need(&handle, &(u64::MAX - 1..u64::MAX));
    }

    #[test]
    fn a_few_bytes_are_no_chunk_that_was_asked_for() {
        let (_kept, handle) = file(CHUNK);
        let readahead = Readahead::new(CHUNK);
        readahead.hint_will_need(&handle, &(5..9));
        assert!(asked(&readahead).is_empty());
    }

    #[test]
    fn an_empty_file_has_no_chunk() {
        let (_kept, handle) = file(0);
        let readahead = Readahead::new(0);
        readahead.read_ahead(&handle, &(0..1));
        readahead.hint_will_need(&handle, &(0..1));
        assert!(readahead.asked.is_empty());
    }
}
