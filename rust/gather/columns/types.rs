//! The Arrow types of rows: which are taken, what they become, how large a row is.
//!
//! Rows come out in the types that `datasets` has: dictionary columns as their values, views as plain
//! strings, short decimals as long ones, maps as lists of key and value, list items named `item` and nullable. Everything else stays as it is.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Metadata, Schema, SchemaRef};
use serde_json::{Value, json};

use super::extension;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::io::invalid_type::invalid_type;

/// The schema metadata that tells the features of `datasets`.
pub(crate) const FEATURES: &str = "huggingface";

/// The field that rows of a stored field come out as, or why there is none.
pub(crate) fn canonical_field(path: &Path, column: &str, field: &Field) -> Result<Field> {
    reject_invalid_field(path, column, field)?;
    let data_type = canonical_type(path, column, field.data_type())?;
    let metadata = extension::metadata(path, column, field, &data_type)?;
    Ok(Field::new(field.name(), data_type, true).with_metadata(metadata))
}

/// Fails if a field has what no writer writes and other libraries fail at.
fn reject_invalid_field(path: &Path, column: &str, field: &Field) -> Result<()> {
    let name = || format!("the name {:?} has a NUL in it", field.name());
    let found = field.name().contains('\0').then(name).or_else(|| invalid_type(field.data_type()));
    found.map_or(Ok(()), |what| {
        let message = format!("{what}; the schema is damaged: write or download the file again");
        Err(Error::format(path, At::Field(format!("column {column:?}")), message))
    })
}

fn canonical_type(path: &Path, column: &str, data_type: &DataType) -> Result<DataType> {
    let inner = |field: &FieldRef, name: &str| -> Result<FieldRef> {
        Ok(Arc::new(canonical_field(path, column, field)?.with_name(name)))
    };
    Ok(match data_type {
        DataType::Dictionary(_, values) => canonical_type(path, column, values)?,
        DataType::Utf8View => DataType::Utf8,
        // Of no bytes, they have no place in a buffer that tells how many there are.
        DataType::BinaryView | DataType::FixedSizeBinary(0) => DataType::Binary,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::List(field) | DataType::ListView(field) => DataType::List(inner(field, "item")?),
        DataType::LargeList(field) | DataType::LargeListView(field) => {
            DataType::LargeList(inner(field, "item")?)
        }
        DataType::FixedSizeList(field, length) => DataType::FixedSizeList(inner(field, "item")?, *length),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| inner(field, field.name())).collect::<Result<_>>()?)
        }
        DataType::Union(..) | DataType::Map(..) | DataType::RunEndEncoded(..) | DataType::Interval(_) => {
            let message = format!(
                "the column has the Arrow type {data_type}, which datasets has no type for; leave it out with columns="
            );
            return Err(Error::schema(path, At::Field(format!("column {column:?}")), message));
        }
        plain => plain.clone(),
    })
}

/// Whether two types lay their values out alike, so that names of items, nullability and what is told of fields are all
/// that differs.
pub(crate) fn same_layout(a: &DataType, b: &DataType) -> bool {
    match (a, b) {
        (DataType::List(a), DataType::List(b)) | (DataType::LargeList(a), DataType::LargeList(b)) => {
            same_layout(a.data_type(), b.data_type())
        }
        (DataType::FixedSizeList(a, n), DataType::FixedSizeList(b, m)) => {
            n == m && same_layout(a.data_type(), b.data_type())
        }
        (DataType::Struct(a), DataType::Struct(b)) => {
            let same = |(a, b): (&FieldRef, &FieldRef)| {
                a.name() == b.name() && same_layout(a.data_type(), b.data_type())
            };
            // Proof: as many, which is compared first.
            a.len() == b.len() && a.iter().zip(b.iter()).all(same)
        }
        _ => a == b,
    }
}

/// The schema of some columns, by their positions.
pub(crate) fn project(schema: &Schema, columns: &[usize]) -> Result<SchemaRef> {
    let field = |&column: &usize| Ok(checked::get(schema.fields(), column)?.clone());
    let fields: Vec<_> = columns.iter().map(field).collect::<Result<_>>()?;
    Ok(Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone())))
}

/// A schema whose metadata tells the features of its columns and of no others: early versions of `datasets`
/// take all that it tells.
pub(crate) fn own_features(mut schema: Schema) -> Schema {
    let told = schema.metadata.get(FEATURES).and_then(|text| serde_json::from_str(text).ok());
    // Proof: what tells of no features stays as it is.
    let Some(mut told): Option<serde_json::Value> = told else { return schema };
    if let Some(features) = told.pointer_mut("/info/features").and_then(|it| it.as_object_mut()) {
        features.retain(|name, _| schema.index_of(name).is_ok());
        schema.metadata.insert(FEATURES.to_owned(), told.to_string());
    }
    schema
}

