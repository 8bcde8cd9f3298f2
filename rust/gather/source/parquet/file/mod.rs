//! What reading the row groups of a Parquet file needs.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use arrow::datatypes::{DataType, SchemaRef};
use parquet::arrow::arrow_reader::ArrowReaderMetadata;
use parquet::basic::Type as Physical;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::serialized_reader::SerializedPageReader;

use super::as_bytes::{as_bytes, is_stored_wider, needs_checks};
use super::lists::{self, ListLevels, Lists};
use super::row_counts::decoded_bytes;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::catch_panic::guard;
use crate::exec::forks::PerProcess;
use crate::exec::memory::UnpackLimit;
use crate::gather::columns::size::offset_bytes;
use crate::io;
use crate::io::arrow_maps::schema_without_maps;
use crate::parquet_file::{
    Corrected, FileBytes, Footer, check_sizes, hidden_flags, hides_compression, is_encrypted, leaves,
};

/// Decoded bytes of one step through a row group, about.
const STEP_BYTES: u64 = 4 << 20;

/// What reading its row groups needs.
pub(super) struct ParquetFile {
    pub(super) on_disk: io::file::File,
    /// Its bytes as decoders read them.
    stored: FileBytes,
    pub(super) metadata: ArrowReaderMetadata,
    /// The schema that its rows have.
    pub(super) schema: SchemaRef,
    /// The leaves of each column.
    leaves: Vec<Range<usize>>,
    /// Of each column, the name of its first leaf that is encrypted.
    encrypted: Vec<Option<String>>,
    /// Whether each column is only to be had as bytes that are checked.
    doubtful: Vec<bool>,
    /// The metadata of the same file with bytes in place of texts and INT96 times, once it was needed.
    as_bytes: PerProcess<OnceLock<ArrowReaderMetadata>>,
    /// Whether its writer wrote compressed pages that say otherwise.
    hides_compression: bool,
}

impl ParquetFile {
    pub(super) fn new(on_disk: io::file::File, stored: FileBytes, footer: Footer) -> Result<Self> {
        let parquet = footer.metadata.parquet_schema();
        let name = |leaf| parquet.column(leaf).path().string();
        let metadata = &footer.metadata;
        let leaves = leaves(on_disk.path(), parquet, metadata.schema())?;
        let fields = checked::zip(metadata.schema().fields(), &leaves)?;
        let doubtful =
            fields.map(|(field, leaves)| needs_checks(field.data_type(), parquet, leaves)).collect();
        let encrypted = leaves.iter().map(|leaves| footer.encrypted_of(leaves.clone()).map(name)).collect();
        let schema = Arc::new(schema_without_maps(metadata.schema()));
        let hides_compression = hides_compression(metadata.metadata().file_metadata().created_by());
        Ok(Self {
            on_disk,
            stored,
            leaves,
            encrypted,
            schema,
            doubtful,
            as_bytes: PerProcess::default(),
            hides_compression,
            metadata: footer.metadata,
        })
    }

    pub(super) fn group(&self, unit: usize) -> Result<&RowGroupMetaData> {
        let group = self.metadata.metadata().row_groups().get(unit);
        group.ok_or_else(|| Error::Internal(format!("there is no row group {unit}")))
    }

    /// The row of the file that a row group begins with.
    pub(super) fn first_row(&self, unit: usize) -> u64 {
        let before = self.metadata.metadata().row_groups().iter().take(unit);
        // They were added up when the file was opened.
        before.map(|group| group.num_rows().unsigned_abs()).sum()
    }

    /// Fails if one of the columns is encrypted.
    pub(super) fn check_plain(&self, columns: &[usize]) -> Result<()> {
        for &column in columns {
            if let Some(leaf) = checked::get(&self.encrypted, column)? {
                let otherwise = "leave the column out: name the others with columns=";
                return Err(is_encrypted(self.on_disk.path(), leaf, otherwise));
            }
        }
        Ok(())
    }

    /// Whether some of the columns are only to be had as bytes that are checked.
    pub(super) fn is_doubtful(&self, columns: &[usize]) -> bool {
        columns.iter().any(|&column| self.doubtful.get(column) == Some(&true))
    }

    /// Whether some of the columns can be had in types that hold whatever is stored, of which the wanted rows alone
    /// are looked at: texts, and numbers of fewer bits than they are stored with.
    pub(super) fn is_looked_at_by_row(&self, columns: &[usize]) -> bool {
        let fields = self.metadata.schema().fields();
        // Proof: it decides whether to read them again, and a column that is none is an error of the first reading.
        let mut fields = columns.iter().filter_map(|&column| fields.get(column));
        fields.any(|field| is_stored_wider(field.data_type()))
    }

    /// The metadata of the same file with bytes in place of texts and INT96 times.
    pub(super) fn as_bytes(&self) -> Result<&ArrowReaderMetadata> {
        let known = self.as_bytes.here()?;
        if let Some(made) = known.get() {
            return Ok(made);
        }
        let at = At::Field("schema".to_owned());
        let made = guard(self.on_disk.path(), &at, "reading texts as bytes", || {
            as_bytes(&self.metadata, &self.leaves)
        })?;
        Ok(known.get_or_init(|| made))
    }

