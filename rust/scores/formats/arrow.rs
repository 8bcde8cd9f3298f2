//! Scores from one column of an Arrow IPC stream or file.
//!
//! The values of an uncompressed batch are used where they lie in the file: what is read is the headers. The
//! column's buffers are found by walking the schema, so that columns of any type may stand before it.

use arrow::datatypes::{DataType, Schema, UnionMode};
use arrow::ipc::{BodyCompressionMethod, CompressionType, MetadataVersion, RecordBatch as BatchHeader};

use super::column::ScoreColumn;
use super::decompress::{Unpacked, unpack};
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::job::check_here;
use crate::io::file::{File, Storage};
use crate::io::ipc::{self, Contents, MessageBlock, MessageKind};
use crate::scores::vector::chosen::Chosen;
use crate::scores::vector::part::Part;

/// The values of a column, one part for each record batch that has rows.
///
/// Without a name it is the only column that can be the score. A compressed column is decoded into memory. Nulls are an
/// [`Error::Value`] with their number. A file without rows gives one part without values.
pub(crate) fn parts(file: &File, column: Option<&str>) -> Result<(Vec<Part>, Option<Chosen>)> {
    let contents = Contents::read(file)?;
    let column = ScoreColumn::choose(file.path(), &contents.schema, column)?;
    let reader = ArrowColumn { file, before: Before::column(&contents.schema, column.index), column };
    let (mut parts, mut nulls, mut total) = (Vec::new(), 0_u64, 0_u64);
    for (place, kind) in &contents.messages {
        let MessageKind::Batch { rows, .. } = *kind else {
            continue; // Proof: dictionaries hold no rows, and numbers are in none.
        };
        check_here()?;
        total = checked::add(total, rows)?;
        nulls = checked::add(nulls, reader.batch(place, rows, &mut parts)?)?;
    }
    if nulls > 0 {
        return Err(reader.column.nulls(file.path(), nulls, total));
    }
    let found = parts.iter().try_fold(0, |sum, part| checked::add(sum, part.len))?;
    checked::equal("rows of the batches", found, total)?;
    if parts.is_empty() {
        parts.push(reader.part(file.storage(), 0, 0));
    }
    Ok((parts, Some(Chosen::Column(reader.column.name))))
}

/// One column of the batches of a file.
struct ArrowColumn<'f> {
    file: &'f File,
    before: Before,
    column: ScoreColumn,
}

