//! Extension types: names beside a column that give what is stored another meaning.
//!
//! A name is passed on where what is stored is what the type is stored as, and dropped where it is not: readers
//! that know the type would refuse the column, and its values are readable without. Nothing is ever imported to
//! read one.

use std::collections::HashMap;
use std::path::Path;

use arrow::datatypes::{DataType, Field};
use serde_json::Value;

use super::names::is_name_of;
use crate::error::{At, Error, Result};

/// The field metadata that names an extension type.
pub(crate) const NAME: &str = "ARROW:extension:name";
/// What belongs to it.
pub(crate) const DATA: &str = "ARROW:extension:metadata";
/// A type that is a pickle of itself.
const PICKLED: &str = "arrow.py_extension_type";
/// Whole numbers that are true or false.
const BOOL8: &str = "arrow.bool8";
/// Lists of one length that are arrays of one shape.
const TENSOR: &str = "arrow.fixed_shape_tensor";

/// The metadata of a field that comes out as `data_type`: its extension type, if it has one that fits.
pub(crate) fn metadata(
    path: &Path,
    column: &str,
    field: &Field,
    data_type: &DataType,
) -> Result<HashMap<String, String>> {
    let Some(name) = field.metadata().get(NAME) else { return Ok(HashMap::new()) }; // Proof: it has none.
    if name == PICKLED {
        let message = format!(
            "the column has the extension type {name:?}, which is a pickle and is never imported; leave it out with columns=, or store its plain values"
        );
        return Err(Error::schema(path, At::Field(format!("column {column:?}")), message));
    }
    let data = field.metadata().get(DATA).map_or("", String::as_str);
    if !is_stored_as(name, data, data_type) {
        return Ok(HashMap::new());
    }
    let kept = [(NAME, Some(name)), (DATA, field.metadata().get(DATA))];
    // Proof: a name without metadata has none to be kept.
    Ok(kept.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.clone()))).collect())
}

/// Whether values of an extension type are stored as this type, as far as the type is known here.
fn is_stored_as(name: &str, data: &str, data_type: &DataType) -> bool {
    match name {
        "arrow.uuid" => *data_type == DataType::FixedSizeBinary(16) && data.is_empty(),
        BOOL8 => *data_type == DataType::Int8 && data.is_empty(),
        "arrow.json" => matches!(data_type, DataType::Utf8 | DataType::LargeUtf8),
        "arrow.opaque" => {
            // Proof: what is no JSON has none of the keys.
            let data: Value = serde_json::from_str(data).unwrap_or(Value::Null);
            ["type_name", "vendor_name"].iter().all(|key| data.get(key).is_some_and(Value::is_string))
        }
        TENSOR => match data_type {
            DataType::FixedSizeList(_, length) => is_shape_of(data, *length),
            _ => false,
        },
        _ if name.starts_with("datasets.features.features.") => array_of(name, data, data_type).is_some(),
        _ => true,
    }
}

/// Whether the metadata of a tensor type tells a shape of so many values.
///
/// Proof: what tells no shape tells none of so many.
fn is_shape_of(data: &str, length: i32) -> bool {
    let Ok(Value::Object(data)) = serde_json::from_str(data) else { return false };
    let Some(shape) = data.get("shape").and_then(Value::as_array) else { return false };
    let sizes: Option<Vec<u64>> = shape.iter().map(Value::as_u64).collect();
    let count = sizes.and_then(|sizes| sizes.iter().try_fold(1u64, |all, size| all.checked_mul(*size)));
    let as_many = |key: &str| match data.get(key) {
        Some(Value::Array(values)) => values.len() == shape.len(),
        Some(_) => false,
        None => true,
    };
    count == u64::try_from(length).ok()
        && as_many("dim_names")
        && is_permutation(data.get("permutation"), shape)
}

fn is_permutation(permutation: Option<&Value>, shape: &[Value]) -> bool {
    let Some(permutation) = permutation else { return true }; // Proof: it may be left out.
    let places: Option<Vec<u64>> =
        permutation.as_array().and_then(|places| places.iter().map(Value::as_u64).collect());
    places.is_some_and(|mut places| {
        places.sort_unstable();
        places.iter().copied().eq(0..shape.len() as u64)
    })
}

