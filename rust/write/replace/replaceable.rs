//! What an overwrite may remove: a dataset by its own files, all of which it names, and nothing beside them.
//!
//! One that is named wrongly costs somebody their work. So a folder is taken for a dataset only where it reads as one:
//! by the manifest of this crate, or by the two JSON files of `save_to_disk` with all shards that they name.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::error::{At, Error, Result, Shown};
use crate::io::json;
use crate::write::manifest::verify::place;
use crate::write::manifest::{self, Manifest};

const STATE: &str = "state.json";
const INFO: &str = "dataset_info.json";
/// What `save_to_disk` writes into `state.json`.
const KEYS: [&str; 7] = [
    "_data_files",
    "_fingerprint",
    "_format_columns",
    "_format_kwargs",
    "_format_type",
    "_output_all_columns",
    "_split",
];

/// Fails unless a folder is empty, or a dataset and nothing else.
///
/// # Errors
/// It is no dataset; the first file by name that is none of it.
pub(crate) fn check_replaceable(target: &Path) -> Result<()> {
    let mut entries = fs::read_dir(target).map_err(|e| Error::io(target, "looking at what is there", e))?;
    if entries.next().is_none() {
        return Ok(());
    }
    let listed = if target.join(manifest::NAME).exists() {
        of_manifest(target).map_err(|error| none(target, &error.to_string()))?
    } else if target.join(STATE).exists() && target.join(INFO).exists() {
        of_save(target).map_err(|error| none(target, &error.to_string()))?
    } else {
        return Err(none(target, "no dsdm.json, and not both state.json and dataset_info.json"));
    };
    let Some(path) = foreign(target, &listed)? else {
        return Ok(()); // Proof: all of it is listed.
    };
    let what = match fs::read_link(&path) {
        Ok(leads) => format!("is a link to {}, which is not followed and not removed", Shown(&leads)),
        Err(_) => "is none of it".to_owned(),
    };
    Err(Error::Value(format!(
        "{}: overwrite=True replaces a dataset, and {} {what}; move it elsewhere, or remove the directory yourself",
        Shown(target),
        Shown(&path)
    )))
}

fn none(target: &Path, why: &str) -> Error {
    Error::Value(format!(
        "{}: overwrite=True replaces a dataset directory, and this is none ({why}); remove it or choose another",
        Shown(target)
    ))
}

/// The files of an output of this crate, which need not all be there.
fn of_manifest(target: &Path) -> Result<HashSet<PathBuf>> {
    let manifest = Manifest::read(target)?;
    let files = manifest.shards.iter().flat_map(|shard| &shard.files).chain(&manifest.files);
    let names = files.map(|file| file.name.as_str()).chain([manifest::NAME]);
    names.map(|name| place(target, name)).collect()
}

/// The files of what `save_to_disk` wrote, by its state, whose shards must be there.
fn of_save(target: &Path) -> Result<HashSet<PathBuf>> {
    let path = target.join(STATE);
    let wrong = |message: String| Error::format(&path, At::File, message);
    let state = object(&path)?;
    object(&target.join(INFO))?;
    if let Some(key) = KEYS.iter().find(|key| state.get(**key).is_none()) {
        return Err(wrong(format!("the key {key:?} is missing")));
    }
    let files = state.get("_data_files").and_then(Value::as_array).filter(|files| !files.is_empty());
    let files = files.ok_or_else(|| wrong("\"_data_files\" lists nothing".to_owned()))?;
    let mut listed: HashSet<PathBuf> = [path.clone(), target.join(INFO)].into();
    for file in files {
        let name = file.get("filename").and_then(Value::as_str).filter(|name| !name.contains('/'));
        let name = name.ok_or_else(|| wrong(format!("{file} names no file of the directory")))?;
        let shard = place(target, name)?;
        if !shard.is_file() {
            return Err(wrong(format!("it names {name}, which is not there")));
        }
        listed.insert(shard);
    }
    Ok(listed)
}

fn object(path: &Path) -> Result<Value> {
    let value: Value = json::read(path, |e| format!("this is no JSON: {e}"))?;
    let wrong = || Error::format(path, At::File, "this is no JSON object");
    if value.is_object() { Ok(value) } else { Err(wrong()) }
}

