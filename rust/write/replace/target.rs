//! What may be where the output is to appear: nothing, or a dataset that is to be replaced.

use std::fs;
use std::io::{self, ErrorKind::NotADirectory, ErrorKind::NotFound};
use std::path::{Component, Path, PathBuf};

use super::movable::check_movable;
use super::replaceable::check_replaceable;
use crate::error::{Error, Result, Shown};
use crate::write::disk::folder::Folder;
use crate::write::unfinished::names::{Staging, beside, refuse_names_of_staging};

/// What is in a dataset directory, into which nothing else is to be written.
const MARKS: [&str; 3] = ["state.json", "dataset_info.json", "dsdm.json"];

/// An output that is a source, or holds one or lies in one, would destroy what it is made from.
pub(crate) fn refuse_sources(target: &Path, sources: &[PathBuf]) -> Result<()> {
    let place = real(target)?;
    let (beside, name) = beside(target)?;
    let (beside, staging) = (real(beside)?, Staging::of(name));
    for source in sources.iter().filter(|source| source.exists()) {
        let source = real(source)?;
        let folder = source.parent().unwrap_or(&source); // Proof: the root lies in itself.
        if source.starts_with(&place) || place == folder {
            return Err(Error::Value(format!(
                "{}: the output would replace the source {}; choose another directory",
                target.display(),
                source.display()
            )));
        }
        let first = source.strip_prefix(&beside).ok().and_then(|inside| inside.iter().next());
        if first.is_some_and(|first| staging.is_one(first)) {
            return Err(Error::Value(format!(
                "{}: the source {} lies in the directory of this output's unfinished files, which is removed; move the source elsewhere, or choose another directory",
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

/// A path without links. What is not there yet will be made as plain folders.
fn real(path: &Path) -> Result<PathBuf> {
    let failed = |e| Error::io(path, "finding its place", e);
    if path.exists() {
        return fs::canonicalize(path).map_err(failed);
    }
    let mut place = PathBuf::new();
    for part in std::path::absolute(path).map_err(failed)?.components() {
        if part == Component::ParentDir {
            place.pop();
            continue;
        }
        place.push(part);
        if place.exists() {
            place = fs::canonicalize(&place).map_err(failed)?;
        }
    }
    Ok(place)
}

fn is_dataset(folder: &Path) -> bool {
    MARKS.iter().any(|mark| folder.join(mark).exists())
}

/// Whether there is something to replace.
///
/// # Errors
/// There is, and it is not to be replaced, or is no dataset; the name is one of unfinished output.
pub fn check_target(target: &Path, overwrite: bool) -> Result<bool> {
    let absolute = std::path::absolute(target).map_err(|e| Error::io(target, "finding its place", e))?;
    refuse_names_of_staging(&absolute)?;
    let meta = match fs::symlink_metadata(target) {
        Ok(meta) => meta,
        Err(e) if matches!(e.kind(), NotFound | NotADirectory) => return Ok(false),
        Err(e) => return Err(Error::io(target, "looking at what is there", e)),
    };
    if !overwrite {
        let source = io::Error::from_raw_os_error(17);
        let doing = if is_dataset(target) {
            "making the output directory, which is there already (overwrite=True replaces a dataset)"
        } else {
            "making the output directory, where something else than a dataset is already, which overwrite=True does \
             not replace; choose another place"
        };
        return Err(Error::io(target, doing, source));
    }
    if !meta.is_dir() {
        return Err(Error::Value(format!(
            "{}: overwrite=True replaces a dataset directory, and this is none but a file or a link; remove it or choose another",
            Shown(target)
        )));
    }
    let (parent, name) = beside(&absolute)?;
    let parent = Folder::open(parent).map_err(|e| Error::io(parent, "looking at what is there", e))?;
    check_movable(&parent, name)?;
    check_replaceable(target)?;
    Ok(true)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// Folders that are not there yet, below a link into a source, are in the source.
    #[test]
    fn a_target_that_is_to_be_made_through_a_link_is_where_the_link_leads() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("state.json"), "{}").unwrap();
        fs::write(source.join("data.arrow"), "").unwrap();
        std::os::unix::fs::symlink(&source, dir.path().join("link")).unwrap();
        let sources = [source.join("data.arrow")];
        for inside in ["link/out", "link/new/out", "new/../link/out", "gone/../source/new/out", "source/a/b"]
        {
            let refused = refuse_sources(&dir.path().join(inside), &sources);
            let inside_of = format!("inside of the source dataset {}", real(&source).unwrap().display());
            assert!(
                matches!(&refused, Err(Error::Value(said)) if said.contains(&inside_of)),
                "{inside}: {refused:?}"
            );
        }
        for beside in ["out", "new/out", "link/../out", "source-2/out"] {
            refuse_sources(&dir.path().join(beside), &sources).unwrap();
        }
    }

    #[test]
    fn a_place_that_cannot_be_looked_at_is_not_taken_for_free() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!check_target(&dir.path().join("out"), false).unwrap());
        let long = dir.path().join("x".repeat(300));
        let error = check_target(&long, false).unwrap_err();
        assert!(matches!(&error, Error::Io { path, .. } if *path == long), "{error}");
    }
}
