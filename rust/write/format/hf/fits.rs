//! Whether a feature of `datasets` stands for an Arrow type.
//!
//! `datasets` believes a feature where the type that it stands for is that of the column, to the last nested field,
//! and takes the feature of the type where not. So does this, without importing it: tests hold the two together.

use std::collections::HashSet;

use arrow::datatypes::{DataType, Field, Fields};
use serde_json::{Map, Value};

use super::release::Release;
use crate::gather::columns::extension::{self, array_of};
use crate::gather::columns::names::is_name_of;

/// An extension type that `datasets` has a feature for.
pub(crate) enum Extension {
    Json,
    /// `Array2D` to `Array5D`: its name, shape and type.
    Array(String, Value, String),
}

/// The extension type of a field, if `datasets` has a feature for it.
pub(crate) fn extension_of(field: &Field) -> Option<Extension> {
    let name = field.metadata().get(extension::NAME)?;
    let data = field.metadata().get(extension::DATA).map_or("", String::as_str);
    if name == "arrow.json" && *field.data_type() == DataType::Utf8 {
        return Some(Extension::Json);
    }
    let (kind, shape, dtype) = array_of(name, data, field.data_type())?;
    Some(Extension::Array(kind, shape, dtype))
}

/// Whether a feature stands for a field: its extension type, or what it stores.
pub(crate) fn fits(feature: &Value, field: &Field, release: Release) -> bool {
    match extension_of(field) {
        Some(Extension::Json) => kind_of(feature) == Some("Json") && release.has_json(),
        Some(Extension::Array(kind, shape, dtype)) => {
            let dtype = Value::String(dtype);
            kind_of(feature) == Some(&kind)
                && feature.get("shape") == Some(&shape)
                && feature.get("dtype") == Some(&dtype)
        }
        None => {
            !field.metadata().contains_key(extension::NAME) && fits_type(feature, field.data_type(), release)
        }
    }
}

fn fits_type(feature: &Value, data_type: &DataType, release: Release) -> bool {
    let object = match feature {
        Value::Array(items) => {
            return matches!(items.as_slice(), [inner] if fits_list(inner, -1, data_type, release));
        }
        Value::Object(object) => object,
        _ => return false,
    };
    match object.get("_type") {
        None | Some(Value::Object(_)) => {
            matches!(data_type, DataType::Struct(fields) if fits_struct(object, fields, release))
        }
        Some(Value::String(kind)) => fits_kind(kind, object, data_type, release),
        Some(_) => false,
    }
}

/// Whether a feature that has a type of its own stands for an Arrow type.
fn fits_kind(kind: &str, object: &Map<String, Value>, data_type: &DataType, release: Release) -> bool {
    let inner = object.get("feature");
    match kind {
        "Value" => object.get("dtype").and_then(Value::as_str).is_some_and(|own| is_name_of(own, data_type)),
        "ClassLabel" => *data_type == DataType::Int64 && has_labels(object),
        "Translation" => matches!(data_type, DataType::Struct(fields) if has_languages(object, fields)),
        "TranslationVariableLanguages" => is_variable_translation(object, data_type),
        "LargeList" => match (data_type, inner) {
            (DataType::LargeList(item), Some(inner)) => fits(inner, item, release),
            _ => false,
        },
        "List" | "Sequence" => match (inner, length_of(object)) {
            // A sequence of a struct is a struct of lists.
            (Some(Value::Object(inner)), Some(length)) if kind == "Sequence" && is_struct(inner) => {
                is_struct_of_lists(inner, length, data_type, release)
            }
            (Some(inner), Some(length)) => fits_list(inner, length, data_type, release),
            _ => false,
        },
        media => {
            let known = media != "BioStructure" || is_structure_format(object.get("format"));
            release.has_media(media) && known && is_media(data_type)
        }
    }
}

fn fits_list(inner: &Value, length: i64, data_type: &DataType, release: Release) -> bool {
    match data_type {
        DataType::List(item) => length == -1 && fits(inner, item, release),
        DataType::FixedSizeList(item, own) => length == i64::from(*own) && fits(inner, item, release),
        _ => false,
    }
}

