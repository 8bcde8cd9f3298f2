//! A directory by its path, for systems without descriptors of directories.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, FileType, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use super::names::{EntryKind, Lock, Meta, Owner, order_of_removal};

/// A directory that is there.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// A directory that a path leads to.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if fs::metadata(path)?.is_dir() {
            return Ok(Self { path: path.to_path_buf() });
        }
        Err(io::ErrorKind::NotADirectory.into())
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of what has a name in it.
    pub(crate) fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// A directory in it.
    pub(crate) fn sub(&self, name: impl AsRef<OsStr>) -> io::Result<Self> {
        if self.meta(&name)?.kind == EntryKind::Folder {
            return Ok(Self { path: self.path.join(name.as_ref()) });
        }
        Err(io::ErrorKind::NotADirectory.into())
    }

    /// Makes a directory in it.
    pub(crate) fn make(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        fs::create_dir(self.path.join(name.as_ref()))
    }

    /// Makes a directory in it.
    pub(crate) fn make_private(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        self.make(name)
    }

    /// Creates a file that is not there yet. The name may have `/` between folders.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        File::options().read(true).write(true).create_new(true).open(self.at(name))
    }

    /// Opens a file to add to it.
    pub(crate) fn append(&self, name: &str) -> io::Result<File> {
        File::options().read(true).append(true).open(self.at(name))
    }

    /// Opens a file to read it.
    pub(crate) fn reader(&self, name: &str) -> io::Result<File> {
        if self.meta(name)?.kind == EntryKind::File {
            return File::open(self.at(name));
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
    }

    /// Whose a file is that is made here, which is not told.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)] // as where it is told
    pub(crate) fn owner_here(&self, _name: &str) -> io::Result<Option<Owner>> {
        Ok(None)
    }

    /// Renames a file. Both names may have `/` between folders.
    pub(crate) fn rename_file(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.at(from), self.at(to))
    }

    /// Gives a file a second name, in another folder, unless that is taken there. Both names may have `/`.
    pub(crate) fn link_new(&self, from: &str, to_folder: &Self, to: &str) -> io::Result<()> {
        fs::hard_link(self.at(from), to_folder.at(to))
    }

    /// Renames, into another folder.
    pub(crate) fn rename(&self, from: &OsStr, to_folder: &Self, to: &OsStr) -> io::Result<()> {
        fs::rename(self.path.join(from), to_folder.path.join(to))
    }

    /// Renames, into another folder, unless the name is taken there.
    pub(crate) fn rename_new(&self, from: &OsStr, to_folder: &Self, to: &OsStr) -> io::Result<()> {
        if to_folder.meta(to).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.rename(from, to_folder, to)
    }

    /// Exchanges two names in one step, which cannot be done here.
    #[allow(clippy::unused_self)] // as where it can be done
    pub(crate) fn exchange(&self, _from: &OsStr, _to_folder: &Self, _to: &OsStr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Removes a file or a link. The name may have `/` between folders.
    pub(crate) fn remove_file(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.at(name))
    }

    /// Removes what has a name, and if it is a directory all that is in it.
    pub(crate) fn remove_all(&self, name: &OsStr) -> io::Result<()> {
        if self.meta(name)?.kind == EntryKind::Folder {
            self.sub(name)?.clear()?;
            return self.remove_empty(name);
        }
        fs::remove_file(self.path.join(name))
    }

    /// Removes a directory in which nothing is left.
    pub(crate) fn remove_empty(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_dir(self.path.join(name))
    }

    /// Removes all that is in it.
    pub(crate) fn clear(&self) -> io::Result<()> {
        for (name, _) in order_of_removal(self.entries()?) {
            self.remove_all(&name)?;
        }
        Ok(())
    }

    /// What lies in it.
    pub(crate) fn entries(&self) -> io::Result<Vec<(OsString, EntryKind)>> {
        fs::read_dir(&self.path)?
            .map(|entry| {
                let entry = entry?;
                Ok((entry.file_name(), kind(entry.file_type()?)))
            })
            .collect()
    }

    /// What has a name in it, which may have `/` between folders.
    pub(crate) fn meta(&self, name: impl AsRef<OsStr>) -> io::Result<Meta> {
        Ok(meta(&fs::symlink_metadata(self.path.join(name.as_ref()))?))
    }

    /// The directory itself.
    pub(crate) fn itself(&self) -> io::Result<Meta> {
        Ok(meta(&fs::metadata(&self.path)?))
    }

    /// Whether something is mounted here, which is not told.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)] // as where it is told
    pub(crate) fn is_mount(&self, _parent: &Self) -> io::Result<bool> {
        Ok(false)
    }

    /// Where a link in it leads.
    pub(crate) fn link(&self, name: &OsStr) -> Option<PathBuf> {
        fs::read_link(self.path.join(name)).ok()
    }

    /// Locks it, which cannot be done here.
    #[allow(clippy::unused_self)] // as where it can be done
    pub(crate) fn lock(&self) -> Lock {
        Lock::None
    }

    /// Brings its entries to the disk, which the system does on its own here.
    #[allow(clippy::unused_self, clippy::unnecessary_wraps)] // as where it is to be done
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