/// The first path by name in a folder that is not listed, and is no folder around one that is. A link is nothing that
/// was written, whatever it is called.
fn foreign(target: &Path, listed: &HashSet<PathBuf>) -> Result<Option<PathBuf>> {
    let around: HashSet<&Path> =
        listed.iter().flat_map(|path| path.ancestors().skip(1)).filter(|folder| *folder != target).collect();
    let mut folders = vec![target.to_path_buf()];
    let mut found: Option<PathBuf> = None;
    while let Some(folder) = folders.pop() {
        let failed = |e| Error::io(&folder, "looking at what is there", e);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(failed)?);
            if kind.is_dir() && around.contains(path.as_path()) {
                folders.push(path);
            } else if (!kind.is_file() || !listed.contains(&path))
                && found.as_ref().is_none_or(|other| path < *other)
            {
                found = Some(path);
            }
        }
    }
    Ok(found)
}

/// Makes what `save_to_disk` makes, and gives the text of its state.
#[cfg(test)]
pub(crate) fn saved_by_others(target: &Path) -> String {
    let mut state: serde_json::Map<String, Value> =
        KEYS.iter().map(|key| ((*key).to_owned(), Value::Null)).collect();
    state["_data_files"] = serde_json::json!([{"filename": "data-00000-of-00001.arrow"}]);
    let state = Value::Object(state).to_string();
    fs::write(target.join(STATE), &state).unwrap();
    fs::write(target.join(INFO), "{}").unwrap();
    fs::write(target.join("data-00000-of-00001.arrow"), "").unwrap();
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(target: &Path) -> Option<String> {
        check_replaceable(target).err().map(|error| error.to_string())
    }

    #[cfg(unix)]
    #[test]
    fn a_shard_that_is_a_link_is_told_before_anything_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let (target, shard) = (dir.path(), dir.path().join("data-00000-of-00001.arrow"));
        saved_by_others(target);
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        fs::remove_file(&shard).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), &shard).unwrap();
        let said = refused(target).unwrap();
        let link = format!("{} is a link to {}, which is not", shard.display(), elsewhere.path().display());
        assert!(said.contains(&link) && said.contains("remove the directory yourself"), "{said}");
    }

    #[test]
    fn a_save_is_replaced_and_whatever_lies_beside_it_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path();
        assert_eq!(refused(target), None);
        saved_by_others(target);
        assert_eq!(refused(target), None);
        for name in ["notes.txt", "data-00000-of-00002.arrow", ".hidden", "README.md"] {
            fs::write(target.join(name), "").unwrap();
            assert!(refused(target).unwrap().contains(&format!("{name} is none of it")), "{name}");
            fs::remove_file(target.join(name)).unwrap();
        }
        fs::create_dir(target.join("more")).unwrap();
        assert!(refused(target).unwrap().contains("more is none of it"));
    }

    #[test]
    fn what_does_not_read_as_a_dataset_is_none() {
        for (name, text, why) in [
            (STATE, "{}", "the key \"_data_files\" is missing"),
            (STATE, "half", "no JSON"),
            (INFO, "[]", "no JSON object"),
            (INFO, "", "no JSON"),
            (manifest::NAME, "{}", "no manifest of dsdm"),
            (manifest::NAME, "", "no manifest of dsdm"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            saved_by_others(dir.path());
            fs::write(dir.path().join(name), text).unwrap();
            let said = refused(dir.path()).unwrap();
            assert!(said.contains("this is none") && said.contains(why), "{said}");
        }
        for name in [STATE, INFO, "data-00000-of-00001.arrow"] {
            let dir = tempfile::tempdir().unwrap();
            saved_by_others(dir.path());
            fs::remove_file(dir.path().join(name)).unwrap();
            assert!(refused(dir.path()).unwrap().contains("this is none"), "{name}");
        }
        for files in [r"[]", r#"[{"filename": "../x"}]"#, r#"[{"filename": "state.json/.."}]"#, "[3]"] {
            let dir = tempfile::tempdir().unwrap();
            let state = saved_by_others(dir.path());
            let listed = r#"[{"filename":"data-00000-of-00001.arrow"}]"#;
            fs::write(dir.path().join(STATE), state.replace(listed, files)).unwrap();
            assert!(refused(dir.path()).unwrap().contains("this is none"), "{files}");
        }
    }
}
