//! Files that rows name by their paths, taken into what is written, as `datasets` does when it saves a dataset.
//!
//! Images, audio and the like are stored as their bytes and their path. Where the bytes are missing, they are
//! read from the path as the rows are written, so that the output stands on its own; of the path the name is kept.

use std::borrow::Cow;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, FixedSizeListArray, GenericListArray, OffsetSizeTrait,
    RecordBatchOptions, StringBuilder, StructArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, FieldRef};
use arrow::record_batch::RecordBatch;
use serde_json::{Map, Value, json};

use super::encoder::{Encoder, End, Piece};
use super::fits::{is_struct, kind_of};
use super::journal::Done;
use super::release::Release;
use crate::checked::{self, impossible};
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::gather::{Corpus, take};

/// Bytes of files in a record batch, about.
const BATCH_BYTES: u64 = 256 << 20;
/// Places in a corpus, and rows at each, that tell how large files are.
const PLACES: i64 = 4;
const ROWS: i64 = 16;
/// What a finished shard says of the files in it.
const FACT: &str = "embedded";

/// Where in a column files are named.
#[derive(Debug, Clone)]
enum Place {
    Here,
    Fields(Vec<Option<Place>>),
    Items(Box<Place>),
}

impl Place {
    fn of(feature: &Value) -> Option<Self> {
        match feature {
            Value::Array(items) => Self::of(items.first()?).map(Self::in_items),
            Value::Object(object) if is_struct(object) => Self::of_fields(object.values().map(Self::of)),
            Value::Object(object) => match (kind_of(feature)?, object.get("feature")) {
                ("Sequence", Some(Value::Object(inner))) if is_struct(inner) => {
                    Self::of_fields(inner.values().map(|inner| Self::of(inner).map(Self::in_items)))
                }
                ("List" | "LargeList" | "Sequence", Some(inner)) => Self::of(inner).map(Self::in_items),
                (kind, _) => Release::NEWEST.has_media(kind).then_some(Self::Here),
            },
            _ => None,
        }
    }

    fn in_items(self) -> Self {
        Self::Items(Box::new(self))
    }

    fn of_fields(fields: impl Iterator<Item = Option<Self>>) -> Option<Self> {
        let fields: Vec<_> = fields.collect();
        fields.iter().any(Option::is_some).then_some(Self::Fields(fields))
    }
}

/// The columns that name files.
#[derive(Debug, Clone, Default)]
pub(super) struct Files(Vec<(usize, String, Place)>);

impl Files {
    /// Those of these features, which are in the order of the columns.
    pub(super) fn of(features: &Map<String, Value>) -> Self {
        let columns = features.iter().enumerate();
        // Proof: columns that name no files are written as they are.
        Self(
            columns.filter_map(|(i, (name, feature))| Some((i, name.clone(), Place::of(feature)?))).collect(),
        )
    }

    /// The names of the columns.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|(_, name, _)| name.clone()).collect()
    }

    /// About how many bytes the files of a row have, by rows at a few places of the corpus.
    pub(super) fn bytes_of_a_row(&self, job: &Job<'_>, corpus: &Corpus, memory_limit: u64) -> Result<u64> {
        let count: i64 = checked::to(corpus.rows())?;
        let places = (0..PLACES).map(|place| count / PLACES * place);
        // Proof: what saturates is cut at the number of rows.
        let mut rows: Vec<i64> = places.flat_map(|at| at..count.min(at.saturating_add(ROWS))).collect();
        rows.sort_unstable();
        rows.dedup();
        if self.0.is_empty() || rows.is_empty() {
            return Ok(0);
        }
        let columns = corpus.select(&self.names())?;
        let here = self.0.iter().enumerate().map(|(i, (_, name, place))| (i, name.clone(), place.clone()));
        let here = Self(here.collect());
        let mut bytes = 0u64;
        // These rows are none of the output, and progress does not count them.
        for batch in take(&Job::new(job.threads()), &columns, &rows, memory_limit)? {
            here.visit(&batch, &mut |_, _, path| {
                // Proof: about how many bytes, and what is wrong with a file is said where its row is written.
                bytes = bytes.saturating_add(fs::metadata(path).map_or(0, |file| file.len()));
                Ok(())
            })?;
        }
        Ok(bytes / rows.len() as u64)
    }

    /// Goes over the files that are to be read: the row, the column and the path.
    fn visit(
        &self,
        batch: &RecordBatch,
        found: &mut dyn FnMut(usize, &str, &str) -> Result<()>,
    ) -> Result<()> {
        for (index, name, place) in &self.0 {
            let read = &mut |row: usize, path: &str| found(row, name, path).map(|()| Vec::new());
            embedded(batch.column(*index), place, &Some, read)?;
        }
        Ok(())
    }

    /// Runs of rows whose files make a batch, each of one row at least.
    fn runs(&self, batch: &RecordBatch, first: u64) -> Result<Vec<Range<usize>>> {
        let mut sizes = vec![0u64; batch.num_rows()];
        self.visit(batch, &mut |row, column, path| {
            let size = size_of(path, column, first + row as u64)?;
            let sum = sizes.get_mut(row).ok_or_else(|| impossible("a file of no row"))?;
            *sum = sum.saturating_add(size); // Proof: what saturates is more than a batch has.
            Ok(())
        })?;
        let (mut runs, mut start, mut sum) = (Vec::new(), 0, 0u64);
        for (row, size) in sizes.into_iter().enumerate() {
            // Proof: what saturates is more than a batch has.
            if row > start && sum.saturating_add(size) > BATCH_BYTES {
                runs.push(start..row);
                (start, sum) = (row, 0);
            }
            sum = sum.saturating_add(size); // Proof: as above.
        }
        runs.push(start..batch.num_rows());
        Ok(runs)
    }

    /// A batch with its files in it, and how many they are. Its first row is `first` in the output.
    fn embed(&self, batch: &RecordBatch, first: u64) -> Result<(RecordBatch, u64)> {
        let mut columns = batch.columns().to_vec();
        let mut count = 0;
        for (index, name, place) in &self.0 {
            let read = &mut |row: usize, path: &str| {
                count += 1;
                read(path, name, first + row as u64)
            };
            let column = columns.get_mut(*index).ok_or_else(|| impossible("files of no column"))?;
            *column = embedded(column, place, &Some, read)?;
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = RecordBatch::try_new_with_options(batch.schema(), columns, &options);
        Ok((batch.map_err(internal)?, count))
    }
}

