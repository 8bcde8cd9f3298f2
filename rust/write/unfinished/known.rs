//! Whether a directory under the name of unfinished output is one: runs of this crate made it, and nothing else lies
//! in it. Whatever the name is, a directory that holds anything else is somebody's work, of which nothing is used and
//! nothing is removed.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::journal::JOURNAL;
use super::run_spec::{NAME, UNFINISHED};
use crate::error::{Error, Result, Shown};
use crate::io::json;
use crate::io::save_to_disk::{STATE, shards_of};
use crate::write::disk::folder::Folder;
use crate::write::disk::names::{ASIDE, EntryKind, HOLDER, MARK, OUTPUT};
use crate::write::disk::short::read_short;
use crate::write::disk::synced::{sync_folder, write_synced};
use crate::write::format::shard_names::is_written;
use crate::write::manifest::Manifest;

/// What is in the file that marks such a directory. A crash may have cut it.
const MARK_TEXT: &[u8] = b"dsdm makes an output in this directory, and removes it.\n";
const FILES: [&str; 5] = [MARK, HOLDER, JOURNAL, NAME, UNFINISHED];
const DATASETS: [&str; 2] = [OUTPUT, ASIDE];
const EEXIST: i32 = 17;

/// Fails unless a directory is empty, or was made by runs of this crate and holds nothing else.
///
/// # Errors
/// The first path in it that is none of theirs.
pub(crate) fn check_known(folder: &Folder) -> Result<()> {
    let entries = sorted(folder)?;
    let known = |(name, kind): &(OsString, EntryKind)| match kind {
        EntryKind::File => FILES.iter().any(|known| name == known),
        EntryKind::Folder => DATASETS.iter().any(|known| name == known),
        EntryKind::Link | EntryKind::Other => false,
    };
    if let Some((name, _)) = entries.iter().find(|entry| !known(entry)) {
        return Err(foreign(folder, &folder.at(name)));
    }
    if let Some((name, _)) = entries.first().filter(|_| !is_marked(folder)) {
        return Err(foreign(folder, &folder.at(name)));
    }
    for (name, _) in entries.iter().filter(|(_, kind)| *kind == EntryKind::Folder) {
        let dataset = folder.sub(name).map_err(|e| looking(&folder.at(name), e))?;
        let found = if is_mount(&dataset, folder)? {
            Some(dataset.path().to_path_buf())
        } else {
            foreign_in(&dataset)?
        };
        if let Some(path) = found {
            return Err(foreign(folder, &path));
        }
    }
    Ok(())
}

/// Marks a directory as made by runs of this crate, once [`check_known`] found it so. It is on the disk before
/// anything else is in it.
pub(crate) fn mark(folder: &Folder) -> Result<()> {
    if folder.meta(MARK).is_ok() {
        return Ok(());
    }
    write_synced(folder, MARK, MARK_TEXT)?;
    sync_folder(folder)
}

/// Proof: what cannot be read marks nothing.
fn is_marked(folder: &Folder) -> bool {
    let what = "the mark of unfinished output";
    let text = read_short(folder.reader(MARK), &folder.at(MARK), MARK_TEXT.len() as u64, what);
    text.is_ok_and(|text| MARK_TEXT.starts_with(&text))
}

/// The first path in the directory of an output or of a dataset that was replaced which is neither a file that this
/// crate writes nor one that the dataset itself names. Files may be missing: a run that was killed may have removed
/// some.
pub(crate) fn foreign_in(dataset: &Folder) -> Result<Option<PathBuf>> {
    let listed = listed(dataset);
    let around: HashSet<&Path> = listed
        .iter()
        .flat_map(|name| Path::new(name).ancestors().skip(1))
        .chain([Path::new("data")])
        .collect();
    let mut folders = vec![(dataset.clone(), String::new())];
    while let Some((folder, before)) = folders.pop() {
        for (name, kind) in sorted(&folder)? {
            let path = name.to_str().map(|name| format!("{before}{name}"));
            // Proof: no run and no JSON file gives a name that is no text.
            let Some(path) = path else { return Ok(Some(folder.at(&name))) };
            let known = match kind {
                EntryKind::File => is_written(&path) || listed.contains(&path),
                EntryKind::Folder if around.contains(Path::new(&path)) => {
                    let inner = folder.sub(&name).map_err(|e| looking(&folder.at(&name), e))?;
                    let here = !is_mount(&inner, &folder)?;
                    folders.push((inner, format!("{path}/")));
                    here
                }
                EntryKind::Folder | EntryKind::Link | EntryKind::Other => false,
            };
            if !known {
                return Ok(Some(folder.at(&name)));
            }
        }
    }
    Ok(None)
}

