//! Whether an output is still what was written.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Manifest, ShardRecord};
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::job::{Job, Queue};
use crate::io::identity::FileIdentity;
use crate::io::json;
use crate::io::save_to_disk::{STATE, shards_of};
use crate::write::disk::checksum;
use crate::write::format::finished::FileEntry;
use crate::write::format::{Format, Layout, arrow, jsonl, parquet, tokens};
use crate::write::manifest;

/// What was found to be as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The name of the format.
    pub format: String,
    /// Rows, as counted.
    pub rows: u64,
    /// Shards.
    pub shards: u64,
    /// Bytes that were read and compared with their checksums.
    pub bytes: u64,
    /// The files that have them, as paths in the folder.
    pub files: Vec<String>,
    /// Of each shard its rows, and the digest of their numbers where that is told.
    pub indices: Vec<(u64, Option<String>)>,
    /// What the manifest says of the rows, as a JSON object.
    pub selection: String,
    /// The files that the rows came from, as they were.
    pub sources: Vec<FileIdentity>,
}

/// Reads everything in a directory that was written by this crate, and compares it with its manifest: sizes,
/// checksums, the rows of each shard by what it says itself, and the shards that its JSON files name.
///
/// # Errors
/// The first file that differs, with what was written and what is there.
pub fn verify(job: &Job<'_>, folder: &Path) -> Result<Verified> {
    let manifest = Manifest::read(folder)?;
    manifest.check_fingerprint(folder)?;
    let files: Vec<&FileEntry> =
        manifest.shards.iter().flat_map(|shard| &shard.files).chain(&manifest.files).collect();
    let paths = files.iter().map(|file| place(folder, &file.name)).collect::<Result<Vec<_>>>()?;
    for (file, path) in checked::zip(&files, &paths)? {
        check_size(file, path)?;
    }
    let found = checksum::of_files(job, &paths)?;
    for ((file, path), found) in checked::zip(checked::zip(&files, &paths)?, found)? {
        let sum = found.map(|(_, sum)| sum);
        if sum != Some(file.crc32) {
            let sum = sum.map_or_else(|| "none".to_owned(), |sum| sum.to_string());
            let message = format!(
                "its bytes have the checksum {sum} and were written with {}; the file is damaged: write the dataset again",
                file.crc32
            );
            return Err(Error::checksum(path, At::File, message));
        }
    }
    count_rows(job, folder, &manifest)?;
    check_state(folder, &manifest)?;
    Ok(Verified {
        rows: manifest.rows,
        shards: manifest.shards.len() as u64,
        bytes: files.iter().try_fold(0, |sum, file| checked::add(sum, file.bytes))?,
        files: files.iter().map(|file| file.name.clone()).collect(),
        indices: manifest.shards.into_iter().map(|shard| (shard.rows, shard.indices)).collect(),
        selection: Value::Object(manifest.selection).to_string(),
        sources: manifest.sources,
        format: manifest.format,
    })
}

/// Where a file of the manifest is, which is never outside of the folder.
pub(crate) fn place(folder: &Path, name: &str) -> Result<PathBuf> {
    let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('\\');
    if name.split('/').all(plain) {
        return Ok(folder.join(name));
    }
    let message = format!("the name {name:?} leads out of the directory; shards lie in it");
    Err(Error::format(folder.join(manifest::NAME), At::Field("files".to_owned()), message))
}

fn check_size(file: &FileEntry, path: &Path) -> Result<()> {
    let meta = fs::metadata(path).map_err(|e| Error::io(path, "opening what the manifest names", e))?;
    if !meta.is_file() {
        let message = "the manifest names it as a file, and it is a directory, pipe, socket or device";
        return Err(Error::format(path, At::File, message));
    }
    let size = meta.len();
    if size == file.bytes {
        return Ok(());
    }
    let message = format!("{} bytes were written and {size} are there; write the dataset again", file.bytes);
    Err(if size < file.bytes {
        Error::truncated(path, At::File, message)
    } else {
        Error::format(path, At::File, message)
    })
}

