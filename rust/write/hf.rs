//! The two JSON files of a `save_to_disk` directory, and the features in the Arrow schema.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use serde_json::{Map, Value, json};

use super::features::{by_name, feature};
use super::journal::Done;
use super::release::Release;
use crate::error::{Error, Result};

/// The key of the features in the metadata of a schema.
const KEY: &str = "huggingface";

/// The features of a schema, by column: the source's own where they fit, in the spelling that all read.
pub(super) fn output_features(schema: &Schema, release: Release) -> Map<String, Value> {
    let own: Value =
        schema.metadata().get(KEY).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let own = own.get("info").and_then(|info| info.get("features"));
    let of = |name: &str| own.and_then(|features| features.get(name));
    by_name(schema.fields().iter().map(|f| (f.name().clone(), feature(f, of(f.name()), release))))
}

/// The schema with these features in its metadata, and nothing else there.
pub(super) fn schema_with_features(schema: &Schema, features: &Map<String, Value>) -> SchemaRef {
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

/// `dataset_info.json` and then `state.json`, as name and text.
pub(super) fn companions(
    features: &Map<String, Value>,
    fingerprint: &str,
    shards: &[Done],
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
pub(super) fn text(value: &Value) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|e| Error::Internal(e.to_string()))
}
