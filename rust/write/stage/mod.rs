//! Output that appears whole or not at all: made in a folder beside its target, and renamed at the end.
//!
//! The folder is `.NAME.dsdm-unfinished`. It holds the run spec of the run (`plan.json`), the journal of the shards
//! that are finished, and in `output` what will get the target's name. It is locked for as long as the run lives.
//! What an interrupted run left there is taken over by the next one that makes the same.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::disk::folder::Folder;
use super::disk::names::{EntryKind, OUTPUT};
use super::disk::synced::{make_folders, sync_folder};
use super::options::{Naming, Options};
use super::replace::replaced::{EntryName, System, holds_replaced, restore};
use super::replace::target::{check_target, refuse_sources};
use super::replace::{give_name, replace};
use super::shard::Destination;
use super::shard::finish::Notes;
use super::unfinished::journal::{JOURNAL, Journal, JournalEntry};
use super::unfinished::known::check_known;
use super::unfinished::lock::{Claim, claim, clear, is_held, remove_dead};
use super::unfinished::names::{Staging, beside};
use super::unfinished::resume::{remove_unlisted, take_over};
use super::unfinished::run_spec::{NAME as PLAN, RunSpec};
use super::unfinished::trust::{is_ours, remove_probes};
use crate::error::{Error, Result};
use crate::write::format::finished::FinishedShard;

/// Output in the making. Dropped without [`Stage::commit`], it is removed, unless there is something to resume.
#[derive(Debug)]
pub(super) struct Stage {
    target: PathBuf,
    /// The folder that the target is in.
    parent: Folder,
    claim: Claim,
    /// The directory to write in.
    output: Folder,
    replaces: bool,
    /// Whether the dataset that was to be replaced lies in the folder, and nowhere else.
    holds_replaced: bool,
    resumable: bool,
    journal: Arc<Journal>,
    kept: Vec<FinishedShard>,
    /// How many shards are in the journal.
    finished: Arc<AtomicU64>,
}

/// What an interrupted run leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumable {
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
    pub(super) fn begin(options: &Options, sources: &[PathBuf], spec: &RunSpec) -> Result<Self> {
        let target = std::path::absolute(&options.target)
            .map_err(|e| Error::io(&options.target, "finding its place", e))?;
        let (place, name) = beside(&target)?;
        let overwrite = options.naming == Naming::Replacing;
        refuse_sources(&target, sources)?;
        check_target(&target, overwrite)?;
        make_folders(place, &sync_folder)?;
        let parent =
            Folder::open(place).map_err(|e| Error::io(place, "opening the directory of the output", e))?;
        let staging = Staging::of(name);
        let own = if options.naming == Naming::ByFingerprint { staging.own() } else { staging.shared() };
        // What a run of the shared name left may be of use to the next of them.
        let dead = |found: &OsStr| found != own && found != staging.shared() && staging.is_one(found);
        remove_dead(&parent, dead);
        remove_probes(&parent);
        let mut claim = claim(&parent, &own, name)?;
        // What an earlier run can be continued by stays; a folder that was just made does not.
        let is_there = |name| claim.folder.meta(name).is_ok();
        claim.kept = is_there(JOURNAL) || is_there(PLAN) || holds_replaced(&claim.folder);
        restore(&System, &claim.folder, EntryName { folder: &parent, name })?;
        claim.kept = [JOURNAL, PLAN].iter().any(|name| claim.folder.meta(name).is_ok());
        if claim.kept {
            // What a killed run has renamed is on the disk before anything goes by which it would be known.
            sync_folder(&claim.folder)?;
            sync_folder(&parent)?;
        }
        // What was there before the lock was waited for may be there no more, and the other way round.
        let replaces = check_target(&target, overwrite)?;
        let taken = take_over(&claim.folder, spec, options)?;
        claim.kept &= taken.is_some();
        let (journal, output, kept) = taken.map_or_else(|| begin_anew(&claim.folder, spec), Ok)?;
        sync_folder(&parent)?;
        // From here on, the stage itself knows.
        claim.kept = false;
        let finished = Arc::new(AtomicU64::new(kept.len() as u64));
        let (journal, resumable) = (Arc::new(journal), spec.resumable);
        let holds_replaced = false;
        Ok(Self {
            target,
            parent,
            claim,
            output,
            replaces,
            holds_replaced,
            resumable,
            journal,
            kept,
            finished,
        })
    }

    /// The directory to write in.
    pub(super) fn output(&self) -> &Folder {
        &self.output
    }

    /// The folder that the output is to be in.
    pub(super) fn parent(&self) -> &Folder {
        &self.parent
    }

    /// Where shards are written, and noted in the journal as finished.
    pub(super) fn destination(&self) -> Destination {
        let notes = Arc::new(Log { journal: self.journal.clone(), finished: self.finished.clone() });
        Destination { folder: self.output.clone(), notes, attempt: String::new(), kept: self.kept.clone() }
    }

    /// The shards that an interrupted run finished.
    pub(super) fn kept(&self) -> &[FinishedShard] {
        &self.kept
    }

    /// No longer keeps some shards, whose files are removed.
    pub(super) fn drop_kept(&mut self, unwanted: &[usize]) -> Result<()> {
        self.kept.retain(|done| !unwanted.contains(&done.shard));
        self.finished.store(self.kept.len() as u64, Ordering::Relaxed);
        remove_unlisted(&self.output, &self.kept)
    }

    /// Gives the output its name, once it is complete. [`sync_folder`] of the folder around it brings that to the
    /// disk.
    ///
    /// # Errors
    /// Something took the name meanwhile, or the system refuses the rename; with what is left of it.
    pub(super) fn commit(mut self) -> Result<(), (Error, Option<Resumable>)> {
        self.give_name().map_err(|error| (error, self.leave(true)))
    }

    fn give_name(&mut self) -> Result<()> {
        let (_, name) = beside(&self.target)?;
        let folder = &self.claim.folder;
        if self.replaces {
            // What others put there while the rows were written is not removed either.
            let old = self.parent.meta(name).ok().and_then(|meta| meta.place);
            if let Some((device, inode)) = old {
                self.journal.append(&JournalEntry::Replaces(device, inode))?;
                self.journal.sync()?;
            }
            check_target(&self.target, true)?;
            let replaced = replace(&System, folder, EntryName { folder: &self.parent, name }, old);
            self.holds_replaced = replaced.is_err() && (holds_replaced(folder) || !self.has_own_output());
            replaced?;
        } else {
            give_name(&System, folder, EntryName { folder: &self.parent, name })?;
        }
        self.resumable = false;
        Ok(())
    }

    /// Whether what lies in the folder is what this run made, and not what it was to replace.
    fn has_own_output(&self) -> bool {
        let (there, own) = (self.claim.folder.meta(OUTPUT), self.output.itself());
        there.is_ok_and(|there| own.is_ok_and(|own| own.place == there.place))
    }

    /// Gives the output another name beside its target, one that tells its contents: where that is there
    /// already, this one is not needed.
    ///
    /// # Errors
    /// Something that is no directory has the name, or the system refuses the rename.
    pub(super) fn commit_as(mut self, name: &str) -> Result<()> {
        self.resumable = false;
        let name = OsStr::new(name);
        let is_there = || self.parent.meta(name).is_ok_and(|meta| meta.kind == EntryKind::Folder);
        match give_name(&System, &self.claim.folder, EntryName { folder: &self.parent, name }) {
            Err(_) if self.has_own_output() && is_there() => Ok(()),
            named => named,
        }
    }

    /// What brings the folders of the output to the disk, and notes that all is there.
    pub(super) fn completion(&self) -> impl FnOnce() -> Result<()> + Send + 'static {
        let (output, journal) = (self.output.clone(), self.journal.clone());
        move || complete(&output, &journal)
    }

    /// Ends without a commit: gives what is left to resume, or removes everything.
    pub(super) fn leave(mut self, resumable: bool) -> Option<Resumable> {
        self.resumable &= resumable;
        let finished = self.finished.load(Ordering::Relaxed);
        // The folder may have been removed by others, or the output has its name.
        let left = self.resumable && finished > 0 && self.has_own_output();
        left.then(|| Resumable { folder: self.claim.folder.path().to_path_buf(), finished })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // After a commit there is nothing here, or the dataset replaced.
        let of_use = self.resumable && self.finished.load(Ordering::Relaxed) > 0;
        self.claim.kept = of_use || self.holds_replaced;
    }
}

