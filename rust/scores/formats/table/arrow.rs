//! Scores from one column of an Arrow IPC stream or file.
//!
//! The values of an uncompressed batch are used where they lie in the file: what is read is the headers, and the ends of
//! lists. The column's buffers are found by walking the schema, so that columns of any type may stand before it.

use arrow::ipc::{BodyCompressionMethod, CompressionType, MetadataVersion, RecordBatch as BatchHeader};
use std::borrow::Cow;

use super::before::Before;
use super::column::ScoreColumn;
use super::decompress::{Unpacked, unpack};
use super::leaf::Leaf;
use super::lists::ListEnds;
use super::numbers::Lists;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::job::check_here;
use crate::exec::memory::check_bytes;
use crate::io::file::{File, Storage};
use crate::io::ipc::{self, Contents, MessageBlock, MessageKind};
use crate::scores::options::OpenOptions;
use crate::scores::vector::chosen::Chosen;
use crate::scores::vector::part::Part;

/// Ends of lists that are read at once.
const ENDS: u64 = 1 << 16;
/// Values that are decoded before it is asked whether to stop.
const DECODED: u64 = 1 << 20;

/// The values of a column, one part for each record batch that has rows.
///
/// Without a name it is the only column that can be the score. A compressed column is decoded into memory. Nulls are an
/// [`Error::Value`] with their number. A file without rows gives one part without values.
pub(crate) fn parts(file: &File, options: &OpenOptions) -> Result<(Vec<Part>, Chosen)> {
    let contents = Contents::read(file)?;
    let column = ScoreColumn::choose(file.path(), &contents.schema, options)?;
    let chosen = column.chosen();
    let before = Before::column(&contents.schema, &column.fields)?;
    let mut reader = ArrowColumn { file, before, width: column.width(), column, rows: 0 };
    let (mut parts, mut nulls) = (Vec::new(), 0_u64);
    for (place, kind) in &contents.messages {
        let MessageKind::Batch { rows, .. } = *kind else {
            continue; // Proof: dictionaries hold no rows, and numbers are in none.
        };
        check_here()?;
        nulls = checked::add(nulls, reader.batch(place, rows, &mut parts)?)?;
        reader.rows = checked::add(reader.rows, rows)?;
    }
    if nulls > 0 {
        return Err(reader.column.nulls(file.path(), nulls, reader.rows));
    }
    let found = parts.iter().try_fold(0, |sum, part| checked::add(sum, part.len))?;
    checked::equal("rows of the batches", found, reader.rows)?;
    if parts.is_empty() {
        parts.push(Part { dtype: reader.column.dtype(), ..reader.run(file.storage(), 0) });
    }
    Ok((parts, chosen))
}

/// One column of the batches of a file.
struct ArrowColumn<'f> {
    file: &'f File,
    before: Before,
    column: ScoreColumn,
    /// The values of a list, once they are known.
    width: Option<u64>,
    /// The rows of the batches before.
    rows: u64,
}

/// A batch and where it is.
struct Batch<'b> {
    place: &'b MessageBlock,
    header: BatchHeader<'b>,
    version: MetadataVersion,
    rows: u64,
}

