//! Tests of `replace`.

use super::replaced::{System, holds_replaced, restore};
use super::*;
use crate::write::unfinished::journal::{Journal, JournalEntry};
use std::cell::{Cell, RefCell};
use std::fs;
use std::path::PathBuf;

/// Has no exchange, and fails those renames whose number, from 0 on, has its bit set.
struct Failing {
    renames: u32,
    number: Cell<u32>,
}

impl Names for Failing {
    fn exchange(&self, _from: EntryName<'_>, _to: EntryName<'_>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn rename(&self, from: EntryName<'_>, to: EntryName<'_>) -> io::Result<()> {
        let number = self.number.replace(self.number.get() + 1);
        if self.renames >> number & 1 == 1 {
            Err(io::Error::from_raw_os_error(5))
        } else {
            System.rename(from, to)
        }
    }

    fn sync(&self, folder: &Folder) -> Result<()> {
        System.sync(folder)
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
    super::replaceable::saved_by_others(place);
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
        journal.append(&JournalEntry::Complete(device, inode)).unwrap();
        Self { dir, parent, folder, new, target }
    }

    fn named(&self) -> EntryName<'_> {
        EntryName { folder: &self.parent, name: OsStr::new("out") }
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
    assert_eq!(case.all(), some(["new", "", ""]));
}

/// Notes each step, and the power goes before that of a number: nothing is done from there on.
struct Noting {
    exchanges: bool,
    steps: RefCell<Vec<String>>,
    until: usize,
}

impl Noting {
    fn step(&self, what: String) -> io::Result<()> {
        let mut steps = self.steps.borrow_mut();
        if steps.len() >= self.until {
            return Err(io::Error::from_raw_os_error(5));
        }
        steps.push(what);
        Ok(())
    }
}

impl Names for Noting {
    fn exchange(&self, from: EntryName<'_>, to: EntryName<'_>) -> io::Result<()> {
        if !self.exchanges {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.step("exchange".to_owned())?;
        System.exchange(from, to)
    }

    fn rename(&self, from: EntryName<'_>, to: EntryName<'_>) -> io::Result<()> {
        self.step(format!("{} to {}", from.name.display(), to.name.display()))?;
        System.rename(from, to)
    }

    fn sync(&self, folder: &Folder) -> Result<()> {
        let inner = folder.path().ends_with(".out.dsdm-unfinished");
        let step = self.step(if inner { "inner" } else { "outer" }.to_owned());
        step.map_err(|e| Error::io(folder.path(), "bringing the directory to the disk", e))
    }
}

fn noting(exchanges: bool, until: usize) -> Noting {
    Noting { exchanges, steps: RefCell::default(), until }
}

/// Whatever the order in which a disk keeps changes, it has the new name before anything of the old one goes.
#[test]
fn names_are_on_the_disk_before_the_old_dataset_goes() {
    for (exchanges, expected) in [
        (true, "exchange, inner, outer, output to replaced, inner, outer"),
        (false, "out to replaced, inner, outer, output to out, inner, outer"),
    ] {
        let count = expected.split(", ").count();
        for until in 0..=count {
            let (case, names) = (Case::new(), noting(exchanges, until));
            assert_eq!(case.replace_by(&names).is_ok(), until == count);
            assert!(expected.starts_with(&names.steps.borrow().join(", ")), "{:?}", names.steps);
            let old = case.all().iter().filter(|text| text.as_deref() == Some("old")).count();
            assert_eq!(old, usize::from(until < count), "{until}: {:?}", case.all());
        }
        let (case, names) = (Case::new(), noting(exchanges, count));
        case.replace_by(&names).unwrap();
        assert_eq!(names.steps.borrow().join(", "), expected);
    }
    let (case, names) = (Case::new(), noting(true, 9));
    give_name(&names, &case.folder, EntryName { name: OsStr::new("free"), ..case.named() }).unwrap();
    assert_eq!(*names.steps.borrow(), ["output to free", "inner", "outer"]);
}

/// A case as a run leaves it that is killed right after the exchange, before it looked at what came out.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn killed_after_exchange(old: impl Fn(&Case)) -> Case {
    let case = Case::new();
    let (device, inode) = case.parent.meta("out").unwrap().place.unwrap();
    let journal = Journal::open(&case.folder).unwrap().0;
    journal.append(&JournalEntry::Replaces(device, inode)).unwrap();
    old(&case);
    System.exchange(EntryName { folder: &case.folder, name: OsStr::new(OUTPUT) }, case.named()).unwrap();
    case
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
#[test]
fn the_next_run_looks_at_what_a_killed_run_exchanged() {
    let case = killed_after_exchange(|_| {});
    let names = noting(true, 9);
    restore(&names, &case.folder, case.named()).unwrap();
    assert_eq!(names.steps.borrow().join(", "), "inner, outer, output to replaced, inner, outer");
    assert_eq!(case.all(), some(["new", "", ""]));
    // What runs write by name, and this dataset does not name, is somebody's.
    let shard = "data-00007-of-00009.arrow";
    let with_shard = killed_after_exchange(|case| fs::write(case.target.join(shard), "years").unwrap());
    let another = killed_after_exchange(|case| {
        fs::rename(&case.target, case.dir.path().join("moved")).unwrap();
        dataset(&case.target, "old");
    });
    for (case, what) in [(&with_shard, shard), (&another, "something else was put meanwhile")] {
        let said = restore(&System, &case.folder, case.named()).unwrap_err().to_string();
        assert!(said.contains(what) && said.contains(&case.new.display().to_string()), "{said}");
        assert_eq!(case.all(), some(["new", "old", ""]));
    }
    fs::remove_file(with_shard.new.join(shard)).unwrap();
    restore(&System, &with_shard.folder, with_shard.named()).unwrap();
    assert_eq!(with_shard.all(), some(["new", "", ""]));
    // Where the new one was taken away, the old one goes back; where another came, nobody knows.
    let gone = killed_after_exchange(|_| {});
    fs::rename(&gone.target, gone.dir.path().join("moved")).unwrap();
    restore(&System, &gone.folder, gone.named()).unwrap();
    assert_eq!(gone.all(), some(["old", "", ""]));
    let other = killed_after_exchange(|_| {});
    fs::rename(&other.target, other.dir.path().join("moved")).unwrap();
    dataset(&other.target, "another");
    let said = restore(&System, &other.folder, other.named()).unwrap_err().to_string();
    assert!(said.contains("another is here") && said.contains(&other.new.display().to_string()), "{said}");
    assert_eq!(other.all(), some(["another", "old", ""]));
    // What is neither the old one nor the new one gets no name.
    fs::rename(&another.target, another.dir.path().join("new")).unwrap();
    restore(&System, &another.folder, another.named()).unwrap_err();
    assert_eq!(another.all(), some(["", "old", ""]));
}

/// Has an exchange or none, and others do something before the first rename of any kind.
struct Meddled<'a> {
    exchanges: bool,
    meddle: &'a dyn Fn(),
    done: Cell<bool>,
}

impl Names for Meddled<'_> {
    fn exchange(&self, from: EntryName<'_>, to: EntryName<'_>) -> io::Result<()> {
        if !self.exchanges {
            return Err(io::ErrorKind::Unsupported.into());
        }
        if !self.done.replace(true) {
            (self.meddle)();
        }
        System.exchange(from, to)
    }