/// What an extension type tells of its values, in one spelling: its name, and what belongs to it.
///
/// Names of a tensor's dimensions tell nothing of its values.
///
/// Proof: a tensor's shape is a list, or its type would have been dropped, and what is no JSON is compared as it stands.
pub(crate) fn told(field: &Field) -> Option<(&str, Value)> {
    let name = field.metadata().get(NAME)?;
    let data = field.metadata().get(DATA).map_or("", String::as_str);
    let mut told = serde_json::from_str(data).unwrap_or_else(|_| Value::from(data));
    if let (TENSOR, Value::Object(tensor)) = (name.as_str(), &mut told) {
        let dimensions = tensor.get("shape").and_then(Value::as_array).map_or(0, Vec::len);
        tensor.retain(|key, _| key == "shape" || key == "permutation");
        tensor.entry("permutation").or_insert_with(|| (0..dimensions).collect());
    }
    Some((name, told))
}

/// Whether an extension type is one of Arrow itself, which readers know.
pub(crate) fn is_of_arrow(name: &str) -> bool {
    name.starts_with("arrow.")
}

/// The arrays of `datasets`, `Array2D` to `Array5D`: kind, shape and the name of the type of their values.
///
/// They are stored as lists of lists, whatever their shape.
///
/// Proof: metadata or a type that differs from that is of no such array, and the name is dropped.
pub(crate) fn array_of(name: &str, data: &str, data_type: &DataType) -> Option<(String, Value, String)> {
    let kind = name.strip_prefix("datasets.features.features.")?.strip_suffix("ExtensionType")?;
    let dimensions =
        ["Array2D", "Array3D", "Array4D", "Array5D"].iter().position(|known| *known == kind)? + 2;
    let data: Value = serde_json::from_str(data).ok()?;
    let [shape, dtype] = data.as_array()?.as_slice() else { return None };
    // The first dimension may be of any length.
    let is_size = |(index, size): (usize, &Value)| size.is_u64() || (index == 0 && size.is_null());
    let sizes = shape.as_array().filter(|sizes| sizes.len() == dimensions)?;
    sizes.iter().enumerate().all(is_size).then_some(())?;
    let mut values = data_type;
    for _ in 0..dimensions {
        let DataType::List(item) = values else { return None };
        values = item.data_type();
    }
    let dtype = dtype.as_str().filter(|dtype| is_name_of(dtype, values))?;
    Some((kind.to_owned(), shape.clone(), dtype.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn kept(name: &str, data: &str, data_type: &DataType) -> bool {
        let own = [(NAME, name), (DATA, data)].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let field = Field::new("x", data_type.clone(), true).with_metadata(own);
        !metadata(Path::new("a"), "x", &field, data_type).unwrap().is_empty()
    }

    #[test]
    fn a_name_is_kept_where_it_fits_what_is_stored() {
        let list = |item: DataType| DataType::List(Arc::new(Field::new("item", item, true)));
        let fixed =
            |length| DataType::FixedSizeList(Arc::new(Field::new("item", DataType::Int32, true)), length);
        let array = "datasets.features.features.Array2DExtensionType";
        for (name, data, data_type) in [
            ("arrow.uuid", "", DataType::FixedSizeBinary(16)),
            ("arrow.bool8", "", DataType::Int8),
            ("arrow.json", "", DataType::LargeUtf8),
            ("arrow.opaque", r#"{"type_name": "a", "vendor_name": "b"}"#, DataType::Null),
            ("arrow.fixed_shape_tensor", r#"{"shape": [2, 3], "permutation": [1, 0]}"#, fixed(6)),
            (array, r#"[[null, 2], "int32"]"#, list(list(DataType::Int32))),
            ("some.type", "anything", DataType::Int8),
        ] {
            assert!(kept(name, data, &data_type), "{name}");
        }
        for (name, data, data_type) in [
            ("arrow.uuid", "", DataType::Binary),
            ("arrow.uuid", "", DataType::FixedSizeBinary(15)),
            ("arrow.bool8", "", DataType::Boolean),
            ("arrow.json", "", DataType::Int8),
            ("arrow.opaque", "", DataType::Null),
            ("arrow.fixed_shape_tensor", r#"{"shape": [2, 3]}"#, fixed(5)),
            ("arrow.fixed_shape_tensor", r#"{"shape": [2, 3], "permutation": [1, 1]}"#, fixed(6)),
            ("arrow.fixed_shape_tensor", r#"{"shape": [9223372036854775807, 3]}"#, fixed(5)),
            (array, r#"[[2, 2], "int32"]"#, list(DataType::Int32)),
            (array, r#"[[2, 2], "int32"]"#, list(list(DataType::Int64))),
            (array, r#"[[2], "int32"]"#, list(list(DataType::Int32))),
            (array, r#"[[2, null], "int32"]"#, list(list(DataType::Int32))),
            ("datasets.features.features.OtherExtensionType", "", DataType::Int8),
        ] {
            assert!(!kept(name, data, &data_type), "{name} {data}");
        }
    }
}
