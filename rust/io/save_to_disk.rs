//! Directories that `save_to_disk` of the package `datasets` wrote: the one reader of their `state.json`.

use std::path::Path;

use serde_json::Value;

use super::json;
use crate::error::{At, Error, Result};

/// The name of the file.
pub(crate) const STATE: &str = "state.json";
/// Its field that names the shards.
const SHARDS: &str = "_data_files";
/// The fields that every version writes.
const FIELDS: [&str; 7] = [
    SHARDS,
    "_fingerprint",
    "_format_columns",
    "_format_kwargs",
    "_format_type",
    "_output_all_columns",
    "_split",
];

/// What a `state.json` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedState {
    /// The names of the shards, in the order of their rows.
    pub shards: Vec<String>,
    /// The file itself, which is a JSON object.
    pub text: String,
}

impl SavedState {
    /// Reads the state of a path.
    ///
    /// # Errors
    /// [`Error::Format`] for what is no JSON, lacks a field or names no shards; what opening it fails with.
    pub fn read(path: &Path) -> Result<Self> {
        Self::of(json::bytes_of(path)?).map_err(|message| Error::format(path, At::File, message))
    }

    fn of(bytes: Vec<u8>) -> Result<Self, String> {
        let broken =
            |e: &dyn std::fmt::Display| format!("this is no JSON ({e}); the save did not finish: save again");
        let text = String::from_utf8(bytes).map_err(|e| broken(&e))?;
        let state: Value = serde_json::from_str(&text).map_err(|e| broken(&e))?;
        let missing = FIELDS.iter().find(|&&field| state.get(field).is_none());
        if let Some(field) = missing {
            let all = FIELDS.join(", ");
            return Err(format!("the key '{field}' is missing; save_to_disk writes {all}"));
        }
        let shards = shards_of(&state);
        match shards.map(|name| name.filter(|name| !name.is_empty()).map(str::to_owned)).collect() {
            Some(shards) if shards != Vec::<String>::new() => Ok(Self { shards, text }),
            _ => Err(format!(
                "'{SHARDS}' must be a list of at least one {{'filename': …}}, and is {}",
                state[SHARDS]
            )),
        }
    }
}

/// The names of the shards of a state, in their order. One that is not told is None.
pub(crate) fn shards_of(state: &Value) -> impl Iterator<Item = Option<&str>> {
    let files = state.get(SHARDS).and_then(Value::as_array);
    // Proof: names that are not there are missed by whoever compares or counts them.
    files.into_iter().flatten().map(|file| file.get("filename").and_then(Value::as_str))
}

/// Return whether a `state.json` is one of `datasets`, and no one else's: by the names of its fields, as it may be
/// damaged.
pub fn is_state(path: &Path) -> Result<bool> {
    let text = json::bytes_of(path)?;
    let has = |field: &str| {
        let quoted = format!("\"{field}\"");
        text.windows(quoted.len()).any(|window| window == quoted.as_bytes())
    };
    Ok(FIELDS.into_iter().any(has))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    /// A whole state whose shards are these.
    fn state(files: Value) -> Map<String, Value> {
        let mut state: Map<_, _> = FIELDS.map(|field| (field.to_owned(), Value::Null)).into_iter().collect();
        state.insert(SHARDS.to_owned(), files);
        state
    }

    fn read(state: &Map<String, Value>) -> Result<Vec<String>, String> {
        SavedState::of(serde_json::to_vec(state).unwrap()).map(|state| state.shards)
    }

    #[test]
    fn shards_are_named_in_their_order() {
        let whole = state(json!([{"filename": "b"}, {"filename": "a", "more": 1}, {"filename": "b"}]));
        assert_eq!(read(&whole), Ok(["b", "a", "b"].map(str::to_owned).to_vec()));
        let text = serde_json::to_string_pretty(&whole).unwrap();
        assert_eq!(SavedState::of(text.clone().into_bytes()).unwrap().text, text);
    }

    #[test]
    fn a_field_that_is_missing_is_named() {
        for field in FIELDS {
            let mut state = state(json!([{"filename": "a"}]));
            state.remove(field);
            assert!(read(&state).unwrap_err().contains(&format!("the key '{field}' is missing")));
        }
        for text in ["7", "[]", "null", "{}"] {
            let said = SavedState::of(text.into()).unwrap_err();
            assert!(said.contains("the key '_data_files' is missing"), "{said}");
        }
    }

    #[test]
    fn what_names_no_shards_is_refused() {
        for files in [
            json!([]),
            json!(null),
            json!("a.arrow"),
            json!({"filename": "a"}),
            json!([{}]),
            json!([{"filename": ""}]),
            json!([{"filename": 7}]),
            json!([{"filename": "a"}, "b"]),
        ] {
            let said = read(&state(files.clone())).unwrap_err();
            assert!(said.ends_with(&format!("and is {files}")), "{said}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for bytes in [&b""[..], b"{\"_data_files\": [", b"{} {}", b"{\"a\": \"\xff\"}"] {
            let said = SavedState::of(bytes.to_vec()).unwrap_err();
            assert!(said.starts_with("this is no JSON (") && said.ends_with("save again"), "{said}");
        }
    }

    #[test]
    fn a_state_is_known_by_any_field_even_if_it_is_damaged() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (text, ours) in [
            ("{\"_split\": ", true),
            ("{\"_data_files\"", true),
            ("{\"epoch\": 3, \"_splits\": 1}", false),
            ("", false),
        ] {
            std::fs::write(file.path(), text).unwrap();
            assert_eq!(is_state(file.path()).unwrap(), ours, "{text}");
        }
    }

    #[test]
    fn names_that_are_not_told_are_none() {
        let names = |state: &Value| shards_of(state).map(|name| name.map(str::to_owned)).collect::<Vec<_>>();
        assert_eq!(names(&json!({SHARDS: [{"filename": "a"}, {}, 3]})), [Some("a".to_owned()), None, None]);
        assert_eq!(names(&json!({SHARDS: "a"})), [] as [Option<String>; 0]);
        assert_eq!(names(&json!({SHARDS: []})), [] as [Option<String>; 0]);
        assert_eq!(names(&json!({})), [] as [Option<String>; 0]);
    }
}
