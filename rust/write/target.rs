//! What may be where the output is to appear: nothing, or a dataset that is to be replaced.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// What tells a dataset directory, which may be replaced, from any other.
const MARKS: [&str; 3] = ["state.json", "dataset_info.json", "dsdm.json"];

/// An output that is a source, or holds one or lies in one, would destroy what it is made from.
pub(super) fn refuse_sources(target: &Path, sources: &[PathBuf]) -> Result<()> {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let place = match (target.parent(), target.file_name()) {
        (Some(parent), Some(name)) if !target.exists() => real(parent).join(name),
        _ => real(target),
    };
    for source in sources.iter().filter(|source| source.exists()) {
        let source = real(source);
        let folder = source.parent().unwrap_or(&source);
        if source.starts_with(&place) || place == folder {
            return Err(Error::Value(format!(
                "{}: the output would replace the source {}; choose another directory",
                target.display(),
                source.display()
            )));
        }
        if place.starts_with(&source) || (place.starts_with(folder) && is_dataset(folder)) {
            return Err(Error::Value(format!(
                "{}: the output would lie inside of the source dataset {}; choose another directory",
                target.display(),
                folder.display()
            )));
        }
    }
    Ok(())
}

fn is_dataset(folder: &Path) -> bool {
    MARKS.iter().any(|mark| folder.join(mark).exists())
}

/// Whether there is something to replace.
pub(super) fn check_target(target: &Path, overwrite: bool) -> Result<bool> {
    let Ok(meta) = fs::symlink_metadata(target) else { return Ok(false) };
    let empty = || fs::read_dir(target).is_ok_and(|mut entries| entries.next().is_none());
    if !overwrite {
        let source = io::Error::from_raw_os_error(17);
        return Err(Error::io(
            target,
            "making the output directory, which is there already (overwrite=True replaces a dataset)",
            source,
        ));
    }
    if !meta.is_dir() || !(is_dataset(target) || empty()) {
        return Err(Error::Value(format!(
            "{}: overwrite=True replaces a dataset directory, and this is none (no {}); remove it or choose another",
            target.display(),
            MARKS.join(", ")
        )));
    }
    Ok(true)
}
