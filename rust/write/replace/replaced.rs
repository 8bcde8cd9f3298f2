//! What an overwrite took out of its place: it is removed once it is known to be the dataset that was to go and the
//! disk has the new one in its place, by the run itself or by one that follows a run that was killed.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::replaceable::check_replaceable;
use crate::error::{Error, Result, Shown};
use crate::write::disk::folder::Folder;
use crate::write::disk::names::{ASIDE, InodeId, Meta, OUTPUT};
use crate::write::disk::synced::sync_folder;
use crate::write::unfinished::journal::{JOURNAL, Journal, JournalEntry};
use crate::write::unfinished::known::foreign_in;

/// The number by which Python knows a `FileExistsError`.
pub(crate) const EEXIST: i32 = 17;

/// A name in a folder.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EntryName<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) name: &'a OsStr,
}

/// What gives names and brings them to the disk, so that tests can have it fail.
pub(crate) trait Names {
    /// Exchanges two names in one step.
    fn exchange(&self, from: EntryName<'_>, to: EntryName<'_>) -> io::Result<()>;
    /// Gives another name, which is free.
    fn rename(&self, from: EntryName<'_>, to: EntryName<'_>) -> io::Result<()>;
    /// Brings the names in a folder to the disk.
    fn sync(&self, folder: &Folder) -> Result<()>;
}

/// The system's own.
pub(crate) struct System;

impl Names for System {
    fn exchange(&self, from: EntryName<'_>, to: EntryName<'_>) -> io::Result<()> {
        from.folder.exchange(from.name, to.folder, to.name)
    }

    fn rename(&self, from: EntryName<'_>, to: EntryName<'_>) -> io::Result<()> {
        from.folder.rename_new(from.name, to.folder, to.name)
    }

    fn sync(&self, folder: &Folder) -> Result<()> {
        sync_folder(folder)
    }
}

/// Where an old dataset is put aside in the folder of an unfinished output.
pub(crate) fn aside_in(folder: &Folder) -> EntryName<'_> {
    EntryName { folder, name: OsStr::new(ASIDE) }
}

/// Whether an old dataset was put aside in the folder of an unfinished output, which must then stay.
pub(crate) fn holds_replaced(folder: &Folder) -> bool {
    folder.meta(ASIDE).is_ok()
}

/// Brings the names in both folders to the disk.
pub(crate) fn sync_both(names: &impl Names, folder: &Folder, target: EntryName<'_>) -> Result<()> {
    names.sync(folder)?;
    names.sync(target.folder)
}

/// In what a dataset that was taken out of its place is another than the one that was to go, if it is: by its place
/// on the disk, or by what lies in it beside its own files.
pub(crate) fn what_changed(out: EntryName<'_>, old: Option<InodeId>) -> Result<Option<String>> {
    let there = out.folder.at(out.name);
    let failed = |e| Error::io(&there, "looking at what the output replaces", e);
    if out.folder.meta(out.name).map_err(failed)?.place != old {
        return Ok(Some("something else was put meanwhile".to_owned()));
    }
    let dataset = out.folder.sub(out.name).map_err(failed)?;
    if let Some(found) = foreign_in(&dataset)? {
        // Proof: what does not lie in it is named as it is.
        let found = found.strip_prefix(&there).unwrap_or(&found);
        return Ok(Some(format!("{} was put meanwhile", Shown(found))));
    }
    // Proof: the error is the answer.
    Ok(check_replaceable(&there).err().map(|error| format!("this is so meanwhile: {error}")))
}

/// Removes the dataset that an exchange left where the output was, and that was looked at. It is put aside first: a
/// run that finds half of it knows by that name that it is to go.
pub(crate) fn remove_exchanged(names: &impl Names, folder: &Folder, target: EntryName<'_>) -> Result<()> {
    sync_both(names, folder, target)?;
    let aside = names.rename(EntryName { folder, name: OsStr::new(OUTPUT) }, aside_in(folder));
    aside.map_err(|e| Error::io(folder.at(OUTPUT), "putting the dataset aside that was replaced", e))?;
    remove_aside(names, folder, target)
}

