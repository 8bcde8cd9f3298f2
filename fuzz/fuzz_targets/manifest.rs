//! `dsdm.json`, with a checksum that fits what it says, beside files that dsdm wrote.
//!
//! What is read is written again to the same, and says nothing that the file did not. A folder is verified only where
//! the files that it names are there with their bytes and rows.

#![no_main]

use std::fs;
use std::path::Path;

use common::folders::{files, lay, seed, write};
use common::{accepted, check_refusal, job, place};
use dsdm::error::Error;
use dsdm::write::fuzzing::{manifest, manifest_of};
use dsdm::write::{Format, verify};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// The file that is fuzzed.
const NAME: &str = "dsdm.json";

fuzz_target!(
    // The files of outputs of all formats lie in one folder: a manifest says which are meant.
    init: for format in Format::ALL {
        let made = place().join(format.name());
        if write(&made, &format).is_err() {
            continue; // No tokens are in texts.
        }
        let mut there = files(&made);
        seed(format.name(), &there.remove(NAME).expect("an output has a manifest"));
        lay(&place().join("out"), &there);
        if made.join("data").is_dir() {
            lay(&place().join("out/data"), &files(&made.join("data")));
        }
    },
    |data: &[u8]| {
        let folder = place().join("out");
        let written = |text: &[u8]| fs::write(folder.join(NAME), text).expect("a file can be written");
        let Ok(Value::Object(mut contents)) = serde_json::from_slice(data) else {
            written(data);
            assert!(accepted(manifest(&folder)).is_none(), "what is no object is a manifest");
            return;
        };
        contents.shift_remove("crc32");
        let Ok(text) = manifest_of(contents.clone()) else { return };
        written(text.as_bytes());
        let Some(first) = accepted(manifest(&folder)) else { return };
        said_by(&serde_json::from_str(&first).expect("JSON"), &Value::Object(contents), "");
        written(first.as_bytes());
        assert_eq!(manifest(&folder).expect("what was written is read"), first);
        check_verified(&folder);
    }
);

fn check_verified(folder: &Path) {
    match verify(&job(), folder) {
        Ok(found) => {
            let mut bytes = 0;
            for name in &found.files {
                let file = folder.join(name).canonicalize().expect("a file that is verified is there");
                assert!(file.starts_with(folder), "{name:?} is verified, and lies outside");
                bytes += file.metadata().expect("a file has a size").len();
            }
            assert_eq!(bytes, found.bytes);
        }
        // A file that it names is not there.
        Err(Error::Io { .. }) => {}
        Err(error) => check_refusal(&error),
    }
}

/// Everything that was written stands in what was read; the checksum is that of what it stands with.
fn said_by(written: &Value, read: &Value, place: &str) {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => {
            for (name, value) in written.iter().filter(|(name, _)| !place.is_empty() || *name != "crc32") {
                let there = read.get(name).unwrap_or_else(|| panic!("{place}.{name} was not said"));
                said_by(value, there, &format!("{place}.{name}"));
            }
        }
        (Value::Array(written), Value::Array(read)) => {
            assert_eq!(written.len(), read.len(), "{place}");
            written.iter().zip(read).for_each(|(written, read)| said_by(written, read, place));
        }
        _ => assert_eq!(written, read, "{place}"),
    }
}