fn fits_struct(object: &Map<String, Value>, fields: &Fields, release: Release) -> bool {
    let mut pairs = object.iter().zip(fields); // Proof: looked at only where they are as many.
    object.len() == fields.len()
        && pairs.all(|((name, inner), field)| name == field.name() && fits(inner, field, release))
}

/// Whether lists of each feature of a struct make the fields. Releases differ in what they see in a struct of
/// lists, or of nothing: no such feature is believed.
fn is_struct_of_lists(
    inner: &Map<String, Value>,
    length: i64,
    data_type: &DataType,
    release: Release,
) -> bool {
    let DataType::Struct(fields) = data_type else {
        return false; // Proof: a feature that is not believed gives way to the type.
    };
    let is_list =
        |feature: &Value| matches!(kind_of(feature), Some("List" | "Sequence")) || feature.is_array();
    let mut pairs = inner.iter().zip(fields); // Proof: looked at only where they are as many.
    inner.len() == fields.len()
        && !inner.values().all(is_list)
        && pairs.all(|((name, inner), field)| {
            name == field.name()
                && field.metadata().is_empty()
                && fits_list(inner, length, field.data_type(), release)
        })
}

/// The type that a feature names, if it names one.
pub(crate) fn kind_of(feature: &Value) -> Option<&str> {
    feature.get("_type").and_then(Value::as_str)
}

/// Whether an object is a struct of features, and no feature.
pub(crate) fn is_struct(object: &Map<String, Value>) -> bool {
    object.get("_type").is_none_or(Value::is_object)
}

/// The length of lists, -1 where they may have any; nothing if it is no length.
pub(crate) fn length_of(object: &Map<String, Value>) -> Option<i64> {
    match object.get("length") {
        None => Some(-1),
        Some(length) => length.as_i64().filter(|length| *length >= -1),
    }
}

fn has_labels(object: &Map<String, Value>) -> bool {
    let Some(names) = object.get("names").and_then(Value::as_array) else {
        return false; // Proof: a feature that is not believed gives way to the type.
    };
    let texts: Option<HashSet<&str>> = names.iter().map(Value::as_str).collect();
    texts.is_some_and(|texts| texts.len() == names.len())
}

fn has_languages(object: &Map<String, Value>, fields: &Fields) -> bool {
    let Some(languages) = object.get("languages").and_then(Value::as_array) else {
        return false; // Proof: a feature that is not believed gives way to the type.
    };
    let texts: Option<Vec<&str>> = languages.iter().map(Value::as_str).collect();
    texts.is_some_and(|mut texts| {
        texts.sort_unstable();
        let names = fields.iter().map(|field| field.name().as_str());
        names.eq(texts) && fields.iter().all(|field| is_plain(field, &DataType::Utf8))
    })
}

fn is_variable_translation(object: &Map<String, Value>, data_type: &DataType) -> bool {
    let known = match object.get("languages") {
        None | Some(Value::Null) => true,
        Some(Value::Array(languages)) => languages.iter().all(Value::is_string),
        Some(_) => false,
    };
    let is_texts = |field: &Field| match field.data_type() {
        DataType::List(item) => field.metadata().is_empty() && is_plain(item, &DataType::Utf8),
        _ => false,
    };
    match data_type {
        DataType::Struct(fields) => match fields.as_ref() {
            [first, second] => {
                let named = first.name() == "language" && second.name() == "translation";
                known && named && is_texts(first) && is_texts(second)
            }
            _ => false,
        },
        _ => false,
    }
}

/// What images, audio and other files are stored as.
pub(crate) fn is_media(data_type: &DataType) -> bool {
    match data_type {
        DataType::Struct(fields) => match fields.as_ref() {
            [bytes, path] => {
                let named = bytes.name() == "bytes" && path.name() == "path";
                named && is_plain(bytes, &DataType::Binary) && is_plain(path, &DataType::Utf8)
            }
            _ => false,
        },
        _ => false,
    }
}

fn is_plain(field: &Field, data_type: &DataType) -> bool {
    field.data_type() == data_type && !field.metadata().contains_key(extension::NAME)
}

fn is_structure_format(format: Option<&Value>) -> bool {
    format.is_none_or(|format| matches!(format.as_str(), Some("pdb" | "mmcif")))
}
