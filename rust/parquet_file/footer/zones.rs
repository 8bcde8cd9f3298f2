//! Time zones that a writer told beside the footer, of times that are stored in another unit than it had.
//!
//! Parquet has no time zones: it says of times that they are in UTC, and writers of Arrow tell their schema beside that.
//! The crate takes a type from there only where all of it fits. Where the unit differs, as old versions of the format
//! have no nanoseconds and all have no seconds, the zone would be lost, and with it the day and hour of every value.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use arrow::ipc::convert::try_schema_from_ipc_buffer;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::Result;
use parquet::file::metadata::ParquetMetaData;

/// Metadata whose times have the zones that were told of them.
pub(super) fn with_zones(metadata: ArrowReaderMetadata) -> Result<ArrowReaderMetadata> {
    let schema = metadata.schema();
    if !schema.fields().iter().any(|field| has_zones(field.data_type())) {
        return Ok(metadata);
    }
    let Some(told) = told_schema(metadata.metadata()) else { return Ok(metadata) }; // Proof: then nothing was told.
    let fields = zoned(schema.fields(), told.fields());
    if &fields == schema.fields() {
        return Ok(metadata);
    }
    let schema = Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()));
    ArrowReaderMetadata::try_new(metadata.metadata().clone(), ArrowReaderOptions::new().with_schema(schema))
}

fn has_zones(data_type: &DataType) -> bool {
    match data_type {
        DataType::Timestamp(_, zone) => zone.is_some(),
        other => inner_fields(other).iter().any(|field| has_zones(field.data_type())),
    }
}

/// The schema that a writer told, as bytes of Arrow in letters.
///
/// Proof: one that cannot be read is none, as for the crate.
fn told_schema(metadata: &ParquetMetaData) -> Option<Schema> {
    let pairs = metadata.file_metadata().key_value_metadata()?;
    let text = pairs.iter().find(|pair| pair.key == ARROW_SCHEMA_META_KEY)?.value.as_ref()?;
    try_schema_from_ipc_buffer(&BASE64_STANDARD.decode(text).ok()?).ok()
}

/// The fields with the zones of others, where these have the same names.
fn zoned(fields: &Fields, told: &Fields) -> Fields {
    let alike = |field: &Field| {
        let mut named = told.iter().filter(|told| told.name() == field.name());
        named.next().filter(|_| named.next().is_none())
    };
    let with =
        |field: &FieldRef| alike(field).map_or_else(|| field.clone(), |told| with_zones_of(field, told));
    fields.iter().map(with).collect()
}

/// A field with the zones of another.
fn with_zones_of(field: &FieldRef, told: &Field) -> FieldRef {
    let inner = |field: &FieldRef| match inner_fields(told.data_type()) {
        // What a list has in it may have another name.
        [told] => with_zones_of(field, told),
        _ => field.clone(),
    };
    let data_type = match (field.data_type(), told.data_type()) {
        (DataType::Timestamp(unit, Some(_)), DataType::Timestamp(_, Some(zone))) => {
            DataType::Timestamp(*unit, Some(zone.clone()))
        }
        (DataType::Struct(fields), DataType::Struct(told)) => DataType::Struct(zoned(fields, told)),
        (DataType::List(item), _) => DataType::List(inner(item)),
        (DataType::LargeList(item), _) => DataType::LargeList(inner(item)),
        (DataType::ListView(item), _) => DataType::ListView(inner(item)),
        (DataType::LargeListView(item), _) => DataType::LargeListView(inner(item)),
        (DataType::FixedSizeList(item, length), _) => DataType::FixedSizeList(inner(item), *length),
        (DataType::Map(entries, sorted), _) => DataType::Map(inner(entries), *sorted),
        _ => return field.clone(),
    };
    if &data_type == field.data_type() {
        return field.clone();
    }
    Arc::new(field.as_ref().clone().with_data_type(data_type))
}

/// The fields of a type: one of a list, and those of a struct.
fn inner_fields(data_type: &DataType) -> &[FieldRef] {
    match data_type {
        DataType::Struct(fields) => fields,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => std::slice::from_ref(item),
        _ => &[],
    }
}