    /// The leaves of some columns.
    pub(super) fn leaves_of(&self, columns: &[usize]) -> Result<Vec<usize>> {
        let leaves = |&column: &usize| checked::get(&self.leaves, column).cloned();
        let leaves = columns.iter().map(leaves).collect::<Result<Vec<_>>>()?;
        Ok(leaves.into_iter().flatten().collect()) // Proof: the numbers of all ranges in turn.
    }

    /// The bytes of the file for a decoder of its own.
    pub(super) fn stored(&self) -> FileBytes {
        self.stored.again()
    }

    /// They as the crate reads them, for some columns of a row group.
    pub(super) fn corrected(
        &self,
        stored: &FileBytes,
        group: &RowGroupMetaData,
        columns: &[usize],
    ) -> Result<Corrected<FileBytes>> {
        let mut flags = Vec::new();
        if self.hides_compression {
            for (chunk, _) in self.chunks(group, columns)? {
                let at = At::Field(format!("column {}", chunk.column_path()));
                let found = || hidden_flags(stored, chunk);
                flags.extend(stored.guard(&at, "reading the page headers", found)?);
            }
        }
        Ok(Corrected::new(stored.clone(), flags))
    }

    /// The column chunks of a row group that belong to top-level columns, with those columns' types.
    pub(super) fn chunks<'a>(
        &'a self,
        group: &'a RowGroupMetaData,
        columns: &[usize],
    ) -> Result<Vec<(&'a ColumnChunkMetaData, &'a DataType)>> {
        let mut chunks = Vec::new();
        for &column in columns {
            let data_type = checked::get(self.metadata.schema().fields(), column)?.data_type();
            for leaf in checked::get(&self.leaves, column)?.clone() {
                chunks.push((checked::get(group.columns(), leaf)?, data_type));
            }
        }
        Ok(chunks)
    }

    /// Rows that are decoded at once.
    pub(super) fn step(&self, unit: usize, columns: &[usize]) -> Result<usize> {
        let group = self.group(unit)?;
        let rows = checked::to::<u64, _>(group.num_rows())?;
        let row_bytes = self.group_bytes(group, columns)? / rows.max(1);
        // The keys of a dictionary may stand for texts of any size, whatever the footer says of them.
        let unsure = self.chunks(group, columns)?.into_iter().any(|(chunk, _)| {
            chunk.column_type() == Physical::BYTE_ARRAY && chunk.dictionary_page_offset().is_some()
        });
        let most = if unsure { 1024 } else { 8192 };
        Ok(checked::index(STEP_BYTES / row_bytes.max(1))?.clamp(8, most))
    }

    /// Readers of those columns that are lists of numbers, with their places among the columns.
    pub(super) fn lists(
        &self,
        unit: usize,
        columns: &[usize],
        most: UnpackLimit,
    ) -> Result<Vec<(usize, Box<dyn Lists>)>> {
        let group = self.group(unit)?;
        let list = |(place, &column): (usize, &usize)| Some((place, self.list(group, column, most)?));
        // Proof: the others are read by the crate.
        Ok(columns.iter().enumerate().filter_map(list).collect())
    }

    fn list(&self, group: &RowGroupMetaData, column: usize, most: UnpackLimit) -> Option<Box<dyn Lists>> {
        let data_type = self.metadata.schema().fields().get(column)?.data_type();
        let leaf = self.leaves.get(column)?.start;
        let levels = ListLevels::of(self.metadata.parquet_schema().get_column_root(leaf))?;
        let chunk = group.columns().get(leaf)?;
        let rows = usize::try_from(group.num_rows()).ok()?;
        let bytes = self.corrected(&self.stored(), group, &[column]).ok()?;
        // What is wrong with a page is told when it is read by the crate.
        check_sizes(&bytes, chunk, rows, most).ok()?;
        let pages = SerializedPageReader::new(Arc::new(bytes), chunk, rows, None).ok()?;
        lists::open(data_type, levels, chunk, rows, Box::new(pages), most)
    }

    pub(super) fn group_bytes(&self, group: &RowGroupMetaData, columns: &[usize]) -> Result<u64> {
        let chunks = self.chunks(group, columns)?.into_iter();
        let bytes = chunks.map(|(chunk, data_type)| decoded_bytes(chunk, data_type));
        let rows = checked::to::<u64, _>(group.num_rows())?;
        let mut offsets = columns.iter().map(|&column| {
            let data_type = checked::get(self.metadata.schema().fields(), column)?.data_type();
            Ok(rows.saturating_mul(offset_bytes(data_type))) // Proof: an estimate, as below.
        });
        // Proof: an estimate, cut at the largest that there can be.
        let offsets = offsets.try_fold(0u64, |sum, bytes| Ok::<_, Error>(sum.saturating_add(bytes?)))?;
        Ok(bytes.fold(offsets, u64::saturating_add)) // an estimate
    }
}

#[cfg(test)]
mod tests;
