//! The wanted rows of a Parquet row group, a step at a time.
//!
//! Lists of numbers are read page by page ([`super::lists`]); the other columns, and lists that turn out to
//! hold more than numbers, by the `parquet` crate.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatchOptions, UInt32Array};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowSelection};

use super::ParquetFile;
use super::lists::Lists;
use super::nulls::zero_under_nulls;
use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};
use crate::exec::catch_panic::guard;
use crate::exec::memory::UnpackLimit;
use crate::gather::columns::fixed_width::take_rows;
use crate::gather::columns::types::project;
use crate::gather::source::check_values::checked_batch;
use crate::gather::source::part::Unpacking;
use crate::io::arrow_maps::batch_without_maps;
use crate::parquet_file::{FileBytes, reader};

/// Where fewer than one row in so many is wanted, the others are skipped and not decoded.
const SPARSE: usize = 16;

/// The wanted rows of a row group that were not given yet.
pub(crate) struct RowGroupReader {
    file: Arc<ParquetFile>,
    unit: usize,
    columns: Vec<usize>,
    schema: SchemaRef,
    wanted: Vec<u32>,
    /// How many of them were given.
    given: usize,
    /// Rows that are read at once where nothing else says how many.
    step: usize,
    /// The columns that are lists of numbers, by their place among `columns`.
    lists: Vec<(usize, Box<dyn Lists>)>,
    /// The others, if there are any.
    others: Option<CrateDecoder>,
    /// Whether their texts are read as bytes, of which those of wanted rows are looked at.
    as_bytes: bool,
    /// What may be unpacked at once.
    most: UnpackLimit,
}

impl RowGroupReader {
    pub(crate) fn new(
        file: &Arc<ParquetFile>,
        unit: usize,
        columns: &[usize],
        wanted: &[u32],
        how: Unpacking,
    ) -> Result<Self> {
        let Unpacking { most, expand } = how;
        let mut rows = Self {
            file: file.clone(),
            unit,
            columns: columns.to_vec(),
            schema: project(&file.schema, columns)?,
            wanted: wanted.to_vec(),
            given: 0,
            step: file.step(unit, columns)?,
            lists: if expand { Vec::new() } else { file.lists(unit, columns, most)? },
            others: None,
            as_bytes: false,
            most,
        };
        rows.begin_others()?;
        Ok(rows)
    }

    /// Begins to decode the columns that are not read as lists of numbers, from the first row not yet given.
    fn begin_others(&mut self) -> Result<()> {
        let is_list = |place: usize| self.lists.iter().any(|(list, _)| *list == place);
        let others = self.columns.iter().enumerate().filter(|(place, _)| !is_list(*place));
        let others: Vec<usize> = others.map(|(_, &column)| column).collect();
        let wanted = checked::get(&self.wanted, self.given..)?;
        let needed = !others.is_empty() && !wanted.is_empty();
        self.as_bytes |= self.file.is_doubtful(&others);
        let decode = || CrateDecoder::new(&self.file, self.unit, others, wanted, self.as_bytes, self.most);
        self.others = needed.then(decode).transpose()?;
        Ok(())
    }

    /// The next rows of the columns that are not read as lists of numbers.
    fn read_others(&mut self) -> Result<Option<RecordBatch>> {
        let Some(others) = &mut self.others else { return Ok(None) }; // Proof: all are lists of numbers.
        let mut batch = others.read();
        if let Err(error) = batch {
            if self.as_bytes || !self.file.is_looked_at_by_row(&others.columns) {
                return Err(error);
            }
            // One row that has no text, or a number that its type cannot have, makes all of its batch unreadable.
            self.as_bytes = true;
            self.begin_others()?;
            let Some(others) = &mut self.others else { return Err(error) };
            batch = others.read().map_err(|_| error);
        }
        let batch = batch?;
        // Proof: what was not read as bytes was checked by the decoder.
        let Some(others) = self.others.as_ref().filter(|_| self.as_bytes) else { return Ok(Some(batch)) };
        let first = self.file.first_row(self.unit);
        let row = |row: usize| Some(first + u64::from(*self.wanted.get(self.given + row)?));
        checked_batch(self.file.on_disk.path(), &others.schema, &batch, row).map(Some)
    }

