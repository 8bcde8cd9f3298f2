//! A directory that is held open, and what lies in it by name: no link is followed, neither at the directory nor in
//! it, and whatever gets the directory's name meanwhile is not touched.
//!
//! Others may write beside an output, as in a shared temporary directory: a path that was looked at a moment ago may
//! lead elsewhere now. A descriptor does not.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, Stat, flock, fstat, linkat, mkdirat, openat,
    renameat, renameat_with, statat, unlinkat,
};
use rustix::io::Errno;

use super::names::{EntryKind, Lock, Meta, Owner, order_of_removal};

/// A directory that is open.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    /// Its path when it was opened, for messages and for those who read in it.
    path: PathBuf,
    descriptor: Arc<OwnedFd>,
}

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

impl Folder {
    /// Opens a directory, through links.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let descriptor = rustix::fs::open(path, DIRECTORY, Mode::empty())?;
        Ok(Self { path: path.to_path_buf(), descriptor: Arc::new(descriptor) })
    }

    /// Where it was when it was opened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of what has a name in it.
    pub(crate) fn at(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }

    /// Opens a directory in it.
    pub(crate) fn sub(&self, name: impl AsRef<OsStr>) -> io::Result<Self> {
        let name = name.as_ref();
        let descriptor = openat(&self.descriptor, name, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
        Ok(Self { path: self.path.join(name), descriptor: Arc::new(descriptor) })
    }

    /// Makes a directory in it.
    pub(crate) fn make(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(mkdirat(&self.descriptor, name.as_ref(), Mode::RWXU | Mode::RWXG | Mode::RWXO)?)
    }

    /// Makes a directory in it that nobody else may look into.
    pub(crate) fn make_private(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        Ok(mkdirat(&self.descriptor, name.as_ref(), Mode::RWXU)?)
    }

    /// Creates a file that is not there yet. The name may have `/` between folders.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        let mode = Mode::from_raw_mode(0o666);
        let (folder, name) = self.inner(name)?;
        folder.open_file(OsStr::new(name), flags, mode)
    }

    /// Opens a file to add to it.
    pub(crate) fn append(&self, name: &str) -> io::Result<File> {
        regular(self.open_file(OsStr::new(name), OFlags::RDWR | OFlags::APPEND, Mode::empty())?)
    }

    /// Opens a file to read it.
    pub(crate) fn reader(&self, name: &str) -> io::Result<File> {
        // A pipe that nobody writes to would be waited for.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        regular(self.open_file(OsStr::new(name), flags, Mode::empty())?)
    }

    /// Whose a file is that is made here, and which rights it has where nobody else is to have any; there is none
    /// afterwards.
    pub(crate) fn owner_here(&self, name: &str) -> io::Result<Option<Owner>> {
        let mode = Mode::RUSR | Mode::WUSR;
        // One without a name, of which nothing is left by a run that is killed. Not every file system has these.
        #[cfg(target_os = "linux")]
        if let Ok(file) = self.open_file(OsStr::new("."), OFlags::WRONLY | OFlags::TMPFILE, mode) {
            return Ok(meta(&fstat(&file)?).owner);
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let file = self.open_file(OsStr::new(name), flags, mode)?;
        let found = fstat(&file);
        match self.remove_file(name) {
            // On another machine, a run may have taken it for one that was left.
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            removed => removed?,
        }
        Ok(meta(&found?).owner)
    }

    fn open_file(&self, name: &OsStr, flags: OFlags, mode: Mode) -> io::Result<File> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(openat(&self.descriptor, name, flags, mode)?))
    }

    /// Renames a file. Both names may have `/` between folders.
    pub(crate) fn rename_file(&self, from: &str, to: &str) -> io::Result<()> {
        let ((from_folder, from), (to_folder, to)) = (self.inner(from)?, self.inner(to)?);
        Ok(renameat(&from_folder.descriptor, from, &to_folder.descriptor, to)?)
    }

    /// Gives a file a second name, in another folder, unless that is taken there. Both names may have `/`.
    pub(crate) fn link_new(&self, from: &str, to_folder: &Self, to: &str) -> io::Result<()> {
        let ((from_folder, from), (to_folder, to)) = (self.inner(from)?, to_folder.inner(to)?);
        Ok(linkat(&from_folder.descriptor, from, &to_folder.descriptor, to, AtFlags::empty())?)
    }

    /// Renames, into another folder.
    pub(crate) fn rename(&self, from: &OsStr, to_folder: &Self, to: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.descriptor, from, &to_folder.descriptor, to)?)
    }

    /// Renames, into another folder, unless the name is taken there.
    pub(crate) fn rename_new(&self, from: &OsStr, to_folder: &Self, to: &OsStr) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        match self.rename_with(from, to_folder, to, rustix::fs::RenameFlags::NOREPLACE) {
            Err(e) if e.kind() == io::ErrorKind::Unsupported => {}
            done => return done,
        }
        if to_folder.meta(to).is_ok() {
            return Err(Errno::EXIST.into());
        }
        self.rename(from, to_folder, to)
    }

    /// Exchanges two names in one step.
    pub(crate) fn exchange(&self, from: &OsStr, to_folder: &Self, to: &OsStr) -> io::Result<()> {
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        return self.rename_with(from, to_folder, to, rustix::fs::RenameFlags::EXCHANGE);
        #[cfg(not(any(target_os = "linux", target_os = "macos")))]
        Err(io::ErrorKind::Unsupported.into())
    }

    #[cfg(any(target_os = "linux", target_os = "macos"))]
    fn rename_with(
        &self,
        from: &OsStr,
        to_folder: &Self,
        to: &OsStr,
        flags: rustix::fs::RenameFlags,
    ) -> io::Result<()> {
        renameat_with(&self.descriptor, from, &to_folder.descriptor, to, flags).map_err(|e| match e {
            // A file system or kernel without the flag.
            Errno::INVAL | Errno::NOSYS | Errno::NOTSUP => io::ErrorKind::Unsupported.into(),
            other => other.into(),
        })
    }

    /// Removes a file or a link. The name may have `/` between folders.
    pub(crate) fn remove_file(&self, name: &str) -> io::Result<()> {
        let (folder, name) = self.inner(name)?;
        Ok(unlinkat(&folder.descriptor, name, AtFlags::empty())?)
    }

    /// Removes what has a name, and if it is a directory all that is in it; links are removed and not followed, and
    /// what is mounted stays.
    pub(crate) fn remove_all(&self, name: &OsStr) -> io::Result<()> {
        if self.meta(name)?.kind != EntryKind::Folder {
            return Ok(unlinkat(&self.descriptor, name, AtFlags::empty())?);
        }
        let inner = self.sub(name)?;
        if inner.is_mount(self)? {
            return Err(Errno::BUSY.into());
        }
        inner.clear()?;
        self.remove_empty(name)
    }

    /// Removes a directory in which nothing is left.
    pub(crate) fn remove_empty(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.descriptor, name, AtFlags::REMOVEDIR)?)
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
        let mut found = Vec::new();
        for entry in Dir::read_from(&self.descriptor)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                let kind = match entry.file_type() {
                    FileType::Unknown => self.meta(name)?.kind,
                    told => kind(told),
                };
                found.push((name.to_owned(), kind));
            }
        }
        Ok(found)
    }

    /// What has a name in it, which may have `/` between folders.
    pub(crate) fn meta(&self, name: impl AsRef<OsStr>) -> io::Result<Meta> {
        Ok(meta(&statat(&self.descriptor, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// The directory itself.
    pub(crate) fn itself(&self) -> io::Result<Meta> {
        Ok(meta(&fstat(&self.descriptor)?))
    }

    /// Whether something is mounted here, in a directory: another file system, or another part of the same.
    pub(crate) fn is_mount(&self, parent: &Self) -> io::Result<bool> {
        let device = |meta: Meta| meta.place.map(|(device, _)| device);
        Ok(device(self.itself()?) != device(parent.itself()?) || self.is_root_of_mount())
    }

    /// Whether a mount begins here, where the system tells that: of two parts of one file system, the device is one.
    ///
    /// Proof: where it cannot be told, devices tell other file systems, and the rest cannot be removed.
    fn is_root_of_mount(&self) -> bool {
        #[cfg(target_os = "linux")]
        if let Ok(found) =
            rustix::fs::statx(&self.descriptor, "", AtFlags::EMPTY_PATH, rustix::fs::StatxFlags::empty())
        {
            return found.stx_attributes.contains(rustix::fs::StatxAttributes::MOUNT_ROOT);
        }
        false
    }

    /// Where a link in it leads.
    pub(crate) fn link(&self, name: &OsStr) -> Option<PathBuf> {
        let target = rustix::fs::readlinkat(&self.descriptor, name, Vec::new()).ok()?;
        Some(PathBuf::from(OsStr::from_bytes(target.to_bytes())))
    }

    /// Locks it, unless another run holds it.
    ///
    /// Proof: where there are no locks, there is nobody to tell from this run.
    pub(crate) fn lock(&self) -> Lock {
        // A description of its own, so that the lock ends with it, however long others hold the directory open.
        let opened = openat(&self.descriptor, ".", DIRECTORY, Mode::empty());
        let Ok(held) = opened else { return Lock::None };
        match flock(&held, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Lock::Held(File::from(held)),
            Err(Errno::WOULDBLOCK) => Lock::Taken,
            Err(_) => Lock::None,
        }
    }

    /// Brings its entries to the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.descriptor)?)
    }

    /// The folder of a name, which is in it or below, and the last part of the name.
    fn inner<'a>(&self, name: &'a str) -> io::Result<(Self, &'a str)> {
        let mut parts = name.split('/');
        // Proof: there is one part at least.
        let last = parts.next_back().unwrap_or(name);
        let mut folder = self.clone();
        for part in parts {
            folder = folder.sub(part)?;
        }
        Ok((folder, last))
    }
}

fn kind(told: FileType) -> EntryKind {
    match told {
        FileType::Directory => EntryKind::Folder,
        FileType::Symlink => EntryKind::Link,
        FileType::RegularFile => EntryKind::File,
        _ => EntryKind::Other,
    }
}

#[allow(clippy::unnecessary_cast, clippy::cast_lossless, clippy::cast_sign_loss)] // systems differ in the types
fn meta(stat: &Stat) -> Meta {
    Meta {
        kind: kind(FileType::from_raw_mode(stat.st_mode)),
        bytes: stat.st_size as u64,
        place: Some((stat.st_dev as u64, stat.st_ino as u64)),
        owner: Some(Owner { user: stat.st_uid, mode: stat.st_mode as u32 & 0o7777 }),
    }
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_a_new_file_is_known_without_a_name() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        std::fs::write(folder.at("taken"), "").unwrap();
        let owner = folder.owner_here("taken").unwrap().unwrap();
        assert_eq!((owner.user, owner.mode), (rustix::process::geteuid().as_raw(), 0o600));
        assert_eq!(folder.entries().unwrap().len(), 1);
    }

    #[test]
    fn what_is_mounted_is_told_and_not_removed() {
        let root = Folder::open(Path::new("/")).unwrap();
        assert!(root.sub("proc").unwrap().is_mount(&root).unwrap());
        assert_eq!(root.remove_all(OsStr::new("proc")).unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        folder.make("plain").unwrap();
        assert!(!folder.sub("plain").unwrap().is_mount(&folder).unwrap());
    }
}
