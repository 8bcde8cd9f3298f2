//! Scores from one column of a Parquet file, decoded into memory.
//!
//! Row groups are decoded one by one, so that memory is the column's size and one batch more.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;

use super::column::ScoreColumn;
use super::leaf::Leaf;
use super::lists::ListEnds;
use super::numbers::Lists;
use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};
use crate::exec::job::check_here;
use crate::exec::memory::{UnpackLimit, check_free};
use crate::io::file::{File, Storage};
use crate::parquet_file::{
    Corrected, FileBytes, hidden_flags, hides_compression, is_encrypted, leaves, load, reader,
};
use crate::scores::options::OpenOptions;
use crate::scores::vector::chosen::Chosen;
use crate::scores::vector::part::Part;
use crate::scores::vector::reduce::read_values;

/// Rows decoded at once.
const STEP: usize = 1 << 16;
/// The memory that may be used where the system does not tell what is there.
const UNKNOWN_MEMORY: u64 = 4 << 30;

/// The values of a column, one part for each row group that has rows.
///
/// Without a name it is the only column that can be the score. Nulls are an [`Error::Value`] with their number, and so
/// is a column larger than the memory that is available. A file without rows gives one part without values.
pub(crate) fn parts(file: &File, options: &OpenOptions) -> Result<(Vec<Part>, Chosen)> {
    parts_within(file, options, available_memory().unwrap_or(UNKNOWN_MEMORY)) // Proof: where nobody tells, a guess.
}

fn parts_within(file: &File, options: &OpenOptions, budget: u64) -> Result<(Vec<Part>, Chosen)> {
    let mut reader = ParquetColumn::open(file, options)?;
    let groups = reader.group_rows()?;
    let rows = groups.iter().try_fold(0, |sum, &rows| checked::add(sum, rows))?;
    // Proof: what saturates is more than any memory.
    let size = rows.saturating_mul(reader.column.dtype().size() as u64);
    if size > budget {
        return Err(Error::Value(format!(
            "{}: column {:?} has {rows} rows, which decode to {size} bytes, and {budget} bytes of memory are available; store it as .npy or uncompressed Arrow, which are read where they lie",
            file.path().display(),
            reader.column.name
        )));
    }
    let (mut parts, mut nulls) = (Vec::new(), 0_u64);
    for (group, &rows) in groups.iter().enumerate().filter(|(_, rows)| **rows > 0) {
        let (bytes, found) = reader.decode(group, rows)?;
        nulls = checked::add(nulls, found)?;
        parts.push(reader.part(bytes, rows));
        reader.rows = checked::add(reader.rows, rows)?;
    }
    if nulls > 0 {
        return Err(reader.column.nulls(file.path(), nulls, rows));
    }
    if parts.is_empty() {
        parts.push(reader.part(Bytes::new(), 0));
    }
    Ok((parts, reader.column.chosen()))
}

/// One column of a file.
struct ParquetColumn<'f> {
    file: &'f File,
    stored: FileBytes,
    metadata: ArrowReaderMetadata,
    column: ScoreColumn,
    /// Its leaves in the Parquet schema.
    leaves: Range<usize>,
    /// The values of a list, once they are known.
    width: Option<u64>,
    /// The rows of the row groups before.
    rows: u64,
}

impl<'f> ParquetColumn<'f> {
    fn open(file: &'f File, options: &OpenOptions) -> Result<Self> {
        let stored = FileBytes::copied(file);
        stored.check_end()?;
        let at = At::Field("footer".to_owned());
        let footer = stored.guard(&at, "reading the footer", || load(&stored))?;
        let metadata = &footer.metadata;
        let column = ScoreColumn::choose(file.path(), metadata.schema(), options)?;
        let leaves = leaves(file.path(), metadata.parquet_schema(), metadata.schema())?;
        let (first, within) =
            column.fields.split_first().ok_or_else(|| impossible("a column without a place"))?;
        let leaves = leaves_within(
            metadata.schema().field(*first).data_type(),
            within,
            checked::get(&leaves, *first)?,
        )?;
        if footer.encrypted_of(leaves.clone()).is_some() {
            let otherwise = "name another column with column=";
            return Err(is_encrypted(file.path(), &column.name, otherwise));
        }
        let width = column.width();
        Ok(Self { file, stored, metadata: footer.metadata, column, leaves, width, rows: 0 })
    }

