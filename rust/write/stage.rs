//! Output that appears whole or not at all: made in a folder beside its target, and renamed at the end.
//!
//! The folder is `.NAME.dsdm-unfinished`. It holds the recipe of the run (`plan.json`), the journal of the shards
//! that are finished, and in `output` what will get the target's name. It is locked for as long as the run lives.
//! What an interrupted run left there is taken over by the next one that makes the same.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::journal::{Done, Entry, Journal};
use super::lock::{claim, clear, is_held, place_of, remove_dead};
use super::recipe::Recipe;
use super::rename::{rename_new, sync_folder};
use super::replace::{System, holds_replaced, replace, restore};
use super::takeover::{remove_unlisted, take_over};
use super::target::{check_target, refuse_sources};
use super::{Naming, Options};
use crate::error::{Error, Result};

/// What a folder of an unfinished output holds.
pub(super) const OUTPUT: &str = "output";
pub(super) const JOURNAL: &str = "journal";

/// Output in the making. Dropped without [`Stage::commit`], it is removed, unless there is something to resume.
#[derive(Debug)]
pub(super) struct Stage {
    target: PathBuf,
    folder: PathBuf,
    /// Held locked, so that another run does not take this one for dead.
    lock: Option<File>,
    replaces: bool,
    /// Whether the dataset that was to be replaced lies in the folder, and nowhere else.
    holds_replaced: bool,
    resumable: bool,
    journal: Arc<Journal>,
    kept: Vec<Done>,
    /// How many shards are in the journal.
    finished: Arc<AtomicU64>,
}

/// What an interrupted run leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Where it is.
    pub folder: PathBuf,
    /// The shards that are finished.
    pub finished: u64,
}

impl Stage {
    /// Makes the folder to write in, or takes one over, after a look at the target.
    ///
    /// # Errors
    /// The target exists and is not to be overwritten, is no dataset directory, or is a source or around one;
    /// another run is writing it; an interrupted run that made something else left its folder.
    pub(super) fn begin(options: &Options, sources: &[PathBuf], recipe: &Recipe) -> Result<Self> {
        let target = std::path::absolute(&options.target)
            .map_err(|e| Error::io(&options.target, "finding its place", e))?;
        let (parent, prefix) = beside(&target)?;
        let overwrite = options.naming == Naming::Replacing;
        refuse_sources(&target, sources)?;
        check_target(&target, overwrite)?;
        fs::create_dir_all(&parent).map_err(|e| Error::io(&parent, "making the folder of the output", e))?;
        let folder = parent.join(staging_name(&prefix, options.naming == Naming::ByFingerprint));
        remove_dead(&parent, &prefix, &folder);
        let lock = claim(&folder, &target)?;
        restore(&folder, &target)?;
        // What was there before the lock was waited for may be there no more, and the other way round.
        let replaces = check_target(&target, overwrite).inspect_err(|_| {
            // What an earlier run can be continued by stays; a folder that was just made does not.
            if !folder.join(JOURNAL).exists() {
                let _ = fs::remove_dir_all(&folder);
            }
        })?;
        let finished = Arc::new(AtomicU64::new(0));
        let (journal, kept) = match take_over(&folder, recipe, options)? {
            Some(taken) => taken,
            None => match begin_anew(&folder, recipe) {
                Ok(journal) => (journal, Vec::new()),
                Err(error) => {
                    let _ = fs::remove_dir_all(&folder);
                    return Err(error);
                }
            },
        };
        finished.store(kept.len() as u64, Ordering::Relaxed);
        sync_folder(&parent)?;
        let (journal, resumable) = (Arc::new(journal), recipe.resumable);
        let holds_replaced = false;
        Ok(Self { target, folder, lock, replaces, holds_replaced, resumable, journal, kept, finished })
    }

    /// The directory to write in.
    pub(super) fn output(&self) -> PathBuf {
        self.folder.join(OUTPUT)
    }

    /// Where finished shards are noted.
    pub(super) fn log(&self) -> Log {
        Log { journal: self.journal.clone(), finished: self.finished.clone() }
    }

    /// The shards that an interrupted run finished.
    pub(super) fn kept(&self) -> &[Done] {
        &self.kept
    }

    /// No longer keeps some shards, whose files are removed.
    pub(super) fn drop_kept(&mut self, unwanted: &[usize]) -> Result<()> {
        self.kept.retain(|done| !unwanted.contains(&done.shard));
        self.finished.store(self.kept.len() as u64, Ordering::Relaxed);
        remove_unlisted(&self.output(), &self.kept)
    }

