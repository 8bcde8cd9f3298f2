//! A table in many parts, seen as one run of rows cut in units.

mod view;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::job::{Job, Queue};
use crate::exec::memory::UnpackLimit;
use crate::gather::columns::common_schema::{check_names, common_schema, no_more_columns, positions};
use crate::gather::columns::convert::canonical;
use crate::gather::columns::part_columns::PartColumns;
use crate::gather::columns::types::{own_features, same_layout};
use crate::gather::source::{Batches, CorpusPart, MemoryPart, Unpacking, open_parts};
use crate::gather::units::Units;
use crate::io::file::Io;
use crate::io::identity::FileIdentity;
use crate::io::map::Map;
use crate::io::opened::Opened;

/// A corpus of rows: files or a table, of one schema, read where they lie.
#[derive(Clone)]
pub struct Corpus {
    parts: Vec<Arc<dyn CorpusPart>>,
    /// The schema that rows come out with.
    schema: SchemaRef,
    /// For each part, where the columns of the schema are.
    columns: Vec<PartColumns>,
    units: Arc<Units>,
    /// What may be unpacked at once.
    most: UnpackLimit,
    /// How the files are read.
    io: Io,
}

impl Corpus {
    /// Opens Arrow and Parquet files and JSON lines as one table, in the order given, with these columns or all. Only
    /// metadata is read of the former, and all of JSON lines: their types follow from the values.
    ///
    /// Files that are read by position are copied batch by batch, and the end of one that is cut is an error.
    ///
    /// # Errors
    /// A file that cannot be opened, is none of these, is cut or damaged; files whose columns
    /// differ in name or type; a column type that has no counterpart in `datasets`.
    pub fn open(job: &Job<'_>, paths: &[PathBuf], columns: Option<&[String]>, io: Io) -> Result<Self> {
        let corpus = Self::new(open_parts(job, paths, columns, io)?, columns)?;
        Ok(Self { io, ..corpus })
    }

    /// A table that is in memory. Nothing is copied.
    ///
    /// # Errors
    /// A column type that has no counterpart in `datasets`.
    pub fn from_batches(
        schema: SchemaRef,
        batches: &[RecordBatch],
        columns: Option<&[String]>,
    ) -> Result<Self> {
        Self::new(vec![Arc::new(MemoryPart::new(schema, batches))], columns)
    }

    fn new(parts: Vec<Arc<dyn CorpusPart>>, names: Option<&[String]>) -> Result<Self> {
        let Some(first) = parts.first() else {
            return Err(Error::Value("at least one file is needed".to_owned()));
        };
        let there: Vec<_> = parts.iter().map(|part| (part.path(), part.schema().as_ref())).collect();
        let all: Vec<String> = first.schema().fields().iter().map(|field| field.name().clone()).collect();
        if let Some(names) = names {
            check_names(first.schema(), names)?;
        } else {
            if all.is_empty() {
                let message = "the table has no columns; write it again with at least one";
                return Err(Error::schema(first.path(), At::Field("schema".to_owned()), message));
            }
            there.iter().try_for_each(|&part| no_more_columns((first.path(), first.schema()), part))?;
        }
        let columns: Vec<_> = there
            .iter()
            // Proof: where none are named, all are meant.
            .map(|&part| positions(part, names.unwrap_or(&all), first.path()))
            .collect::<Result<_>>()?;
        let (schema, columns) = common_schema(&there, &columns)?;
        let units = Arc::new(Units::of(&parts)?);
        let schema = Arc::new(own_features(schema));
        Ok(Self { parts, schema, columns, units, most: UnpackLimit::default(), io: Io::default() })
    }

    /// The schema that rows come out with.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The names that the columns have in the first file.
    ///
    /// # Errors
    /// [`Error::Internal`] if a column is not where it was found.
    pub fn stored_names(&self) -> Result<Vec<String>> {
        let (part, columns) = (checked::get(&self.parts, 0)?, checked::get(&self.columns, 0)?);
        let fields = part.schema().fields();
        columns.places().iter().map(|&column| Ok(checked::get(fields, column)?.name().clone())).collect()
    }

    /// The number of rows.
    pub fn rows(&self) -> u64 {
        self.units.rows()
    }

    /// How many units there are.
    pub fn units(&self) -> usize {
        self.units.len()
    }

    /// How its files are read; of a table in memory, nothing.
    pub fn io(&self) -> Io {
        self.io
    }