    /// The rows of each row group, whose sum is compared with the footer's.
    fn group_rows(&self) -> Result<Vec<u64>> {
        let metadata = self.metadata.metadata();
        let mut groups = Vec::with_capacity(metadata.num_row_groups());
        for (index, group) in metadata.row_groups().iter().enumerate() {
            groups.push(u64::try_from(group.num_rows()).map_err(|_| {
                let at = At::Field(format!("row group {index}"));
                Error::format(self.file.path(), at, format!("it has {} rows", group.num_rows()))
            })?);
        }
        // Proof: what saturates is no number of rows that a footer can declare.
        let total = groups.iter().fold(0_u64, |sum, &rows| sum.saturating_add(rows));
        let declared = metadata.file_metadata().num_rows();
        if u64::try_from(declared) != Ok(total) {
            let message = format!("the footer declares {declared} rows and its row groups have {total}");
            return Err(Error::truncated(self.file.path(), At::Field("num_rows".to_owned()), message));
        }
        Ok(groups)
    }

    /// The values of a row group as bytes, and how many of them are null.
    fn decode(&mut self, group: usize, rows: u64) -> Result<(Bytes, u64)> {
        let at = At::Field(format!("row group {group}, column {:?}", self.column.name));
        let (mut values, mut nulls, mut found) = (Vec::new(), 0_u64, 0_u64);
        let bytes = Corrected::new(self.stored.clone(), self.hidden_flags(group, &at)?);
        // Proof: a list has a value, and what is no number of values here is one.
        let step =
            (STEP / self.width.and_then(|width| usize::try_from(width).ok()).unwrap_or(1).max(1)).max(1);
        let mut batches = self.stored.guard(&at, "decoding", || {
            reader(bytes, &self.metadata, group, self.leaves.clone(), step, None, UnpackLimit::default())
        })?;
        let stored = self.stored.clone();
        // The allocation grows with what is decoded and not with what the footer says.
        let mut next = || {
            check_here()?;
            check_free("reading scores")?;
            stored.guard(&at, "decoding", || batches.next().transpose())
        };
        while let Some(batch) = next()? {
            nulls = checked::add(nulls, self.append(&batch, found, &mut values)?)?;
            found = checked::add(found, batch.num_rows() as u64)?;
        }
        if found != rows {
            let message = format!("{found} rows were decoded, and the footer declares {rows}");
            return Err(Error::truncated(self.file.path(), at, message));
        }
        values.shrink_to_fit();
        Ok((values.into(), nulls))
    }

    /// Where the pages of the column say wrongly that they are not compressed.
    fn hidden_flags(&self, group: usize, at: &At) -> Result<Vec<u64>> {
        let metadata = self.metadata.metadata();
        let mut flags = Vec::new();
        if hides_compression(metadata.file_metadata().created_by()) {
            let chunks = checked::get(metadata.row_groups(), group)?.columns();
            for chunk in checked::get(chunks, self.leaves.clone())? {
                let found = || hidden_flags(&self.stored, chunk);
                flags.extend(self.stored.guard(at, "reading the page headers", found)?);
            }
        }
        Ok(flags)
    }

    /// Adds the scores of a batch that begins at a row of its group, and gives the number of rows that have none.
    fn append(&mut self, batch: &RecordBatch, row: u64, scores: &mut Vec<u8>) -> Result<u64> {
        let row = checked::add(self.rows, row)?;
        let mut array: ArrayRef = batch.columns().first().ok_or_else(|| self.changed("no column"))?.clone();
        let mut nulls = array.null_count();
        while let Some(fields) = array.as_struct_opt() {
            array = fields.columns().first().ok_or_else(|| self.changed("no column"))?.clone();
            nulls = nulls.max(array.null_count());
        }
        let (first, width) = match self.column.lists {
            _ if nulls > 0 => return Ok(nulls as u64),
            Lists::None => (0, 1),
            Lists::Fixed(width) => {
                let list = array.as_fixed_size_list_opt().ok_or_else(|| self.changed("no lists"))?.clone();
                array = list.values().clone();
                (0, width)
            }
            Lists::Ends(4) => self.lists::<i32>(&mut array, row)?,
            Lists::Ends(_) => self.lists::<i64>(&mut array, row)?,
        };
        if array.null_count() > 0 {
            return Ok(array.null_count() as u64);
        }
        let count = checked::mul(batch.num_rows(), checked::index(width)?)?;
        let first = checked::index(first)?;
        if checked::add(first, count)? > array.len() {
            return Err(self.changed("a different number of values"));
        }
        let values = self.values(&array, first, count, (row, width))?;
        self.scores_of(values, (batch.num_rows() as u64, width), scores)?;
        Ok(0)
    }