/// Removes what was put aside, once the disk has the new dataset in its place.
pub(crate) fn remove_aside(names: &impl Names, folder: &Folder, target: EntryName<'_>) -> Result<()> {
    sync_both(names, folder, target)?;
    let removed = folder.remove_all(OsStr::new(ASIDE));
    removed.map_err(|e| {
        let doing = format!(
            "removing the dataset that was replaced by a new one, which is complete in {}: what could not be removed of the old one lies here; remove it yourself (of a file that is immutable, lsattr shows an i, and chattr -i takes it away), or write again",
            Shown(&target.folder.at(target.name))
        );
        Error::io(folder.at(ASIDE), doing, e)
    })
}

/// Puts back the old dataset that a run was about to replace when it was killed; removes the one that it replaced.
///
/// # Errors
/// Something else has the name meanwhile, so that nobody knows which of the two is wanted; what was replaced is not
/// what was to be; the system refuses.
pub(crate) fn restore(names: &impl Names, folder: &Folder, target: EntryName<'_>) -> Result<()> {
    let noted = Noted::of(folder)?;
    let exchanged = !holds_replaced(folder) && noted.was_exchanged(folder);
    if !exchanged && !holds_replaced(folder) {
        return Ok(());
    }
    let old = EntryName { folder, name: OsStr::new(if exchanged { OUTPUT } else { ASIDE }) };
    let (path, there) = (target.folder.at(target.name), folder.at(old.name));
    let place = match target.folder.meta(target.name) {
        Ok(meta) => meta.place,
        Err(e) if e.kind() == io::ErrorKind::NotFound && exchanged && !noted.is_old(folder) => {
            return Err(not_known(there, &path, "something else was put meanwhile"));
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let put = names.rename(old, target);
            put.map_err(|e| Error::io(path, "putting back the old dataset", e))?;
            return sync_both(names, folder, target);
        }
        Err(e) => return Err(Error::io(path, "looking at what is there", e)),
    };
    if place.is_none() || !noted.complete.contains(&place) {
        return Err(Error::Value(format!(
            "{}: an interrupted run put the dataset that was here aside, in {}, and another is here now; remove or rename one of the two",
            path.display(),
            there.display()
        )));
    }
    if !exchanged {
        return remove_aside(names, folder, target);
    }
    // The run was killed before it could look.
    if let Some(what) = what_changed(old, noted.replaces)? {
        return Err(not_known(there, &path, &what));
    }
    remove_exchanged(names, folder, target)
}

fn not_known(there: PathBuf, target: &Path, what: &str) -> Error {
    let doing = format!(
        "removing the dataset that an interrupted run replaced in {}, where {what}; all of it is left here: move it, or what is yours of it, elsewhere, and write again",
        Shown(target)
    );
    Error::io(there, doing, io::Error::from_raw_os_error(EEXIST))
}

/// What the journal of a folder says of a replacement.
#[derive(Default)]
struct Noted {
    /// The places of the outputs that were complete.
    complete: Vec<Option<InodeId>>,
    /// The place of the dataset that was to be replaced, where a run came as far.
    replaces: Option<InodeId>,
}

impl Noted {
    fn of(folder: &Folder) -> Result<Self> {
        let mut noted = Self::default();
        if folder.meta(JOURNAL).is_err() {
            return Ok(noted);
        }
        for entry in Journal::open(folder)?.1 {
            match entry {
                JournalEntry::Done(_) => {}
                JournalEntry::Complete(device, inode) => noted.complete.push(Some((device, inode))),
                JournalEntry::Replaces(device, inode) => noted.replaces = Some((device, inode)),
            }
        }
        Ok(noted)
    }

    /// Whether what lies where the output was made is what it replaced, which nobody looked at since.
    fn was_exchanged(&self, folder: &Folder) -> bool {
        let other = |output: Meta| !self.complete.is_empty() && !self.complete.contains(&output.place);
        let is_other = || folder.meta(OUTPUT).is_ok_and(other);
        self.replaces.is_some() && (self.is_old(folder) || is_other())
    }

    /// Whether what lies where the output was made is the dataset that was to be replaced.
    fn is_old(&self, folder: &Folder) -> bool {
        self.replaces.is_some() && folder.meta(OUTPUT).is_ok_and(|output| output.place == self.replaces)
    }
}