    /// The files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().map(|part| part.path())
    }

    /// The files, with their rows.
    ///
    /// # Errors
    /// [`Error::Internal`] for more rows than can be.
    pub fn file_rows(&self) -> Result<Vec<(&Path, u64)>> {
        let count = |part: &Arc<dyn CorpusPart>| {
            let rows = part.unit_rows().iter().try_fold(0u64, |sum, &rows| sum.checked_add(rows));
            rows.ok_or_else(|| Error::Internal("a file has more than 2^64 rows".to_owned()))
        };
        self.parts.iter().map(|part| Ok((part.path(), count(part)?))).collect()
    }

    /// The files, with their rows and by what they are known, as they were when they were opened and still are: each
    /// is what its path names.
    ///
    /// # Errors
    /// [`Error::SourceChanged`] for a file that changed, or that another took the place of; what reading its ends fails
    /// with.
    pub fn identities(&self) -> Result<Vec<FileIdentity>> {
        let mut found = Vec::new();
        for (part, (_, rows)) in checked::zip(&self.parts, self.file_rows()?)? {
            // A table in memory lies in no file.
            if let Some(file) = part.opened() {
                file.check_named()?;
                found.push(FileIdentity::of(file, Some(rows))?);
            }
        }
        self.check_unchanged()?;
        Ok(found)
    }

    /// Fails if one of the columns cannot be read: it is encrypted.
    ///
    /// # Errors
    /// [`Error::Format`], naming the file and the column.
    pub fn check_readable(&self) -> Result<()> {
        checked::zip(&self.parts, &self.columns)?
            .try_for_each(|(part, columns)| part.check_readable(columns.places()))
    }

    /// About how many bytes all rows take in memory.
    ///
    /// # Errors
    /// [`Error::SourceChanged`]; offsets of a table in memory that point outside of it.
    pub fn bytes(&self) -> Result<u64> {
        self.bytes_of(|_| true)
    }

    /// About how many bytes the rows take that may be used where they lie.
    pub(super) fn bytes_in_place(&self) -> Result<u64> {
        self.bytes_of(|part| part.in_place())
    }

    fn bytes_of(&self, counts: impl Fn(&dyn CorpusPart) -> bool) -> Result<u64> {
        // Some of it is read of their maps.
        self.check_unchanged()?;
        checked::zip(&self.parts, &self.columns)?
            .filter(|(part, _)| counts(part.as_ref()))
            .map(|(part, columns)| {
                // Proof: as below.
                let rows = part.unit_rows().iter().fold(0u64, |sum, &rows| sum.saturating_add(rows));
                let bytes = columns.bytes(rows, |places| part.bytes(places));
                bytes.map_err(|error| if_changed(part, error))
            })
            // Proof: an estimate, cut at the largest that there can be.
            .try_fold(0u64, |sum, bytes| Ok(sum.saturating_add(bytes?)))
    }

    /// The unit that holds a row, and the row's number in it.
    pub(super) fn locate(&self, row: u64) -> (usize, u32) {
        self.units.locate(row)
    }

    /// How many rows of each unit are wanted in runs of rows.
    pub(super) fn count_by_unit(&self, job: &Job<'_>, runs: &[&[i64]]) -> Result<Vec<u64>> {
        let queue = Queue::new(runs.len() as u64);
        let counts = job.run(|_, state| {
            let mut counts = vec![0u64; self.units()];
            while let Some(run) = queue.take() {
                state.check()?;
                for row in *checked::get(runs, checked::index(run)?)? {
                    let unit = self.locate(row.unsigned_abs()).0;
                    *counts.get_mut(unit).ok_or_else(|| missing(unit))? += 1;
                }
            }
            Ok(counts)
        })?;
        let mut sums = vec![0u64; self.units()];
        for counts in counts {
            checked::zip(&mut sums, counts)?.for_each(|(sum, count)| *sum += count);
        }
        Ok(sums)
    }

    /// Bytes of its file that reading a unit takes.
    pub(super) fn stored_bytes(&self, unit: usize) -> Result<u64> {
        let (part, index, columns) = self.unit(unit)?;
        part.stored_bytes(index, columns.places())
    }

    /// The rows `wanted` of a unit, in the types of the schema; see [`Unpacking::expand`].
    pub(super) fn read(&self, unit: usize, wanted: &[u32], expand: bool) -> Result<Batches> {
        let (part, index, columns) = self.unit(unit)?;
        let how = Unpacking { most: self.most, expand };
        // Values that must be converted are picked first, so that only wanted rows are.
        let batches = part.read(index, columns.places(), wanted, how);
        let batches = batches.map_err(|error| if_changed(part, error))?;
        let (schema, part) = (self.schema.clone(), part.clone());
        if !columns.is_widened() {
            let canonical = move |batch: Result<_>| {
                let made = batch.and_then(|batch| canonical(&schema, part.path(), &batch));
                made.map_err(|error| if_changed(&part, error))
            };
            return Ok(Box::new(batches.map(canonical)));
        }
        let (columns, wanted) = (columns.clone(), wanted.to_vec());
        let before = part.unit_rows().iter().take(index).try_fold(0, |sum, &rows| checked::add(sum, rows))?;
        let mut read = 0;
        let widened = move |batch: Result<RecordBatch>| {
            let made = batch.and_then(|batch| {
                let start = read;
                read = checked::add(read, batch.num_rows())?;
                let row_of = |row| wanted.get(start + row).map(|&row| before + u64::from(row));
                canonical(&schema, part.path(), &columns.fit(part.path(), batch, row_of)?)
            });
            made.map_err(|error| if_changed(&part, error))
        };
        Ok(Box::new(batches.map(widened)))
    }

    /// How many rows a unit has.
    pub(super) fn unit_rows(&self, unit: usize) -> Result<u64> {
        let (part, index, _) = self.unit(unit)?;
        part.unit_rows().get(index).copied().ok_or_else(|| missing(unit))
    }

    /// Fails if the file that a unit lies in changed since it was opened.
    pub(super) fn check_unit_unchanged(&self, unit: usize) -> Result<()> {
        self.unit(unit)?.0.check_unchanged()
    }

    /// Whether all rows may be used where they lie, with nothing unpacked into memory.
    pub fn in_place(&self) -> bool {
        self.parts_in_place().all(|in_place| in_place)
    }

    /// For each part, whether its rows may be used where they lie.
    pub(super) fn parts_in_place(&self) -> impl Iterator<Item = bool> {
        self.parts.iter().map(|part| part.in_place())
    }

    /// The part that a unit is in.
    pub(super) fn part_of(&self, unit: usize) -> Result<usize> {
        self.units.part_of(unit).map(|(part, _)| part).ok_or_else(|| missing(unit))
    }

    /// All rows of a unit where they lie, in the types of the schema, if they have them there.
    pub(super) fn view(&self, unit: usize) -> Result<Option<RecordBatch>> {
        let (part, index, columns) = self.unit(unit)?;
        if columns.is_widened() {
            return Ok(None); // Proof: its rows are decoded.
        }
        let batch = part.view(index, columns.places()).map_err(|error| if_changed(part, error))?;
        let batch = batch.filter(|batch| alike(batch, &self.schema));
        batch.map(|batch| canonical(&self.schema, part.path(), &batch)).transpose()
    }

    /// The file that a unit lies in, and its bytes there.
    pub(super) fn place(&self, unit: usize) -> Option<(&Arc<Map>, Range<usize>)> {
        let (part, index) = self.units.part_of(unit)?;
        self.parts.get(part)?.place(index)
    }

    fn unit(&self, unit: usize) -> Result<(&Arc<dyn CorpusPart>, usize, &PartColumns)> {
        let found = self
            .units
            .part_of(unit)
            .and_then(|(part, index)| Some((self.parts.get(part)?, index, self.columns.get(part)?)));
        found.ok_or_else(|| missing(unit))
    }

    /// Fails if a file changed since it was opened.
    ///
    /// # Errors
    /// [`Error::SourceChanged`], naming the file.
    pub fn check_unchanged(&self) -> Result<()> {
        self.parts.iter().try_for_each(|part| part.check_unchanged())
    }

    /// Fails if a file changed since it was opened, or if another has its name: what is told of the file of that name
    /// is then not told of these rows.
    pub fn check_named(&self) -> Result<()> {
        // Proof: a table in memory lies in no file.
        self.parts.iter().filter_map(|part| part.opened()).try_for_each(Opened::check_named)
    }
}

/// The error of reading a part, or that it changed since it was opened.
fn if_changed(part: &Arc<dyn CorpusPart>, error: Error) -> Error {
    error.unless_changed(|| part.check_unchanged())
}

fn missing(unit: usize) -> Error {
    Error::Internal(format!("there is no unit {unit}"))
}

/// Whether the columns of a batch need new names at most.
fn alike(batch: &RecordBatch, schema: &Schema) -> bool {
    // Proof: where there are not as many of both, they differ.
    let mut types = batch.columns().iter().zip(schema.fields());
    batch.num_columns() == schema.fields().len()
        && types.all(|(column, field)| same_layout(column.data_type(), field.data_type()))
}

#[cfg(test)]
mod tests;