impl ArrowColumn<'_> {
    /// Adds the values of a batch to the parts, unless it has nulls, and gives their number.
    fn batch(&mut self, place: &MessageBlock, rows: u64, parts: &mut Vec<Part>) -> Result<u64> {
        let bytes = ipc::header_of(self.file, place)?;
        let message = ipc::message(self.file.path(), place, &bytes)?;
        let header = message
            .header_as_record_batch()
            .ok_or_else(|| self.broken(place, "the batch is gone; the file changed".to_owned()))?;
        let batch = Batch { place, header, version: message.version(), rows };
        let (mut nulls, values) = self.nulls(&batch)?;
        if nulls > 0 || rows == 0 {
            return Ok(nulls);
        }
        let (first, width) = self.lists(&batch)?;
        let count = checked::mul(rows, width)?;
        let end = checked::add(first, count)?;
        if values.length < end {
            let message = format!(
                "column {:?} has {} values in a batch whose {rows} rows need {end}; the file is damaged",
                self.column.name, values.length
            );
            return Err(self.broken(place, message));
        }
        nulls = checked::add(nulls, values.nulls)?;
        if nulls > 0 {
            return Ok(nulls);
        }
        let run = self.values(&batch, first, count)?;
        parts.push(self.column.part(self.file.path(), Part { len: rows, ..run }, width)?);
        Ok(0)
    }

    /// How many rows of the column have no value, and what is told of its values; lengths are compared with the batch's.
    fn nulls(&self, batch: &Batch<'_>) -> Result<(u64, Told)> {
        let own = self.before.nodes;
        let is_list = self.column.lists != Lists::None;
        let mut nulls = 0;
        for &index in self.before.above.iter().chain(is_list.then_some(&own)) {
            nulls = nulls.max(self.told(batch, index, Some(batch.rows))?.nulls);
        }
        let due = match self.column.lists {
            Lists::None => Some(batch.rows),
            Lists::Fixed(width) => Some(self.product(batch, batch.rows, width)?),
            Lists::Ends(_) => None,
        };
        let values = self.told(batch, checked::add(own, usize::from(is_list))?, due)?;
        Ok((if is_list { nulls } else { nulls.max(values.nulls) }, values))
    }

    /// What the batch says of an array, which must have so many values if it is known.
    fn told(&self, batch: &Batch<'_>, index: usize, due: Option<u64>) -> Result<Told> {
        let nodes = batch.header.nodes();
        #[allow(clippy::redundant_closure_for_method_calls)]
        // the method is of a crate that is not named here
        let count = nodes.as_ref().map_or(0, |nodes| nodes.len()); // Proof: a list that is not there is empty.
        let Some(node) = nodes.as_ref().filter(|_| index < count).map(|nodes| *nodes.get(index)) else {
            let message =
                format!("the batch describes {count} arrays, and its schema needs more than {index}");
            return Err(self.broken(batch.place, message));
        };
        let length = u64::try_from(node.length()).ok().filter(|&length| due.is_none_or(|due| due == length));
        let nulls = u64::try_from(node.null_count()).ok();
        match (length, nulls) {
            (Some(length), Some(nulls)) if nulls <= length => Ok(Told { length, nulls }),
            _ => {
                let message = format!(
                    "column {:?} has {} values and {} nulls in a batch of {} rows; the file is damaged",
                    self.column.name,
                    node.length(),
                    node.null_count(),
                    batch.rows
                );
                Err(self.broken(batch.place, message))
            }
        }
    }

    /// The first of the values that the rows are made of, and how many each has.
    fn lists(&mut self, batch: &Batch<'_>) -> Result<(u64, u64)> {
        let size = match self.column.lists {
            Lists::None => return Ok((0, 1)),
            Lists::Fixed(width) => return Ok((0, width)),
            Lists::Ends(size) => size,
        };
        let need = self.product(batch, checked::add(batch.rows, 1)?, size as u64)?;
        let ends = self.buffer(batch, 1, need)?;
        let mut lists = ListEnds::new(self.column.clone(), self.width, self.rows);
        let step = checked::mul(ENDS, size as u64)?;
        let mut at = 0;
        while at < need {
            let bytes = self.read(&ends, at, step.min(checked::sub(need, at)?))?;
            lists.add(self.file.path(), &bytes, size)?;
            at = checked::add(at, bytes.len() as u64)?;
            check_here()?;
        }
        let (first, width) = lists.found()?;
        self.width = Some(width);
        self.column.check_place(self.file.path(), width)?;
        Ok((first, width))
    }

    /// So many values from one on, where they lie or decoded.
    fn values(&self, batch: &Batch<'_>, first: u64, count: u64) -> Result<Part> {
        let leaf = self.column.leaf;
        let bits = match self.column.lists {
            Lists::None => 1,
            Lists::Fixed(_) => 2,
            Lists::Ends(_) => 3,
        };
        let need = leaf.nbytes(checked::add(first, count)?)?;
        let found = self.buffer(batch, bits, need)?;
        let Leaf::Plain(dtype) = leaf else {
            // Proof: an error, if a value cannot be a score.
            return self.decoded(&found, first, count, need);
        };
        let before = checked::mul(first, dtype.size() as u64)?;
        Ok(match found {
            Unpacked::Stored(offset) => self.run(self.file.storage(), checked::add(offset, before)?),
            Unpacked::Decoded(bytes) => self.run(Storage::Memory(bytes), before),
        })
    }

    /// Values that scores do not have as scores, in memory.
    fn decoded(&self, found: &Unpacked, first: u64, count: u64, need: u64) -> Result<Part> {
        let leaf = self.column.leaf;
        let size = checked::mul(count, leaf.dtype().size() as u64)?;
        check_bytes(
            || format!("{}: decoding column {:?}", self.file.path().display(), self.column.name),
            size,
            1,
        )?;
        let mut bytes = self.read(found, 0, need)?.into_owned();
        if let (Leaf::Decimal { bytes: width, .. }, true) = (leaf, cfg!(target_endian = "big")) {
            // Proof: nothing remains, as they are whole values.
            bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
        }
        let (mut values, mut at) = (Vec::new(), 0);
        while at < count {
            let some = DECODED.min(checked::sub(count, at)?);
            let from = checked::index(checked::add(first, at)?)?;
            if let Some((number, message)) = leaf.append(&bytes, from, checked::index(some)?, &mut values)? {
                let value = checked::add(at, number as u64)?;
                let row = checked::add(self.rows, value.checked_div(self.width.unwrap_or(1)).unwrap_or(0))?; // Proof: known by now, and not 0.
                return Err(self.column.refused(self.file.path(), row, &message));
            }
            at = checked::add(at, some)?;
            check_here()?;
        }
        Ok(Part { swapped: false, ..self.run(Storage::Memory(values.into()), 0) })
    }

    /// Where the first so many bytes are of a buffer of the column, by its number among these.
    fn buffer(&self, batch: &Batch<'_>, number: usize, need: u64) -> Result<Unpacked> {
        let index = self.before.buffer(&batch.header, batch.version, number).ok_or_else(|| {
            self.broken(batch.place, "the batch does not say how many buffers its views have".to_owned())
        })?;
        let span = ipc::buffer(self.file.path(), batch.place, &batch.header, index)?;
        match self.codec(batch.place, &batch.header)? {
            Some(codec) => unpack(self.file, span, codec, need),
            None if span.end - span.start < need => {
                let message = format!(
                    "column {:?} has {} bytes in the batch, and its {} rows need {need}; the file is damaged",
                    self.column.name,
                    span.end - span.start,
                    batch.rows
                );
                Err(self.broken(batch.place, message))
            }
            None => Ok(Unpacked::Stored(span.start)),
        }
    }

    /// So many bytes of a buffer.
    fn read<'b>(&'b self, found: &'b Unpacked, at: u64, len: u64) -> Result<Cow<'b, [u8]>> {
        match found {
            Unpacked::Stored(offset) => self.file.read(checked::add(*offset, at)?, checked::index(len)?),
            Unpacked::Decoded(bytes) => {
                Ok(Cow::Borrowed(checked::get(bytes, checked::span(&(at..checked::add(at, len)?))?)?))
            }
        }
    }

    fn product(&self, batch: &Batch<'_>, values: u64, size: u64) -> Result<u64> {
        let many =
            || self.broken(batch.place, format!("the batch has {} rows: more than can be", batch.rows));
        values.checked_mul(size).ok_or_else(many)
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

    /// A run of values from a byte on, of any length.
    fn run(&self, storage: Storage, offset: u64) -> Part {
        // Framing refuses big-endian values.
        let swapped = cfg!(target_endian = "big") && self.column.leaf.dtype().size() > 1;
        let dtype = self.column.leaf.dtype();
        Part { storage, offset, stride: 1, len: 0, dtype, swapped, reduced: None }
    }

    fn broken(&self, place: &MessageBlock, message: String) -> Error {
        Error::format(self.file.path(), At::Byte(place.header.start), message)
    }
}

/// What a batch says of an array.
struct Told {
    length: u64,
    nulls: u64,
}
