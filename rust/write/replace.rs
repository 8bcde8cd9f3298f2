//! A new dataset in the place of an old one: whatever fails or is killed on the way, one of them is there, or the
//! next run puts it there.
//!
//! The names are exchanged in one step where the file system can do that. Where it cannot, as many network file
//! systems, the old one is put aside first, into the folder of the unfinished output, and gets its name back if the
//! new one does not get it. What a killed run has put aside, the next run of the same target finds.

use std::ffi::OsStr;
use std::io;

use super::folder::Folder;
use super::journal::{Entry, JOURNAL, Journal};
use super::names::{ASIDE, OUTPUT};
use super::synced::sync_folder;
use crate::error::{Error, Result};

/// A name in a folder.
#[derive(Debug, Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) folder: &'a Folder,
    pub(super) name: &'a OsStr,
}

/// What gives names, so that tests can have it fail.
pub(super) trait Names {
    /// Exchanges two names in one step.
    fn exchange(&self, from: Named<'_>, to: Named<'_>) -> io::Result<()>;
    /// Gives another name.
    fn rename(&self, from: Named<'_>, to: Named<'_>) -> io::Result<()>;
}

/// The system's own.
pub(super) struct System;

impl Names for System {
    fn exchange(&self, from: Named<'_>, to: Named<'_>) -> io::Result<()> {
        from.folder.exchange(from.name, to.folder, to.name)
    }

    fn rename(&self, from: Named<'_>, to: Named<'_>) -> io::Result<()> {
        from.folder.rename(from.name, to.folder, to.name)
    }
}

/// Where an old dataset is put aside in the folder of an unfinished output.
fn aside_in(folder: &Folder) -> Named<'_> {
    Named { folder, name: OsStr::new(ASIDE) }
}

/// Whether an old dataset lies in the folder of an unfinished output, which must then stay.
pub(super) fn holds_replaced(folder: &Folder) -> bool {
    folder.meta(ASIDE).is_ok()
}

/// Puts the output in a folder in the place of `target`, whose old dataset is then where the output was, or gone.
///
/// # Errors
/// The system refuses a rename: the old dataset is where it was, or, if that is refused as well, aside.
pub(super) fn replace(names: &impl Names, folder: &Folder, target: Named<'_>) -> Result<()> {
    let path = target.folder.at(target.name);
    let failed = |e: io::Error| Error::io(&path, "replacing the dataset that is there", e);
    let new = Named { folder, name: OsStr::new(OUTPUT) };
    match names.exchange(new, target) {
        Ok(()) => return Ok(()),
        Err(e) if e.kind() == io::ErrorKind::Unsupported => {}
        Err(e) => return Err(failed(e)),
    }
    let aside = aside_in(folder);
    names.rename(target, aside).map_err(failed)?;
    // On the disk before the new one has the name: after a crash, the old one is in one of the two places.
    let put = sync_both(folder, target).and_then(|()| names.rename(new, target).map_err(failed));
    put.map_err(|error| match names.rename(aside, target) {
        Ok(()) => error,
        Err(e) => {
            let doing = format!(
                "putting the old dataset back after {error}; it lies in {}, and the next call that writes here puts it back; this failed",
                folder.at(ASIDE).display()
            );
            Error::io(&path, doing, e)
        }
    })?;
    sync_both(folder, target)?;
    // Before the journal goes, by which a run that finds half of it knows that it is to go.
    remove_aside(folder)
}

fn remove_aside(folder: &Folder) -> Result<()> {
    let removed = folder.remove_all(OsStr::new(ASIDE));
    removed.map_err(|e| Error::io(folder.at(ASIDE), "removing the dataset that was replaced", e))
}

fn sync_both(folder: &Folder, target: Named<'_>) -> Result<()> {
    sync_folder(folder)?;
    sync_folder(target.folder)
}

/// Puts back the old dataset that a run was about to replace when it was killed; removes the one that it replaced.
///
/// # Errors
/// Something else has the name meanwhile, so that nobody knows which of the two is wanted; the system refuses.
pub(super) fn restore(folder: &Folder, target: Named<'_>) -> Result<()> {
    if !holds_replaced(folder) {
        return Ok(());
    }
    let path = target.folder.at(target.name);
    match target.folder.meta(target.name) {
        Ok(_) => {}
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let put = folder.rename_new(OsStr::new(ASIDE), target.folder, target.name);
            put.map_err(|e| Error::io(path, "putting back the old dataset", e))?;
            return sync_both(folder, target);
        }
        Err(e) => return Err(Error::io(path, "looking at what is there", e)),
    }
    if !is_what_was_finished(folder, target)? {
        return Err(Error::Value(format!(
            "{}: an interrupted run put the dataset that was here aside, in {}, and another is here now; remove or rename one of the two",
            path.display(),
            folder.at(ASIDE).display()
        )));
    }
    remove_aside(folder)
}

