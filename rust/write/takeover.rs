//! What an interrupted run left, taken over by the one that makes the same.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::journal::{Done, Entry, Journal};
use super::lock::place_of;
use super::recipe::Recipe;
use super::stage::{JOURNAL, OUTPUT};
use super::{Options, Resume};
use crate::error::{At, Error, Result};

/// Continues what an interrupted run left, if it is to be and can be.
///
/// Proof: whatever cannot be continued is made anew.
pub(super) fn take_over(
    folder: &Path,
    recipe: &Recipe,
    options: &Options,
) -> Result<Option<(Journal, Vec<Done>)>> {
    let Some(earlier) = Recipe::read(folder).filter(|_| options.resume != Resume::Never) else {
        return Ok(None);
    };
    let Some((journal, kept)) = finished(folder)? else { return Ok(None) };
    if kept.is_empty() || !earlier.resumable {
        return Ok(None);
    }
    if let Some(difference) = recipe.difference(&earlier) {
        return if options.resume == Resume::Same {
            Err(mismatch(folder, &earlier, &difference, kept.len()))
        } else {
            Ok(None)
        };
    }
    remove_unlisted(&folder.join(OUTPUT), &kept)?;
    Ok(Some((journal, kept)))
}

/// The journal of a folder, and the shards in it whose files are there.
///
/// Proof: whatever cannot be continued is made anew.
fn finished(folder: &Path) -> Result<Option<(Journal, Vec<Done>)>> {
    let (journal, output) = (folder.join(JOURNAL), folder.join(OUTPUT));
    let Some(place) = place_of(&output).filter(|_| journal.exists()) else { return Ok(None) };
    let (journal, entries) = Journal::open(&journal)?;
    let mut kept: Vec<Done> = Vec::new();
    for entry in entries {
        match entry {
            Entry::Done(done) => {
                kept.retain(|other| other.shard != done.shard);
                kept.push(done);
            }
            // It got its name, and what is here now is what it replaced.
            Entry::Complete(device, inode) if (device, inode) != place => return Ok(None),
            Entry::Complete(..) => {}
        }
    }
    let there =
        |name: &str, bytes: u64| fs::metadata(output.join(name)).is_ok_and(|meta| meta.len() == bytes);
    kept.retain(|done| done.files.iter().all(|file| there(&file.name, file.bytes)));
    kept.sort_by_key(|done| done.shard);
    Ok(Some((journal, kept)))
}

fn mismatch(folder: &Path, earlier: &Recipe, (name, said): &(String, String), finished: usize) -> Error {
    let message = format!(
        "the interrupted run that left this folder {said}; {finished} of its {} shards are finished: call as before to continue it, or with resume=False to remove it and start over",
        earlier.shards
    );
    Error::resume_mismatch(folder, At::Field(name.clone()), message)
}

/// Removes from the output what is no finished shard.
pub(super) fn remove_unlisted(output: &Path, kept: &[Done]) -> Result<()> {
    let listed: HashSet<PathBuf> =
        kept.iter().flat_map(|done| &done.files).map(|file| output.join(&file.name)).collect();
    let mut folders = vec![output.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let failed = |e| Error::io(&folder, "looking through what an interrupted run left", e);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if !listed.contains(&path) {
                fs::remove_file(&path)
                    .map_err(|e| Error::io(&path, "removing what an interrupted run left", e))?;
            }
        }
    }
    Ok(())
}
