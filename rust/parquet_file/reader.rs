//! The decoder of the `parquet` crate over pages that are looked at before.

use std::sync::Arc;

use arrow::datatypes::FieldRef;
use arrow::record_batch::RecordBatchReader;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReader, RowGroups, RowSelection};
use parquet::arrow::{ProjectionMask, parquet_to_arrow_field_levels};
use parquet::column::page::{PageIterator, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;

use super::pages::{CheckedPages, check_sizes};
use crate::exec::memory::UnpackLimit;

/// A decoder of some leaves of a row group, `step` rows at once: of all rows, or of a selection.
pub(crate) fn reader<R: ChunkReader + 'static>(
    file: R,
    metadata: &ArrowReaderMetadata,
    unit: usize,
    leaves: impl IntoIterator<Item = usize>,
    step: usize,
    selection: Option<RowSelection>,
    most: UnpackLimit,
) -> Result<ParquetRecordBatchReader> {
    let mask = ProjectionMask::leaves(metadata.parquet_schema(), leaves);
    let group = RowGroupPages { file: Arc::new(file), metadata: metadata.metadata().clone(), unit, most };
    let step = step.min(group.num_rows());
    let reader = |hint| {
        let levels = parquet_to_arrow_field_levels(metadata.parquet_schema(), mask.clone(), hint)?;
        ParquetRecordBatchReader::try_new_with_row_groups(&levels, &group, step, selection.clone())
    };
    let fields = metadata.schema().fields();
    if fields.len() == metadata.parquet_schema().root_schema().get_fields().len() {
        return reader(Some(fields));
    }
    // Roots that no value lies below have no field, so that the types cannot be given. They must be the same without.
    let reader = reader(None)?;
    let same = |field: &FieldRef| {
        fields.iter().any(|known| known.name() == field.name() && known.data_type() == field.data_type())
    };
    if reader.schema().fields().iter().all(same) {
        return Ok(reader);
    }
    Err(ParquetError::General(
        "groups without fields stand beside columns of types that Parquet has not".to_owned(),
    ))
}

/// A row group whose pages are looked at.
struct RowGroupPages<R> {
    file: Arc<R>,
    metadata: Arc<ParquetMetaData>,
    unit: usize,
    /// What a page may unpack to.
    most: UnpackLimit,
}

impl<R> RowGroupPages<R> {
    fn of(&self) -> Result<&RowGroupMetaData> {
        let group = self.metadata.row_groups().get(self.unit);
        group.ok_or_else(|| ParquetError::General(format!("there is no row group {}", self.unit)))
    }
}

impl<R: ChunkReader + 'static> RowGroups for RowGroupPages<R> {
    fn num_rows(&self) -> usize {
        let rows = self.of().ok().and_then(|group| usize::try_from(group.num_rows()).ok());
        rows.unwrap_or(0) // Proof: whoever opened the file has looked at both.
    }

    fn column_chunks(&self, leaf: usize) -> Result<Box<dyn PageIterator>> {
        let missing = || ParquetError::General(format!("there is no column chunk {leaf}"));
        let chunk = self.of()?.columns().get(leaf).ok_or_else(missing)?;
        check_sizes(self.file.as_ref(), chunk, self.num_rows(), self.most)?;
        // The types of values are those of the schema that is decoded by, which may not be the file's own.
        let schema = self.metadata.file_metadata().schema_descr();
        let pages = SerializedPageReader::new(self.file.clone(), chunk, self.num_rows(), None)?;
        let size = (chunk.num_values().unsigned_abs(), self.num_rows() as u64);
        Ok(Box::new(OneReader(Some(Box::new(CheckedPages::new(pages, schema, leaf, size))))))
    }

    fn row_groups(&self) -> Box<dyn Iterator<Item = &RowGroupMetaData> + '_> {
        Box::new(self.of().into_iter())
    }

    fn metadata(&self) -> &ParquetMetaData {
        &self.metadata
    }
}

/// The pages of one column chunk.
struct OneReader(Option<Box<dyn PageReader>>);

impl Iterator for OneReader {
    type Item = Result<Box<dyn PageReader>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.take().map(Ok)
    }
}

impl PageIterator for OneReader {}