/// Whether a directory is the output that the run of a folder finished: the journal knows it by its place.
fn is_what_was_finished(folder: &Folder, target: Named<'_>) -> Result<bool> {
    if folder.meta(JOURNAL).is_err() {
        return Ok(false);
    }
    let (_, entries) = Journal::open(folder)?;
    let place = target.folder.meta(target.name).ok().and_then(|meta| meta.place);
    Ok(entries
        .iter()
        .any(|entry| matches!(entry, Entry::Complete(device, inode) if place == Some((*device, *inode)))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::fs;
    use std::path::{Path, PathBuf};

    /// Has no exchange, and fails those renames whose number, from 0 on, has its bit set.
    struct Failing {
        renames: u32,
        number: Cell<u32>,
    }

    impl Names for Failing {
        fn exchange(&self, _from: Named<'_>, _to: Named<'_>) -> io::Result<()> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn rename(&self, from: Named<'_>, to: Named<'_>) -> io::Result<()> {
            let number = self.number.replace(self.number.get() + 1);
            if self.renames >> number & 1 == 1 {
                Err(io::Error::from_raw_os_error(5))
            } else {
                System.rename(from, to)
            }
        }
    }

    /// A folder of an unfinished output, and a dataset that it is to replace.
    struct Case {
        dir: tempfile::TempDir,
        parent: Folder,
        folder: Folder,
        new: PathBuf,
        target: PathBuf,
    }

    impl Case {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let place = dir.path().join(".out.dsdm-unfinished");
            let (new, target) = (place.join("output"), dir.path().join("out"));
            for (place, text) in [(&new, "new"), (&target, "old")] {
                fs::create_dir_all(place).unwrap();
                fs::write(place.join("state.json"), text).unwrap();
            }
            let parent = Folder::open(dir.path()).unwrap();
            let folder = parent.sub(".out.dsdm-unfinished").unwrap();
            let (device, inode) = folder.meta(OUTPUT).unwrap().place.unwrap();
            let journal = Journal::create(&folder).unwrap();
            journal.append(&Entry::Complete(device, inode)).unwrap();
            Self { dir, parent, folder, new, target }
        }

        fn named(&self) -> Named<'_> {
            Named { folder: &self.parent, name: OsStr::new("out") }
        }

        fn aside(&self) -> PathBuf {
            self.folder.at(ASIDE)
        }

        fn replace(&self, renames: u32) -> Result<()> {
            replace(&Failing { renames, number: Cell::new(0) }, &self.folder, self.named())
        }

        fn text(&self, place: &Path) -> Option<String> {
            fs::read_to_string(self.dir.path().join(place).join("state.json")).ok()
        }

        /// What is at the target, what is to get its name, and what was put aside.
        fn all(&self) -> [Option<String>; 3] {
            [self.text(&self.target), self.text(&self.new), self.text(&self.aside())]
        }
    }

    fn some(texts: [&str; 3]) -> [Option<String>; 3] {
        texts.map(|text| Some(text.to_owned()).filter(|text| !text.is_empty()))
    }

    #[test]
    fn names_are_exchanged_where_that_can_be_done() {
        let case = Case::new();
        replace(&System, &case.folder, case.named()).unwrap();
        // Where the system cannot, the old one is gone.
        assert!([some(["new", "old", ""]), some(["new", "", ""])].contains(&case.all()));
    }

    #[test]
    fn nothing_is_lost_whichever_rename_fails() {
        // The first is of the old one, the second of the new one, the third back.
        for (renames, expected, back) in [
            (0b000, some(["new", "", ""]), "new"),
            (0b001, some(["old", "new", ""]), "old"),
            (0b010, some(["old", "new", ""]), "old"),
            (0b110, some(["", "new", "old"]), "old"),
        ] {
            let case = Case::new();
            let outcome = case.replace(renames);
            assert_eq!(outcome.is_ok(), renames == 0);
            assert_eq!(case.all(), expected, "{renames:b}");
            if let Err(error) = outcome {
                let aside = error.to_string().contains(&case.aside().display().to_string());
                assert_eq!(aside, renames == 0b110, "{error}");
            }
            // And the next run: the old one is back, or the new one is there and the old one gone.
            restore(&case.folder, case.named()).unwrap();
            assert_eq!(case.text(&case.target).as_deref(), Some(back));
            assert!(!holds_replaced(&case.folder));
        }
    }

    /// A run that was killed at any time, and that another follows.
    #[test]
    fn what_a_killed_run_put_aside_goes_back_or_goes() {
        let case = Case::new();
        fs::rename(&case.target, case.aside()).unwrap();
        restore(&case.folder, case.named()).unwrap();
        assert_eq!(case.all(), some(["old", "new", ""]));
        fs::rename(&case.target, case.aside()).unwrap();
        fs::rename(&case.new, &case.target).unwrap();
        fs::remove_file(case.aside().join("state.json")).unwrap();
        restore(&case.folder, case.named()).unwrap();
        assert_eq!(case.all(), some(["new", "", ""]));
        assert!(!holds_replaced(&case.folder));
    }

    #[test]
    fn what_others_put_in_the_place_meanwhile_is_not_touched() {
        let case = Case::new();
        case.replace(0b110).unwrap_err();
        fs::create_dir(&case.target).unwrap();
        fs::write(case.target.join("state.json"), "another").unwrap();
        let error = restore(&case.folder, case.named()).unwrap_err();
        let said = error.to_string();
        assert!(
            matches!(error, Error::Value(_)) && said.contains("replaced") && said.contains("another is here")
        );
        assert_eq!(case.all(), some(["another", "new", "old"]));
    }
}