    /// The next rows, one at least.
    fn read(&mut self) -> Result<RecordBatch> {
        let others = self.read_others()?;
        let left = self.wanted.len() - self.given;
        let count = others.as_ref().map_or(self.step.min(left), RecordBatch::num_rows);
        let wanted = checked::get(&self.wanted, self.given..checked::add(self.given, count)?)?;
        let at = At::Field(format!("row group {}", self.unit));
        let path = self.file.on_disk.path();
        let lists = guard(path, &at, "decoding", || {
            let take = |(place, list): &mut (usize, Box<dyn Lists>)| {
                let taken = list.take(wanted).map_err(|error| match error {
                    Error::Memory(said) => Error::Memory(format!("{}: {said}", path.display())),
                    other => other,
                })?;
                Ok(taken.map(|taken| (*place, taken)))
            };
            let lists = self.lists.iter_mut().map(take);
            Ok::<_, Error>(lists.collect::<Result<Option<Vec<_>>>>())
        });
        // Proof: it gave up on something that is read by the crate alone, or on damage that it has words for.
        let Some(lists) = lists.unwrap_or(Ok(None))? else {
            self.lists.clear();
            self.begin_others()?;
            return self.read();
        };
        self.given += count;
        let mut others = others.iter().flat_map(RecordBatch::columns);
        let column = |place| {
            let list = lists.iter().find(|(list, _)| *list == place).map(|(_, list)| list);
            let column =
                list.or_else(|| others.next()).ok_or_else(|| impossible("a column that was not read"))?;
            zero_under_nulls(column).map_err(|e| Error::Internal(e.to_string()))
        };
        let columns = (0..self.columns.len()).map(column).collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        RecordBatch::try_new_with_options(self.found_schema(&columns)?, columns, &options)
            .map_err(|e| Error::Internal(e.to_string()))
    }

    /// The schema with the types that columns have: of what is checked, dictionaries have become their values.
    fn found_schema(&self, columns: &[ArrayRef]) -> Result<SchemaRef> {
        if !self.as_bytes {
            return Ok(self.schema.clone());
        }
        let fields = checked::zip(self.schema.fields(), columns)?;
        let fields =
            fields.map(|(field, column)| field.as_ref().clone().with_data_type(column.data_type().clone()));
        let metadata = self.schema.metadata().clone();
        Ok(Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), metadata)))
    }
}

impl Iterator for RowGroupReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.given >= self.wanted.len() {
            return None;
        }
        let rows = self.read();
        if rows.is_err() {
            self.given = self.wanted.len();
        }
        Some(rows)
    }
}

/// Columns that the `parquet` crate decodes.
struct CrateDecoder {
    file: Arc<ParquetFile>,
    /// What the reader reads.
    stored: FileBytes,
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
    columns: Vec<usize>,
    /// The types that the file's schema tells.
    schema: SchemaRef,
}

impl CrateDecoder {
    fn new(
        file: &Arc<ParquetFile>,
        unit: usize,
        columns: Vec<usize>,
        wanted: &[u32],
        as_bytes: bool,
        most: UnpackLimit,
    ) -> Result<Self> {
        let at = At::Field(format!("row group {unit}"));
        let rows = checked::index(file.group(unit)?.num_rows())?;
        let step = file.step(unit, &columns)?;
        let sparse = wanted.len() < rows / SPARSE;
        let stored = file.stored();
        let bytes = file.corrected(&stored, file.group(unit)?, &columns)?;
        let leaves = file.leaves_of(&columns)?;
        let metadata = if as_bytes { file.as_bytes()? } else { &file.metadata };
        let selection = sparse.then(|| runs(wanted, rows));
        let reader =
            stored.guard(&at, "decoding", || reader(bytes, metadata, unit, leaves, step, selection, most))?;
        Ok(Self {
            file: file.clone(),
            stored,
            at,
            reader,
            sparse,
            wanted: wanted.to_vec(),
            given: 0,
            start: 0,
            order: ordered(&columns),
            schema: project(&file.schema, &columns)?,
            columns,
        })
    }

    /// The next rows, one at least.
    fn read(&mut self) -> Result<RecordBatch> {
        loop {
            if let Some(batch) = self.step()? {
                return Ok(batch);
            }
        }
    }

