//! Data pages that say that they are not compressed, and are.
//!
//! parquet-cpp wrote so of every data page of version 2 until Arrow 3.0 (ARROW-10353); since then it calls itself
//! parquet-cpp-arrow. The flags are corrected as the pages are read, and the `parquet` crate does the rest.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{ChunkReader, Length};

use super::header::PageHeader;

/// Bytes that most page headers fit; those with long statistics are read again with more.
const HEADER: usize = 1 << 10;

/// Whether the writer of a file wrote compressed pages that say otherwise, by the rule that Arrow C++ has.
pub(crate) fn hides_compression(created_by: Option<&str>) -> bool {
    // Proof: a writer that is not told, or has no version, is none of those.
    let created_by = created_by.unwrap_or_default().to_ascii_lowercase();
    // Proof: as above; no version is version 0.
    let (application, version) = created_by.split_once(" version ").unwrap_or((&created_by, ""));
    let major: String = version.trim_start().chars().take_while(char::is_ascii_digit).collect();
    let major = if major.is_empty() { Ok(0) } else { major.parse::<u64>() };
    application.trim() == "parquet-cpp" && major.is_ok_and(|major| major < 2)
}

/// Where the wrong flags of a column chunk stand, in bytes of the file.
pub(crate) fn hidden_flags<R: ChunkReader>(file: &R, chunk: &ColumnChunkMetaData) -> Result<Vec<u64>> {
    let mut flags = Vec::new();
    if chunk.compression() == Compression::UNCOMPRESSED {
        return Ok(flags);
    }
    let (mut position, length) = chunk.byte_range();
    let end = position.saturating_add(length).min(file.len()); // Proof: cut at the file's end.
    while position < end {
        let header = header_at(file, position, end)?;
        if let Some(flag) = header.not_compressed {
            flags.push(position + flag as u64);
        }
        // Proof: what lies beyond the end ends the search, and the decoder refuses such a page.
        position = position.saturating_add(header.length as u64).saturating_add(header.page as u64);
    }
    Ok(flags)
}

pub(crate) fn header_at<R: ChunkReader>(file: &R, position: u64, end: u64) -> Result<PageHeader> {
    let there = usize::try_from(end - position).unwrap_or(usize::MAX); // Proof: the most that is looked at.
    let mut length = HEADER.min(there);
    loop {
        if let Some(header) = PageHeader::read(&file.get_bytes(position, length)?) {
            return Ok(header);
        }
        if length == there {
            return Err(ParquetError::EOF(format!(
                "the page header at byte {position} is broken off or damaged"
            )));
        }
        length = length.saturating_mul(16).min(there); // Proof: at most what is there.
    }
}

/// A file whose flags at some positions are corrected.
#[derive(Clone)]
pub(crate) struct Corrected<R> {
    file: R,
    /// In ascending order.
    flags: Arc<[u64]>,
}

impl<R> Corrected<R> {
    pub(crate) fn new(file: R, mut flags: Vec<u64>) -> Self {
        flags.sort_unstable();
        Self { file, flags: flags.into() }
    }

    /// Corrects the flags that are among bytes that begin at `start`.
    fn correct(&self, start: u64, bytes: &mut [u8]) {
        let first = self.flags.partition_point(|&flag| flag < start);
        // Proof: flags behind the bytes are none of theirs.
        let flags = self.flags.iter().skip(first).map_while(|flag| usize::try_from(flag - start).ok());
        for flag in flags {
            let Some(byte) = bytes.get_mut(flag) else { break }; // Proof: as above, and flags ascend.
            // The type of the field is its value: 2 is false and 1 is true.
            *byte ^= 3;
        }
    }
}

impl<R: ChunkReader> Length for Corrected<R> {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl<R: ChunkReader + Clone> ChunkReader for Corrected<R> {
    type T = Correcting<R>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(Correcting { inner: self.file.get_read(start)?, position: start, file: self.clone() })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let bytes = self.file.get_bytes(start, length)?;
        if self.flags.is_empty() {
            return Ok(bytes);
        }
        let mut bytes = bytes.to_vec();
        self.correct(start, &mut bytes);
        Ok(bytes.into())
    }
}

/// The bytes of a file from a position on.
pub(crate) struct Correcting<R: ChunkReader> {
    inner: R::T,
    position: u64,
    file: Corrected<R>,
}

impl<R: ChunkReader> Read for Correcting<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(into)?;
        if let Some(read) = into.get_mut(..count) {
            self.file.correct(self.position, read);
        }
        self.position += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writers_are_those_that_arrow_knows() {
        let old =
            ["parquet-cpp version 1.5.1-SNAPSHOT", "parquet-cpp", " Parquet-CPP  version 1.3.2 (build x)"];
        assert!(old.iter().all(|name| hides_compression(Some(name))));
        let others = [
            "parquet-cpp-arrow version 3.0.0",
            "parquet-cpp-arrow version 1.0.0",
            "parquet-cpp version 2.0.0",
            "parquet-cpp version 18446744073709551617.0",
            "parquet-mr version 1.10.0 (build y)",
            "impala version 1.2",
            "",
        ];
        assert!(others.iter().all(|name| !hides_compression(Some(name))));
        assert!(!hides_compression(None));
    }

    #[test]
    fn flags_are_corrected_however_they_are_read() {
        let file = Corrected::new(Bytes::from(vec![0x12; 10]), vec![7, 3]);
        let expected = [0x12, 0x12, 0x12, 0x11, 0x12, 0x12, 0x12, 0x11, 0x12, 0x12];
        for start in 0..10 {
            let mut read = Vec::new();
            let mut from = file.get_read(start as u64).unwrap();
            let mut byte = [0];
            while from.read(&mut byte).unwrap() == 1 {
                read.push(byte[0]);
            }
            assert_eq!(read, expected[start..]);
            assert_eq!(file.get_bytes(start as u64, 10 - start).unwrap(), expected[start..]);
        }
    }
}
