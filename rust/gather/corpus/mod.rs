//! A table in many parts, seen as one run of rows cut in units.

mod describe;
mod files;
mod reading;
mod view;

pub use describe::{Description, DescriptionHead, FileRecord};

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;

use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::job::{Job, Queue};
use crate::exec::memory::UnpackLimit;
use crate::gather::columns::common_schema::{
    Schemas, all_columns, check_names, common_schema, no_more_columns, positions,
};
use crate::gather::columns::constants::{
    Constant, check_constants, join_constants, with_constants, without_constants,
};
use crate::gather::columns::part_columns::PartColumns;
use crate::gather::columns::types::own_features;
use crate::gather::source::{CorpusPart, MemoryPart, open_parts};
use crate::gather::units::Units;
use crate::io::file::Io;
use crate::io::map::Map;

/// A corpus of rows: files or a table, of one schema, read where they lie.
#[derive(Clone)]
pub struct Corpus {
    parts: Vec<Arc<dyn CorpusPart>>,
    /// The schema that rows come out with.
    schema: SchemaRef,
    /// For each part, where the columns of the schema are.
    columns: Vec<PartColumns>,
    /// The names that the columns have in the files.
    stored: Vec<String>,
    /// What a file may lack.
    schemas: Schemas,
    /// Columns that no file has, all that there are.
    constants: Arc<[Constant]>,
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
        Self::open_as(job, paths, columns, io, Schemas::Same, Vec::new())
    }

    /// As [`Self::open`], of files that may lack columns, and with columns that none of them has behind theirs.
    ///
    /// # Errors
    /// As for that; a column of that kind that a file has too.
    pub fn open_as(
        job: &Job<'_>,
        paths: &[PathBuf],
        columns: Option<&[String]>,
        io: Io,
        schemas: Schemas,
        constants: Vec<Constant>,
    ) -> Result<Self> {
        let in_files = columns.map(|columns| without_constants(&constants, columns));
        let parts = open_parts(job, paths, in_files.as_deref(), io)?;
        let corpus = Self::new(parts, columns, schemas, constants)?;
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
        Self::new(vec![Arc::new(MemoryPart::new(schema, batches))], columns, Schemas::Same, Vec::new())
    }

    fn new(
        parts: Vec<Arc<dyn CorpusPart>>,
        names: Option<&[String]>,
        schemas: Schemas,
        constants: Vec<Constant>,
    ) -> Result<Self> {
        let Some(first) = parts.first() else {
            return Err(Error::Value("at least one file is needed".to_owned()));
        };
        let there: Vec<_> = parts.iter().map(|part| (part.path(), part.schema().as_ref())).collect();
        let all = match schemas {
            Schemas::Same => first.schema().as_ref(),
            Schemas::Union => &all_columns(&there),
        };
        check_constants(&constants, &there)?;
        let with_all = with_constants(all, &constants);
        let stored: Vec<String> = if let Some(names) = names {
            check_names(&with_all, names)?;
            names.to_vec()
        } else {
            if all.fields().is_empty() {
                let message = "the table has no columns; write it again with at least one";
                return Err(Error::schema(first.path(), At::Field("schema".to_owned()), message));
            }
            if schemas == Schemas::Same {
                there.iter().try_for_each(|&part| no_more_columns((first.path(), all), part))?;
            }
            with_all.fields().iter().map(|field| field.name().clone()).collect()
        };
        let in_files = without_constants(&constants, &stored);
        let find = |&part: &(&Path, &Schema)| positions(part, &in_files, first.path(), schemas);
        let places: Vec<_> = there.iter().map(find).collect::<Result<_>>()?;
        let found = common_schema(&there, &in_files, &places, schemas)?;
        let (schema, columns) = join_constants(&constants, &stored, found)?;
        let (schema, units) = (Arc::new(own_features(schema)), Arc::new(Units::of(&parts)?));
        let (most, io, constants) = (UnpackLimit::default(), Io::default(), constants.into());
        Ok(Self { parts, schema, columns, stored, schemas, constants, units, most, io })
    }

    /// The schema that rows come out with.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The names that the columns have in the files.
    pub fn stored_names(&self) -> &[String] {
        &self.stored
    }

    /// What a file may lack.
    pub fn schemas(&self) -> Schemas {
        self.schemas
    }

    /// The columns that no file has, also those that were not chosen.
    pub fn constants(&self) -> &[Constant] {
        &self.constants
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
        self.bytes_of(|_, _| true)
    }

    /// About how many bytes the rows take that may be copied from where they lie.
    pub(super) fn bytes_copied(&self) -> Result<u64> {
        self.bytes_of(|part, columns| self.is_copied(part, columns))
    }

    fn bytes_of(&self, counts: impl Fn(&dyn CorpusPart, &PartColumns) -> bool) -> Result<u64> {
        // Some of it is read of their maps.
        self.check_unchanged()?;
        checked::zip(&self.parts, &self.columns)?
            .filter(|(part, columns)| counts(part.as_ref(), columns))
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
        self.parts.iter().all(|part| part.in_place())
    }

    /// The part that a unit is in.
    pub(super) fn part_of(&self, unit: usize) -> Result<usize> {
        self.units.part_of(unit).map(|(part, _)| part).ok_or_else(|| missing(unit))
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
}

/// The error of reading a part, or that it changed since it was opened.
fn if_changed(part: &Arc<dyn CorpusPart>, error: Error) -> Error {
    error.unless_changed(|| part.check_unchanged())
}

fn missing(unit: usize) -> Error {
    Error::Internal(format!("there is no unit {unit}"))
}

#[cfg(test)]
mod tests;
