//! The features of `datasets`, spelled so that versions from 2.14 on read them.
//!
//! Versions before 4 know no `List`, and versions from 4 on still read `Sequence`. A `Sequence` of a struct
//! means a struct of lists in all of them, so a list of structs is spelled `[{…}]`, which all know too.

use arrow::datatypes::{DataType, Field, Fields};
use serde_json::{Map, Value, json};

use super::fits::{Extension, extension_of, fits, is_struct, length_of};
use super::release::Release;
use crate::gather::columns::names::value_name;

/// The feature of a column: the source's own where it stands for the column's type, else what the type says.
pub(crate) fn feature(field: &Field, own: Option<&Value>, release: Release) -> Value {
    match own {
        Some(own) if fits(own, field, release) => spelled(own),
        _ => of_field(field),
    }
}

/// The features of columns or of the fields of a struct, by their names.
pub(crate) fn by_name(features: impl IntoIterator<Item = (String, Value)>) -> Map<String, Value> {
    let readable = |(name, feature): (String, Value)| match feature {
        // A field of this name that holds a list is taken for the name of a type where the list has no name.
        Value::Array(mut items) if name == "_type" => {
            (name, json!({"feature": items.pop(), "_type": "List"}))
        }
        feature => (name, feature),
    };
    features.into_iter().map(readable).collect()
}

/// The old spelling of a feature that some version of `datasets` wrote, with nothing that is not known to all.
fn spelled(feature: &Value) -> Value {
    match feature {
        Value::Array(items) => Value::Array(items.iter().map(spelled).collect()),
        Value::Object(object) if is_struct(object) => {
            Value::Object(by_name(object.iter().map(|(name, inner)| (name.clone(), spelled(inner)))))
        }
        Value::Object(object) => {
            let inner = object.get("feature").map_or(Value::Null, spelled);
            let length = length_of(object).filter(|length| *length >= 0);
            match object.get("_type").and_then(Value::as_str) {
                Some("List") => list(inner, length),
                // A sequence of a struct is a struct of lists, and is no list.
                Some("Sequence") => sequence(inner, length),
                Some("LargeList") => json!({"feature": inner, "_type": "LargeList"}),
                _ => Value::Object(
                    object
                        .iter()
                        .filter(|(_, value)| !value.is_null())
                        .map(|(k, v)| (k.clone(), v.clone()))
                        .collect(),
                ),
            }
        }
        other => other.clone(),
    }
}

/// A list of a feature.
fn list(inner: Value, length: Option<i64>) -> Value {
    let of_struct = inner.as_object().is_some_and(is_struct);
    match (of_struct, length) {
        (true, None) => json!([inner]),
        // No version before 4 has a list of structs of one length.
        (true, Some(length)) => json!({"feature": inner, "length": length, "_type": "List"}),
        (false, length) => sequence(inner, length),
    }
}

fn sequence(inner: Value, length: Option<i64>) -> Value {
    match length {
        None => json!({"feature": inner, "_type": "Sequence"}),
        Some(length) => json!({"feature": inner, "length": length, "_type": "Sequence"}),
    }
}

/// The feature that an Arrow field stands for.
fn of_field(field: &Field) -> Value {
    match extension_of(field) {
        Some(Extension::Json) => json!({"decode": true, "_type": "Json"}),
        Some(Extension::Array(kind, shape, dtype)) => json!({"shape": shape, "dtype": dtype, "_type": kind}),
        None => of_type(field.data_type()),
    }
}

fn of_type(data_type: &DataType) -> Value {
    match data_type {
        DataType::List(field) => list(of_field(field), None),
        DataType::FixedSizeList(field, length) => list(of_field(field), Some(i64::from(*length))),
        DataType::LargeList(field) => json!({"feature": of_field(field), "_type": "LargeList"}),
        DataType::Struct(fields) => Value::Object(of_fields(fields)),
        plain => {
            // Proof: types without a name are refused before this (`hf_types.rs`), and no type is known by another
            // name: the output would not be opened (`reopen.rs`).
            let name = value_name(plain).unwrap_or_else(|| plain.to_string());
            json!({"dtype": name, "_type": "Value"})
        }
    }
}

fn of_fields(fields: &Fields) -> Map<String, Value> {
    by_name(fields.iter().map(|field| (field.name().clone(), of_field(field))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::TimeUnit;
    use std::sync::Arc;

    #[test]
    fn new_spellings_become_old_ones() {
        let value = |dtype: &str| json!({"dtype": dtype, "_type": "Value"});
        assert_eq!(
            spelled(&json!({"feature": {"dtype": "uint16", "id": null, "_type": "Value"}, "_type": "List"})),
            json!({"feature": value("uint16"), "_type": "Sequence"})
        );
        assert_eq!(
            spelled(&json!({"feature": {"a": value("string")}, "_type": "List"})),
            json!([{"a": value("string")}])
        );
        let label = json!({"names": ["no", "yes"], "_type": "ClassLabel"});
        assert_eq!(spelled(&label), label);
    }

    #[test]
    fn types_have_the_names_of_datasets() {
        for (data_type, name) in [
            (DataType::UInt16, "uint16"),
            (DataType::Float64, "float64"),
            (DataType::Null, "null"),
            (DataType::Date32, "date32"),
            (DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())), "timestamp[us, tz=UTC]"),
            (DataType::Decimal128(10, 2), "decimal128(10, 2)"),
            (DataType::Binary, "binary"),
        ] {
            assert_eq!(value_name(&data_type).as_deref(), Some(name));
        }
    }

    #[test]
    fn a_feature_that_no_longer_fits_gives_way_to_the_type() {
        let field =
            Field::new("x", DataType::List(Arc::new(Field::new("item", DataType::Int32, true))), true);
        let stale = json!({"feature": {"dtype": "int64", "_type": "Value"}, "_type": "List"});
        let expected = json!({"feature": {"dtype": "int32", "_type": "Value"}, "_type": "Sequence"});
        assert_eq!(feature(&field, Some(&stale), Release::NEWEST), expected);
    }
}