/// A column with the bytes of the files that it names. `row_of` gives the row of a value, or nothing where the
/// value is under a null.
fn embedded(
    column: &ArrayRef,
    place: &Place,
    row_of: &dyn Fn(usize) -> Option<usize>,
    read: &mut dyn FnMut(usize, &str) -> Result<Vec<u8>>,
) -> Result<ArrayRef> {
    match (place, column.data_type()) {
        (Place::Here, DataType::Struct(_)) => files(column.as_struct(), row_of, read),
        (Place::Fields(places), DataType::Struct(fields)) => {
            let group = column.as_struct();
            let row_of = |value: usize| row_of(value).filter(|_| group.is_valid(value));
            let mut columns = group.columns().to_vec();
            for (column, place) in checked::zip(&mut columns, places)? {
                if let Some(place) = place {
                    *column = embedded(column, place, &row_of, read)?;
                }
            }
            let group = StructArray::try_new(fields.clone(), columns, group.nulls().cloned());
            Ok(Arc::new(group.map_err(internal)?))
        }
        (Place::Items(place), DataType::List(item)) => {
            lists(column.as_list::<i32>(), item, place, row_of, read)
        }
        (Place::Items(place), DataType::LargeList(item)) => {
            lists(column.as_list::<i64>(), item, place, row_of, read)
        }
        (Place::Items(place), DataType::FixedSizeList(item, length)) => {
            let list = column.as_fixed_size_list();
            let each = usize::try_from(*length).map_err(internal)?;
            let items = list.values().slice(list.value_offset_at(0), list.len() * each);
            let row_of = |value: usize| row_of(value / each).filter(|_| list.is_valid(value / each));
            let items = embedded(&items, place, &row_of, read)?;
            let list = FixedSizeListArray::try_new(item.clone(), *length, items, list.nulls().cloned());
            Ok(Arc::new(list.map_err(internal)?))
        }
        (_, other) => Err(Error::Internal(format!("{other} names no files"))),
    }
}

fn lists<O: OffsetSizeTrait>(
    list: &GenericListArray<O>,
    item: &FieldRef,
    place: &Place,
    row_of: &dyn Fn(usize) -> Option<usize>,
    read: &mut dyn FnMut(usize, &str) -> Result<Vec<u8>>,
) -> Result<ArrayRef> {
    let offsets = list.value_offsets();
    let (Some(&start), Some(&end)) = (offsets.first(), offsets.last()) else {
        return Err(Error::Internal("lists have at least one offset".to_owned()));
    };
    let items = list.values().slice(start.as_usize(), end.as_usize() - start.as_usize());
    let moved: Vec<O> = offsets.iter().map(|offset| *offset - start).collect();
    // The list of a value is the last that begins at it or before: those before it are empty or other lists.
    let list_of = |value: usize| moved.partition_point(|offset| offset.as_usize() <= value) - 1;
    let row_of = |value: usize| row_of(list_of(value)).filter(|_| list.is_valid(list_of(value)));
    let items = embedded(&items, place, &row_of, read)?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(moved.clone()));
    let list = GenericListArray::try_new(item.clone(), offsets, items, list.nulls().cloned());
    Ok(Arc::new(list.map_err(internal)?))
}

