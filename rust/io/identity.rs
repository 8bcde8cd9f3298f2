//! By what a file of rows or scores is known later: its size, the time of its change, its rows, and a digest of its
//! first and last bytes, where headers, footers and directories lie.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_128;

use super::opened::Opened;
use super::state::REOPEN;
use crate::error::{At, Error, Result};

/// Bytes at the start of a file, and at its end, that the digest is of.
const ENDS: u64 = 16 << 10;
/// Bytes of a Parquet footer's length and magic, behind the footer.
const PARQUET_END: u64 = 8;
/// A footer is rarely longer; of one that is, the last part tells as much.
const MAX_FOOTER: u64 = 64 << 20;

/// A file as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIdentity {
    /// As it was named.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The time of its last change, in nanoseconds since 1970; 0 where there is none.
    pub modified_ns: u64,
    /// Rows it has, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// The digest of its first and last 16 KiB, and of all of a Parquet footer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
    /// What its file system knows it by, as long as it lies there. It is told to no other machine.
    #[serde(skip)]
    pub here: Option<Inode>,
}

/// What a file system knows a file by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inode {
    /// The file system.
    pub device: u64,
    /// The file in it.
    pub inode: u64,
    /// The time of its last change of any kind (ctime), in seconds and nanoseconds. Nobody can put it back.
    pub changed: Option<(i64, i64)>,
}

impl Inode {
    /// The time of its last change of any kind, in nanoseconds since 1970.
    pub(crate) fn changed_ns(&self) -> Option<u64> {
        let (seconds, ns) = self.changed?;
        u64::try_from(seconds).ok()?.checked_mul(1_000_000_000)?.checked_add(u64::try_from(ns).ok()?)
    }
}

/// A file as it was, with what tells on the same machine whether it is that file still.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pinned {
    #[serde(flatten)]
    pub(crate) file: FileIdentity,
    #[serde(default)]
    pub(crate) here: Option<Inode>,
    /// Which start of which machine it was, where the system tells. Devices have the same numbers on others.
    #[serde(default)]
    pub(crate) boot: Option<String>,
}

impl Pinned {
    pub(crate) fn all(files: Vec<FileIdentity>) -> Vec<Self> {
        let boot = boot();
        files.into_iter().map(|file| Self { here: file.here.clone(), file, boot: boot.clone() }).collect()
    }

    pub(crate) fn into_path(self) -> PathBuf {
        self.file.path
    }

    /// Fails if one of the files that have these paths now is another.
    pub(crate) fn check_all(pinned: &[Self]) -> Result<()> {
        let boot = boot();
        pinned.iter().try_for_each(|one| {
            let now = FileIdentity::of_path(&one.file.path, one.file.rows)?;
            let what = one.file.difference(&now, true);
            match what.or_else(|| one.difference_here(&now, boot.as_ref())) {
                None => Ok(()),
                Some(what) => {
                    let message = format!("the file is not the one that was opened before: {what}; {REOPEN}");
                    Err(Error::source_changed(&one.file.path, At::File, message))
                }
            }
        })
    }

    /// In what a file differs that has the same size, time and ends, if that can be told: on this machine since it
    /// was started, and in the same file system.
    fn difference_here(&self, now: &FileIdentity, boot: Option<&String>) -> Option<String> {
        let (then, now) = (self.here.as_ref()?, now.here.as_ref()?);
        if self.boot.as_ref() != boot || then.device != now.device {
            return None;
        }
        if then.inode != now.inode {
            return Some("another file stands in its place".to_owned());
        }
        (then.changed != now.changed).then(|| {
            "its time of change (ctime) is another, as after a write whose time was put back, a new name or a new mode"
                .to_owned()
        })
    }
}

/// What the system calls this start of this machine.
fn boot() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|text| text.trim().to_owned())
}

impl FileIdentity {
    /// Of the file that a path names now.
    pub(crate) fn of_path(path: &Path, rows: Option<u64>) -> Result<Self> {
        Self::of(&Opened::open(path)?, rows)
    }

    /// Of an open file, as it is now.
    pub(crate) fn of(file: &Opened, rows: Option<u64>) -> Result<Self> {
        let identity = file.identity();
        let modified = identity.modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        // Proof: times before 1970 and after 2554 are as none.
        let modified_ns = modified.and_then(|time| u64::try_from(time.as_nanos()).ok()).unwrap_or(0);
        let ends = Some(digest_of_ends(file)?);
        let here = identity.inode.map(|(device, inode)| Inode { device, inode, changed: identity.changed });
        Ok(Self { path: file.path().to_path_buf(), bytes: identity.size, modified_ns, rows, ends, here })
    }

