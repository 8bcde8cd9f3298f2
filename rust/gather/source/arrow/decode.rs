//! Record batches decoded, in the types of the file or with bytes in place of texts.

use std::sync::Arc;

use arrow::datatypes::{Fields, Schema};
use arrow::ipc::reader::read_record_batch;
use arrow::ipc::{MetadataVersion, RecordBatch as BatchHeader};
use arrow::record_batch::RecordBatch;

use super::excerpt::Excerpt;
use super::stream::{ArrowPart, BatchPlace, DecodedAs};
use super::unpacked::check_buffers;
use crate::error::{At, Error, Result};
use crate::exec::catch_panic::guard;
use crate::exec::memory::UnpackLimit;
use crate::gather::columns::size::nbytes;
use crate::gather::columns::types::project;
use crate::gather::source::check_values::{checked_batch, without_texts_in};
use crate::gather::source::part::Batches;
use crate::gather::source::pick::picked;

/// A batch as it was decoded.
pub(super) enum Decoded {
    /// In the types that the file declares.
    Typed(RecordBatch),
    /// With bytes in place of texts.
    Bytes(RecordBatch),
}

impl ArrowPart {
    /// Decodes some columns of a batch, in their order.
    ///
    /// The bytes of one row that are no text make all of its batch unreadable: they then come as bytes, of which
    /// [`checked_batch`] makes the texts of wanted rows.
    pub(super) fn decode(&self, batch: &BatchPlace, columns: &[usize], most: UnpackLimit) -> Result<Decoded> {
        let excerpt = self.excerpt(&batch.place, "the batch", most)?;
        let error = match self.decode_as(&self.types, batch, &excerpt, columns, most) {
            Ok(batch) => return Ok(Decoded::Typed(batch)),
            Err(error @ Error::Memory(_)) => return Err(error),
            Err(error) => error,
        };
        let types = self.bytes_for_texts()?;
        if types.schema.fields() == self.types.schema.fields() {
            return Err(error);
        }
        self.decode_as(types, batch, &excerpt, columns, most).map(Decoded::Bytes).map_err(|_| error)
    }

    /// Decodes a column of a batch, with bytes in place of texts, whose values are not looked at.
    pub(super) fn decode_bytes(
        &self,
        batch: &BatchPlace,
        column: usize,
        most: UnpackLimit,
    ) -> Result<RecordBatch> {
        let excerpt = self.excerpt(&batch.place, "the batch", most)?;
        self.decode_as(self.bytes_for_texts()?, batch, &excerpt, &[column], most)
    }

    /// The types of the file with bytes in place of texts.
    fn bytes_for_texts(&self) -> Result<&DecodedAs> {
        let types = || {
            let stored: Fields = self.types.schema.fields().iter().map(without_texts_in).collect();
            let metadata = self.types.schema.metadata().clone();
            DecodedAs::new(Arc::new(Schema::new_with_metadata(stored, metadata)))
        };
        Ok(self.as_bytes.here()?.get_or_init(types))
    }

    fn decode_as(
        &self,
        types: &DecodedAs,
        batch: &BatchPlace,
        excerpt: &Excerpt<'_>,
        columns: &[usize],
        most: UnpackLimit,
    ) -> Result<RecordBatch> {
        self.check_room(batch, excerpt, columns, most)?;
        let decode = |header: BatchHeader<'_>, version| {
            self.decode_with(types, batch, excerpt, columns, header, version)
        };
        let batch = self.header(excerpt, &batch.place, decode)?;
        batch.with_schema(project(&types.schema, columns)?).map_err(|e| Error::Internal(e.to_string()))
    }

    fn decode_with(
        &self,
        types: &DecodedAs,
        batch: &BatchPlace,
        excerpt: &Excerpt<'_>,
        columns: &[usize],
        header: BatchHeader<'_>,
        version: MetadataVersion,
    ) -> Result<RecordBatch> {
        let dictionaries = self.dictionaries(types, batch.dictionaries)?;
        let place = &batch.place;
        check_buffers(excerpt, place, &header)?;
        let body = excerpt.buffer(&place.body)?;
        let decode = |columns: &[usize], at: &At| {
            guard(self.file.path(), at, "decoding a record batch", || {
                let schema = types.schema.clone();
                read_record_batch(&body, header, schema, &dictionaries, Some(columns), &version)
            })
        };
        decode(columns, &At::Byte(place.header.start)).map_err(|error| {
            // Which column it is, is known by decoding them one by one.
            let of_column = |&column: &usize| {
                let name = types.schema.field(column).name();
                decode(
                    &[column],
                    &At::Field(format!("column {name:?} in the batch at byte {}", place.header.start)),
                )
                .err()
            };
            // Proof: where each can be decoded alone, the error is that of all.
            columns.iter().find_map(of_column).unwrap_or(error)
        })
    }

    /// The wanted rows of a batch that has bytes in place of texts, which are checked.
    pub(super) fn checked(
        &self,
        unit: usize,
        columns: &[usize],
        batch: RecordBatch,
        wanted: Vec<u32>,
    ) -> Result<Batches> {
        let (path, schema) = (self.file.path().to_path_buf(), project(&self.types.schema, columns)?);
        let first: u64 = self.rows.iter().take(unit).sum();
        let mut given = 0;
        let batches = picked(&path, batch, wanted.clone());
        Ok(Box::new(batches.map(move |batch| {
            let batch = batch?;
            let row = |row: usize| Some(first + u64::from(*wanted.get(given + row)?));
            let checked = checked_batch(&path, &schema, &batch, row);
            given += batch.num_rows();
            checked
        })))
    }

    /// Bytes of some columns in all batches, by what they take in the first batch that has rows.
    pub(super) fn sampled(&self, columns: &[usize]) -> Result<u64> {
        // Proof: no rows take no bytes.
        let Some(first) = self.rows.iter().position(|&rows| rows > 0) else { return Ok(0) };
        let (Decoded::Typed(batch) | Decoded::Bytes(batch)) =
            self.decode(self.batch(first)?, columns, UnpackLimit::default())?;
        let bytes = batch.columns().iter().map(|c| nbytes(c.as_ref(), 0, c.len()));
        let bytes = bytes.fold(0, u64::saturating_add);
        let rows: u64 = self.rows.iter().sum();
        let scaled = u128::from(bytes) * u128::from(rows) / (batch.num_rows().max(1) as u128);
        Ok(u64::try_from(scaled).unwrap_or(u64::MAX)) // Proof: an estimate.
    }
}
