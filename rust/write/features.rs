//! The features of `datasets`, spelled so that versions from 2.14 on read them.
//!
//! Versions before 4 know no `List`, and versions from 4 on still read `Sequence`. A `Sequence` of a struct
//! means a struct of lists in all of them, so a list of structs is spelled `[{…}]`, which all know too.

use arrow::datatypes::{DataType, Field, TimeUnit};
use serde_json::{Map, Value, json};

/// The feature of a column: the source's own where it fits the column's type, else what the type says.
pub(super) fn feature(field: &Field, own: Option<&Value>) -> Value {
    match own {
        Some(own) if fits(own, field.data_type()) => spelled(own),
        _ => of_field(field),
    }
}

/// The old spelling of a feature that some version of `datasets` wrote.
fn spelled(feature: &Value) -> Value {
    match feature {
        Value::Array(items) => Value::Array(items.iter().map(spelled).collect()),
        Value::Object(object) => match object.get("_type").and_then(Value::as_str) {
            Some("List") => list(object.get("feature").map_or(Value::Null, spelled), length_of(object)),
            Some("Sequence" | "LargeList") => {
                let inner = object.get("feature").map_or(Value::Null, spelled);
                let mut same = object.clone();
                same.insert("feature".to_owned(), inner);
                same.retain(|_, value| !value.is_null());
                Value::Object(same)
            }
            Some(_) => Value::Object(
                object
                    .iter()
                    .filter(|(_, value)| !value.is_null())
                    .map(|(k, v)| (k.clone(), v.clone()))
                    .collect(),
            ),
            None => {
                Value::Object(object.iter().map(|(name, inner)| (name.clone(), spelled(inner))).collect())
            }
        },
        other => other.clone(),
    }
}

fn length_of(object: &Map<String, Value>) -> Option<i64> {
    object.get("length").and_then(Value::as_i64).filter(|&length| length >= 0)
}

/// A list of a feature.
fn list(inner: Value, length: Option<i64>) -> Value {
    let of_struct = inner.as_object().is_some_and(|inner| !inner.contains_key("_type"));
    match (of_struct, length) {
        (true, None) => json!([inner]),
        // No version before 4 has a list of structs of one length.
        (true, Some(length)) => json!({"feature": inner, "length": length, "_type": "List"}),
        (false, None) => json!({"feature": inner, "_type": "Sequence"}),
        (false, Some(length)) => json!({"feature": inner, "length": length, "_type": "Sequence"}),
    }
}

/// Whether a feature describes an Arrow type. Features with a type of their own (images, labels) are believed.
fn fits(feature: &Value, data_type: &DataType) -> bool {
    match feature {
        Value::Array(items) => match (items.as_slice(), item(data_type)) {
            ([inner], Some(data_type)) => fits(inner, data_type),
            _ => false,
        },
        Value::Object(object) => match object.get("_type").and_then(Value::as_str) {
            Some("Value") => {
                object.get("dtype").and_then(Value::as_str).is_some_and(|own| same_name(own, data_type))
            }
            Some("List" | "Sequence" | "LargeList") => {
                let inner = object.get("feature");
                match item(data_type) {
                    Some(item) => inner.is_some_and(|inner| fits(inner, item)),
                    // The old struct of lists.
                    None => matches!(data_type, DataType::Struct(_)) && inner.is_some_and(Value::is_object),
                }
            }
            Some(_) => true,
            None => match data_type {
                DataType::Struct(fields) => {
                    fields.len() == object.len()
                        && fields
                            .iter()
                            .all(|f| object.get(f.name()).is_some_and(|inner| fits(inner, f.data_type())))
                }
                _ => false,
            },
        },
        _ => false,
    }
}

fn item(data_type: &DataType) -> Option<&DataType> {
    match data_type {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            Some(field.data_type())
        }
        _ => None,
    }
}

fn same_name(own: &str, data_type: &DataType) -> bool {
    let name = value_name(data_type);
    own == name || matches!((own, name.as_str()), ("float", "float32") | ("double", "float64"))
}

/// The feature that an Arrow field stands for.
fn of_field(field: &Field) -> Value {
    array_extension(field).unwrap_or_else(|| of_type(field.data_type()))
}

fn of_type(data_type: &DataType) -> Value {
    match data_type {
        DataType::List(field) => list(of_field(field), None),
        DataType::FixedSizeList(field, length) => list(of_field(field), Some(i64::from(*length))),
        DataType::LargeList(field) => json!({"feature": of_field(field), "_type": "LargeList"}),
        DataType::Struct(fields) => {
            Value::Object(fields.iter().map(|field| (field.name().clone(), of_field(field))).collect())
        }
        plain => json!({"dtype": value_name(plain), "_type": "Value"}),
    }
}

/// `Array2D` to `Array5D`, which are stored as an extension type with the shape and the dtype in JSON.
fn array_extension(field: &Field) -> Option<Value> {
    let name = field.metadata().get("ARROW:extension:name")?;
    let kind = name.strip_prefix("datasets.features.features.")?.strip_suffix("ExtensionType")?;
    let data: Value = serde_json::from_str(field.metadata().get("ARROW:extension:metadata")?).ok()?;
    Some(json!({"shape": data.get(0)?, "dtype": data.get(1)?, "_type": kind}))
}

/// The name that `datasets` has for a type without items.
fn value_name(data_type: &DataType) -> String {
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    };
    match data_type {
        DataType::Boolean => "bool".to_owned(),
        DataType::Utf8 => "string".to_owned(),
        DataType::LargeUtf8 => "large_string".to_owned(),
        DataType::LargeBinary => "large_binary".to_owned(),
        DataType::Timestamp(u, None) => format!("timestamp[{}]", unit(u)),
        DataType::Timestamp(u, Some(zone)) => format!("timestamp[{}, tz={zone}]", unit(u)),
        DataType::Time32(u) => format!("time32[{}]", unit(u)),
        DataType::Time64(u) => format!("time64[{}]", unit(u)),
        DataType::Duration(u) => format!("duration[{}]", unit(u)),
        DataType::Decimal128(precision, scale) => format!("decimal128({precision}, {scale})"),
        DataType::Decimal256(precision, scale) => format!("decimal256({precision}, {scale})"),
        plain => plain.to_string().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            assert_eq!(value_name(&data_type), name);
        }
    }

    #[test]
    fn a_feature_that_no_longer_fits_gives_way_to_the_type() {
        let field =
            Field::new("x", DataType::List(Arc::new(Field::new("item", DataType::Int32, true))), true);
        let stale = json!({"feature": {"dtype": "int64", "_type": "Value"}, "_type": "List"});
        let expected = json!({"feature": {"dtype": "int32", "_type": "Value"}, "_type": "Sequence"});
        assert_eq!(feature(&field, Some(&stale)), expected);
    }
}