    /// What is wanted of the reader's next batch.
    fn step(&mut self) -> Result<Option<RecordBatch>> {
        let next = self.stored.guard(&self.at, "decoding", || {
            self.reader.next().map(|batch| batch_without_maps(batch?)).transpose()
        })?;
        let wanted = checked::get(&self.wanted, self.given..)?;
        let batch = next.filter(|batch| !self.sparse || batch.num_rows() <= wanted.len());
        let Some(batch) = batch else {
            let message = format!(
                "{} rows of it are wanted and {} were decoded; the file is damaged",
                self.wanted.len(),
                self.given
            );
            return Err(Error::truncated(self.file.on_disk.path(), self.at.clone(), message));
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
        let batch = batch.project(&self.order).map_err(|e| Error::Internal(e.to_string()))?;
        if here == batch.num_rows() {
            return Ok(Some(batch));
        }
        let (start, wanted) = (checked::to::<u32, _>(start)?, checked::get(wanted, ..here)?);
        // They ascend: the first tells that none lies before this batch.
        checked::sub(*checked::get(wanted, 0)?, start)?;
        let local = UInt32Array::from_iter_values(wanted.iter().map(|row| row - start));
        guard(self.file.on_disk.path(), &self.at, "taking rows", || take_rows(&batch, &local)).map(Some)
    }
}

/// Where each of `columns` is among the columns read, which come in the order of the file.
fn ordered(columns: &[usize]) -> Vec<usize> {
    columns.iter().map(|column| columns.iter().filter(|other| *other < column).count()).collect()
}

/// Returns rows as runs to read, the gaps between them skipped.
fn runs(wanted: &[u32], rows: usize) -> RowSelection {
    // Proof: a run has a row at least.
    let ranges = wanted.chunk_by(|a, b| a + 1 == *b).filter_map(|run| {
        let (first, last) = (run.first()?, run.last()?);
        Some(*first as usize..*last as usize + 1)
    });
    RowSelection::from_consecutive_ranges(ranges, rows)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int32Array, ListArray, RecordBatch, StringArray};
    use arrow::compute::concat_batches;
    use arrow::datatypes::Int32Type;
    use parquet::arrow::ArrowWriter;

    use super::*;
    use crate::gather::source::parquet::ParquetPart;
    use crate::io::file::{File, Io};

    const ROWS: u32 = 3000;

    /// Lists of up to 4 numbers, beside numbers and texts.
    fn table() -> RecordBatch {
        let rows = 0..i32::try_from(ROWS).unwrap();
        let list = |row: i32| (row % 7 > 0).then(|| (0..row % 5).map(move |item| Some(row + item)));
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(rows.clone().map(list));
        let texts = StringArray::from_iter_values(
            rows.clone().map(|row| "x".repeat(row.unsigned_abs() as usize % 4)),
        );
        let columns: [(&str, ArrayRef); 3] = [
            ("n", Arc::new(Int32Array::from_iter_values(rows))),
            ("list", Arc::new(lists)),
            ("text", Arc::new(texts)),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    #[test]
    fn wanted_rows_are_those_of_the_table_with_and_without_the_reader_of_lists() {
        let (table, file) = (table(), tempfile::NamedTempFile::new().unwrap());
        let mut writer = ArrowWriter::try_new(file.reopen().unwrap(), table.schema(), None).unwrap();
        writer.write(&table).unwrap();
        writer.close().unwrap();
        for (expand, lists) in [(false, 1), (true, 0)] {
            for every in [1, 2, 40, 2999] {
                let part = ParquetPart::open(File::open(file.path(), Io::Mmap).unwrap()).unwrap();
                let wanted: Vec<u32> = (0..ROWS).filter(|row| row % every == every - 1).collect();
                let how = Unpacking { most: UnpackLimit::default(), expand };
                let reader = RowGroupReader::new(&part.file, 0, &[2, 1, 0], &wanted, how).unwrap();
                assert_eq!(reader.lists.len(), lists, "columns that own code reads");
                let found: Vec<RecordBatch> = reader.collect::<Result<_>>().unwrap();
                let found = concat_batches(&found[0].schema(), &found).unwrap();
                let expected = take_rows(&table.project(&[2, 1, 0]).unwrap(), &wanted.into()).unwrap();
                assert_eq!(found.columns(), expected.columns(), "every {every}");
            }
        }
    }
}
