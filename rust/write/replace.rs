//! A new dataset in the place of an old one: whatever fails or is killed on the way, one of them is there, or the
//! next run puts it there.
//!
//! The names are exchanged in one step where the file system can do that. Where it cannot, as many network file
//! systems, the old one is put aside first, into the folder of the unfinished output, and gets its name back if the
//! new one does not get it. What a killed run has put aside, the next run of the same target finds.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use super::folder::Folder;
use super::journal::{Entry, JOURNAL, Journal};
use super::known::foreign_in;
use super::names::{ASIDE, OUTPUT, Place};
use super::replaceable::check_replaceable;
use super::synced::sync_folder;
use crate::error::{Error, Result, Shown};

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
    /// Gives another name, which is free.
    fn rename(&self, from: Named<'_>, to: Named<'_>) -> io::Result<()>;
}

/// The system's own.
pub(super) struct System;

impl Names for System {
    fn exchange(&self, from: Named<'_>, to: Named<'_>) -> io::Result<()> {
        from.folder.exchange(from.name, to.folder, to.name)
    }

    fn rename(&self, from: Named<'_>, to: Named<'_>) -> io::Result<()> {
        from.folder.rename_new(from.name, to.folder, to.name)
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
/// `old` is the place of that dataset, which was found to be one that may be replaced.
///
/// # Errors
/// What came out is another or has more in it by now, or the system refuses a rename: it is where it was, or, if that
/// is refused as well, aside.
pub(super) fn replace(
    names: &impl Names,
    folder: &Folder,
    target: Named<'_>,
    old: Option<Place>,
) -> Result<()> {
    let path = target.folder.at(target.name);
    let failed = |e: io::Error| Error::io(&path, "replacing the dataset that is there", e);
    let new = Named { folder, name: OsStr::new(OUTPUT) };
    match names.exchange(new, target) {
        Ok(()) => {
            let came_out = check_came_out(new, target, old);
            return came_out.map_err(|error| match names.exchange(new, target) {
                Ok(()) => error,
                Err(e) => not_back(&path, &error, &folder.at(OUTPUT), e),
            });
        }
        Err(e) if e.kind() == io::ErrorKind::Unsupported => {}
        Err(e) => return Err(failed(e)),
    }
    let aside = aside_in(folder);
    names.rename(target, aside).map_err(failed)?;
    // On the disk before the new one has the name: after a crash, the old one is in one of the two places.
    let put = check_came_out(aside, target, old)
        .and_then(|()| sync_both(folder, target))
        .and_then(|()| names.rename(new, target).map_err(failed));
    put.map_err(|error| match names.rename(aside, target) {
        Ok(()) => error,
        Err(e) => not_back(&path, &error, &folder.at(ASIDE), e),
    })?;
    sync_both(folder, target)?;
    // Before the journal goes, by which a run that finds half of it knows that it is to go.
    remove_aside(folder)
}

/// Fails unless what a target was is the dataset that was looked at before, and still nothing else: between that look
/// and the rename, others may have put files in it, or another in its place.
fn check_came_out(out: Named<'_>, target: Named<'_>, old: Option<Place>) -> Result<()> {
    let (path, there) = (target.folder.at(target.name), out.folder.at(out.name));
    let failed = |e| Error::io(&path, "looking at what the output replaces", e);
    let changed = |what: &str| {
        let doing = format!(
            "replacing the dataset that was here, where {what}; all of it is left here: move what is yours elsewhere, and write again"
        );
        Error::io(&path, doing, io::ErrorKind::AlreadyExists.into())
    };
    if out.folder.meta(out.name).map_err(failed)?.place != old {
        return Err(changed("something else was put meanwhile"));
    }
    let dataset = out.folder.sub(out.name).map_err(failed)?;
    if let Some(found) = foreign_in(&dataset)? {
        // Proof: what does not lie in it is named as it is.
        let found = found.strip_prefix(&there).unwrap_or(&found);
        return Err(changed(&format!("{} was put meanwhile", Shown(found))));
    }
    let moved = |error: Error| error.to_string().replace(&*there.to_string_lossy(), &path.to_string_lossy());
    check_replaceable(&there).map_err(|error| changed(&format!("this is so meanwhile: {}", moved(error))))
}

fn not_back(path: &Path, error: &Error, there: &Path, source: io::Error) -> Error {
    let doing = format!(
        "putting the old dataset back after {error}; it lies in {}, and the next call that writes here puts it back; this failed",
        there.display()
    );
    Error::io(path, doing, source)
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
    use std::path::PathBuf;

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

    /// What may be replaced, and is told by a text.
    fn dataset(place: &Path, text: &str) {
        fs::create_dir_all(place).unwrap();
        crate::write::replaceable::saved_by_others(place);
        fs::write(place.join("dataset_info.json"), format!("{{\"{text}\": 1}}")).unwrap();
    }

    impl Case {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let place = dir.path().join(".out.dsdm-unfinished");
            let (new, target) = (place.join("output"), dir.path().join("out"));
            for (place, text) in [(&new, "new"), (&target, "old")] {
                dataset(place, text);
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
            self.replace_by(&Failing { renames, number: Cell::new(0) })
        }

        fn replace_by(&self, names: &impl Names) -> Result<()> {
            // Proof: what is not there is at no place.
            let old = self.parent.meta("out").ok().and_then(|meta| meta.place);
            replace(names, &self.folder, self.named(), old)
        }

        fn text(&self, place: &Path) -> Option<String> {
            let text = fs::read_to_string(self.dir.path().join(place).join("dataset_info.json")).ok()?;
            text.split('"').nth(1).map(ToOwned::to_owned)
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
        case.replace_by(&System).unwrap();
        // Where the system cannot, the old one is gone.
        assert!([some(["new", "old", ""]), some(["new", "", ""])].contains(&case.all()));
    }

    /// Has an exchange or none, and others do something before the first rename of any kind.
    struct Meddled<'a> {
        exchanges: bool,
        meddle: &'a dyn Fn(),
        done: Cell<bool>,
    }

    impl Names for Meddled<'_> {
        fn exchange(&self, from: Named<'_>, to: Named<'_>) -> io::Result<()> {
            if !self.exchanges {
                return Err(io::ErrorKind::Unsupported.into());
            }
            if !self.done.replace(true) {
                (self.meddle)();
            }
            System.exchange(from, to)
        }

        fn rename(&self, from: Named<'_>, to: Named<'_>) -> io::Result<()> {
            if !self.done.replace(true) {
                (self.meddle)();
            }
            System.rename(from, to)
        }
    }

    #[test]
    fn what_is_put_there_between_the_look_and_the_rename_stays() {
        for exchanges in [true, false] {
            let meddled = |case: &Case, meddle: &dyn Fn()| {
                let said =
                    case.replace_by(&Meddled { exchanges, meddle, done: Cell::new(false) }).unwrap_err();
                let exists = io::ErrorKind::AlreadyExists;
                assert!(matches!(&said, Error::Io { source, .. } if source.kind() == exists), "{said}");
                said.to_string()
            };
            for name in ["notes.txt", "data-00007-of-00009.arrow"] {
                let case = Case::new();
                let notes = case.target.join(name);
                let said = meddled(&case, &|| fs::write(&notes, "years").unwrap());
                assert!(said.contains(name) && !said.contains("unfinished"), "{said}");
                assert_eq!(case.all(), some(["old", "new", ""]));
                assert_eq!(fs::read_to_string(&notes).unwrap(), "years");
            }
            let case = Case::new();
            let swap = || {
                fs::rename(&case.target, case.dir.path().join("moved")).unwrap();
                dataset(&case.target, "another");
            };
            let said = meddled(&case, &swap);
            assert!(said.contains("something else was put meanwhile"), "{said}");
            assert_eq!(case.all(), some(["another", "new", ""]));
            let case = Case::new();
            let file = || {
                fs::rename(&case.target, case.dir.path().join("moved")).unwrap();
                fs::write(&case.target, "years").unwrap();
            };
            meddled(&case, &file);
            assert_eq!(fs::read_to_string(&case.target).unwrap(), "years");
        }
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
        dataset(&case.target, "another");
        let error = restore(&case.folder, case.named()).unwrap_err();
        let said = error.to_string();
        assert!(
            matches!(error, Error::Value(_)) && said.contains("replaced") && said.contains("another is here")
        );
        assert_eq!(case.all(), some(["another", "new", "old"]));
    }
}
