//! Arrow IPC shards: streams and files, decoded where they lie, or read by position.
//!
//! Opening reads the message headers alone. Every batch is checked against its body before it is decoded.

mod decode;
mod dictionaries;
mod excerpt;
mod stream;
mod unpacked;

pub(super) use self::stream::ArrowPart;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;

use self::decode::Decoded;
use self::stream::{BatchPlace, span};
use super::part::{Batches, Container, CorpusPart, Unpacking};
use super::pick::picked;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::memory::UnpackLimit;
use crate::gather::columns::size::{fixed_bytes, has_keys, total};
use crate::io::ipc::items_of_column;
use crate::io::map::Map;
use crate::io::opened::Opened;

/// One row in so many must be wanted for the whole body to be brought into memory at once.
const DENSE: u64 = 32;

impl CorpusPart for ArrowPart {
    fn path(&self) -> &Path {
        self.file.path()
    }

    fn schema(&self) -> &SchemaRef {
        &self.types.schema
    }

    fn unit_rows(&self) -> &[u64] {
        &self.rows
    }

    fn bytes(&self, columns: &[usize]) -> Result<u64> {
        let rows: u64 = self.rows.iter().sum();
        let widths = columns.iter().map(|&column| fixed_bytes(self.types.schema.field(column).data_type()));
        if let Some(width) = total(widths) {
            return Ok(rows.saturating_mul(width)); // Proof: an estimate.
        }
        if columns.len() < self.types.schema.fields().len() {
            return self.sampled(columns);
        }
        // Keys lie in the batches, and what they stand for does not.
        let keyed = |&column: &usize| has_keys(self.types.schema.field(column).data_type());
        let keyed: Vec<usize> = columns.iter().copied().filter(keyed).collect();
        let values = if keyed.is_empty() { 0 } else { self.sampled(&keyed)? };
        Ok(self.unpacked()?.saturating_add(values)) // Proof: an estimate.
    }

    fn items(&self, column: usize) -> Result<Option<u64>> {
        if !matches!(self.types.schema.field(column).data_type(), DataType::List(_) | DataType::LargeList(_))
        {
            return Ok(None);
        }
        let mut items = self.batches.iter().map(|BatchPlace { place, .. }| {
            self.header(&self.file, place, |header, version| {
                let broken = |what| Error::format(self.file.path(), At::Byte(place.header.start), what);
                items_of_column(&self.types.schema, &header, version, column).map_err(broken)
            })
        });
        items.try_fold(0, |sum, items| checked::add(sum, items?)).map(Some)
    }

    fn read(&self, unit: usize, columns: &[usize], wanted: &[u32], how: Unpacking) -> Result<Batches> {
        let batch = self.batch(unit)?;
        let place = &batch.place;
        let rows = *checked::get(&self.rows, unit)?;
        if wanted.len() as u64 * DENSE >= rows {
            self.file.opened().read_ahead(&span(place));
            self.file.populate(&span(place))?;
        }
        match self.decode(batch, columns, how.most)? {
            Decoded::Typed(batch) => Ok(picked(self.file.path(), batch, wanted.to_vec())),
            Decoded::Bytes(batch) => self.checked(unit, columns, batch, wanted.to_vec()),
        }
    }

    fn in_place(&self) -> bool {
        self.mapped.is_some() && !self.batches.iter().any(|batch| batch.packed)
    }

    fn view(&self, unit: usize, columns: &[usize]) -> Result<Option<RecordBatch>> {
        let batch = self.batch(unit)?;
        if batch.packed || self.mapped.is_none() {
            return Ok(None);
        }
        match self.decode(batch, columns, UnpackLimit::default())? {
            Decoded::Typed(batch) => Ok(Some(batch)),
            Decoded::Bytes(_) => Ok(None),
        }
    }

    fn unread(&self, unit: usize, column: usize, most: UnpackLimit) -> Result<Option<ArrayRef>> {
        let batch = self.decode_bytes(self.batch(unit)?, column, most)?;
        Ok(batch.columns().first().cloned())
    }

    fn stored_bytes(&self, unit: usize, _columns: &[usize]) -> Result<u64> {
        let span = span(&self.batch(unit)?.place);
        checked::sub(span.end, span.start)
    }

    fn place(&self, unit: usize) -> Option<(&Arc<Map>, Range<usize>)> {
        let BatchPlace { place, .. } = self.batches.get(unit)?;
        let (map, span) = (self.file.map()?, checked::span(&span(place)).ok()?);
        (span.end <= map.bytes().len()).then_some((map, span))
    }

    fn opened(&self) -> Option<&Opened> {
        Some(self.file.opened())
    }

    fn container(&self) -> Option<Container> {
        Some(Container::Arrow)
    }
}

#[cfg(test)]
mod tests;
