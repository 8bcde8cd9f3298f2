//! The two JSON files of a `save_to_disk` directory, and the features in the Arrow schema.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use serde_json::{Map, Value, json};

use super::features::{by_name, feature};
use super::release::Release;
use crate::error::{Error, Result};
use crate::write::format::finished::FinishedShard;
use crate::write::format::shard_names::is_split_name;

/// The key of the features in the metadata of a schema.
const KEY: &str = "huggingface";

/// The features of a schema, by column: the source's own where they fit, in the spelling that all read.
pub(crate) fn output_features(schema: &Schema, release: Release) -> Map<String, Value> {
    // Proof: where the source's own cannot be read, the types speak.
    let own: Value =
        schema.metadata().get(KEY).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let own = own.get("info").and_then(|info| info.get("features"));
    let of = |name: &str| own.and_then(|features| features.get(name));
    by_name(schema.fields().iter().map(|f| (f.name().clone(), feature(f, of(f.name()), release))))
}

/// The schema with these features in its metadata, and nothing else there.
pub(crate) fn schema_with_features(schema: &Schema, features: &Map<String, Value>) -> SchemaRef {
    let text = json!({"info": {"features": features}}).to_string();
    let metadata = [(KEY.to_owned(), text)].into_iter().collect::<std::collections::HashMap<_, _>>();
    Arc::new(Schema::new_with_metadata(schema.fields().clone(), metadata))
}

/// What goes into the two files beside what every dataset has: a format, a split, a description.
#[derive(Debug, Clone, Default)]
pub struct ExtraKeys {
    /// For `state.json`.
    pub state: Map<String, Value>,
    /// For `dataset_info.json`.
    pub info: Map<String, Value>,
}

impl ExtraKeys {
    /// Fails at a key with which the folder could not be opened: what was true of a dataset before its columns
    /// changed.
    pub(crate) fn check(&self, schema: &Schema) -> Result<()> {
        let is_column = |name: &Value| name.as_str().is_some_and(|name| schema.index_of(name).is_ok());
        for (key, value) in &self.state {
            let fits = match (key.as_str(), value) {
                ("_format_columns", Value::Array(names)) => names.iter().all(is_column),
                ("_format_columns" | "_format_type" | "_split", Value::Null) => true,
                ("_format_type", value) => value.is_string(),
                ("_split", value) => value.as_str().is_some_and(is_split),
                ("_format_kwargs", value) => value.is_object(),
                ("_output_all_columns", value) => value.is_boolean(),
                ("_format_columns", _) => false,
                _ => true,
            };
            refuse_unless(fits, "state.json", key, value)?;
        }
        for (key, value) in &self.info {
            let fits = value.is_null()
                || match key.as_str() {
                    "version" => value.is_string() || value.is_object(),
                    "splits" | "supervised_keys" => value.is_object() || value.is_array(),
                    "post_processed" => value.is_object(),
                    _ => true,
                };
            refuse_unless(fits, "dataset_info.json", key, value)?;
        }
        Ok(())
    }
}

/// Whether `datasets` takes a text for the name of a split, or of a part or a sum of some.
fn is_split(text: &str) -> bool {
    text.split('+').all(|split| split.split('[').next().is_some_and(is_split_name))
}

fn refuse_unless(fits: bool, file: &str, key: &str, value: &Value) -> Result<()> {
    if fits {
        return Ok(());
    }
    Err(Error::Value(format!(
        "{file} would say {key} = {value}, with which datasets does not open the rows that are written; set the format and the info of the dataset anew"
    )))
}

/// `dataset_info.json` and then `state.json`, as name and text.
pub(crate) fn companions(
    features: &Map<String, Value>,
    fingerprint: &str,
    shards: &[FinishedShard],
    extra: &ExtraKeys,
) -> Result<Vec<(String, String)>> {
    let mut info =
        json!({"citation": "", "description": "", "features": features, "homepage": "", "license": ""});
    let files: Vec<Value> =
        shards.iter().flat_map(|shard| &shard.files).map(|file| json!({"filename": file.name})).collect();
    let mut state = json!({
        "_data_files": files,
        "_fingerprint": fingerprint,
        "_format_columns": null,
        "_format_kwargs": {},
        "_format_type": null,
        "_output_all_columns": false,
        "_split": null,
    });
    add(&mut info, &extra.info);
    add(&mut state, &extra.state);
    Ok(vec![("dataset_info.json".to_owned(), text(&info)?), ("state.json".to_owned(), text(&state)?)])
}

/// Adds keys to an object; the features, files and fingerprint stay what they are.
fn add(object: &mut Value, more: &Map<String, Value>) {
    for (key, value) in more {
        if !["features", "_data_files", "_fingerprint"].contains(&key.as_str()) {
            object[key] = value.clone();
        }
    }
}

/// A JSON value as the text of a file.
pub(crate) fn text(value: &Value) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|e| Error::Internal(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{DataType, Field};

    #[test]
    fn keys_with_which_a_folder_would_not_open_are_refused() {
        let schema = Schema::new(vec![Field::new("a", DataType::Int8, true)]);
        let check = |state: Value, info: Value| {
            let map = |value: Value| value.as_object().cloned().unwrap();
            ExtraKeys { state: map(state), info: map(info) }.check(&schema)
        };
        check(
            json!({"_format_columns": ["a"], "_split": "train[:10%]+test", "_format_kwargs": {}}),
            json!({}),
        )
        .unwrap();
        check(json!({"_format_columns": null, "_split": null}), json!({"version": "1.0.0", "splits": {}}))
            .unwrap();
        for (state, info, named) in [
            (json!({"_format_columns": ["a", "gone"]}), json!({}), "_format_columns = [\"a\",\"gone\"]"),
            (json!({"_format_columns": "a"}), json!({}), "_format_columns"),
            (json!({"_split": "no split"}), json!({}), "_split"),
            (json!({"_format_kwargs": null}), json!({}), "_format_kwargs"),
            (json!({"_output_all_columns": 1}), json!({}), "_output_all_columns"),
            (json!({}), json!({"version": 1}), "version = 1"),
            (json!({}), json!({"splits": "train"}), "splits"),
        ] {
            let error = check(state, info).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