    fn rename(&self, from: EntryName<'_>, to: EntryName<'_>) -> io::Result<()> {
        if !self.done.replace(true) {
            (self.meddle)();
        }
        System.rename(from, to)
    }

    fn sync(&self, folder: &Folder) -> Result<()> {
        System.sync(folder)
    }
}

#[test]
fn what_is_put_there_between_the_look_and_the_rename_stays() {
    for exchanges in [true, false] {
        let meddled = |case: &Case, meddle: &dyn Fn()| {
            let said = case.replace_by(&Meddled { exchanges, meddle, done: Cell::new(false) }).unwrap_err();
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
        restore(&System, &case.folder, case.named()).unwrap();
        assert_eq!(case.text(&case.target).as_deref(), Some(back));
        assert!(!holds_replaced(&case.folder));
    }
}

/// A run that was killed at any time, and that another follows.
#[test]
fn what_a_killed_run_put_aside_goes_back_or_goes() {
    let case = Case::new();
    fs::rename(&case.target, case.aside()).unwrap();
    restore(&System, &case.folder, case.named()).unwrap();
    assert_eq!(case.all(), some(["old", "new", ""]));
    fs::rename(&case.target, case.aside()).unwrap();
    fs::rename(&case.new, &case.target).unwrap();
    fs::remove_file(case.aside().join("state.json")).unwrap();
    restore(&System, &case.folder, case.named()).unwrap();
    assert_eq!(case.all(), some(["new", "", ""]));
    assert!(!holds_replaced(&case.folder));
}

#[test]
fn what_others_put_in_the_place_meanwhile_is_not_touched() {
    let case = Case::new();
    case.replace(0b110).unwrap_err();
    dataset(&case.target, "another");
    let error = restore(&System, &case.folder, case.named()).unwrap_err();
    let said = error.to_string();
    assert!(
        matches!(error, Error::Value(_)) && said.contains("replaced") && said.contains("another is here")
    );
    assert_eq!(case.all(), some(["another", "new", "old"]));
}

#[test]
fn where_the_old_one_cannot_be_removed_it_is_said_where_everything_is() {
    let case = Case::new();
    let target = EntryName { folder: &case.parent, name: OsStr::new("out") };
    // Nothing was put aside, which fails as a file does that the system lets nobody remove.
    let error = remove_aside(&System, &case.folder, target).unwrap_err();
    let (there, new) = (case.folder.at(ASIDE), case.parent.at("out"));
    let said = error.to_string();
    assert!(
        said.starts_with(&format!("{}: removing the dataset that was replaced", there.display())),
        "{said}"
    );
    assert!(
        said.contains(&format!("complete in {}:", new.display())) && said.contains("chattr -i"),
        "{said}"
    );
}
