//! The folders that `save_to_disk` of the package `datasets` writes.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use crate::error::{At, Error, Result};
use crate::opened::Opened;

/// What names the shards of a folder.
const STATE: &str = "state.json";
/// What lists the splits of a folder that holds several datasets.
const SPLITS: &str = "dataset_dict.json";
/// What stands beside the state.
const INFO: &str = "dataset_info.json";
/// A state with a hundred thousand shards has about 6 MB.
const MAX_STATE: u64 = 64 << 20;

/// Whether a path is a folder that says it is a dataset.
pub(crate) fn is_dataset(path: &Path) -> bool {
    path.is_dir() && [STATE, SPLITS, INFO].iter().any(|name| path.join(name).exists())
}

/// The shards of a folder, in the order of their rows.
///
/// Names that lead out of the folder are refused, and every shard must be there. A shard may be a link.
pub(crate) fn shards(directory: &Path) -> Result<Vec<PathBuf>> {
    let path = directory.join(STATE);
    let state = read_state(directory, &path)?;
    if state.get("_indices_data_files").is_some_and(|files| files.as_array().is_some_and(|f| !f.is_empty())) {
        let message = "the rows are picked by a separate file of indices, as old versions of datasets wrote it; load and save it again with a newer version";
        return Err(field(&path, "_indices_data_files", message));
    }
    let files = state.get("_data_files").ok_or_else(|| {
        field(&path, "_data_files", "the key is missing; it lists the shards: save the dataset again")
    })?;
    let files = files.as_array().ok_or_else(|| {
        field(&path, "_data_files", format!("a list of shards is expected, and this is {}", kind(files)))
    })?;
    if files.is_empty() {
        return Err(field(&path, "_data_files", "the dataset has no shards, and so no scores"));
    }
    files.iter().enumerate().map(|(index, file)| shard(directory, &path, index, file)).collect()
}

fn read_state(directory: &Path, path: &Path) -> Result<Value> {
    if !path.exists() {
        let splits = directory.join(SPLITS).exists();
        let message = if splits {
            "the file is missing: this folder holds a DatasetDict; give the folder of one of its splits"
        } else {
            "the file is missing, and a folder that save_to_disk wrote has it; the save was interrupted or this is another kind of folder"
        };
        return Err(field(directory, STATE, message));
    }
    let opened = Opened::open(path)?;
    let size = opened.identity().size;
    let len = usize::try_from(size).ok().filter(|_| size <= MAX_STATE).ok_or_else(|| {
        Error::format(path, At::File, format!("it has {size} bytes, and at most {MAX_STATE} are read"))
    })?;
    let mut bytes = vec![0; len];
    opened.read_exact_at(&mut bytes, 0)?;
    serde_json::from_slice(&bytes).map_err(|e| {
        Error::format(path, At::File, format!("this is not the JSON that save_to_disk writes: {e}"))
    })
}

/// The path of one listed shard.
fn shard(directory: &Path, state: &Path, index: usize, file: &Value) -> Result<PathBuf> {
    let key = format!("_data_files[{index}].filename");
    let name = file.get("filename").ok_or_else(|| field(state, &key, "the key is missing"))?;
    let name = name.as_str().ok_or_else(|| {
        field(state, &key, format!("the name of a shard is expected, and this is {}", kind(name)))
    })?;
    let inside = !name.is_empty()
        && !name.contains(['\0', '\\'])
        && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if !inside {
        let message = format!(
            "the shard {name:?} is not a file in this folder; only names without .. and / at the start are followed"
        );
        return Err(field(state, &key, message));
    }
    let path = directory.join(name);
    match std::fs::metadata(&path) {
        Ok(_) => Ok(path),
        Err(e) => Err(Error::io(path, format!("opening a shard that {} lists", state.display()), e)),
    }
}

fn field(path: &Path, name: &str, message: impl Into<String>) -> Error {
    Error::format(path, At::Field(name.to_owned()), message)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(state: &str) -> Error {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(STATE), state).unwrap();
        shards(dir.path()).unwrap_err()
    }

    #[test]
    fn a_bad_state_is_refused_by_its_key() {
        let cases = [
            ("{", "this is not the JSON"),
            ("{}", "_data_files: the key is missing"),
            (r#"{"_data_files": 3}"#, "_data_files: a list of shards is expected, and this is a number"),
            (r#"{"_data_files": []}"#, "_data_files: the dataset has no shards"),
            (r#"{"_data_files": [{}]}"#, "_data_files[0].filename: the key is missing"),
            (r#"{"_data_files": [{"filename": "../x"}]}"#, "the shard \"../x\" is not a file in this folder"),
            (r#"{"_data_files": [{"filename": "/x"}]}"#, "the shard \"/x\" is not a file in this folder"),
            (r#"{"_data_files": [{"filename": ""}]}"#, "the shard \"\" is not a file in this folder"),
        ];
        for (state, expected) in cases {
            let error = refused(state);
            assert!(matches!(error, Error::Format(_)) && error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn a_missing_state_and_a_missing_shard_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = shards(dir.path()).unwrap_err();
        assert!(matches!(error, Error::Format(_)) && error.to_string().contains("state.json"), "{error}");
        let error = refused(r#"{"_data_files": [{"filename": "data-0.arrow"}]}"#);
        assert!(matches!(&error, Error::Io { source, .. } if source.raw_os_error() == Some(2)), "{error}");
        assert!(error.to_string().contains("data-0.arrow"), "{error}");
    }

    #[test]
    fn shards_come_in_the_order_of_the_state() {
        let dir = tempfile::tempdir().unwrap();
        let state = r#"{"_data_files": [{"filename": "b.arrow"}, {"filename": "a.arrow"}]}"#;
        for (name, bytes) in [(STATE, state), ("a.arrow", ""), ("b.arrow", "")] {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        assert!(is_dataset(dir.path()));
        assert_eq!(shards(dir.path()).unwrap(), ["b.arrow", "a.arrow"].map(|name| dir.path().join(name)));
    }
}
