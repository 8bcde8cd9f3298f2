//! How the manifest names files that lie outside of the output: by where they are from there, so that both can be
//! moved together, and that nothing is told of the machine and of its users.

use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};

/// How files outside of the output are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathNames {
    /// Relative to the output, where both lie in one folder that is neither the root nor one in which the user's home
    /// lies, and nothing between names the user; by the name alone elsewhere.
    Relative,
    /// By the absolute path.
    Absolute,
}

/// A file or folder as the manifest of an output at `target` names it. A name without `..` before it is that of a file
/// whose place is not told.
///
/// # Errors
/// There is no working directory that a relative path could be from.
pub fn located(path: &Path, target: &Path, places: PathNames) -> Result<PathBuf> {
    let absolute = real(path)?;
    if places == PathNames::Absolute {
        return Ok(absolute);
    }
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    let relative = relative(&absolute, &real(target)?, home.as_deref());
    Ok(relative.unwrap_or_else(|| absolute.file_name().map_or_else(PathBuf::new, PathBuf::from))) // Proof: the rule.
}

/// A path whose folder is named without links, as `..` leads out of what a link leads to.
fn real(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path).map_err(|e| Error::io(path, "finding its place", e))?;
    // Proof: what cannot be looked at is named as it was given.
    let folder = absolute.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, absolute.file_name()) {
        (Some(folder), Some(name)) => Ok(folder.join(name)),
        _ => Ok(absolute),
    }
}

/// The way from an output to a file, if it may be told.
fn relative(path: &Path, target: &Path, home: Option<&Path>) -> Option<PathBuf> {
    // Proof: the shorter one ends what both begin with.
    let common: PathBuf =
        path.components().zip(target.components()).take_while(|(a, b)| a == b).map(|(a, _)| a).collect();
    let above_home = home.is_some_and(|home| home != common && home.starts_with(&common));
    let is_root = !common.components().any(|part| matches!(part, Component::Normal(_)));
    let (up, down) = (target.strip_prefix(&common).ok()?, path.strip_prefix(&common).ok()?);
    let user = home.and_then(Path::file_name);
    let names_user =
        down.components().any(|part| matches!(part, Component::Normal(name) if Some(name) == user));
    if is_root || above_home || names_user {
        return None;
    }
    Some(up.components().map(|_| Component::ParentDir).chain(down.components()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_together_is_named_from_the_output() {
        for (path, target, home, expected) in [
            ("/data/corpus/a", "/data/out", "/home/me", Some("../corpus/a")),
            ("/data/corpus/a", "/data/runs/1/out", "/home/me", Some("../../../corpus/a")),
            ("/home/me/corpus/a", "/home/me/runs/out", "/home/me", Some("../../corpus/a")),
            ("/home/me/a", "/home/me/out", "/home/me", Some("../a")),
            // No way through the root, or through the folder of homes, or into one's own.
            ("/corpus/a", "/data/out", "/home/me", None),
            ("/home/you/a", "/home/me/out", "/home/me", None),
            ("/home/me/a", "/home/out", "/home/me", None),
            ("/scratch/me/a", "/scratch/out", "/home/me", None),
            ("/scratch/all/a", "/scratch/me/out", "/home/me", Some("../../all/a")),
            ("/root/a", "/data/out", "/root", None),
            ("/root/a", "/root/out", "/root", Some("../a")),
        ] {
            let found = relative(Path::new(path), Path::new(target), Some(Path::new(home)));
            assert_eq!(found, expected.map(PathBuf::from), "{path} from {target}");
        }
        let found = relative(Path::new("/data/a"), Path::new("/data/out"), None);
        assert_eq!(found, Some(PathBuf::from("../a")));
    }

    #[cfg(unix)]
    #[test]
    fn the_way_leads_there_through_links_as_well() {
        let dir = tempfile::tempdir().unwrap();
        let base = dir.path().canonicalize().unwrap();
        std::fs::create_dir_all(base.join("real/deep")).unwrap();
        std::os::unix::fs::symlink(base.join("real/deep"), base.join("link")).unwrap();
        std::fs::write(base.join("a"), "here").unwrap();
        for target in ["link/out", "real/deep/out", "out"] {
            let target = base.join(target);
            std::fs::create_dir(&target).ok();
            let way = relative(&real(&base.join("a")).unwrap(), &real(&target).unwrap(), None).unwrap();
            assert!(way.starts_with("..") && way.ends_with("a"));
            assert_eq!(std::fs::read_to_string(target.join(way)).unwrap(), "here");
        }
        let absolute = located(&base.join("link/b"), &base.join("out"), PathNames::Absolute).unwrap();
        assert_eq!(absolute, base.join("real/deep/b"));
    }
}
