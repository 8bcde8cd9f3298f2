//! `state.json`, beside the shards that it names and their manifest; and the limits of JSON, held against what a parser
//! makes of the same bytes.

#![no_main]

use std::fs;

use common::folders::{files, seed, write};
use common::{check_refusal, job, place};
use dsdm::write::fuzzing::{json_limits, manifest_of};
use dsdm::write::{Format, verify};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// The file that is fuzzed.
const NAME: &str = "state.json";
/// How deep the limit lets lists and objects lie in each other.
const MAX_DEPTH: usize = 100;

fuzz_target!(
    init: {
        let folder = place().join("out");
        assert!(write(&folder, &Format::Arrow).is_ok(), "an output can be written");
        for (name, bytes) in files(&folder).into_iter().filter(|(name, _)| name.ends_with(".json")) {
            seed(&name, &bytes);
        }
        // A manifest that does not tell the checksum of the file that is fuzzed.
        let text = fs::read(folder.join("dsdm.json")).expect("an output has a manifest");
        let Ok(Value::Object(mut contents)) = serde_json::from_slice(&text) else { panic!("no object") };
        contents.shift_remove("crc32");
        contents["files"].as_array_mut().expect("a list").retain(|file| file["name"] != NAME);
        let text = manifest_of(contents).expect("it can be written");
        fs::write(folder.join("dsdm.json"), text).expect("a file can be written");
    },
    |data: &[u8]| {
        let folder = place().join("out");
        fs::write(folder.join(NAME), data).expect("a file can be written");
        let parsed = serde_json::from_slice::<Value>(data).ok();
        let within = json_limits(data).is_ok();
        if let Some(parsed) = &parsed {
            assert_eq!(within, depth(parsed) <= MAX_DEPTH, "the limit of depth");
        }
        let right = parsed.filter(|_| within).is_some_and(|state| names(&state).is_some_and(|names| names == shards()));
        match verify(&job(), &folder) {
            Ok(_) => assert!(right, "other shards are named"),
            Err(error) => {
                check_refusal(&error);
                assert!(!right, "the shards are named, and refused: {error}");
            }
        }
    }
);

/// How deep lists and objects lie in each other.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(list) => 1 + list.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// The shards that a state names, if each of its files has a name.
fn names(state: &Value) -> Option<Vec<String>> {
    let files = state.get("_data_files")?.as_array()?;
    files.iter().map(|file| Some(file.get("filename")?.as_str()?.to_owned())).collect()
}

fn shards() -> Vec<String> {
    (0..4).map(|shard| format!("data-{shard:05}-of-00004.arrow")).collect()
}
