//! Parquet shards: row groups decoded where they lie, wanted columns and rows alone.

use std::path::Path;
use std::sync::Arc;

use arrow::array::UInt32Array;
use arrow::compute::take_record_batch;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    RowSelection,
};
use parquet::basic::Type as Physical;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};

use super::corpus::{Fragment, Part};
use super::types::{fixed_bytes, project};
use crate::error::{At, Error, Result};
use crate::guard::guard;
use crate::mmap::Map;

/// Decoded bytes of one step through a row group, about.
const STEP_BYTES: u64 = 4 << 20;
/// Where fewer than one row in so many is wanted, the others are skipped and not decoded.
const SPARSE: usize = 16;

/// A Parquet file, mapped.
pub(super) struct Parquet {
    map: Arc<Map>,
    bytes: Bytes,
    metadata: ArrowReaderMetadata,
    rows: Vec<u64>,
}

impl Parquet {
    /// Opens a file and reads its footer.
    pub(super) fn open(map: Arc<Map>) -> Result<Self> {
        let bytes = map.shared_bytes();
        if bytes.len() < 12 || !bytes.ends_with(b"PAR1") {
            let message = "a Parquet file must end with PAR1, after its footer; the file was cut, or its writer did not finish: write or download it again";
            return Err(Error::truncated(map.path(), At::Byte(bytes.len() as u64), message));
        }
        let metadata = guard(map.path(), &At::Field("footer".to_owned()), "reading the footer", || {
            ArrowReaderMetadata::load(&bytes, ArrowReaderOptions::new())
        })?;
        let rows = row_counts(map.path(), &metadata, bytes.len() as u64)?;
        Ok(Self { map, bytes, metadata, rows })
    }

    fn group(&self, unit: usize) -> Result<&RowGroupMetaData> {
        let group = self.metadata.metadata().row_groups().get(unit);
        group.ok_or_else(|| Error::Internal(format!("there is no row group {unit}")))
    }

    /// The column chunks of a row group that belong to top-level columns, with those columns' types.
    fn chunks<'a>(
        &'a self,
        group: &'a RowGroupMetaData,
        columns: &'a [usize],
    ) -> impl Iterator<Item = (&'a ColumnChunkMetaData, &'a DataType)> {
        let descriptor = self.metadata.parquet_schema();
        group.columns().iter().enumerate().filter_map(move |(leaf, chunk)| {
            let root = descriptor.get_column_root_idx(leaf);
            let field = self.metadata.schema().fields().get(root)?;
            columns.contains(&root).then_some((chunk, field.data_type()))
        })
    }

    /// Rows that are decoded at once.
    fn step(&self, group: &RowGroupMetaData, columns: &[usize]) -> usize {
        let rows = u64::try_from(group.num_rows()).unwrap_or(0);
        let row_bytes = self.group_bytes(group, columns) / rows.max(1);
        // The keys of a dictionary may stand for texts of any size, whatever the footer says of them.
        let unsure = self.chunks(group, columns).any(|(chunk, _)| {
            chunk.column_type() == Physical::BYTE_ARRAY && chunk.dictionary_page_offset().is_some()
        });
        let most = if unsure { 1024 } else { 8192 };
        usize::try_from(STEP_BYTES / row_bytes.max(1)).unwrap_or(1).clamp(8, most)
    }

    fn group_bytes(&self, group: &RowGroupMetaData, columns: &[usize]) -> u64 {
        self.chunks(group, columns).map(|(chunk, data_type)| decoded_bytes(chunk, data_type)).sum()
    }
}

/// The rows of each row group, after a look at what the footer says of itself and of the file.
fn row_counts(path: &Path, metadata: &ArrowReaderMetadata, size: u64) -> Result<Vec<u64>> {
    let wrong = |field: String, what: String| Error::format(path, At::Field(field), what);
    let mut rows = Vec::new();
    for (index, group) in metadata.metadata().row_groups().iter().enumerate() {
        let name = format!("row group {index}");
        let count = u64::try_from(group.num_rows())
            .map_err(|_| wrong(name.clone(), format!("has {} rows", group.num_rows())))?;
        for chunk in group.columns() {
            let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
            let end = start.checked_add(chunk.compressed_size());
            let inside = start >= 4 && end.is_some_and(|end| end >= start && end.unsigned_abs() <= size);
            if !inside {
                let message = format!(
                    "column {} spans {} bytes from {start}, and the file has {size}; the footer or the file is damaged",
                    chunk.column_path(),
                    chunk.compressed_size()
                );
                return Err(wrong(name, message));
            }
        }
        rows.push(count);
    }
    let total: u64 = rows.iter().fold(0, |sum, &rows| sum.saturating_add(rows));
    let declared = metadata.metadata().file_metadata().num_rows();
    if u64::try_from(declared) != Ok(total) {
        let message = format!("the footer declares {declared} rows and its row groups have {total}");
        return Err(Error::truncated(path, At::Field("num_rows".to_owned()), message));
    }
    Ok(rows)
}

/// About how many bytes a column chunk takes in memory.
fn decoded_bytes(chunk: &ColumnChunkMetaData, column: &DataType) -> u64 {
    let values = u64::try_from(chunk.num_values()).unwrap_or(0);
    let stored = u64::try_from(chunk.uncompressed_size()).unwrap_or(0);
    match (chunk.column_type(), leaf_bytes(column)) {
        (Physical::BYTE_ARRAY, _) => {
            let plain = chunk.unencoded_byte_array_data_bytes().and_then(|bytes| u64::try_from(bytes).ok());
            plain.unwrap_or(stored).saturating_add(values.saturating_mul(4))
        }
        (_, Some(width)) => values.saturating_mul(width),
        (Physical::BOOLEAN, _) => values,
        (Physical::INT64 | Physical::DOUBLE, _) => values.saturating_mul(8),
        (Physical::INT96, _) => values.saturating_mul(12),
        (Physical::INT32 | Physical::FLOAT, _) => values.saturating_mul(4),
        (Physical::FIXED_LEN_BYTE_ARRAY, _) => {
            values.saturating_mul(u64::try_from(chunk.column_descr().type_length()).unwrap_or(16))
        }
    }
}

