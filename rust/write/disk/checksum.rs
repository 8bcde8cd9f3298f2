//! Checksums of files: CRC-32 as gzip and zlib have it.
//!
//! It was chosen because parts combine: threads that write a shard at once each know the checksum of their own
//! part, and those that check it read parts at once. It runs at the speed of memory, and finds every flipped
//! bit and every run of up to 32 wrong ones.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::buffer::Buffer;
use crc32fast::Hasher;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use crate::checked::{self, impossible};
use crate::error::{Error, Result};
use crate::exec::job::{Job, Queue};
use crate::io::opened::Opened;

/// Bytes that a thread reads and checks at once.
const PART: u64 = 4 << 20;

/// The checksum of a file, spelled as eight hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Crc32(pub(crate) u32);

impl Crc32 {
    /// Of bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(crc32fast::hash(bytes))
    }
}

impl fmt::Display for Crc32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl From<Crc32> for String {
    fn from(crc: Crc32) -> Self {
        crc.to_string()
    }
}

impl TryFrom<String> for Crc32 {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // One spelling, that in which it is written: a second would be another text of the same checksum.
        let parsed = u32::from_str_radix(&text, 16).ok().map(Self).filter(|sum| sum.to_string() == text);
        parsed.ok_or_else(|| format!("{text:?} is no checksum of eight hexadecimal digits in small letters"))
    }
}

/// The checksum of a run of bytes, which the next run can be added to.
pub(crate) fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Hasher {
    let mut hasher = Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    hasher
}

/// The checksum of buffers that follow each other, and a digest of each, as its bytes.
///
/// A digest that is given a buffer piece by piece keeps its sums in memory or in registers, as the compiler has it: at
/// worst it takes twice as long, which is 3 % of a gather. Given all at once, it always has them in registers.
pub(crate) fn of_buffers(buffers: &[Buffer]) -> (Hasher, Vec<u8>) {
    let mut sum = Hasher::new();
    let mut digests = Vec::with_capacity(buffers.len() * size_of::<u64>());
    for buffer in buffers {
        sum.update(buffer);
        digests.extend(XxHash3_64::oneshot(buffer).to_le_bytes());
    }
    (sum, digests)
}

/// The sizes and checksums of files, read on all threads; in place of one that is missing, nothing.
pub(crate) fn of_files(job: &Job<'_>, paths: &[PathBuf]) -> Result<Vec<Option<(u64, Crc32)>>> {
    let opened = paths.iter().map(|path| open(path)).collect::<Result<Vec<_>>>()?;
    let parts: Vec<_> =
        opened.iter().enumerate().flat_map(|(index, file)| parts_of(index, file.as_ref())).collect();
    let queue = Queue::new(parts.len() as u64);
    let hashed = job.run(|_, state| {
        let mut buffer = Vec::new();
        let mut mine = Vec::new();
        while let Some(next) = queue.take() {
            let &(_, file, start, len) = checked::get(&parts, checked::index(next)?)?;
            buffer.resize(checked::index(len)?, 0);
            file.read_exact_at(&mut buffer, start)?;
            mine.push((next, of_parts([buffer.as_slice()])));
            state.advance(len)?;
        }
        Ok(mine)
    })?;
    let mut hashed: Vec<_> = hashed.into_iter().flatten().collect(); // Proof: the lists of all threads.
    hashed.sort_by_key(|(part, _)| *part);
    let mut whole: Vec<_> =
        opened.iter().map(|file| file.as_ref().map(|file| (file.identity().size, Hasher::new()))).collect();
    for ((index, ..), (_, hasher)) in checked::zip(&parts, hashed)? {
        let Some(Some((_, sum))) = whole.get_mut(*index) else { return Err(impossible("a part of no file")) };
        sum.combine(&hasher);
    }
    Ok(whole.into_iter().map(|file| file.map(|(size, sum)| (size, Crc32(sum.finalize())))).collect())
}

/// The parts of a file that is there: its number, itself, where each begins and how many bytes it has.
fn parts_of(index: usize, file: Option<&Opened>) -> impl Iterator<Item = (usize, &Opened, u64, u64)> {
    file.into_iter().flat_map(move |file| {
        let size = file.identity().size;
        let starts = (0..size.div_ceil(PART)).map(|part| part * PART);
        starts.map(move |start| (index, file, start, PART.min(size - start)))
    })
}

fn open(path: &Path) -> Result<Option<Opened>> {
    match Opened::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Brings a file's bytes to the disk.
pub(crate) fn sync(file: &File, path: &Path) -> Result<()> {
    file.sync_data().map_err(|e| Error::io(path, "bringing it to the disk", e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_file_have_the_checksum_of_the_whole() {
        let dir = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..(3 * PART + 5)).map(|i| ((i * i) >> 3).to_le_bytes()[0]).collect();
        let paths: Vec<_> = [0, 1, PART, PART + 1, 3 * PART + 5]
            .into_iter()
            .map(|len| {
                let path = dir.path().join(len.to_string());
                std::fs::write(&path, &bytes[..usize::try_from(len).unwrap()]).unwrap();
                path
            })
            .chain([dir.path().join("missing")])
            .collect();
        for threads in [1, 3] {
            let found = of_files(&Job::new(threads), &paths).unwrap();
            for (path, found) in paths.iter().zip(found) {
                let expected = std::fs::read(path).ok().map(|b| (b.len() as u64, Crc32::of(&b)));
                assert_eq!(found, expected, "{}", path.display());
            }
        }
    }

    #[test]
    fn a_checksum_is_spelled_in_eight_digits() {
        assert_eq!(Crc32::of(b"123456789").to_string(), "cbf43926");
        assert_eq!(Crc32::try_from("cbf43926".to_owned()), Ok(Crc32::of(b"123456789")));
        for other in ["+bf43926", "bf43926", "123456789", "CBF43926", "cbf4392F", " bf43926", ""] {
            assert!(Crc32::try_from(other.to_owned()).is_err(), "{other:?}");
        }
    }
}
