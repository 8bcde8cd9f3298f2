//! Scores from one column of a Parquet file, decoded into memory.
//!
//! Row groups are decoded one by one, so that memory is the column's size and one batch more.

use std::ops::Range;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ArrowReaderMetadata;

use super::column::ScoreColumn;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::job::check_here;
use crate::exec::memory::{UnpackLimit, check_free};
use crate::io::file::{File, Storage};
use crate::parquet_file::{
    Corrected, FileBytes, hidden_flags, hides_compression, is_encrypted, leaves, load, reader,
};
use crate::scores::vector::chosen::Chosen;
use crate::scores::vector::part::Part;

/// Rows decoded at once.
const STEP: usize = 1 << 16;
/// The memory that may be used where the system does not tell what is there.
const UNKNOWN_MEMORY: u64 = 4 << 30;

/// The values of a column, one part for each row group that has rows.
///
/// Without a name it is the only column that can be the score. Nulls are an [`Error::Value`] with their number, and so
/// is a column larger than the memory that is available. A file without rows gives one part without values.
pub(crate) fn parts(file: &File, column: Option<&str>) -> Result<(Vec<Part>, Option<Chosen>)> {
    parts_within(file, column, available_memory().unwrap_or(UNKNOWN_MEMORY)) // Proof: where nobody tells, a guess.
}

fn parts_within(file: &File, column: Option<&str>, budget: u64) -> Result<(Vec<Part>, Option<Chosen>)> {
    let reader = ParquetColumn::open(file, column)?;
    let groups = reader.group_rows()?;
    let rows = groups.iter().try_fold(0, |sum, &rows| checked::add(sum, rows))?;
    // Proof: what saturates is more than any memory.
    let size = rows.saturating_mul(reader.column.dtype.size() as u64);
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
    }
    if nulls > 0 {
        return Err(reader.column.nulls(file.path(), nulls, rows));
    }
    if parts.is_empty() {
        parts.push(reader.part(Bytes::new(), 0));
    }
    Ok((parts, Some(Chosen::Column(reader.column.name))))
}

/// One column of a file.
struct ParquetColumn<'f> {
    file: &'f File,
    stored: FileBytes,
    metadata: ArrowReaderMetadata,
    column: ScoreColumn,
    /// Its leaves in the Parquet schema.
    leaves: Range<usize>,
}

impl<'f> ParquetColumn<'f> {
    fn open(file: &'f File, column: Option<&str>) -> Result<Self> {
        let stored = FileBytes::copied(file);
        stored.check_end()?;
        let at = At::Field("footer".to_owned());
        let footer = stored.guard(&at, "reading the footer", || load(&stored))?;
        let metadata = &footer.metadata;
        let column = ScoreColumn::choose(file.path(), metadata.schema(), column)?;
        let leaves = leaves(file.path(), metadata.parquet_schema(), metadata.schema())?;
        let leaves = checked::get(&leaves, column.index)?.clone();
        if footer.encrypted_of(leaves.clone()).is_some() {
            let otherwise = "name another column with column=";
            return Err(is_encrypted(file.path(), &column.name, otherwise));
        }
        Ok(Self { file, stored, metadata: footer.metadata, column, leaves })
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
    fn decode(&self, group: usize, rows: u64) -> Result<(Bytes, u64)> {
        let at = At::Field(format!("row group {group}, column {:?}", self.column.name));
        let (mut values, mut nulls, mut found) = (Vec::new(), 0_u64, 0_u64);
        let bytes = Corrected::new(self.stored.clone(), self.hidden_flags(group, &at)?);
        let mut batches = self.stored.guard(&at, "decoding", || {
            reader(bytes, &self.metadata, group, self.leaves.clone(), STEP, None, UnpackLimit::default())
        })?;
        // The allocation grows with what is decoded and not with what the footer says.
        let mut next = || {
            check_here()?;
            check_free("reading scores")?;
            self.stored.guard(&at, "decoding", || batches.next().transpose())
        };
        while let Some(batch) = next()? {
            found = checked::add(found, batch.num_rows() as u64)?;
            nulls = checked::add(nulls, self.append(&batch, &mut values)?)?;
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

    /// Adds the values of a batch, and gives the number of rows that have none.
    fn append(&self, batch: &RecordBatch, values: &mut Vec<u8>) -> Result<u64> {
        let column: &ArrayRef = batch.columns().first().ok_or_else(|| self.changed("no column"))?;
        let (mut array, mut nulls) = (column.clone(), column.null_count());
        if self.column.nested {
            let list = column.as_fixed_size_list_opt().ok_or_else(|| self.changed("no lists"))?;
            array = list.values().clone();
            nulls = nulls.max(array.null_count());
        }
        let data = array.to_data();
        let size = self.column.dtype.size();
        let end = checked::add(data.offset(), data.len())?;
        let span = checked::mul(data.offset(), size)?..checked::mul(end, size)?;
        let bytes = data.buffers().first().and_then(|buffer| buffer.get(span));
        let expected = checked::mul(batch.num_rows(), size)?;
        let bytes = bytes
            .filter(|bytes| bytes.len() == expected)
            .ok_or_else(|| self.changed("a different number of values"))?;
        values.try_reserve(bytes.len()).map_err(|_| {
            Error::Memory(format!(
                "{}: column {:?} does not fit into memory",
                self.file.path().display(),
                self.column.name
            ))
        })?;
        values.extend_from_slice(bytes);
        Ok(nulls as u64)
    }

    fn changed(&self, what: &str) -> Error {
        let message = format!("the decoder gave {what} where values of {} were due", self.column.dtype);
        Error::format(self.file.path(), self.column.at(), message)
    }

    fn part(&self, bytes: Bytes, len: u64) -> Part {
        let dtype = self.column.dtype;
        Part { storage: Storage::Memory(bytes), offset: 0, stride: 1, len, dtype, swapped: false }
    }
}

/// What the system says is available, in bytes.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