/// The paths that the JSON files of a dataset name.
///
/// Proof: what is not named by a file that can be read is taken for somebody's work.
fn listed(dataset: &Folder) -> HashSet<String> {
    let is_file = |name: &str| dataset.meta(name).is_ok_and(|meta| meta.kind == EntryKind::File);
    let mut listed = HashSet::new();
    if is_file("dsdm.json")
        && let Ok(manifest) = Manifest::read(dataset.path())
    {
        let files = manifest.shards.iter().flat_map(|shard| &shard.files).chain(&manifest.files);
        listed.extend(files.map(|file| file.name.clone()));
    }
    if is_file(STATE)
        && let Ok(state) = json::read::<Value>(&dataset.at(STATE), |e| e)
    {
        listed.extend(shards_of(&state).flatten().map(ToOwned::to_owned));
    }
    listed
}

/// The entries of a directory by their names.
fn sorted(folder: &Folder) -> Result<Vec<(OsString, EntryKind)>> {
    let mut entries = folder.entries().map_err(|e| looking(folder.path(), e))?;
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(entries)
}

fn is_mount(inner: &Folder, folder: &Folder) -> Result<bool> {
    inner.is_mount(folder).map_err(|e| looking(inner.path(), e))
}

fn looking(path: &Path, error: io::Error) -> Error {
    Error::io(path, "looking at the directory of unfinished output", error)
}

fn foreign(folder: &Folder, path: &Path) -> Error {
    let doing = format!(
        "making an output in {}, where this is, which no run of dsdm made: nothing there is used or removed; move it elsewhere, or choose another output",
        Shown(folder.path())
    );
    Error::io(path, doing, io::Error::from_raw_os_error(EEXIST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn marked() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        check_known(&folder).unwrap();
        mark(&folder).unwrap();
        check_known(&folder).unwrap();
        (dir, folder)
    }

    fn refused(folder: &Folder, path: &str) {
        let error = check_known(folder).unwrap_err();
        assert!(
            matches!(&error, Error::Io { path: told, .. } if *told == folder.at(path)),
            "{path}: {error}"
        );
    }

    #[test]
    fn what_runs_make_is_known_and_all_else_is_named() {
        let (_dir, folder) = marked();
        fs::create_dir_all(folder.at("output/data")).unwrap();
        for name in ["pid", "journal", "plan.json", "output/data/train-00000-of-00001.parquet.part"] {
            fs::write(folder.at(name), "").unwrap();
        }
        check_known(&folder).unwrap();
        for name in ["thesis", "output/c.parquet", "output/data/notes.txt", "output/data/state.json"] {
            fs::write(folder.at(name), "").unwrap();
            refused(&folder, name);
            fs::remove_file(folder.at(name)).unwrap();
            fs::create_dir(folder.at(name)).unwrap();
            refused(&folder, name);
            fs::remove_dir(folder.at(name)).unwrap();
        }
        fs::remove_file(folder.at("pid")).unwrap();
        fs::create_dir(folder.at("pid")).unwrap();
        refused(&folder, "pid");
    }

    #[test]
    fn without_its_mark_a_directory_is_nobodys_but_its_owners() {
        let (_dir, folder) = marked();
        fs::write(folder.at("pid"), "").unwrap();
        // A crash cut it.
        for text in ["", "dsdm"] {
            fs::write(folder.at(MARK), text).unwrap();
            check_known(&folder).unwrap();
        }
        fs::write(folder.at(MARK), "notes").unwrap();
        refused(&folder, MARK);
        fs::remove_file(folder.at(MARK)).unwrap();
        refused(&folder, "pid");
    }

    /// Files go before those that name them.
    #[test]
    fn a_dataset_that_was_replaced_is_known_by_what_it_names() {
        let (_dir, folder) = marked();
        fs::create_dir(folder.at(ASIDE)).unwrap();
        let named = serde_json::json!({"_data_files": [{"filename": "mine.arrow"}]}).to_string();
        fs::write(folder.at("replaced/state.json"), named).unwrap();
        fs::write(folder.at("replaced/mine.arrow"), "").unwrap();
        check_known(&folder).unwrap();
        fs::write(folder.at("replaced/notes.txt"), "").unwrap();
        refused(&folder, "replaced/notes.txt");
    }
}