    /// The values of lists in place of the lists; the first of these, and how many each list has.
    fn lists<O: OffsetSizeTrait>(&mut self, array: &mut ArrayRef, row: u64) -> Result<(u64, u64)> {
        let list = array.as_list_opt::<O>().ok_or_else(|| self.changed("no lists"))?.clone();
        let mut lists = ListEnds::new(self.column.clone(), self.width, row);
        for end in list.value_offsets() {
            let end = end.to_i64().ok_or_else(|| self.changed("lists without ends"))?;
            lists.next(self.file.path(), end)?;
        }
        let (first, width) = lists.found()?;
        self.column.check_place(self.file.path(), width)?;
        self.width = Some(width);
        *array = list.values().clone();
        Ok((first, width))
    }

    /// Values of an array as scores have them, from one on; the row that they begin with and those of a row are told for
    /// errors.
    fn values(
        &self,
        array: &ArrayRef,
        first: usize,
        count: usize,
        (row, width): (u64, u64),
    ) -> Result<Vec<u8>> {
        let leaf = self.column.leaf;
        let data = array.to_data();
        if Leaf::of(data.data_type()) != Some(leaf) {
            return Err(self.changed("another type"));
        }
        let buffer = data.buffers().first().ok_or_else(|| self.changed("no values"))?;
        let (mut values, from) = (Vec::new(), checked::add(data.offset(), first)?);
        let size = checked::mul(count, leaf.dtype().size())?;
        values.try_reserve_exact(size).map_err(|_| self.no_room())?;
        match leaf.append(buffer, from, count, &mut values)? {
            None => Ok(values),
            Some((number, message)) => {
                let rows =
                    (number as u64).checked_div(width).ok_or_else(|| impossible("lists without values"))?;
                Err(self.column.refused(self.file.path(), checked::add(row, rows)?, &message))
            }
        }
    }

    /// Adds the scores that are made of so many rows of so many values each.
    fn scores_of(&self, values: Vec<u8>, (rows, width): (u64, u64), scores: &mut Vec<u8>) -> Result<()> {
        let size = checked::mul(checked::index(rows)?, self.column.dtype().size())?;
        scores.try_reserve(size).map_err(|_| self.no_room())?;
        if self.column.place.is_none() && self.column.reduce.is_none() {
            checked::equal("bytes of values", values.len(), size)?;
            scores.extend_from_slice(&values);
            return Ok(());
        }
        let first = Part { dtype: self.column.leaf.dtype(), ..self.part(values.into(), rows) };
        let part = self.column.part(self.file.path(), first, width)?;
        let start = scores.len();
        scores.resize(checked::add(start, size)?, 0);
        let into = scores.get_mut(start..).ok_or_else(|| impossible("scores that were made room for"))?;
        read_values(&part, &(0..rows), into)
    }

    fn no_room(&self) -> Error {
        Error::Memory(format!(
            "{}: column {:?} does not fit into memory",
            self.file.path().display(),
            self.column.name
        ))
    }

    fn changed(&self, what: &str) -> Error {
        let message =
            format!("the decoder gave {what} where values of {} were due", self.column.leaf.dtype());
        Error::format(self.file.path(), self.column.at(), message)
    }

    fn part(&self, bytes: Bytes, len: u64) -> Part {
        let dtype = self.column.dtype();
        Part {
            storage: Storage::Memory(bytes),
            offset: 0,
            stride: 1,
            len,
            dtype,
            swapped: false,
            reduced: None,
        }
    }
}

/// The leaves of a field of structs, of those of the column that it lies in.
fn leaves_within(data_type: &DataType, path: &[usize], leaves: &Range<usize>) -> Result<Range<usize>> {
    let (mut data_type, mut start) = (data_type, leaves.start);
    let total = leaf_count(data_type);
    checked::equal("leaves of a column", leaves.len(), total)?;
    for &at in path {
        let DataType::Struct(fields) = data_type else {
            return Err(impossible("a field of what is no struct"));
        };
        for field in fields.iter().take(at) {
            start = checked::add(start, leaf_count(field.data_type()))?;
        }
        data_type = checked::get(fields, at)?.data_type();
    }
    Ok(start..checked::add(start, leaf_count(data_type))?)
}

/// The leaves of a type that Parquet can store.
fn leaf_count(data_type: &DataType) -> usize {
    match data_type {
        DataType::Struct(fields) => fields.iter().map(|field| leaf_count(field.data_type())).sum(),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => leaf_count(item.data_type()),
        _ => 1,
    }
}

/// What the system says is available, in bytes.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