/// Counts the rows of every shard by its framing, or by its lines.
fn count_rows(job: &Job<'_>, folder: &Path, manifest: &Manifest) -> Result<()> {
    let Some(format) = Format::named(&manifest.format) else {
        let other = &manifest.format;
        let message = format!("the format {other:?} is not known here; use the dsdm that wrote it");
        return Err(Error::format(folder.join(manifest::NAME), At::Field("format".to_owned()), message));
    };
    let dtype = manifest.token_dtype.as_deref().and_then(tokens::dtype_named);
    let count = |path: &Path, shard: &ShardRecord| {
        let rows = match format {
            Format::Arrow => arrow::count_rows(path),
            Format::Parquet => parquet::count_rows(path),
            Format::Jsonl => jsonl::count_rows(path),
            Format::Tokens(layout) => {
                check_dtype(layout, path, manifest.token_dtype.as_deref())?;
                tokens::count_rows(layout, path, dtype.as_ref())
            }
        }?;
        if rows == shard.rows {
            return Ok((path.to_path_buf(), rows));
        }
        let message = format!("{} rows were written and {rows} are there", shard.rows);
        Err(Error::format(path, At::File, message))
    };
    let queue = Queue::new(manifest.shards.len() as u64);
    let counted = job.run(|_, state| {
        let mut mine = Vec::new();
        while let Some(next) = queue.take() {
            state.check()?;
            let shard = checked::get(&manifest.shards, checked::index(next)?)?;
            mine.push((next, place_of_shard(folder, shard).and_then(|path| count(&path, shard))));
        }
        Ok(mine)
    })?;
    let mut counted: Vec<_> = counted.into_iter().flatten().collect(); // Proof: the lists of all threads.
    counted.sort_by_key(|(number, _)| *number);
    let mut all = 0u64;
    for (_, shard) in counted {
        let (path, rows) = shard?;
        all = all.checked_add(rows).ok_or_else(|| {
            Error::format(path, At::File, format!("{rows} rows after {all} are more than can be"))
        })?;
    }
    if all == manifest.rows {
        return Ok(());
    }
    let message = format!("it says {} rows, and the shards have {all}", manifest.rows);
    Err(Error::format(folder.join(manifest::NAME), At::Field("rows".to_owned()), message))
}

/// Where files say of what type their tokens are, it is that of the manifest.
fn check_dtype(layout: Layout, path: &Path, told: Option<&str>) -> Result<()> {
    match (told, tokens::dtype(layout, path)?) {
        (Some(told), Some(found)) if told != found => {
            let message = format!("tokens of {told} were written and {found} are there");
            Err(Error::format(path, At::File, message))
        }
        _ => Ok(()),
    }
}

/// Where the rows of a shard are.
fn place_of_shard(folder: &Path, shard: &ShardRecord) -> Result<PathBuf> {
    let Some(file) = shard.files.first() else {
        let message = format!("a shard of {} rows has no file", shard.rows);
        return Err(Error::format(folder.join(manifest::NAME), At::Field("shards".to_owned()), message));
    };
    place(folder, &file.name)
}

/// Where `datasets` is told the shards, these are those of the manifest.
fn check_state(folder: &Path, manifest: &Manifest) -> Result<()> {
    if manifest.format != "arrow" {
        return Ok(());
    }
    let path = folder.join(STATE);
    let state: Value = json::read(&path, |e| format!("this is no JSON: {e}"))?;
    let written = manifest.shards.iter().flat_map(|shard| &shard.files).map(|file| file.name.as_str());
    if shards_of(&state).eq(written.map(Some)) {
        return Ok(());
    }
    let message = "it names other shards than the manifest, or in another order";
    Err(Error::format(path, At::Field("_data_files".to_owned()), message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::write::format::finished::FinishedShard;

    /// The manifest of two shards, and a folder whose `state.json` names these files.
    fn folder_of(named: &[&str]) -> (tempfile::TempDir, Manifest) {
        let written = |name: &str| FileEntry { name: name.into(), bytes: 9, crc32: checksum::Crc32::of(b"") };
        let done = ["a.arrow", "b.arrow"].into_iter().enumerate().map(|(shard, name)| FinishedShard {
            shard,
            rows: 1,
            files: vec![written(name)],
            digest: String::new(),
            indices: String::new(),
            extra: serde_json::Map::new(),
        });
        let done: Vec<_> = done.collect();
        let manifest = Manifest::new("arrow", None, "ab", &serde_json::Map::new(), &[], &done, &[]);
        let dir = tempfile::tempdir().unwrap();
        let files: Vec<_> = named.iter().map(|name| json!({"filename": name})).collect();
        fs::write(dir.path().join("state.json"), json!({"_data_files": files}).to_string()).unwrap();
        (dir, manifest)
    }

    #[test]
    fn shards_are_named_once_and_in_their_order() {
        for (named, right) in [
            (&["a.arrow", "b.arrow"][..], true),
            (&["b.arrow", "a.arrow"], false),
            (&["a.arrow", "b.arrow", "b.arrow"], false),
            (&["a.arrow"], false),
        ] {
            let (dir, manifest) = folder_of(named);
            let checked = check_state(dir.path(), &manifest);
            assert_eq!(checked.is_ok(), right, "{named:?}");
            if let Err(error) = checked {
                let said = error.to_string();
                assert!(said.contains("state.json") && said.contains("_data_files"), "{said}");
            }
        }
    }

    #[test]
    fn a_shard_without_a_file_is_an_error() {
        let (dir, mut manifest) = folder_of(&[]);
        manifest.shards.iter_mut().for_each(|shard| shard.files.clear());
        let said = count_rows(&Job::new(1), dir.path(), &manifest).unwrap_err().to_string();
        assert!(said.contains("dsdm.json") && said.contains("a shard of 1 rows has no file"), "{said}");
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let folder = Path::new("out");
        assert_eq!(place(folder, "data/a.parquet").unwrap(), folder.join("data/a.parquet"));
        for name in ["", "..", "../a", "/a", "a/../../b", "a//b", "a\\b"] {
            assert!(place(folder, name).is_err(), "{name}");
        }
    }
}
