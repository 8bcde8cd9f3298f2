//! Shards of JSON lines, as text that is compressed: `data/train-00000-of-00004.jsonl.zst`.
//!
//! A row is an object on a line of its own. Batches become text on any thread; the text of a shard is compressed as
//! one frame, piece after piece, as many readers end with the first frame of a file.

mod frame;
mod keys;
mod refused;
pub(crate) mod types;
mod values;

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use arrow::array::Array;
use arrow::buffer::Buffer;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow_json::WriterBuilder;
use arrow_json::writer::LineDelimited;

use super::encoder::{Encoder, End, Packer, Piece};
use super::parquet::room::values_in;
use super::shard_names::shard_name;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::catch_panic::faultless;
use crate::exec::memory::{COPIES, check_bytes, check_free};
use crate::write::format::Format;
use crate::write::format::finished::FinishedShard;
use frame::Frame;
pub(crate) use frame::count_rows;
pub(crate) use keys::first_keys;
use refused::refused_in;
use values::Values;

/// Lines of one schema.
pub(crate) struct Lines {
    schema: SchemaRef,
    builder: WriterBuilder,
    split: String,
}

impl Lines {
    /// Fails for columns that share a name: a reader would see one of them.
    pub(crate) fn new(schema: &SchemaRef, split: &str) -> Result<Self> {
        check_names(schema)?;
        let builder = WriterBuilder::new().with_explicit_nulls(true).with_encoder_factory(Arc::new(Values));
        Ok(Self { schema: schema.clone(), builder, split: split.to_owned() })
    }

    fn refuse_values(&self, first: u64, batch: &RecordBatch) -> Result<()> {
        for (field, column) in checked::zip(self.schema.fields(), batch.columns())? {
            if let Some((row, what)) = refused_in(column) {
                let message = format!(
                    "the column {:?} has {what} in this row of the output; select other rows, leave the column out with columns=, or write format=\"parquet\", which has it",
                    field.name()
                );
                return Err(Error::schema("the rows", At::Row(first + row as u64), message));
            }
        }
        Ok(())
    }
}

/// Fails where two columns have one name.
pub(crate) fn check_names(schema: &Schema) -> Result<()> {
    let mut names = HashSet::new();
    let twice = schema.fields().iter().find(|field| !names.insert(field.name()));
    twice.map_or(Ok(()), |field| {
        Err(Error::Value(format!(
            "two columns are named {:?}, and of an object of JSON readers see one of them; name the columns to write by columns=, or rename one",
            field.name()
        )))
    })
}

impl Encoder for Lines {
    type Note = ();

    fn name(&self, shard: usize, shards: usize) -> String {
        shard_name(Format::Jsonl, &self.split, shard, shards)
    }

    fn head(&self, _rows: u64) -> Result<Cow<'_, [u8]>> {
        Ok(Cow::Borrowed(&[]))
    }

    fn packer(&self) -> Result<Option<Box<dyn Packer>>> {
        Ok(Some(Box::new(Frame::begin()?)))
    }

    fn encode(&self, first: u64, batches: Vec<RecordBatch>) -> Result<Piece<()>> {
        check_free("writing JSON lines")?;
        let (mut buffers, mut row) = (Vec::new(), first);
        for batch in batches {
            self.refuse_values(row, &batch)?;
            check_room(&batch)?;
            row = checked::add(row, batch.num_rows() as u64)?;
            let text = faultless("writing JSON lines", || {
                let mut writer = self.builder.clone().build::<_, LineDelimited>(Vec::new());
                writer.write(&batch)?;
                writer.finish()?;
                Ok::<_, arrow::error::ArrowError>(writer.into_inner())
            })?;
            buffers.push(Buffer::from_vec(text));
        }
        Ok(Piece { buffers, note: () })
    }

    fn end(&self, _name: &str, _pieces: Vec<(u64, ())>) -> Result<End> {
        Ok(End::default())
    }

    fn count_rows(&self, path: &Path) -> Result<u64> {
        count_rows(path)
    }

    fn companions(&self, _fingerprint: &str, _shards: &[FinishedShard]) -> Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }
}

/// Fails where there is no room for the text of a batch.
fn check_room(batch: &RecordBatch) -> Result<()> {
    /// Bytes of a number at most, with what stands around it.
    const NUMBER: u64 = 40;
    /// Bytes that a byte of text becomes at most.
    const ESCAPED: u64 = 6;
    let mut need = 0u64;
    for (field, column) in checked::zip(batch.schema().fields(), batch.columns())? {
        let data = column.to_data();
        let bytes = data.get_slice_memory_size().map_err(|e| Error::Internal(e.to_string()))? as u64;
        let names = ESCAPED * field.size() as u64;
        // Proof: what saturates finds no room.
        let of_values = values_in(&data).saturating_mul(NUMBER.saturating_add(names));
        // Proof: as above.
        need = need.saturating_add(of_values).saturating_add(bytes.saturating_mul(ESCAPED));
    }
    check_bytes(|| format!("writing a batch of {} rows as JSON lines", batch.num_rows()), need, COPIES)
}

#[cfg(test)]
mod tests;