impl ArrowColumn<'_> {
    /// Adds the values of a batch to the parts, unless it has nulls, and gives their number.
    fn batch(&self, place: &MessageBlock, rows: u64, parts: &mut Vec<Part>) -> Result<u64> {
        let bytes = ipc::header_of(self.file, place)?;
        let message = ipc::message(self.file.path(), place, &bytes)?;
        let batch = message
            .header_as_record_batch()
            .ok_or_else(|| self.broken(place, "the batch is gone; the file changed".to_owned()))?;
        let nulls = self.nulls(place, &batch, rows)?;
        if nulls > 0 || rows == 0 {
            return Ok(nulls);
        }
        let index = self.before.buffer(&batch, message.version(), self.column.nested);
        let index = index.ok_or_else(|| {
            self.broken(place, "the batch does not say how many buffers its views have".to_owned())
        })?;
        let span = ipc::buffer(self.file.path(), place, &batch, index)?;
        let need = rows.checked_mul(self.column.dtype.size() as u64);
        let need =
            need.ok_or_else(|| self.broken(place, format!("the batch has {rows} rows: more than can be")))?;
        let part = match self.codec(place, &batch)? {
            Some(codec) => match unpack(self.file, span, codec, need)? {
                Unpacked::Stored(offset) => self.part(self.file.storage(), offset, rows),
                Unpacked::Decoded(bytes) => self.part(Storage::Memory(bytes), 0, rows),
            },
            None if span.end - span.start < need => {
                let message = format!(
                    "column {:?} has {} bytes in the batch, and its {rows} rows need {need}; the file is damaged",
                    self.column.name,
                    span.end - span.start
                );
                return Err(self.broken(place, message));
            }
            None => self.part(self.file.storage(), span.start, rows),
        };
        parts.push(part);
        Ok(0)
    }

    /// How many rows of the column have no value; its lengths are compared with the batch's.
    fn nulls(&self, place: &MessageBlock, batch: &BatchHeader<'_>, rows: u64) -> Result<u64> {
        let nodes = batch.nodes();
        #[allow(clippy::redundant_closure_for_method_calls)]
        // the method is of a crate that is not named here
        let count = nodes.as_ref().map_or(0, |nodes| nodes.len()); // Proof: a list that is not there is empty.
        let mut nulls = 0_u64;
        for index in self.before.nodes..=self.before.nodes + usize::from(self.column.nested) {
            let Some(node) = nodes.as_ref().filter(|_| index < count).map(|nodes| *nodes.get(index)) else {
                let message =
                    format!("the batch describes {count} arrays, and its schema needs more than {index}");
                return Err(self.broken(place, message));
            };
            let found = u64::try_from(node.null_count()).ok().filter(|&found| found <= rows);
            match found {
                Some(found) if u64::try_from(node.length()) == Ok(rows) => nulls = nulls.max(found),
                _ => {
                    let message = format!(
                        "column {:?} has {} values and {} nulls in a batch of {rows} rows; the file is damaged",
                        self.column.name,
                        node.length(),
                        node.null_count()
                    );
                    return Err(self.broken(place, message));
                }
            }
        }
        Ok(nulls)
    }

    fn codec(&self, place: &MessageBlock, batch: &BatchHeader<'_>) -> Result<Option<CompressionType>> {
        let Some(compression) = batch.compression() else {
            return Ok(None); // Proof: so it is where nothing is said.
        };
        if compression.method() != BodyCompressionMethod::BUFFER {
            let message = format!("the compression method {} is not known", compression.method().0);
            return Err(self.broken(place, message));
        }
        Ok(Some(compression.codec()))
    }

    fn part(&self, storage: Storage, offset: u64, len: u64) -> Part {
        // Framing refuses big-endian values.
        let swapped = cfg!(target_endian = "big");
        Part { storage, offset, stride: 1, len, dtype: self.column.dtype, swapped }
    }

    fn broken(&self, place: &MessageBlock, message: String) -> Error {
        Error::format(self.file.path(), At::Byte(place.header.start), message)
    }
}

/// What the columns before the wanted one take in the lists of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
struct Before {
    /// Arrays, nested ones counted.
    nodes: usize,
    /// Buffers, but for what the two below say.
    buffers: usize,
    /// Arrays of views, whose number of data buffers each batch tells.
    views: usize,
    /// Unions, which had one more buffer before version 5 of the format.
    unions: usize,
}

impl Before {
    fn column(schema: &Schema, index: usize) -> Self {
        let mut before = Self::default();
        schema.fields().iter().take(index).for_each(|field| before.add(field.data_type()));
        before
    }

    /// Counts a column of this type, in the order of the format's "Buffer Listing for Each Layout".
    fn add(&mut self, data_type: &DataType) {
        self.nodes += 1;
        self.buffers += match data_type {
            DataType::Null | DataType::RunEndEncoded(..) => 0,
            DataType::Struct(_) | DataType::FixedSizeList(..) | DataType::Union(_, UnionMode::Sparse) => 1,
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::ListView(_)
            | DataType::LargeListView(_) => 3,
            _ => 2,
        };
        match data_type {
            DataType::Utf8View | DataType::BinaryView => self.views += 1,
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item)
            | DataType::FixedSizeList(item, _)
            | DataType::Map(item, _) => self.add(item.data_type()),
            DataType::Struct(fields) => fields.iter().for_each(|field| self.add(field.data_type())),
            DataType::Union(fields, _) => {
                self.unions += 1;
                fields.iter().for_each(|(_, field)| self.add(field.data_type()));
            }
            DataType::RunEndEncoded(ends, values) => {
                self.add(ends.data_type());
                self.add(values.data_type());
            }
            _ => {}
        }
    }

    /// The buffer of the wanted column's values, which stands behind its validity bits and those of its list.
    fn buffer(&self, batch: &BatchHeader<'_>, version: MetadataVersion, nested: bool) -> Option<usize> {
        let mut index = self.buffers.checked_add(1 + usize::from(nested))?;
        if version.0 < MetadataVersion::V5.0 {
            index = index.checked_add(self.unions)?;
        }
        if self.views > 0 {
            let counts = batch.variadicBufferCounts().filter(|counts| counts.len() >= self.views)?;
            for count in counts.iter().take(self.views) {
                index = index.checked_add(usize::try_from(count).ok()?)?;
            }
        }
        Some(index)
    }
}