    /// Gives the output its name, once it is complete. [`sync_folder`] of the folder around it brings that to the
    /// disk.
    ///
    /// # Errors
    /// Something took the name meanwhile, or the system refuses the rename.
    pub(super) fn commit(mut self) -> Result<()> {
        if self.replaces {
            // What others put there while the rows were written is not removed either.
            check_target(&self.target, true)?;
            let replaced = replace(&System, &self.folder, &self.output(), &self.target);
            self.holds_replaced = replaced.is_err() && holds_replaced(&self.folder);
            replaced?;
        } else {
            rename_new(&self.output(), &self.target)
                .map_err(|e| Error::io(&self.target, "giving the finished output its name", e))?;
        }
        self.resumable = false;
        Ok(())
    }

    /// Gives the output another name beside its target, one that tells its contents: where that is there
    /// already, this one is not needed.
    ///
    /// # Errors
    /// Something that is no directory has the name, or the system refuses the rename.
    pub(super) fn commit_as(mut self, name: &str) -> Result<()> {
        self.resumable = false;
        let named = self.target.with_file_name(name);
        match rename_new(&self.output(), &named) {
            Err(_) if named.is_dir() => Ok(()),
            Err(e) => Err(Error::io(&named, "giving the finished output its name", e)),
            Ok(()) => Ok(()),
        }
    }

    /// What brings the folders of the output to the disk, and notes that all is there.
    pub(super) fn completion(&self) -> impl FnOnce() -> Result<()> + Send + 'static {
        let (output, journal) = (self.output(), self.journal.clone());
        move || complete(&output, &journal)
    }

    /// Ends without a commit: gives what is left to resume, or removes everything.
    pub(super) fn leave(mut self, resumable: bool) -> Option<Left> {
        self.resumable &= resumable;
        let finished = self.finished.load(Ordering::Relaxed);
        // The folder may have been removed by others.
        let left = self.resumable && finished > 0 && self.output().is_dir();
        left.then(|| Left { folder: self.folder.clone(), finished })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Unlocked only after it is gone. After a commit there is nothing here, or the dataset replaced.
        let of_use = self.resumable && self.finished.load(Ordering::Relaxed) > 0;
        if !of_use && !self.holds_replaced {
            let _ = fs::remove_dir_all(&self.folder);
        }
        drop(self.lock.take());
    }
}

/// Where finished shards are noted, from any thread.
#[derive(Debug, Clone)]
pub(super) struct Log {
    journal: Arc<Journal>,
    finished: Arc<AtomicU64>,
}

impl Log {
    /// Notes a shard, whose files have their names and are on the disk.
    pub(super) fn append(&self, done: Done) -> Result<()> {
        self.journal.append(&Entry::Done(done))?;
        self.finished.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Brings the notes to the disk.
    pub(super) fn sync(&self) -> Result<()> {
        self.journal.sync()
    }
}

fn complete(output: &Path, journal: &Journal) -> Result<()> {
    let failed = |e| Error::io(output, "looking through the output", e);
    for entry in fs::read_dir(output).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            sync_folder(&path)?;
        }
    }
    sync_folder(output)?;
    if let Some((device, inode)) = place_of(output) {
        journal.append(&Entry::Complete(device, inode))?;
        journal.sync()?;
    }
    Ok(())
}

/// What an interrupted run of a target left, with its recipe, unless a living run has it.
pub fn unfinished(target: &Path) -> Result<Option<serde_json::Map<String, serde_json::Value>>> {
    let target = std::path::absolute(target).map_err(|e| Error::io(target, "finding its place", e))?;
    let (parent, prefix) = beside(&target)?;
    let folder = parent.join(staging_name(&prefix, false));
    let recipe = Recipe::read(&folder).filter(|recipe| recipe.resumable && !is_held(&folder));
    Ok(recipe.map(|recipe| recipe.fields().clone()))
}

/// The folder that a target is in, and what the names of its unfinished output begin with.
fn beside(target: &Path) -> Result<(PathBuf, OsString)> {
    let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(Error::Value(format!("{}: a directory cannot be made here", target.display())));
    };
    let mut prefix = OsString::from(".");
    prefix.push(name);
    prefix.push(".dsdm-");
    Ok((parent.to_path_buf(), prefix))
}

/// One name for all runs of a target, so that they find each other; or one of its own for each.
fn staging_name(prefix: &OsString, own: bool) -> OsString {
    let mut name = prefix.clone();
    if own {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        name.push(format!("{}-{count}", std::process::id()));
    } else {
        name.push("unfinished");
    }
    name
}

