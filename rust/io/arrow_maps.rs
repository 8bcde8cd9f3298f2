//! Maps as lists of key and value, which is how they are laid out.
//!
//! `datasets` has no type for maps. A list of structs has the same offsets and the same two columns, so that no value
//! is touched.

use std::sync::Arc;

use arrow::array::{Array, ArrayData, ArrayRef, make_array};
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

/// The names of what is in a map, whatever its writer called them.
const NAMES: [&str; 2] = ["key", "value"];

/// The schema with lists in place of maps.
pub(crate) fn schema_without_maps(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(without_maps);
    Schema::new_with_metadata(fields.collect::<Fields>(), schema.metadata().clone())
}

/// A field with lists in place of maps.
fn without_maps(field: &FieldRef) -> FieldRef {
    if !has_maps(field.data_type()) {
        return field.clone();
    }
    Arc::new(field.as_ref().clone().with_data_type(plain(field.data_type())))
}

fn has_maps(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(..) => true,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _) => has_maps(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| has_maps(field.data_type())),
        _ => false,
    }
}

fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Map(entries, _) => {
            let entries = without_maps(entries);
            let data_type = match entries.data_type() {
                DataType::Struct(fields) => DataType::Struct(named(fields)),
                other => other.clone(),
            };
            DataType::List(Arc::new(entries.as_ref().clone().with_data_type(data_type)))
        }
        DataType::List(item) => DataType::List(without_maps(item)),
        DataType::LargeList(item) => DataType::LargeList(without_maps(item)),
        DataType::ListView(item) => DataType::ListView(without_maps(item)),
        DataType::LargeListView(item) => DataType::LargeListView(without_maps(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(without_maps(item), *length),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(without_maps).collect()),
        other => other.clone(),
    }
}

/// The fields of a map's entries by the names that all have. What is no map's is left as it is.
fn named(fields: &Fields) -> Fields {
    match fields.as_ref() {
        [key, value] => {
            let [first, second] = NAMES;
            let named = |field: &FieldRef, name| Arc::new(Field::clone(field).with_name(name));
            vec![named(key, first), named(value, second)].into()
        }
        _ => fields.clone(),
    }
}

/// A batch with lists in place of maps.
pub(crate) fn batch_without_maps(batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
    if !batch.schema_ref().fields().iter().any(|field| has_maps(field.data_type())) {
        return Ok(batch);
    }
    let schema = Arc::new(schema_without_maps(batch.schema_ref()));
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .map(|column| Ok::<_, ArrowError>(make_array(as_lists(column.to_data())?)))
        .collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, columns, &options)
}

fn as_lists(data: ArrayData) -> Result<ArrayData, ArrowError> {
    if !has_maps(data.data_type()) {
        return Ok(data);
    }
    let data_type = plain(data.data_type());
    let children = data.child_data().iter().cloned().map(as_lists).collect::<Result<Vec<_>, _>>()?;
    let children = match &data_type {
        // The names within the entries are new.
        DataType::List(entries) if matches!(data.data_type(), DataType::Map(..)) => children
            .into_iter()
            .map(|child| child.into_builder().data_type(entries.data_type().clone()).build())
            .collect::<Result<_, _>>()?,
        _ => children,
    };
    data.into_builder().data_type(data_type).child_data(children).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{AsArray, Int32Builder, MapBuilder, MapFieldNames, StringBuilder};
    use arrow::datatypes::Int32Type;

    #[test]
    fn a_map_is_a_list_of_its_entries() {
        let names = MapFieldNames { entry: "e".into(), key: "k".into(), value: "v".into() };
        let mut maps = MapBuilder::new(Some(names), StringBuilder::new(), Int32Builder::new());
        maps.keys().append_value("a");
        maps.values().append_value(1);
        maps.keys().append_value("b");
        maps.values().append_null();
        maps.append(true).unwrap();
        maps.append(false).unwrap();
        maps.append(true).unwrap();
        let maps: ArrayRef = Arc::new(maps.finish());
        let batch = RecordBatch::try_from_iter_with_nullable([("m", maps, true)]).unwrap();
        for batch in [batch.clone(), batch.slice(0, 2)] {
            let found = batch_without_maps(batch.clone()).unwrap();
            assert_eq!(found.schema().as_ref(), &schema_without_maps(&batch.schema()));
            let lists = found.column(0).as_list::<i32>();
            assert_eq!(lists.null_count(), 1);
            let entries = lists.value(0);
            let names: Vec<_> =
                entries.as_struct().fields().iter().map(|field| field.name().clone()).collect();
            assert_eq!(names, NAMES);
            assert_eq!(entries.as_struct().column(0).as_string::<i32>().value(1), "b");
            assert!(entries.as_struct().column(1).as_primitive::<Int32Type>().is_null(1));
            assert!(lists.value(1).is_empty());
        }
    }
}
