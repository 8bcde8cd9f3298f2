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

#[cfg(test)]
mod tests {
    use arrow::array::{Array, ArrayRef, AsArray, Int32Array, RecordBatch, StringArray, StructArray};
    use arrow::compute::concat_batches;
    use arrow::datatypes::{DataType, Field};
    use bytes::Bytes;
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::{ArrowReaderOptions, RowSelector};
    use parquet::file::properties::WriterProperties;

    use super::*;

    /// Rows of a number, and of a group of a text and a number.
    fn table(rows: i32) -> RecordBatch {
        let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..rows));
        let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|row| row.to_string())));
        let negative: ArrayRef = Arc::new(Int32Array::from_iter_values((0..rows).map(|row| -row)));
        let group = StructArray::from(vec![
            (Arc::new(Field::new("t", DataType::Utf8, false)), texts),
            (Arc::new(Field::new("m", DataType::Int32, false)), negative),
        ]);
        RecordBatch::try_from_iter([("n", numbers), ("g", Arc::new(group) as ArrayRef)]).unwrap()
    }

    /// A file of row groups of 100 rows.
    fn written(table: &RecordBatch) -> (Bytes, ArrowReaderMetadata) {
        let properties = WriterProperties::builder().set_max_row_group_row_count(Some(100)).build();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, table.schema(), Some(properties)).unwrap();
        writer.write(table).unwrap();
        writer.close().unwrap();
        opened(bytes)
    }

    fn opened(bytes: Vec<u8>) -> (Bytes, ArrowReaderMetadata) {
        let bytes = Bytes::from(bytes);
        let metadata = ArrowReaderMetadata::load(&bytes, ArrowReaderOptions::new()).unwrap();
        (bytes, metadata)
    }

    fn read(
        (bytes, metadata): &(Bytes, ArrowReaderMetadata),
        unit: usize,
        leaves: &[usize],
        step: usize,
        selection: Option<RowSelection>,
    ) -> Result<Vec<RecordBatch>> {
        let leaves = leaves.iter().copied();
        let most = UnpackLimit::default();
        let reader = reader(bytes.clone(), metadata, unit, leaves, step, selection, most)?;
        Ok(reader.collect::<Result<_, _>>()?)
    }

    #[test]
    fn rows_of_a_group_come_in_steps() {
        let table = table(250);
        let file = written(&table);
        for (unit, rows) in [100, 100, 50].into_iter().enumerate() {
            for step in [1, 7, 49, 50, 51, 100, 1000] {
                let found = read(&file, unit, &[0, 1, 2], step, None).unwrap();
                let sizes: Vec<usize> = found.iter().map(RecordBatch::num_rows).collect();
                let (last, others) = sizes.split_last().unwrap();
                assert!(others.iter().all(|&size| size == step.min(rows)) && *last <= step);
                let whole = concat_batches(&table.schema(), &found).unwrap();
                assert_eq!(whole, table.slice(unit * 100, rows), "{unit}, {step}");
            }
        }
        let found = read(&file, 3, &[0], 1, None).map(drop).unwrap_err().to_string();
        assert!(found.contains("there is no row group 3"), "{found}");
    }

    #[test]
    fn leaves_and_rows_are_those_that_are_asked_for() {
        let table = table(250);
        let file = written(&table);
        let rows = RowSelection::from(vec![
            RowSelector::skip(5),
            RowSelector::select(3),
            RowSelector::skip(90),
            RowSelector::select(2),
        ]);
        let found = read(&file, 1, &[0], 4, Some(rows)).unwrap();
        let found = concat_batches(&found[0].schema(), &found).unwrap();
        let expected = Int32Array::from(vec![105, 106, 107, 198, 199]);
        assert_eq!((found.num_columns(), found.column(0).as_ref()), (1, &expected as &dyn Array));
        // Of a group, those of its leaves that are asked for.
        let found = read(&file, 2, &[2], 100, None).unwrap().remove(0);
        let expected: Vec<i32> = (200..250).map(|row: i32| -row).collect();
        let group = found.column(0).as_struct();
        assert_eq!(group.num_columns(), 1);
        assert_eq!(group.column(0).as_ref(), &Int32Array::from(expected) as &dyn Array);
    }
}
