//! A file of lines that is open.

use std::io::{BufReader, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use memchr::memchr;

use super::block::Place;
use super::gzip::Members;
use super::packing::{Packing, unpacking};
use super::reader::{Blocks, Reading};
use super::stored::Stored;
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::check_here;
use crate::io::opened::Opened;
use crate::io::sniff::{HEAD, Head};

/// Bytes of a compressed file that are read at once.
const PACKED_BYTES: usize = 256 << 10;
/// Bytes that are looked through at once for the end of a line.
const STEP: u64 = 64 << 10;
/// What some editors put before a text of UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// An opened file of lines.
#[derive(Debug, Clone)]
pub(crate) struct LineFile {
    opened: Arc<Opened>,
    packing: Packing,
    /// The first byte of the first line, where a mark is left out.
    first: u64,
}

impl LineFile {
    /// Opens a file and looks at its first bytes.
    #[allow(dead_code)] // for those who have not opened the file
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::new(Arc::new(Opened::open(path)?))
    }

    /// The lines of a file that is open.
    pub(crate) fn new(opened: Arc<Opened>) -> Result<Self> {
        let size = opened.identity().size;
        let mut bytes = vec![0; checked::index(size.min(HEAD))?];
        opened.read_exact_at(&mut bytes, 0)?;
        let packing = Packing::of(opened.path(), Head { bytes: &bytes, size })
            .map_err(|error| error.unless_changed(|| opened.check_unchanged()))?;
        let marked = packing == Packing::Plain && bytes.starts_with(BOM);
        let first = if marked { BOM.len() as u64 } else { 0 };
        Ok(Self { opened, packing, first })
    }

    /// The path it was opened by.
    pub(crate) fn path(&self) -> &Path {
        self.opened.path()
    }

    /// The open file.
    pub(crate) fn opened(&self) -> &Arc<Opened> {
        &self.opened
    }

    /// How its lines are stored.
    pub(crate) fn packing(&self) -> Packing {
        self.packing
    }

    /// Bytes of the file as it is stored.
    pub(crate) fn size(&self) -> u64 {
        self.opened.identity().size
    }

    /// All lines, from the first.
    pub(crate) fn blocks(&self, how: Reading) -> Result<Blocks> {
        let start = Place { bytes: self.first, ..Place::default() };
        // In a compressed file, a mark is seen once it is unpacked.
        let marked = self.packing != Packing::Plain;
        Ok(Blocks::new(Arc::clone(&self.opened), self.source()?, start, how).with_mark(marked.then_some(BOM)))
    }

    /// The first bytes as they are unpacked, for a look at what they are.
    pub(crate) fn unpacked_head(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = self.source()?.take(HEAD).read_to_end(&mut bytes);
        // What comes before an error is enough to know it by; the error comes again where lines are read.
        if bytes.is_empty() {
            read.map_err(|error| unpacking(self.path(), 0, error))?;
        }
        Ok(bytes)
    }

    /// All bytes from the first line on, as they are unpacked.
    fn source(&self) -> Result<Box<dyn Read + Send>> {
        let stored = Stored { opened: Arc::clone(&self.opened), next: self.first, end: self.size() };
        Ok(match self.packing {
            Packing::Plain => Box::new(stored),
            Packing::Gzip => Box::new(Members::new(BufReader::with_capacity(PACKED_BYTES, stored))),
            Packing::Zstd => {
                let stored = BufReader::with_capacity(PACKED_BYTES, stored);
                let unpacked = zstd::stream::read::Decoder::with_buffer(stored);
                Box::new(unpacked.map_err(|e| Error::io(self.path(), "beginning to unpack", e))?)
            }
        })
    }

    /// The lines of a plain file in a run of bytes, which begins and ends where lines do. Their numbers count from
    /// what `lines` and `rows` are before the run.
    pub(crate) fn blocks_of(&self, run: &Range<u64>, start: Place, how: Reading) -> Result<Blocks> {
        checked::equal("the first byte of a run", start.bytes, run.start)?;
        if self.packing != Packing::Plain {
            return Err(checked::impossible("a compressed file is read from its beginning"));
        }
        let stored = Stored { opened: Arc::clone(&self.opened), next: run.start, end: run.end };
        Ok(Blocks::new(Arc::clone(&self.opened), Box::new(stored), start, how))
    }

    /// Where the first line begins that begins at a byte of a plain file or behind it; the file's end if none does.
    pub(crate) fn line_start(&self, from: u64) -> Result<u64> {
        let size = self.size();
        if from <= self.first {
            return Ok(self.first.min(size));
        }
        // The byte before tells whether a line begins here.
        let mut at = checked::sub(from, 1)?;
        let mut bytes = Vec::new();
        while at < size {
            check_here()?;
            bytes.resize(checked::index(STEP.min(size - at))?, 0);
            self.opened.read_exact_at(&mut bytes, at)?;
            if let Some(end) = memchr(b'\n', &bytes) {
                return checked::add(at, end as u64 + 1);
            }
            at = checked::add(at, bytes.len() as u64)?;
        }
        Ok(size)
    }

    /// Fails if the file changed since it was opened.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        self.opened.check_unchanged()
    }
}
