//! JSON lines: an object on each line, plain or compressed with gzip or zstd.
//!
//! All files are passed over once when they are opened: every value is looked at (`check.rs`), which tells the types of
//! the columns (`shape.rs`, `types.rs`) and where rows lie (`scan.rs`). All files of a corpus have one type for each
//! column, as if they were one file. Rows are read of a plain file by the blocks that hold wanted ones; a compressed file
//! is read from its beginning to the last wanted row, and on from there for rows behind it (`cursor.rs`).

mod check;
mod cursor;
mod pairs;
mod rows;
mod scan;
mod shape;
#[cfg(test)]
mod tests;
mod types;

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use self::check::{MOST_FIELDS, too_many_fields};
use self::cursor::{Cursor, Kept};
use self::rows::RowReader;
use self::scan::{Scanned, fields_of, scan};
use self::shape::Shape;
use self::types::{bytes_of, holds, type_of};
use super::part::{Batches, Container, CorpusPart, Unpacking};
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::job::Job;
use crate::gather::columns::types::project;
use crate::io::lines::{LineFile, Packing, Place, Reading};
use crate::io::opened::Opened;

/// A file of JSON lines.
pub(crate) struct JsonLinesPart {
    file: LineFile,
    schema: SchemaRef,
    /// Where each unit begins, and where the last ends.
    places: Vec<Place>,
    rows: Vec<u64>,
    /// About how many bytes each column takes.
    bytes: Vec<u64>,
    /// Where a compressed file was read to.
    kept: Arc<Kept>,
}

impl JsonLinesPart {
    /// Looks at all lines of some files, which are one table together. Of columns that were not `chosen`, those are left
    /// out that have no type.
    pub(crate) fn open_all(
        job: &Job<'_>,
        files: Vec<LineFile>,
        chosen: Option<&[String]>,
    ) -> Result<Vec<Arc<dyn CorpusPart>>> {
        let scanned = scan(job, &files)?;
        let mut shape = Shape::default();
        for one in &scanned {
            shape.merge(one.shape.clone(), 0)?;
        }
        let paths: Vec<&Path> = files.iter().map(LineFile::path).collect();
        if let Some(first) = paths.first().filter(|_| fields_of(&shape) > MOST_FIELDS) {
            return Err(Error::format(first, At::File, too_many_fields()));
        }
        let types = column_types(&shape, &paths, chosen)?;
        checked::zip(&files, scanned)?
            .map(|(file, scanned)| {
                Ok(Arc::new(Self::new(file.clone(), scanned, &types)?) as Arc<dyn CorpusPart>)
            })
            .collect()
    }

    /// Looks at all lines of a file whose columns have types that are known by now: those of all files of its corpus.
    pub(crate) fn open_told(job: &Job<'_>, file: LineFile, schema: &Schema) -> Result<Arc<dyn CorpusPart>> {
        let mut scanned = scan(job, std::slice::from_ref(&file))?;
        let scanned = scanned.pop().ok_or_else(|| checked::impossible("a file that was not looked at"))?;
        for field in &scanned.shape.fields.all {
            // Proof: columns without a type were not chosen.
            let Ok(known) = schema.field_with_name(&field.name) else { continue };
            if !holds(known.data_type(), &field.shape) {
                let what = format!(
                    "a value is here that has no place in {}, the type of its column when the file was described; describe the corpus again",
                    known.data_type()
                );
                return Err(Error::source_changed(
                    file.path(),
                    At::Field(format!("column {:?}", field.name)),
                    what,
                ));
            }
        }
        let types: Vec<_> =
            schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect();
        Ok(Arc::new(Self::new(file, scanned, &types)?))
    }