/// The width of the one leaf of a column, where it has one of fixed width.
fn leaf_bytes(data_type: &DataType) -> Option<u64> {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            leaf_bytes(field.data_type())
        }
        DataType::Struct(_) => None,
        plain => fixed_bytes(plain),
    }
}

impl Part for Parquet {
    fn path(&self) -> &Path {
        self.map.path()
    }

    fn schema(&self) -> &SchemaRef {
        self.metadata.schema()
    }

    fn unit_rows(&self) -> &[u64] {
        &self.rows
    }

    fn bytes(&self, columns: &[usize]) -> Result<u64> {
        let groups = self.metadata.metadata().row_groups().iter();
        Ok(groups.map(|group| self.group_bytes(group, columns)).fold(0, u64::saturating_add))
    }

    fn read(&self, unit: usize, columns: &[usize], wanted: &[u32]) -> Result<Fragment> {
        let group = self.group(unit)?;
        for (chunk, _) in self.chunks(group, columns) {
            let (start, length) = chunk.byte_range();
            let start = usize::try_from(start).unwrap_or(usize::MAX);
            self.map.populate(start..start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)))?;
        }
        let at = At::Field(format!("row group {unit}"));
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let sparse = wanted.len() < rows / SPARSE;
        let reader = guard(self.map.path(), &at, "decoding", || {
            let builder =
                ParquetRecordBatchReaderBuilder::new_with_metadata(self.bytes.clone(), self.metadata.clone())
                    .with_row_groups(vec![unit])
                    .with_projection(ProjectionMask::roots(
                        self.metadata.parquet_schema(),
                        columns.iter().copied(),
                    ))
                    .with_batch_size(self.step(group, columns));
            if sparse { builder.with_row_selection(runs(wanted, rows)) } else { builder }.build()
        })?;
        Ok(Fragment::Picked(Box::new(Picked {
            map: self.map.clone(),
            at,
            reader,
            sparse,
            wanted: wanted.to_vec(),
            given: 0,
            start: 0,
            order: ordered(columns),
            schema: project(self.metadata.schema(), columns),
        })))
    }

    fn check_unchanged(&self) -> Result<()> {
        self.map.opened().check_unchanged()
    }
}

/// Where each of `columns` is among the columns read, which come in the order of the file.
fn ordered(columns: &[usize]) -> Vec<usize> {
    columns.iter().map(|column| columns.iter().filter(|other| *other < column).count()).collect()
}

/// Rows as runs to read, the gaps between them skipped.
fn runs(wanted: &[u32], rows: usize) -> RowSelection {
    let ranges = wanted.chunk_by(|a, b| a + 1 == *b).filter_map(|run| {
        let (first, last) = (run.first()?, run.last()?);
        Some(*first as usize..*last as usize + 1)
    });
    RowSelection::from_consecutive_ranges(ranges, rows)
}

/// The wanted rows of a row group, a step at a time.
struct Picked {
    map: Arc<Map>,
    at: At,
    reader: ParquetRecordBatchReader,
    /// Whether the reader gives the wanted rows alone.
    sparse: bool,
    wanted: Vec<u32>,
    /// How many of the wanted rows were given.
    given: usize,
    /// The row that the next batch of the reader begins with.
    start: u64,
    order: Vec<usize>,
    schema: SchemaRef,
}

impl Iterator for Picked {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.given < self.wanted.len() {
            match self.step() {
                Ok(None) => {}
                Ok(Some(batch)) => return Some(Ok(batch)),
                Err(error) => {
                    self.given = self.wanted.len();
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

impl Picked {
    /// What is wanted of the reader's next batch.
    fn step(&mut self) -> Result<Option<RecordBatch>> {
        let next = guard(self.map.path(), &self.at, "decoding", || self.reader.next().transpose())?;
        let wanted = self.wanted.get(self.given..).unwrap_or_default();
        let batch = next.filter(|batch| !self.sparse || batch.num_rows() <= wanted.len());
        let Some(batch) = batch else {
            let message = format!(
                "{} rows of it are wanted and {} were decoded; the file is damaged",
                self.wanted.len(),
                self.given
            );
            return Err(Error::truncated(self.map.path(), self.at.clone(), message));
        };
        let start = self.start;
        self.start += batch.num_rows() as u64;
        let here = if self.sparse {
            batch.num_rows()
        } else {
            wanted.partition_point(|&row| u64::from(row) < self.start)
        };
        self.given += here;
        if here == 0 {
            return Ok(None);
        }
        let columns = self.order.iter().filter_map(|&i| batch.columns().get(i).cloned()).collect();
        let batch =
            RecordBatch::try_new(self.schema.clone(), columns).map_err(|e| Error::Internal(e.to_string()))?;
        if here == batch.num_rows() {
            return Ok(Some(batch));
        }
        let local =
            wanted.iter().take(here).map(|&row| u32::try_from(u64::from(row) - start).unwrap_or(u32::MAX));
        let local = UInt32Array::from_iter_values(local);
        guard(self.map.path(), &self.at, "taking rows", || take_record_batch(&batch, &local)).map(Some)
    }
}