/// Values of bytes and path with the bytes of those that have none.
fn files(
    stored: &StructArray,
    row_of: &dyn Fn(usize) -> Option<usize>,
    read: &mut dyn FnMut(usize, &str) -> Result<Vec<u8>>,
) -> Result<ArrayRef> {
    let (Some(bytes), Some(paths)) =
        (stored.column(0).as_binary_opt::<i32>(), stored.column(1).as_string_opt::<i32>())
    else {
        return Err(Error::Internal("files are stored as bytes and path".to_owned()));
    };
    let rows: Vec<_> = (0..stored.len()).map(|i| row_of(i).filter(|_| stored.is_valid(i))).collect();
    let mut names = StringBuilder::new();
    for (value, row) in rows.iter().enumerate() {
        names.append_option((row.is_some() && paths.is_valid(value)).then(|| base_name(paths.value(value))));
    }
    let is_missing = |value: usize| bytes.is_null(value) && paths.is_valid(value);
    let missing: Vec<_> =
        rows.iter().enumerate().map(|(value, row)| row.filter(|_| is_missing(value))).collect();
    let contents: ArrayRef = if missing.iter().any(Option::is_some) {
        let mut contents = BinaryBuilder::new();
        let mut total = 0usize;
        for (value, missing) in missing.into_iter().enumerate() {
            let content = match missing {
                Some(row) => Some(Cow::from(read(row, paths.value(value))?)),
                None => bytes.is_valid(value).then(|| Cow::from(bytes.value(value))),
            };
            total += content.as_ref().map_or(0, |content| content.len()); // Proof: a null has no bytes.
            check_total(total)?;
            contents.append_option(content);
        }
        Arc::new(contents.finish())
    } else {
        stored.column(0).clone()
    };
    let columns = vec![contents, Arc::new(names.finish()) as ArrayRef];
    let files = StructArray::try_new(stored.fields().clone(), columns, stored.nulls().cloned());
    Ok(Arc::new(files.map_err(internal)?))
}

/// Fails where so many bytes have no place in a column of bytes.
fn check_total(bytes: usize) -> Result<()> {
    i32::try_from(bytes).map(drop).map_err(|_| {
        Error::Value(format!(
            "the files of one row have {bytes} bytes, and a value holds 2 GiB at most; leave the column out or cast it to its paths"
        ))
    })
}

/// The last part of a path, as Python's `os.path.basename` gives it.
fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path) // Proof: a text has one part at least.
}

fn size_of(path: &str, column: &str, row: u64) -> Result<u64> {
    if path.contains("://") {
        return Err(Error::Value(format!(
            "the column {column:?} names {path:?} in row {row} of the output, and only files of this machine are taken in; download it, or leave the column out with columns="
        )));
    }
    let failed =
        |e| Error::io(path, format!("reading the file of column {column:?} in row {row} of the output"), e);
    let file = fs::metadata(path).map_err(failed)?;
    if file.is_file() {
        return Ok(file.len());
    }
    let message = format!(
        "the column {column:?} names {path:?} in row {row} of the output, which is not a file; leave the row out, or mend its path"
    );
    Err(Error::Value(message))
}

fn read(path: &str, column: &str, row: u64) -> Result<Vec<u8>> {
    size_of(path, column, row)?;
    fs::read(Path::new(path)).map_err(|e| {
        Error::io(path, format!("reading the file of column {column:?} in row {row} of the output"), e)
    })
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("files cannot be taken in: {error}"))
}

/// A format whose rows have their files in them.
pub(super) struct Embedded<E> {
    pub(super) encoder: E,
    pub(super) files: Files,
}

impl<E: Encoder> Encoder for Embedded<E> {
    /// That of the format, and how many files are in the piece.
    type Note = (E::Note, u64);

    fn blocks_of_a_piece(&self) -> u64 {
        self.encoder.blocks_of_a_piece()
    }

    fn name(&self, shard: usize, shards: usize) -> String {
        self.encoder.name(shard, shards)
    }

    fn head(&self) -> &[u8] {
        self.encoder.head()
    }

    fn encode(&self, first: u64, batches: Vec<RecordBatch>) -> Result<Piece<Self::Note>> {
        let (mut all, mut count, mut start) = (Vec::new(), 0, first);
        for batch in batches {
            if self.files.0.is_empty() {
                all.push(batch);
                continue;
            }
            for run in self.files.runs(&batch, start)? {
                let rows = batch.slice(run.start, run.len());
                let (rows, more) = self.files.embed(&rows, start + run.start as u64)?;
                all.push(rows);
                count += more;
            }
            start += batch.num_rows() as u64;
        }
        let Piece { buffers, note } = self.encoder.encode(first, all)?;
        Ok(Piece { buffers, note: (note, count) })
    }

    fn end(&self, name: &str, pieces: Vec<(u64, Self::Note)>) -> Result<End> {
        let count: u64 = pieces.iter().map(|(_, (_, count))| count).sum();
        let pieces = pieces.into_iter().map(|(offset, (note, _))| (offset, note)).collect();
        let mut end = self.encoder.end(name, pieces)?;
        if count > 0 {
            end.facts.insert(FACT.to_owned(), json!(count));
        }
        Ok(end)
    }

    fn count_rows(&self, path: &Path) -> Result<u64> {
        self.encoder.count_rows(path)
    }

    fn companions(&self, fingerprint: &str, shards: &[Done]) -> Result<Vec<(String, String)>> {
        self.encoder.companions(fingerprint, shards)
    }
}

/// Whether there are files in a finished shard that lay outside of the sources: nobody knows whether they are the
/// same still.
pub(super) fn has_files(shard: &Done) -> bool {
    shard.facts.contains_key(FACT)
}