/// What the metadata of a schema tells of a column, if it tells of features at all.
pub(crate) fn feature_of(schema: &Schema, column: &str) -> Option<Value> {
    let told: Value = serde_json::from_str(schema.metadata().get(FEATURES)?).ok()?;
    told.pointer("/info/features")?.get(column).cloned()
}

/// Tells the feature of a column in the metadata of a schema, or that there is none.
pub(crate) fn set_feature(metadata: &mut Metadata, column: &str, feature: Option<Value>) {
    // Proof: what is no JSON tells of no features.
    let told = metadata.get(FEATURES).and_then(|text| serde_json::from_str::<Value>(text).ok());
    let known = told.filter(|told| told.pointer("/info/features").is_some_and(Value::is_object));
    let Some(mut told) = known.or_else(|| feature.as_ref().map(|_| json!({"info": {"features": {}}}))) else {
        return; // Proof: nothing is told, and nothing is to be.
    };
    if let Some(features) = told.pointer_mut("/info/features").and_then(Value::as_object_mut) {
        features.remove(column);
        features.extend(feature.map(|feature| (column.to_owned(), feature)));
        metadata.insert(FEATURES.to_owned(), told.to_string());
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::{Fields, IntervalUnit, UnionMode};

    use super::*;

    fn field(name: &str, data_type: DataType) -> FieldRef {
        Arc::new(Field::new(name, data_type, false))
    }

    fn item(data_type: DataType) -> FieldRef {
        Arc::new(Field::new("item", data_type, true))
    }

    fn canonical(data_type: DataType) -> Result<DataType> {
        let found = canonical_field(Path::new("f"), "c", &field("c", data_type))?;
        assert!(found.is_nullable() && found.name() == "c");
        Ok(found.data_type().clone())
    }

    #[test]
    fn types_become_those_of_datasets_to_the_last_nested_field() {
        let dictionary = |values| DataType::Dictionary(Box::new(DataType::Int8), Box::new(values));
        let plain = [
            (DataType::Utf8View, DataType::Utf8),
            (DataType::BinaryView, DataType::Binary),
            (DataType::FixedSizeBinary(0), DataType::Binary),
            (DataType::FixedSizeBinary(1), DataType::FixedSizeBinary(1)),
            (DataType::Decimal32(9, 2), DataType::Decimal128(9, 2)),
            (DataType::Decimal64(18, -1), DataType::Decimal128(18, -1)),
            (DataType::Decimal256(76, 0), DataType::Decimal256(76, 0)),
            (dictionary(DataType::Utf8View), DataType::Utf8),
            (dictionary(dictionary(DataType::Int8)), DataType::Int8),
            (DataType::LargeUtf8, DataType::LargeUtf8),
        ];
        for (stored, wanted) in plain {
            let nested = [
                (DataType::List(field("element", stored.clone())), DataType::List(item(wanted.clone()))),
                (DataType::ListView(field("x", stored.clone())), DataType::List(item(wanted.clone()))),
                (DataType::LargeList(field("x", stored.clone())), DataType::LargeList(item(wanted.clone()))),
                (
                    DataType::LargeListView(field("x", stored.clone())),
                    DataType::LargeList(item(wanted.clone())),
                ),
                (
                    DataType::FixedSizeList(field("x", stored.clone()), 3),
                    DataType::FixedSizeList(item(wanted.clone()), 3),
                ),
                (
                    DataType::Struct(vec![field("a", stored.clone())].into()),
                    DataType::Struct(vec![Field::new("a", wanted.clone(), true)].into()),
                ),
            ];
            for (stored, wanted) in nested {
                assert_eq!(canonical(stored).unwrap(), wanted);
            }
            assert_eq!(canonical(stored).unwrap(), wanted);
        }
    }

    #[test]
    fn types_that_datasets_has_not_are_refused() {
        let entries = DataType::Struct(vec![field("k", DataType::Int8), field("v", DataType::Int8)].into());
        let union =
            DataType::Union([(0, field("a", DataType::Int8))].into_iter().collect(), UnionMode::Dense);
        let ends = DataType::RunEndEncoded(field("run_ends", DataType::Int32), item(DataType::Int8));
        let map = DataType::Map(field("entries", entries), false);
        for other in [union, ends, map, DataType::Interval(IntervalUnit::YearMonth)] {
            let inside = DataType::List(item(other.clone()));
            for found in [canonical(other.clone()), canonical(inside)] {
                let said = found.unwrap_err().to_string();
                let expected = format!(
                    "f: column \"c\": the column has the Arrow type {other}, which datasets has no type for; leave it out with columns="
                );
                assert_eq!(said, expected);
            }
        }
    }

    #[test]
    fn what_no_writer_writes_is_damage() {
        let nul = "a\0b";
        for (wrong, said) in [
            (DataType::Struct(vec![field(nul, DataType::Int8)].into()), "the name \"a\\0b\" has a NUL in it"),
            (
                DataType::Timestamp(arrow::datatypes::TimeUnit::Second, Some(nul.into())),
                "the time zone \"a\\0b\" has a NUL in it",
            ),
            (DataType::FixedSizeBinary(-1), "values have -1 bytes each"),
            (DataType::FixedSizeList(item(DataType::Int8), -2), "a list has the length -2"),
            (DataType::Decimal128(0, 0), "a decimal has 0 digits, 0 of them after the point"),
            (DataType::Decimal128(39, 1), "a decimal has 39 digits, 1 of them after the point"),
            (DataType::Decimal256(77, 1), "a decimal has 77 digits, 1 of them after the point"),
        ] {
            let inside =
                DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::List(item(wrong.clone()))));
            for wrong in [wrong, inside] {
                let found = canonical(wrong).unwrap_err().to_string();
                assert_eq!(
                    found,
                    format!(
                        "f: column \"c\": {said}; the schema is damaged: write or download the file again"
                    )
                );
            }
        }
    }

    #[test]
    fn names_of_items_and_nullability_do_not_change_the_layout() {
        let group = |names: [&str; 2], second| -> DataType {
            DataType::Struct(Fields::from(vec![field(names[0], DataType::Int8), field(names[1], second)]))
        };
        let list = |name, inner| DataType::List(field(name, inner));
        let layouts = [
            DataType::Int8,
            DataType::Int16,
            list("item", DataType::Int8),
            list("item", DataType::Int16),
            DataType::LargeList(item(DataType::Int8)),
            DataType::FixedSizeList(item(DataType::Int8), 2),
            DataType::FixedSizeList(item(DataType::Int8), 3),
            group(["a", "b"], DataType::Int8),
            group(["a", "b"], list("item", DataType::Int8)),
            group(["b", "a"], DataType::Int8),
            DataType::Struct(vec![field("a", DataType::Int8)].into()),
        ];
        for (at, one) in layouts.iter().enumerate() {
            for (other_at, other) in layouts.iter().enumerate() {
                assert_eq!(same_layout(one, other), at == other_at, "{one} {other}");
            }
        }
        assert!(same_layout(&list("item", DataType::Int8), &list("element", DataType::Int8)));
        let nested = |names, item| group(names, list(item, group(names, DataType::Utf8)));
        assert!(same_layout(&nested(["a", "b"], "x"), &nested(["a", "b"], "y")));
        assert!(!same_layout(&nested(["a", "b"], "x"), &nested(["c", "d"], "x")));
    }

    #[test]
    fn columns_are_projected_with_the_features_of_their_own() {
        let features =
            r#"{"info":{"features":{"a":{"dtype":"int8","_type":"Value"},"b":{"_type":"Image"}}},"x":1}"#;
        let metadata =
            [(FEATURES, features), ("k", "v")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let fields = vec![field("a", DataType::Int8), field("b", DataType::Int8), field("c", DataType::Int8)];
        let schema = Schema::new_with_metadata(fields, metadata);
        let projected = project(&schema, &[2, 0]).unwrap();
        let names: Vec<_> = projected.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!((names, projected.metadata()), (vec!["c", "a"], schema.metadata()));
        assert!(project(&schema, &[3]).is_err());
        let own = own_features(Schema::clone(&projected));
        let told: serde_json::Value = serde_json::from_str(&own.metadata()[FEATURES]).unwrap();
        assert_eq!(told.to_string(), r#"{"info":{"features":{"a":{"dtype":"int8","_type":"Value"}}},"x":1}"#);
        assert_eq!(own.metadata()["k"], "v");
        // What tells of no features stays to the byte.
        for text in ["", "{", "[1,  2]", r#"{"info":  null}"#] {
            let metadata = [(FEATURES.to_owned(), text.to_owned())];
            let schema = Schema::new_with_metadata(vec![field("a", DataType::Int8)], metadata);
            assert_eq!(own_features(schema.clone()), schema);
        }
    }
}