fn kind(told: FileType) -> EntryKind {
    if told.is_dir() {
        EntryKind::Folder
    } else if told.is_symlink() {
        EntryKind::Link
    } else if told.is_file() {
        EntryKind::File
    } else {
        EntryKind::Other
    }
}

fn meta(found: &Metadata) -> Meta {
    Meta { kind: kind(found.file_type()), bytes: found.len(), place: None, owner: None }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write;

    use super::*;

    /// What both kinds of folders do, by the name of each entry and whether it is a directory.
    macro_rules! used {
        ($folder:ty, $dir:expr) => {{
            let dir: &Path = $dir;
            let (out, text) = (OsStr::new("out"), OsStr::new("text"));
            let folder = <$folder>::open(dir).unwrap();
            folder.make_private("staging").unwrap();
            let staging = folder.sub("staging").unwrap();
            staging.make("output").unwrap();
            staging.create("output/a.part").unwrap().write_all(b"rows").unwrap();
            assert_eq!(staging.create("output/a.part").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            staging.rename_file("output/a.part", "output/a").unwrap();
            staging.link_new("output/a", &staging, "output/b").unwrap();
            let taken = staging.link_new("output/a", &staging, "output/b").unwrap_err();
            assert_eq!(taken.kind(), io::ErrorKind::AlreadyExists);
            staging.remove_file("output/b").unwrap();
            assert_eq!(staging.meta("output/a").unwrap().bytes, 4);
            folder.create("text").unwrap().write_all(b"one").unwrap();
            folder.append("text").unwrap().write_all(b" two").unwrap();
            assert_eq!(io::read_to_string(folder.reader("text").unwrap()).unwrap(), "one two");
            assert!(folder.sub("text").is_err() && folder.sub("none").is_err());
            assert!(folder.reader("staging").is_err() && <$folder>::open(&dir.join("text")).is_err());
            folder.owner_here("probe").unwrap();
            staging.rename_new(OsStr::new("output"), &folder, out).unwrap();
            staging.make("output").unwrap();
            let taken = staging.rename_new(OsStr::new("output"), &folder, out);
            assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            match staging.exchange(OsStr::new("output"), &folder, out) {
                Ok(()) => staging.exchange(OsStr::new("output"), &folder, out).unwrap(),
                Err(e) => assert_eq!(e.kind(), io::ErrorKind::Unsupported),
            }
            folder.rename(text, &staging, text).unwrap();
            let link = dir.join("link");
            std::os::unix::fs::symlink(dir.join("out"), &link).unwrap();
            let mut found = folder.entries().unwrap();
            found.sort_by(|(one, _), (other, _)| one.cmp(other));
            let told: Vec<_> = found.iter().map(|(name, kind)| (name.to_str().unwrap(), *kind)).collect();
            assert_eq!(
                told,
                [("link", EntryKind::Link), ("out", EntryKind::Folder), ("staging", EntryKind::Folder)]
            );
            assert_eq!(folder.link(OsStr::new("link")), Some(dir.join("out")));
            assert!(folder.sub("link").is_err());
            assert_eq!(folder.itself().unwrap().kind, EntryKind::Folder);
            assert!(!matches!(staging.lock(), Lock::Taken) && !staging.is_mount(&folder).unwrap());
            staging.remove_file("text").unwrap();
            assert!(folder.remove_empty(OsStr::new("staging")).is_err());
            staging.clear().unwrap();
            folder.remove_empty(OsStr::new("staging")).unwrap();
            folder.remove_all(OsStr::new("link")).unwrap();
            folder.sync().unwrap();
            assert_eq!(fs::read(folder.at("out").join("a")).unwrap(), b"rows");
            folder.remove_all(out).unwrap();
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        }};
    }

    #[test]
    fn folders_with_and_without_descriptors_do_the_same() {
        let dir = tempfile::tempdir().unwrap();
        used!(crate::write::disk::folder::Folder, dir.path());
        used!(Folder, dir.path());
    }
}