    fn new(file: LineFile, scanned: Scanned, types: &[(String, DataType)]) -> Result<Self> {
        let Scanned { places, shape } = scanned;
        // Proof: the last place is the end.
        let rows: Vec<u64> =
            places.windows(2).map(|pair| checked::sub(pair[1].rows, pair[0].rows)).collect::<Result<_>>()?;
        let all: u64 = rows.iter().sum();
        if all == 0 {
            let message = "it has no lines, and so no columns; leave the file out, or get it again";
            return Err(Error::truncated(file.path(), At::File, message));
        }
        let (mut fields, mut bytes) = (Vec::new(), Vec::new());
        for field in &shape.fields.all {
            // Proof: columns without a type were not chosen.
            let Some((name, data_type)) = types.iter().find(|(name, _)| *name == field.name) else {
                continue;
            };
            fields.push(Field::new(name, data_type.clone(), true));
            bytes.push(bytes_of(&field.shape, data_type, all));
        }
        Ok(Self { file, schema: Arc::new(Schema::new(fields)), places, rows, bytes, kept: Arc::default() })
    }
}

/// The type of each column that has one. A chosen one must have one.
fn column_types(
    shape: &Shape,
    paths: &[&Path],
    chosen: Option<&[String]>,
) -> Result<Vec<(String, DataType)>> {
    let mut types = Vec::new();
    for field in &shape.fields.all {
        let is_wanted = chosen.is_none_or(|names| names.contains(&field.name));
        match type_of(&field.shape, &field.name, paths) {
            Ok(data_type) => types.push((field.name.clone(), data_type)),
            Err(none) if is_wanted => return Err(none.error(paths)),
            Err(_) => {}
        }
    }
    Ok(types)
}

impl CorpusPart for JsonLinesPart {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn unit_rows(&self) -> &[u64] {
        &self.rows
    }

    fn bytes(&self, columns: &[usize]) -> Result<u64> {
        // Proof: an estimate, cut at the largest that there can be.
        columns
            .iter()
            .try_fold(0u64, |sum, &column| Ok(sum.saturating_add(*checked::get(&self.bytes, column)?)))
    }

    fn read(&self, unit: usize, columns: &[usize], wanted: &[u32], how: Unpacking) -> Result<Batches> {
        let schema = project(&self.schema, columns)?;
        let (start, end) = (*checked::get(&self.places, unit)?, *checked::get(&self.places, unit + 1)?);
        let of_file = |&row: &u32| checked::add(start.rows, u64::from(row));
        let wanted: Vec<u64> = wanted.iter().map(of_file).collect::<Result<_>>()?;
        let (cursor, kept) = match self.file.packing() {
            Packing::Plain => {
                let run = start.bytes..end.bytes;
                let len = checked::len(&run)?;
                let what = || format!("{}: the lines from byte {} on", self.path().display(), start.bytes);
                how.most.check(what, len as u64, 1).map_err(|none| Error::Memory(none.to_string()))?;
                let how = Reading { block_bytes: len, ..Reading::default() };
                (Cursor::new(self.file.blocks_of(&run, start, how)?), None)
            }
            Packing::Gzip | Packing::Zstd => {
                let again = wanted.first().and_then(|&row| self.kept.take(row));
                let cursor =
                    again.map_or_else(|| self.file.blocks(Reading::default()).map(Cursor::new), Ok)?;
                // Behind the last row there is nothing to go on to.
                let ends = wanted.last().is_none_or(|&last| last + 1 >= end.rows);
                (cursor, Some(Arc::clone(&self.kept)).filter(|_| !ends))
            }
        };
        Ok(Box::new(RowReader::new(&self.file, cursor, kept, schema, wanted)))
    }

    fn stored_bytes(&self, unit: usize, _columns: &[usize]) -> Result<u64> {
        match self.file.packing() {
            Packing::Plain => {
                let (start, end) = (checked::get(&self.places, unit)?, checked::get(&self.places, unit + 1)?);
                checked::sub(end.bytes, start.bytes)
            }
            Packing::Gzip | Packing::Zstd => Ok(self.file.size()),
        }
    }

    fn opened(&self) -> Option<&Opened> {
        Some(self.file.opened())
    }

    fn container(&self) -> Option<Container> {
        Some(Container::Jsonl)
    }
}