/// Where finished shards are noted, from any thread.
#[derive(Debug, Clone)]
struct Log {
    journal: Arc<Journal>,
    finished: Arc<AtomicU64>,
}

impl Notes for Log {
    fn append(&self, done: &FinishedShard) -> Result<()> {
        self.journal.append(&JournalEntry::Done(done.clone()))?;
        self.finished.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.journal.sync()
    }
}

fn complete(output: &Folder, journal: &Journal) -> Result<()> {
    let failed = |e| Error::io(output.path(), "looking through the output", e);
    for (name, kind) in output.entries().map_err(failed)? {
        if kind == EntryKind::Folder {
            sync_folder(&output.sub(&name).map_err(failed)?)?;
        }
    }
    sync_folder(output)?;
    if let Some((device, inode)) = output.itself().map_err(failed)?.place {
        journal.append(&JournalEntry::Complete(device, inode))?;
        journal.sync()?;
    }
    Ok(())
}

/// What an interrupted run of a target left, with its run spec, unless a living run has it, or it is another user's.
///
/// Proof: what cannot be opened is none, and an error of the run that is to follow.
pub fn unfinished(target: &Path) -> Result<Option<serde_json::Map<String, serde_json::Value>>> {
    let target = std::path::absolute(target).map_err(|e| Error::io(target, "finding its place", e))?;
    let (parent, name) = beside(&target)?;
    let Ok(parent) = Folder::open(parent) else { return Ok(None) };
    let Ok(folder) = parent.sub(Staging::of(name).shared()) else { return Ok(None) };
    if !is_ours(&parent, &folder) || check_known(&folder).is_err() || is_held(&folder) {
        return Ok(None);
    }
    let spec = RunSpec::read(&folder)?.filter(|spec| spec.resumable);
    Ok(spec.map(|spec| spec.fields().clone()))
}

/// Makes the output and the journal in a folder, once what was there is gone.
fn begin_anew(folder: &Folder, spec: &RunSpec) -> Result<(Journal, Folder, Vec<FinishedShard>)> {
    clear(folder)?;
    let failed = |e| Error::io(folder.at(OUTPUT), "making the directory of the output", e);
    folder.make(OUTPUT).map_err(failed)?;
    let output = folder.sub(OUTPUT).map_err(failed)?;
    let journal = Journal::create(folder)?;
    spec.write(folder)?;
    Ok((journal, output, Vec::new()))
}

#[cfg(test)]
mod tests;
