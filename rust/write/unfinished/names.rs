//! The names of folders of unfinished output, which lie beside it.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use twox_hash::XxHash3_128;

use crate::error::{Error, Result, Shown};

/// The end of the name that all runs of a target have for its folder.
const SHARED: &str = "unfinished";
/// What is between the name of a target and the end of that of its folder.
const MIDDLE: &str = ".dsdm-";
/// Bytes of a name that may have others before and behind it: file systems take 255, some 143.
const LONG: usize = 100;

/// The names of the folders of a target.
#[derive(Debug)]
pub(crate) struct Staging {
    /// What all of them begin with.
    prefix: OsString,
}

impl Staging {
    /// Those of a target of this name.
    pub(crate) fn of(name: &OsStr) -> Self {
        let mut prefix = OsString::from(".");
        if name.len() > LONG {
            prefix.push(format!("{:032x}", XxHash3_128::oneshot(name.as_encoded_bytes())));
        } else {
            prefix.push(name);
        }
        prefix.push(MIDDLE);
        Self { prefix }
    }

    /// One name for all runs of a target, so that they find each other.
    pub(crate) fn shared(&self) -> OsString {
        let mut name = self.prefix.clone();
        name.push(SHARED);
        name
    }

    /// A name of its own for each run.
    pub(crate) fn own(&self) -> OsString {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut name = self.prefix.clone();
        name.push(format!("{}-{count}", std::process::id()));
        name
    }

    /// Whether a name is one of these, and not that of another target whose name begins as this one's folders do.
    ///
    /// Proof: what is none of these is left alone.
    pub(crate) fn is_one(&self, name: &OsStr) -> bool {
        let (name, prefix) = (name.as_encoded_bytes(), self.prefix.as_encoded_bytes());
        name.strip_prefix(prefix).is_some_and(is_end)
    }
}

/// Whether a name is that of a folder of unfinished output of any target.
///
/// Proof: what is none of these is nobody's but its owner's.
fn is_of_any(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let ends = name.windows(MIDDLE.len()).enumerate().filter(|(_, part)| *part == MIDDLE.as_bytes());
    let target = |end: usize| name.get(1..end).filter(|target| !target.is_empty());
    let mut rests =
        ends.filter(|(end, _)| target(*end).is_some()).filter_map(|(end, _)| name.get(end + MIDDLE.len()..));
    name.first() == Some(&b'.') && rests.any(is_end)
}

/// Whether this is what a run puts behind the name of its target.
fn is_end(rest: &[u8]) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    str::from_utf8(rest).is_ok_and(|rest| {
        rest == SHARED
            || rest.split_once('-').is_some_and(|(process, count)| number(process) && number(count))
    })
}

/// Fails for a target that is, or lies in, what would be taken for unfinished output.
pub(crate) fn refuse_names_of_staging(target: &Path) -> Result<()> {
    let Some(name) = target.iter().find(|name| is_of_any(name)) else {
        return Ok(()); // Proof: no part of the path is such a name.
    };
    Err(Error::Value(format!(
        "{}: the name {} is that of a directory of unfinished output, which a run of another output removes; choose another output",
        Shown(target),
        Shown(Path::new(name))
    )))
}

/// The folder that a target is in, and its name there.
pub(crate) fn beside(target: &Path) -> Result<(&Path, &OsStr)> {
    match (target.parent(), target.file_name()) {
        (Some(parent), Some(name)) => Ok((parent, name)),
        _ => Err(Error::Value(format!("{}: a directory cannot be made here", Shown(target)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_targets_are_told_from_those_of_this_one() {
        let staging = Staging::of(OsStr::new("out"));
        assert_eq!(staging.shared(), ".out.dsdm-unfinished");
        assert!(staging.is_one(&staging.shared()) && staging.is_one(&staging.own()));
        for other in ["out.dsdm-2", "out.dsdm-unfinished", "out2", "ou", ".out.dsdm-unfinished"] {
            let other = Staging::of(OsStr::new(other));
            assert!(!staging.is_one(&other.shared()) && !staging.is_one(&other.own()), "{other:?}");
        }
        for other in
            ["out", ".out.dsdm-", ".out.dsdm-12", ".out.dsdm-12-", ".out.dsdm-a-1", ".out.dsdm-unfinished2"]
        {
            assert!(!staging.is_one(OsStr::new(other)), "{other}");
        }
    }

    #[test]
    fn no_target_is_named_as_what_is_unfinished() {
        for name in [".x.dsdm-unfinished", "/a/.x.dsdm-12-3", ".a.dsdm-2.dsdm-unfinished", "/.x.dsdm-1-1/out"]
        {
            let said = refuse_names_of_staging(Path::new(name)).unwrap_err().to_string();
            assert!(said.contains(name) && said.contains("choose another output"), "{said}");
        }
        for name in ["out", "x.dsdm-unfinished", ".dsdm-unfinished", ".x.dsdm-1", ".x.dsdm-unfinished2", "/"]
        {
            refuse_names_of_staging(Path::new(name)).unwrap();
        }
    }

    #[test]
    fn names_of_any_length_have_room_for_those_beside_them() {
        let names: Vec<_> = [99, 100, 101, 254, 255].iter().map(|&length| "x".repeat(length)).collect();
        let folders: Vec<_> = names.iter().map(|name| Staging::of(OsStr::new(name)).own()).collect();
        assert!(folders.iter().all(|folder| folder.len() <= 143), "{folders:?}");
        let shared: std::collections::HashSet<_> =
            names.iter().map(|name| Staging::of(OsStr::new(name)).shared()).collect();
        assert_eq!(shared.len(), names.len());
    }
}