    /// In what another state of the file differs from this one, if it does. The time of change alone is nothing that
    /// a copy keeps, and is looked at if `strict`.
    pub fn difference(&self, now: &Self, strict: bool) -> Option<String> {
        if self.bytes != now.bytes {
            return Some(format!("it had {} bytes and has {}", self.bytes, now.bytes));
        }
        match (&self.ends, &now.ends) {
            (Some(then), Some(now)) if then != now => {
                return Some(format!("its first and last bytes had the digest {then} and have {now}"));
            }
            _ => {}
        }
        if strict && self.modified_ns != now.modified_ns {
            return Some("its modification time is another".to_owned());
        }
        None
    }
}

/// XXH3 of 128 bits over the first and the last bytes of a file, in hexadecimal digits.
fn digest_of_ends(file: &Opened) -> Result<String> {
    let size = file.identity().size;
    let mut digest = XxHash3_128::new();
    digest.write(&read(file, 0, size.min(ENDS))?);
    let tail = tail_of(file, size)?;
    digest.write(&read(file, size - tail, tail)?);
    Ok(format!("{:032x}", digest.finish_128()))
}

/// How many bytes at the end are taken in: those of a Parquet footer, else a few.
fn tail_of(file: &Opened, size: u64) -> Result<u64> {
    let least = size.min(ENDS);
    if size < PARQUET_END {
        return Ok(least);
    }
    let end = read(file, size - PARQUET_END, PARQUET_END)?;
    let footer = match end.as_slice() {
        [a, b, c, d, b'P', b'A', b'R', b'1'] => u64::from(u32::from_le_bytes([*a, *b, *c, *d])),
        _ => 0,
    };
    Ok((footer + PARQUET_END).min(MAX_FOOTER).min(size).max(least))
}

fn read(file: &Opened, offset: u64, len: u64) -> Result<Vec<u8>> {
    let len = usize::try_from(len).map_err(|_| Error::Memory(format!("{len} bytes are too many")))?;
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(bytes: &[u8]) -> FileIdentity {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        FileIdentity::of_path(file.path(), Some(3)).unwrap()
    }

    #[test]
    fn a_file_is_known_by_its_size_and_its_ends() {
        let whole: Vec<u8> = (0..100_000u32).map(|i| i.to_le_bytes()[0]).collect();
        let same = identity(&whole);
        assert_eq!(same.difference(&identity(&whole), false), None);
        for at in [0, 16_383, whole.len() - 16_384, whole.len() - 1] {
            let mut other = whole.clone();
            other[at] ^= 1;
            let what = same.difference(&identity(&other), false).unwrap();
            assert!(what.contains("first and last bytes"), "{at}: {what}");
        }
        let what = same.difference(&identity(&whole[1..]), false).unwrap();
        assert_eq!(what, "it had 100000 bytes and has 99999");
        for short in [&b""[..], b"a", b"PAR1", b"PAR1\xff\xff\xff\xffPAR1"] {
            assert_eq!(identity(short).difference(&identity(short), false), None);
        }
    }

    #[test]
    fn all_of_a_parquet_footer_counts() {
        let mut file = vec![7; 100_000];
        file.extend(50_000u32.to_le_bytes());
        file.extend(b"PAR1");
        let same = identity(&file);
        for (at, differs) in [(50_000, true), (60_000, true), (49_999, false)] {
            let mut other = file.clone();
            other[at] ^= 1;
            assert_eq!(same.difference(&identity(&other), false).is_some(), differs, "{at}");
        }
    }

    #[test]
    fn a_changed_file_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        let then = Pinned::all(vec![FileIdentity::of_path(file.path(), None).unwrap()]);
        Pinned::check_all(&then).unwrap();
        std::fs::write(file.path(), "abcd").unwrap();
        let error = Pinned::check_all(&then).unwrap_err();
        assert!(matches!(&error, Error::SourceChanged(_)), "{error}");
        assert!(error.to_string().contains("it had 3 bytes and has 4"), "{error}");
    }

    #[test]
    fn what_a_file_system_knows_a_file_by_counts_there_alone() {
        let here = |device, inode, changed| Some(Inode { device, inode, changed: Some((changed, 0)) });
        let mut now = identity(b"abc");
        now.here = here(1, 2, 3);
        let pinned = |here, boot: &str| Pinned { file: now.clone(), here, boot: Some(boot.to_owned()) };
        let boot = "a".to_owned();
        for (pinned, differs) in [
            (pinned(here(1, 2, 3), "a"), false),
            (pinned(here(1, 9, 3), "a"), true),
            (pinned(here(1, 2, 9), "a"), true),
            (pinned(here(9, 9, 9), "a"), false),
            (pinned(here(1, 9, 9), "b"), false),
            (pinned(None, "a"), false),
        ] {
            assert_eq!(pinned.difference_here(&now, Some(&boot)).is_some(), differs, "{pinned:?}");
        }
    }
}
