//! What an interrupted run left, taken over by the one that makes the same.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::journal::{JOURNAL, Journal, JournalEntry};
use super::run_spec::RunSpec;
use crate::error::{At, Error, Result};
use crate::write::disk::folder::Folder;
use crate::write::disk::names::{EntryKind, OUTPUT};
use crate::write::format::finished::FinishedShard;
use crate::write::format::shard_names::{bounds_name, shard_name};
use crate::write::format::{Format, Layout};
use crate::write::options::{Options, Resume};

/// What is taken over: the journal, the output, and the shards that are finished.
pub(crate) type Taken = (Journal, Folder, Vec<FinishedShard>);

/// Continues what an interrupted run left, if it is to be and can be.
///
/// Proof: whatever cannot be continued is made anew.
pub(crate) fn take_over(folder: &Folder, spec: &RunSpec, options: &Options) -> Result<Option<Taken>> {
    if options.resume == Resume::Never {
        return Ok(None);
    }
    let Some(earlier) = RunSpec::read(folder)? else { return Ok(None) };
    let Some((journal, output, mut kept)) = finished(folder)? else { return Ok(None) };
    if kept.is_empty() || !earlier.resumable {
        return Ok(None);
    }
    if let Some(difference) = spec.difference(&earlier) {
        return if options.resume == Resume::Same {
            Err(mismatch(folder.path(), &earlier, &difference, kept.len()))
        } else {
            Ok(None)
        };
    }
    let rows = spec.rows_of_shards();
    kept.retain(|done| is_planned(done, &rows, options));
    if kept.is_empty() {
        return Ok(None);
    }
    remove_unlisted(&output, &kept)?;
    Ok(Some((journal, output, kept)))
}

/// The journal of a folder, and the shards in it whose files are there.
///
/// Proof: whatever cannot be continued is made anew.
fn finished(folder: &Folder) -> Result<Option<Taken>> {
    if folder.meta(JOURNAL).is_err() || folder.meta(OUTPUT).is_err() {
        return Ok(None);
    }
    let failed = |e| Error::io(folder.at(OUTPUT), "opening what an interrupted run left", e);
    let output = folder.sub(OUTPUT).map_err(failed)?;
    let place = output.itself().map_err(failed)?.place;
    let (journal, entries) = Journal::open(folder)?;
    let mut kept: Vec<FinishedShard> = Vec::new();
    for entry in entries {
        match entry {
            JournalEntry::Done(done) => {
                kept.retain(|other| other.shard != done.shard);
                kept.push(done);
            }
            // It got its name, and what is here now is what it replaced.
            JournalEntry::Complete(device, inode) if Some((device, inode)) != place => return Ok(None),
            JournalEntry::Complete(..) | JournalEntry::Replaces(..) => {}
        }
    }
    let there = |name: &str, bytes: u64| {
        output.meta(name).is_ok_and(|m| m.kind == EntryKind::File && m.bytes == bytes)
    };
    kept.retain(|done| done.files.iter().all(|file| there(&file.name, file.bytes)));
    kept.sort_by_key(|done| done.shard);
    Ok(Some((journal, output, kept)))
}

/// Whether a line of the journal says what this run would say of a shard. Whoever can write in the folder can write
/// a line whose checksum fits.
fn is_planned(done: &FinishedShard, rows: &[u64], options: &Options) -> bool {
    if rows.get(done.shard) != Some(&done.rows) {
        return false;
    }
    let format = options.format;
    let name = shard_name(format, &options.split_name, done.shard, rows.len());
    let found: Vec<&str> = done.files.iter().map(|file| file.name.as_str()).collect();
    let Format::Tokens(layout) = format else {
        return found == [name]; // Proof: the shards of other formats are one file.
    };
    let Some(tokens) = done.extra.get("tokens").and_then(Value::as_u64) else {
        return false; // Proof: a shard whose line does not say it is made anew.
    };
    let length = done.extra.get("length").and_then(Value::as_u64);
    if length.is_some_and(|length| done.rows.checked_mul(length) != Some(tokens)) {
        return false;
    }
    // A matrix of numpy needs no bounds.
    let bounds = bounds_name(layout, &name).filter(|_| layout != Layout::Npy || length.is_none());
    // Proof: a shard without bounds has one file.
    found.into_iter().eq([Some(name.as_str()), bounds.as_deref()].into_iter().flatten())
}

fn mismatch(folder: &Path, earlier: &RunSpec, (name, said): &(String, String), finished: usize) -> Error {
    let message = format!(
        "the interrupted run that left this directory {said}; {finished} of its {} shards are finished: call as before to continue it, or with resume=False to remove it and start over",
        earlier.shards
    );
    Error::resume_mismatch(folder, At::Field(name.clone()), message)
}

/// Removes from the output what is no finished shard.
pub(crate) fn remove_unlisted(output: &Folder, kept: &[FinishedShard]) -> Result<()> {
    let listed: HashSet<PathBuf> =
        kept.iter().flat_map(|done| &done.files).map(|file| output.at(&file.name)).collect();
    let mut folders = vec![output.clone()];
    while let Some(folder) = folders.pop() {
        let failed = |e| Error::io(folder.path(), "looking through what an interrupted run left", e);
        for (name, kind) in folder.entries().map_err(failed)? {
            let path = folder.at(&name);
            if kind == EntryKind::Folder {
                folders.push(folder.sub(&name).map_err(failed)?);
            } else if !listed.contains(&path) {
                let removed = folder.remove_all(&name);
                removed.map_err(|e| Error::io(&path, "removing what an interrupted run left", e))?;
            }
        }
    }
    Ok(())
}