fn begin_anew(folder: &Path, recipe: &Recipe) -> Result<Journal> {
    clear(folder)?;
    let output = folder.join(OUTPUT);
    fs::create_dir(&output).map_err(|e| Error::io(&output, "making the folder of the output", e))?;
    let journal = Journal::create(&folder.join(JOURNAL))?;
    recipe.write(folder)?;
    Ok(journal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gather::Split;
    use crate::write::{ExtraKeys, Format, Release, Resume};
    use serde_json::Map;

    fn options(target: &Path) -> Options {
        Options {
            target: target.to_path_buf(),
            format: Format::Arrow,
            release: Release::NEWEST,
            embed: false,
            naming: Naming::New,
            sources: Vec::new(),
            resume: Resume::Same,
            resumable: true,
            verify: false,
            split: Split::Shards(2),
            memory_limit: 1,
            selection: Map::new(),
            identity: Map::new(),
            extra_keys: ExtraKeys::default(),
        }
    }

    fn recipe(rows: u64) -> Recipe {
        let text = format!(r#"{{"resumable": true, "shards": 2, "fields": {{"rows": {rows}}}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn begin(options: &Options) -> Result<Stage> {
        Stage::begin(options, &options.sources, &recipe(1))
    }

    fn begin_named(target: &Path) -> Stage {
        begin(&Options { naming: Naming::ByFingerprint, ..options(target) }).unwrap()
    }

    /// Writes a shard and notes it.
    fn finish_shard(stage: &Stage, shard: usize) -> Done {
        let name = format!("data-{shard}");
        fs::write(stage.output().join(&name), &name).unwrap();
        let file = serde_json::json!({"name": name, "bytes": name.len(), "crc32": "00000000"});
        let done = serde_json::json!({"shard": shard, "rows": 1, "files": [file], "digest": ""});
        let done: Done = serde_json::from_value(done).unwrap();
        stage.log().append(done.clone()).unwrap();
        done
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_target_appears_at_commit_and_nothing_is_left_without() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        let stage = begin(&options(&target)).unwrap();
        fs::write(stage.output().join("a"), "x").unwrap();
        assert!(!target.exists());
        drop(stage);
        assert_eq!(names(dir.path()), Vec::<String>::new());
        let stage = begin(&options(&target)).unwrap();
        fs::write(stage.output().join("state.json"), "x").unwrap();
        stage.commit().unwrap();
        assert_eq!(names(dir.path()), ["out"]);
        assert_eq!(names(&target), ["state.json"]);
    }

    #[test]
    fn a_dataset_is_replaced_when_asked_and_other_folders_never() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        fs::create_dir(&target).unwrap();
        let old = crate::write::replaceable::saved_by_others(&target);
        let error = begin(&options(&target)).unwrap_err();
        let exists = std::io::ErrorKind::AlreadyExists;
        assert!(matches!(&error, Error::Io { source, .. } if source.kind() == exists), "{error}");
        let stage = begin(&Options { naming: Naming::Replacing, ..options(&target) }).unwrap();
        fs::write(target.join("notes.txt"), "put there meanwhile").unwrap();
        let error = stage.commit().unwrap_err().to_string();
        assert!(error.contains("notes.txt"), "{error}");
        assert_eq!(fs::read_to_string(target.join("state.json")).unwrap(), old);
        fs::remove_file(target.join("notes.txt")).unwrap();
        let stage = begin(&Options { naming: Naming::Replacing, ..options(&target) }).unwrap();
        fs::write(stage.output().join("state.json"), "new").unwrap();
        stage.commit().unwrap();
        assert_eq!(fs::read_to_string(target.join("state.json")).unwrap(), "new");
        assert_eq!(names(dir.path()), ["out"]);
        let home = dir.path().join("home");
        fs::create_dir(&home).unwrap();
        fs::write(home.join("thesis.tex"), "years").unwrap();
        assert!(matches!(
            begin(&Options { naming: Naming::Replacing, ..options(&home) }),
            Err(Error::Value(_))
        ));
    }

    #[test]
    fn a_target_that_is_taken_meanwhile_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        let stage = begin(&options(&target)).unwrap();
        fs::create_dir(&target).unwrap();
        assert!(stage.commit().is_err());
        assert_eq!(names(dir.path()), ["out"]);
    }

    #[test]
    fn finished_shards_are_left_and_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        let stage = begin(&options(&target)).unwrap();
        let (first, second) = (finish_shard(&stage, 1), finish_shard(&stage, 0));
        fs::write(stage.output().join("data-2.part"), "half").unwrap();
        let left = stage.leave(true).unwrap();
        assert_eq!((left.finished, names(dir.path())), (2, vec![".out.dsdm-unfinished".to_owned()]));
        let stage = begin(&options(&target)).unwrap();
        assert_eq!(stage.kept(), [second, first]);
        assert_eq!(names(&stage.output()), ["data-0", "data-1"]);
        stage.leave(true).unwrap();
        // One whose size is another is not kept, and its file goes.
        fs::write(left.folder.join("output/data-1"), "").unwrap();
        let stage = begin(&options(&target)).unwrap();
        assert_eq!(stage.kept().iter().map(|done| done.shard).collect::<Vec<_>>(), [0]);
        assert_eq!(names(&stage.output()), ["data-0"]);
        stage.commit().unwrap();
        assert_eq!(names(dir.path()), ["out"]);
    }

    #[test]
    fn what_made_something_else_is_refused_or_removed() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        let leave = || {
            let stage = begin(&Options { resume: Resume::Never, ..options(&target) }).unwrap();
            assert_eq!(stage.kept(), []);
            finish_shard(&stage, 0);
            stage.leave(true).unwrap();
        };
        let other = |resume| Stage::begin(&Options { resume, ..options(&target) }, &[], &recipe(2));
        leave();
        let error = other(Resume::Same).unwrap_err();
        assert!(matches!(error, Error::ResumeMismatch(_)));
        let text = error.to_string();
        for said in ["unfinished: rows: ", "had 1, and this call has 2", "1 of its 2 shards", "resume=False"]
        {
            assert!(text.contains(said), "{text}");
        }
        assert_eq!(other(Resume::Either).unwrap().kept(), []);
        leave();
        assert_eq!(other(Resume::Never).unwrap().kept(), []);
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }

    #[cfg(unix)]
    #[test]
    fn a_living_run_is_named_by_its_process() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        let living = begin(&options(&target)).unwrap();
        let error = begin(&options(&target)).unwrap_err().to_string();
        assert!(error.contains(&format!("the process {} is writing it", std::process::id())), "{error}");
        assert!(living.output().exists());
        assert!(unfinished(&target).unwrap().is_none());
        finish_shard(&living, 0);
        living.leave(true).unwrap();
        assert_eq!(unfinished(&target).unwrap().unwrap()["rows"], 1);
    }

    #[test]
    fn what_was_replaced_is_never_taken_for_what_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        let stage = begin(&options(&target)).unwrap();
        finish_shard(&stage, 0);
        stage.completion()().unwrap();
        let left = stage.leave(true).unwrap();
        // It is taken over as long as it is the one that was complete, and not once another is in its place.
        assert_eq!(begin(&options(&target)).unwrap().leave(true).unwrap().finished, 1);
        let output = left.folder.join(OUTPUT);
        fs::rename(&output, dir.path().join("aside")).unwrap();
        fs::create_dir(&output).unwrap();
        fs::write(output.join("data-0"), "data-0").unwrap();
        assert_eq!(begin(&options(&target)).unwrap().kept(), []);
    }

    #[test]
    fn a_name_that_tells_the_contents_is_given_once() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        let stages: Vec<_> = ["first", "second"]
            .into_iter()
            .map(|text| {
                let stage = begin_named(&target);
                fs::write(stage.output().join("a"), text).unwrap();
                stage
            })
            .collect();
        for stage in stages {
            stage.commit_as("abc").unwrap();
        }
        assert_eq!(names(dir.path()), ["abc"]);
        assert_eq!(fs::read_to_string(dir.path().join("abc/a")).unwrap(), "first");
        fs::write(dir.path().join("file"), "").unwrap();
        assert!(matches!(begin_named(&target).commit_as("file"), Err(Error::Io { .. })));
        assert_eq!(names(dir.path()), ["abc", "file"]);
    }

    /// Runs that begin at once look for dead ones at once: none takes another, just begun, for dead.
    #[test]
    fn runs_that_begin_at_once_leave_each_other_alone() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let stage = begin_named(&target);
                        fs::write(stage.output().join("a"), "x").unwrap();
                        assert!(stage.output().join("a").exists());
                    }
                });
            }
        });
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }

    /// Of runs of one target that begin at once, one at a time has it.
    #[cfg(unix)]
    #[test]
    fn runs_of_one_target_exclude_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("out");
        let holders = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        if let Ok(stage) = begin(&options(&target)) {
                            assert_eq!(holders.fetch_add(1, Ordering::SeqCst), 0);
                            fs::write(stage.output().join("a"), "x").unwrap();
                            holders.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                });
            }
        });
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }

    #[test]
    fn the_output_is_no_source() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("in");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("state.json"), "").unwrap();
        let shard = source.join("data.arrow");
        fs::write(&shard, "").unwrap();
        for target in [source.clone(), source.join("sub"), dir.path().to_path_buf()] {
            let sources = vec![shard.clone()];
            let error =
                begin(&Options { naming: Naming::Replacing, sources, ..options(&target) }).unwrap_err();
            assert!(matches!(&error, Error::Value(m) if m.contains("source")), "{error}");
        }
    }
}
