//! What the rows of a corpus lie in: one file or table, in units that are read on their own.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::exec::job::Job;
use crate::exec::memory::UnpackLimit;
use crate::io::identity::FileIdentity;
use crate::io::map::Map;
use crate::io::opened::Opened;

/// The wanted rows of one unit in ascending order, in as many batches as they are read in.
///
/// They are read one by one, so that what they take is known before the next is read.
pub(crate) type Batches = Box<dyn Iterator<Item = Result<RecordBatch>>>;

/// How rows are unpacked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Unpacking {
    /// What may be unpacked at once.
    pub(crate) most: UnpackLimit,
    /// Whether the decoder of a library expands all of a page, also where own code reads the wanted rows of it alone.
    pub(crate) expand: bool,
}

/// What a file of rows is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Container {
    /// An Arrow IPC stream or file.
    Arrow,
    /// Parquet.
    Parquet,
    /// JSON lines, plain or compressed.
    Jsonl,
}

impl Container {
    /// What callers name it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Arrow => "arrow",
            Self::Parquet => "parquet",
            Self::Jsonl => "jsonl",
        }
    }

    /// That of a name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Arrow, Self::Parquet, Self::Jsonl].into_iter().find(|known| known.name() == name)
    }
}

/// One file or table of a corpus.
pub(crate) trait CorpusPart: Send + Sync {
    /// The file, for messages.
    fn path(&self) -> &Path;

    /// All columns, as they are stored.
    fn schema(&self) -> &SchemaRef;

    /// The rows of each unit.
    fn unit_rows(&self) -> &[u64];

    /// About how many bytes these columns take in memory, from what is known without reading them.
    fn bytes(&self, columns: &[usize]) -> Result<u64>;

    /// About how many items the lists of a column have, where that is known apart from their bytes.
    fn items(&self, _column: usize) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Fails if one of these columns cannot be read, whatever the rows.
    fn check_readable(&self, _columns: &[usize]) -> Result<()> {
        Ok(())
    }

    /// The rows `wanted` (ascending, each once) of a unit, unless what must be unpacked for them is more than may be.
    fn read(&self, unit: usize, columns: &[usize], wanted: &[u32], how: Unpacking) -> Result<Batches>;

    /// Whether rows may be used where they lie, with nothing unpacked into memory.
    fn in_place(&self) -> bool {
        false
    }

    /// All rows of a unit where they lie, if they can be used there.
    fn view(&self, _unit: usize, _columns: &[usize]) -> Result<Option<RecordBatch>> {
        Ok(None)
    }

    /// All rows of a column of a unit of which offsets alone were looked at, with bytes in place of texts; None where
    /// rows can't be had so.
    fn unread(&self, _unit: usize, _column: usize, _most: UnpackLimit) -> Result<Option<ArrayRef>> {
        Ok(None)
    }

    /// Bytes of the file that reading columns of a unit takes.
    fn stored_bytes(&self, unit: usize, _columns: &[usize]) -> Result<u64> {
        // Proof: what lies in no file takes none of its bytes.
        Ok(self.place(unit).map_or(0, |(_, span)| span.len() as u64))
    }

    /// The file that a unit lies in, and its bytes there.
    fn place(&self, _unit: usize) -> Option<(&Arc<Map>, Range<usize>)> {
        None
    }

    /// The file, if it is one, and open.
    fn opened(&self) -> Option<&Opened> {
        None
    }

    /// What the file is, if its rows are all that this part has.
    fn container(&self) -> Option<Container> {
        None
    }

    /// The file as it was described, if it is one that is opened as rows of it are read.
    fn described(&self) -> Option<&FileIdentity> {
        None
    }

    /// Whether rows can be read without opening anything.
    fn is_open(&self) -> bool {
        true
    }

    /// Opens the file, if it is not open.
    fn open(&self, _job: &Job<'_>) -> Result<()> {
        Ok(())
    }

    /// The same part, to be opened and closed on its own, unless it is open.
    fn closed(&self) -> Option<Arc<dyn CorpusPart>> {
        None
    }

    /// Fails if what was read changed since it was opened.
    fn check_unchanged(&self) -> Result<()> {
        self.opened().map_or(Ok(()), Opened::check_unchanged)
    }
}
