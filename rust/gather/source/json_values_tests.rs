//! Values as `serde_json` has them and as they were read, each in a form that tells every bit. The fuzz targets take this
//! file as well.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt64Type};
use serde_json::Value;

/// A value of a line as one that tells every bit of it, in the type that its column has.
pub fn expected(value: Option<&Value>, data_type: &DataType) -> Value {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Value::Null };
    let number = value.to_string();
    match data_type {
        DataType::Int64 => number.parse::<i64>().expect("an integer of int64").to_string().into(),
        // Zero may be written with a sign.
        DataType::UInt64 => number.parse::<i128>().expect("an integer").to_string().into(),
        DataType::Float64 => {
            let float: f64 = number.parse().expect("a number");
            assert!(number.contains(['.', 'e', 'E']) || float.abs() <= 9_007_199_254_740_992.0, "{number}");
            format!("{:x}", float.to_bits()).into()
        }
        DataType::List(item) => {
            let items = value.as_array().expect("a list").iter();
            items.map(|value| expected(Some(value), item.data_type())).collect()
        }
        DataType::Struct(fields) => {
            let object = value.as_object().expect("an object");
            assert!(
                object.keys().all(|name| fields.find(name).is_some()),
                "a field is left out of {fields:?}"
            );
            let of = |name: &String, kind| (name.clone(), expected(object.get(name), kind));
            fields.iter().map(|field| of(field.name(), field.data_type())).collect()
        }
        DataType::Utf8 => value.as_str().expect("a text").into(),
        DataType::Boolean => value.as_bool().expect("true or false").into(),
        other => panic!("{value} is read as {other}"),
    }
}

/// The same of a value that was read.
pub fn cell(column: &dyn Array, row: usize) -> Value {
    if column.is_null(row) {
        return Value::Null;
    }
    match column.data_type() {
        DataType::Null => Value::Null,
        DataType::Boolean => column.as_boolean().value(row).into(),
        DataType::Utf8 => column.as_string::<i32>().value(row).into(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string().into(),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).to_string().into(),
        DataType::Float64 => {
            format!("{:x}", column.as_primitive::<Float64Type>().value(row).to_bits()).into()
        }
        DataType::List(_) => {
            let items = column.as_list::<i32>().value(row);
            (0..items.len()).map(|item| cell(items.as_ref(), item)).collect()
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().zip(column.as_struct().columns());
            columns.map(|(field, column)| (field.name().clone(), cell(column, row))).collect()
        }
        other => panic!("no JSON has {other}"),
    }
}
