//! Parquet shards: row groups decoded where they lie, wanted columns and rows alone.

mod as_bytes;
mod file;
mod lists;
mod nulls;
mod row_counts;
mod rows;

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};

use self::file::ParquetFile;
use self::row_counts::{items_of, row_counts};
use self::rows::RowGroupReader;
use super::part::{Batches, Container, CorpusPart, Unpacking};
use crate::checked;
use crate::error::{At, Result};
use crate::io;
use crate::io::opened::Opened;
use crate::parquet_file::{FileBytes, load};

/// A Parquet file, mapped or read by position.
pub(crate) struct ParquetPart {
    file: Arc<ParquetFile>,
    rows: Vec<u64>,
}

impl ParquetPart {
    /// Opens a file and reads its footer.
    pub(crate) fn open(on_disk: io::file::File) -> Result<Self> {
        let stored = FileBytes::in_place(&on_disk);
        stored.check_end()?;
        let at = At::Field("footer".to_owned());
        let footer = stored.guard(&at, "reading the footer", || load(&stored))?;
        let rows = row_counts(on_disk.path(), &footer.metadata, on_disk.size())?;
        let file = ParquetFile::new(on_disk, stored, footer)?;
        Ok(Self { file: Arc::new(file), rows })
    }
}

impl CorpusPart for ParquetPart {
    fn path(&self) -> &Path {
        self.file.on_disk.path()
    }

    fn schema(&self) -> &SchemaRef {
        &self.file.schema
    }

    fn unit_rows(&self) -> &[u64] {
        &self.rows
    }

    fn bytes(&self, columns: &[usize]) -> Result<u64> {
        let groups = self.file.metadata.metadata().row_groups().iter();
        let mut bytes = groups.map(|group| self.file.group_bytes(group, columns));
        // Proof: an estimate, cut at the largest that there can be.
        bytes.try_fold(0u64, |sum, bytes| Ok(sum.saturating_add(bytes?)))
    }

    fn items(&self, column: usize) -> Result<Option<u64>> {
        let mut items = Some(0u64);
        for group in self.file.metadata.metadata().row_groups() {
            let chunks = self.file.chunks(group, &[column])?;
            // Proof: of others, the bytes are known, and all items have as many.
            let [(chunk, DataType::List(_) | DataType::LargeList(_))] = chunks.as_slice() else {
                return Ok(None);
            };
            // Proof: an estimate, cut at the largest that there can be.
            items = items.map(|items| items.saturating_add(items_of(chunk)));
        }
        Ok(items)
    }

    fn check_readable(&self, columns: &[usize]) -> Result<()> {
        self.file.check_plain(columns)
    }

    fn read(&self, unit: usize, columns: &[usize], wanted: &[u32], how: Unpacking) -> Result<Batches> {
        self.file.check_plain(columns)?;
        let group = self.file.group(unit)?;
        for (chunk, _) in self.file.chunks(group, columns)? {
            let (start, length) = chunk.byte_range();
            self.file.on_disk.populate(&(start..checked::add(start, length)?))?;
        }
        Ok(Box::new(RowGroupReader::new(&self.file, unit, columns, wanted, how)?))
    }

    fn stored_bytes(&self, unit: usize, columns: &[usize]) -> Result<u64> {
        let mut chunks = self.file.chunks(self.file.group(unit)?, columns)?.into_iter();
        chunks.try_fold(0, |sum, (chunk, _)| checked::add(sum, chunk.byte_range().1))
    }

    fn opened(&self) -> Option<&Opened> {
        Some(self.file.on_disk.opened())
    }

    fn container(&self) -> Option<Container> {
        Some(Container::Parquet)
    }
}
