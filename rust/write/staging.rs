//! The names of folders of unfinished output, which lie beside it.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use twox_hash::XxHash3_128;

use crate::error::{Error, Result, Shown};

/// The end of the name that all runs of a target have for its folder.
const SHARED: &str = "unfinished";
/// Bytes of a name that may have others before and behind it: file systems take 255, some 143.
const LONG: usize = 100;

/// The names of the folders of a target.
#[derive(Debug)]
pub(super) struct Staging {
    /// What all of them begin with.
    prefix: OsString,
}

impl Staging {
    /// Those of a target of this name.
    pub(super) fn of(name: &OsStr) -> Self {
        let mut prefix = OsString::from(".");
        if name.len() > LONG {
            prefix.push(format!("{:032x}", XxHash3_128::oneshot(name.as_encoded_bytes())));
        } else {
            prefix.push(name);
        }
        prefix.push(".dsdm-");
        Self { prefix }
    }

    /// One name for all runs of a target, so that they find each other.
    pub(super) fn shared(&self) -> OsString {
        let mut name = self.prefix.clone();
        name.push(SHARED);
        name
    }

    /// A name of its own for each run.
    pub(super) fn own(&self) -> OsString {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut name = self.prefix.clone();
        name.push(format!("{}-{count}", std::process::id()));
        name
    }

    /// Whether a name is one of these, and not that of another target whose name begins as this one's folders do.
    ///
    /// Proof: what is none of these is left alone.
    pub(super) fn is_one(&self, name: &OsStr) -> bool {
        let (name, prefix) = (name.as_encoded_bytes(), self.prefix.as_encoded_bytes());
        let Some(rest) = name.strip_prefix(prefix).and_then(|rest| str::from_utf8(rest).ok()) else {
            return false;
        };
        let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        rest == SHARED
            || rest.split_once('-').is_some_and(|(process, count)| number(process) && number(count))
    }
}

/// The folder that a target is in, and its name there.
pub(super) fn beside(target: &Path) -> Result<(&Path, &OsStr)> {
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
    fn names_of_any_length_have_room_for_those_beside_them() {
        let names: Vec<_> = [99, 100, 101, 254, 255].iter().map(|&length| "x".repeat(length)).collect();
        let folders: Vec<_> = names.iter().map(|name| Staging::of(OsStr::new(name)).own()).collect();
        assert!(folders.iter().all(|folder| folder.len() <= 143), "{folders:?}");
        let shared: std::collections::HashSet<_> =
            names.iter().map(|name| Staging::of(OsStr::new(name)).shared()).collect();
        assert_eq!(shared.len(), names.len());
    }
}
