//! Time zones that a writer told beside the footer, of times that are stored in another unit than it had.
//!
//! Parquet has no time zones: it says of times that they are in UTC, and writers of Arrow tell their schema beside that.
//! The crate takes a type from there only where all of it fits. Where the unit differs, as old versions of the format
//! have no nanoseconds and all have no seconds, the zone would be lost, and with it the day and hour of every value.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::Result;

use super::told::told_schema;

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

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, TimestampMillisecondArray};
    use arrow::datatypes::TimeUnit::{self, Microsecond, Millisecond, Nanosecond, Second};
    use arrow::record_batch::RecordBatch;
    use bytes::Bytes;
    use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowWriter, encode_arrow_schema};
    use parquet::file::metadata::KeyValue;

    use super::*;

    fn time(unit: TimeUnit, zone: Option<&str>) -> DataType {
        DataType::Timestamp(unit, zone.map(Arc::from))
    }

    fn field(name: &str, data_type: DataType) -> Field {
        Field::new(name, data_type, true)
    }

    /// A time within each type that has others in it, whose items have this name.
    fn nested(item: &str, inner: &DataType) -> [DataType; 8] {
        let one = || Arc::new(field(item, inner.clone()));
        let entries = DataType::Struct(vec![field("k", DataType::Int8), field("v", inner.clone())].into());
        [
            inner.clone(),
            DataType::List(one()),
            DataType::LargeList(one()),
            DataType::ListView(one()),
            DataType::LargeListView(one()),
            DataType::FixedSizeList(one(), 2),
            DataType::Struct(vec![field("a", DataType::Int8), field("t", inner.clone())].into()),
            DataType::Map(Arc::new(field(item, entries)), false),
        ]
    }

    fn with_zones_told(stored: DataType, told: DataType) -> DataType {
        let fields = |data_type| Fields::from(vec![field("n", DataType::Int8), field("c", data_type)]);
        zoned(&fields(stored), &fields(told))[1].data_type().clone()
    }

    #[test]
    fn times_have_the_zone_that_was_told_and_the_unit_that_is_stored() {
        let stored = time(Microsecond, Some("UTC"));
        for (unit, zone) in [(Nanosecond, "Europe/Paris"), (Second, "+02:00"), (Microsecond, "Asia/Tokyo")] {
            let (told, wanted) = (time(unit, Some(zone)), time(Microsecond, Some(zone)));
            // Items of lists have other names in Parquet than in Arrow.
            let told = nested("item", &told);
            for ((stored, told), wanted) in
                nested("element", &stored).into_iter().zip(told).zip(nested("element", &wanted))
            {
                assert!(has_zones(&stored));
                assert_eq!(with_zones_told(stored, told), wanted);
            }
        }
    }

    #[test]
    fn what_was_told_of_something_else_changes_nothing() {
        let stored = time(Microsecond, Some("UTC"));
        let zone = time(Second, Some("Europe/Paris"));
        for told in
            [time(Second, None), DataType::Int64, DataType::List(Arc::new(field("item", zone.clone())))]
        {
            assert_eq!(with_zones_told(stored.clone(), told), stored);
        }
        let local = time(Microsecond, None);
        assert!(!has_zones(&local));
        assert_eq!(with_zones_told(local.clone(), zone.clone()), local, "it has no zone to be another");
        let group = |name: &str, data_type: &DataType| {
            DataType::Struct(vec![field(name, data_type.clone()), field("b", DataType::Int8)].into())
        };
        assert_eq!(with_zones_told(group("x", &stored), group("y", &zone)), group("x", &stored));
        // Of two fields of one name nobody knows which is meant.
        let twice = DataType::Struct(vec![field("x", zone.clone()), field("x", zone)].into());
        assert_eq!(with_zones_told(group("x", &stored), twice), group("x", &stored));
    }

    #[test]
    fn a_file_is_read_in_the_zone_that_its_writer_told() {
        let column: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![1]).with_timezone("UTC"));
        let batch = RecordBatch::try_from_iter([("t", column)]).unwrap();
        let of = |told: Option<String>| {
            let mut bytes = Vec::new();
            let options =
                parquet::arrow::arrow_writer::ArrowWriterOptions::new().with_skip_arrow_metadata(true);
            let mut writer = ArrowWriter::try_new_with_options(&mut bytes, batch.schema(), options).unwrap();
            writer.write(&batch).unwrap();
            writer.append_key_value_metadata(KeyValue { key: ARROW_SCHEMA_META_KEY.to_owned(), value: told });
            writer.close().unwrap();
            let metadata = ArrowReaderMetadata::load(&Bytes::from(bytes), ArrowReaderOptions::new()).unwrap();
            with_zones(metadata).unwrap().schema().field(0).data_type().clone()
        };
        let told = Schema::new(vec![field("t", time(Second, Some("Europe/Paris")))]);
        assert_eq!(of(Some(encode_arrow_schema(&told))), time(Millisecond, Some("Europe/Paris")));
        let local = Schema::new(vec![field("t", time(Second, None))]);
        for none in [None, Some(encode_arrow_schema(&local))] {
            assert_eq!(of(none.clone()), time(Millisecond, Some("UTC")), "{none:?}");
        }
    }
}
