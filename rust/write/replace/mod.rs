//! A new dataset in the place of an old one: whatever fails or is killed on the way, one of them is there, or the
//! next run puts it there.
//!
//! The names are exchanged in one step where the file system can do that. Where it cannot, as many network file
//! systems, the old one is put aside first, into the folder of the unfinished output, and gets its name back if the
//! new one does not get it. What a killed run has put aside, the next run of the same target finds.

pub(crate) mod movable;
pub(crate) mod replaceable;
pub(crate) mod replaced;
pub(crate) mod target;
use std::ffi::OsStr;
use std::io;
use std::path::Path;

use super::disk::folder::Folder;
use super::disk::names::{ASIDE, InodeId, OUTPUT};
use crate::error::{Error, Result};
use replaced::{EEXIST, EntryName, Names, aside_in, remove_aside, remove_exchanged, sync_both, what_changed};

/// Gives the output in a folder a name that is free. It has it on the disk before the folder may go.
///
/// # Errors
/// Something took the name meanwhile, or the system refuses the rename.
pub(super) fn give_name(names: &impl Names, folder: &Folder, target: EntryName<'_>) -> Result<()> {
    let given = names.rename(EntryName { folder, name: OsStr::new(OUTPUT) }, target);
    let path = || target.folder.at(target.name);
    given.map_err(|e| Error::io(path(), "giving the finished output its name", e))?;
    sync_both(names, folder, target)
}

/// Puts the output in a folder in the place of `target`, whose old dataset is then gone. `old` is the place of that
/// dataset, which was found to be one that may be replaced.
///
/// # Errors
/// What came out is another or has more in it by now, or the system refuses a rename: it is where it was, or, if that
/// is refused as well, aside.
pub(super) fn replace(
    names: &impl Names,
    folder: &Folder,
    target: EntryName<'_>,
    old: Option<InodeId>,
) -> Result<()> {
    let path = target.folder.at(target.name);
    let failed = |e: io::Error| Error::io(&path, "replacing the dataset that is there", e);
    let new = EntryName { folder, name: OsStr::new(OUTPUT) };
    match names.exchange(new, target) {
        Ok(()) => {
            check_came_out(new, target, old).map_err(|error| match names.exchange(new, target) {
                Ok(()) => error,
                Err(e) => not_back(&path, &error, &folder.at(OUTPUT), e),
            })?;
            return remove_exchanged(names, folder, target);
        }
        Err(e) if e.kind() == io::ErrorKind::Unsupported => {}
        Err(e) => return Err(failed(e)),
    }
    let aside = aside_in(folder);
    names.rename(target, aside).map_err(failed)?;
    // On the disk before the new one has the name: after a crash, the old one is in one of the two places.
    let put = check_came_out(aside, target, old)
        .and_then(|()| sync_both(names, folder, target))
        .and_then(|()| names.rename(new, target).map_err(failed));
    put.map_err(|error| match names.rename(aside, target) {
        Ok(()) => error,
        Err(e) => not_back(&path, &error, &folder.at(ASIDE), e),
    })?;
    // Before the journal goes, by which a run that finds half of it knows that it is to go.
    remove_aside(names, folder, target)
}

/// Fails unless what a target was is the dataset that was looked at before, and still nothing else: between that look
/// and the rename, others may have put files in it, or another in its place.
fn check_came_out(out: EntryName<'_>, target: EntryName<'_>, old: Option<InodeId>) -> Result<()> {
    let (path, there) = (target.folder.at(target.name), out.folder.at(out.name));
    let Some(what) = what_changed(out, old)? else {
        return Ok(()); // Proof: nothing changed.
    };
    let what = what.replace(&*there.to_string_lossy(), &path.to_string_lossy());
    let doing = format!(
        "replacing the dataset that was here, where {what}; all of it is left here: move what is yours elsewhere, and write again"
    );
    Err(Error::io(path, doing, io::Error::from_raw_os_error(EEXIST)))
}

fn not_back(path: &Path, error: &Error, there: &Path, source: io::Error) -> Error {
    let doing = format!(
        "putting the old dataset back after {error}; it lies in {}, and the next call that writes here puts it back; this failed",
        there.display()
    );
    Error::io(path, doing, source)
}

#[cfg(test)]
mod tests;
