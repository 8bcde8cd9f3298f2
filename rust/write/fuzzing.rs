//! What fuzz targets need of the files of JSON beside an output: those with checksums, made so that these fit, and
//! what was read of them.

use std::path::Path;

use serde_json::{Map, Value};

use super::disk::checksum::Crc32;
use super::disk::folder::Folder;
use super::manifest::{Manifest, sealed};
use super::unfinished::journal::Journal;
use super::unfinished::run_spec::RunSpec;
use crate::error::{Error, Result};

/// The text of a `dsdm.json` that says this, with a checksum that fits.
///
/// # Errors
/// It cannot be written as JSON.
pub fn manifest_of(contents: Map<String, Value>) -> Result<String> {
    sealed(contents)
}

/// The text of the `dsdm.json` of a folder, written as it was read.
///
/// # Errors
/// Those of reading it.
pub fn manifest(folder: &Path) -> Result<String> {
    Manifest::read(folder)?.text()
}

/// A line of a journal that says this, with a checksum that fits.
pub fn journal_line(text: &str) -> String {
    format!("{} {text}\n", Crc32::of(text.as_bytes()))
}

/// The entries in the journal of a folder, written as they were read.
///
/// # Errors
/// Those of opening it.
pub fn journal(folder: &Path) -> Result<Vec<String>> {
    let folder = Folder::open(folder).map_err(|e| Error::io(folder, "opening", e))?;
    let (_, entries) = Journal::open(&folder)?;
    entries
        .iter()
        .map(|entry| serde_json::to_string(entry).map_err(|e| Error::Internal(e.to_string())))
        .collect()
}

/// The `plan.json` of a folder, written as it was read, if there is one that can be read.
///
/// # Errors
/// It cannot be written as JSON.
pub fn plan(folder: &Path) -> Result<Option<String>> {
    let folder = Folder::open(folder).map_err(|e| Error::io(folder, "opening", e))?;
    let text = |plan: RunSpec| serde_json::to_string(&plan).map_err(|e| Error::Internal(e.to_string()));
    RunSpec::read(&folder)?.map(text).transpose()
}

/// Whether bytes of JSON stay within the limits of what is read.
///
/// # Errors
/// Which limit it is that they do not.
pub fn json_limits(bytes: &[u8]) -> Result<(), String> {
    crate::io::json::check(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_made_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = json!({"name": "data", "bytes": 3, "crc32": "00000000"});
        let contents = json!({
            "dsdm": "0", "manifest": 1, "format": "arrow", "rows": 1, "fingerprint": "0", "selection": {},
            "sources": [], "shards": [{"rows": 1, "files": [file]}], "files": [],
        });
        let text = manifest_of(contents.as_object().unwrap().clone()).unwrap();
        std::fs::write(dir.path().join("dsdm.json"), &text).unwrap();
        assert_eq!(manifest(dir.path()).unwrap(), text);

        let entry = r#"{"complete":[1,2]}"#;
        std::fs::write(dir.path().join("journal"), journal_line(entry)).unwrap();
        assert_eq!(journal(dir.path()).unwrap(), [entry]);

        assert_eq!(plan(dir.path()).unwrap(), None);
        let text = r#"{"resumable":true,"shards":1,"fields":{"rows":3}}"#;
        std::fs::write(dir.path().join("plan.json"), text).unwrap();
        assert_eq!(plan(dir.path()).unwrap().unwrap(), text);
        json_limits(text.as_bytes()).unwrap();
    }
}
