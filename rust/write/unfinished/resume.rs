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

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::{Map, json};

    use super::*;
    use crate::gather::Split;
    use crate::write::disk::checksum::Crc32;
    use crate::write::format::finished::FileEntry;
    use crate::write::format::hf::json::ExtraKeys;
    use crate::write::format::hf::release::Release;
    use crate::write::options::Naming;

    const ROWS: [u64; 3] = [3, 2, 4];

    fn options(format: Format) -> Options {
        Options {
            target: PathBuf::from("target"),
            format,
            release: Release::NEWEST,
            split_name: "train".to_owned(),
            card: None,
            by_content: false,
            token_dtype: None,
            embed: false,
            naming: Naming::New,
            sources: Vec::new(),
            resume: Resume::Same,
            resumable: true,
            verify: false,
            split: Split::Shards(3),
            memory_limit: 1,
            places: crate::write::PathNames::Relative,
            selection: Map::new(),
            identity: Map::new(),
            extra_keys: ExtraKeys::default(),
        }
    }

    fn spec(resumable: bool, seed: u64) -> RunSpec {
        let fields = json!({"shards": [3, 5, 9], "draw": seed});
        serde_json::from_value(json!({"resumable": resumable, "shards": 3, "fields": fields})).unwrap()
    }

    /// A finished shard, whose files hold their names.
    fn done(format: Format, shard: usize) -> FinishedShard {
        let name = shard_name(format, "train", shard, ROWS.len());
        let bounds = if let Format::Tokens(layout) = format { bounds_name(layout, &name) } else { None };
        let file =
            |name: String| FileEntry { bytes: name.len() as u64, crc32: Crc32::of(name.as_bytes()), name };
        let extra = if matches!(format, Format::Tokens(_)) { json!({"tokens": 7}) } else { json!({}) };
        FinishedShard {
            shard,
            rows: ROWS[shard],
            files: [Some(name), bounds].into_iter().flatten().map(file).collect(),
            digest: String::new(),
            indices: String::new(),
            extra: extra.as_object().unwrap().clone(),
        }
    }

    /// What a run left that wrote these lines, and the files that are in them.
    fn left(entries: &[JournalEntry]) -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        folder.make(OUTPUT).unwrap();
        spec(true, 1).write(&folder).unwrap();
        let journal = Journal::create(&folder).unwrap();
        for entry in entries {
            journal.append(entry).unwrap();
            let JournalEntry::Done(done) = entry else { continue };
            for file in &done.files {
                let path = folder.at(OUTPUT).join(&file.name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, &file.name).unwrap();
            }
        }
        (dir, folder)
    }

    fn entries(format: Format, shards: &[usize]) -> Vec<JournalEntry> {
        shards.iter().map(|&shard| JournalEntry::Done(done(format, shard))).collect()
    }

    /// The numbers of the shards that are taken over.
    fn taken(folder: &Folder, options: &Options) -> Vec<usize> {
        let taken = take_over(folder, &spec(true, 1), options).unwrap();
        taken.into_iter().flat_map(|(_, _, kept)| kept).map(|done| done.shard).collect()
    }

    #[test]
    fn shards_of_every_format_are_taken_over_in_their_order_and_nothing_else_stays() {
        for format in Format::ALL {
            let (_dir, folder) = left(&entries(format, &[2, 0, 2]));
            let unlisted = done(format, 1).files;
            for file in &unlisted {
                fs::write(folder.at(OUTPUT).join(&file.name), "half").unwrap();
            }
            fs::write(folder.at(OUTPUT).join("state.json"), "{}").unwrap();
            assert_eq!(taken(&folder, &options(format)), [0, 2], "{format:?}");
            let there = |file: &FileEntry| folder.at(OUTPUT).join(&file.name).exists();
            assert!(!unlisted.iter().any(there) && !folder.at(OUTPUT).join("state.json").exists());
            assert!(done(format, 0).files.iter().chain(&done(format, 2).files).all(there));
            // What is taken over goes on where it was.
            let (journal, ..) = take_over(&folder, &spec(true, 1), &options(format)).unwrap().unwrap();
            journal.append(&JournalEntry::Complete(0, 0)).unwrap();
            assert_eq!(Journal::open(&folder).unwrap().1.len(), 4);
        }
    }

    #[test]
    fn a_shard_whose_files_are_not_as_the_journal_says_is_made_anew() {
        let (_dir, folder) = left(&entries(Format::Arrow, &[0, 1, 2]));
        let file = |shard| folder.at(OUTPUT).join(&done(Format::Arrow, shard).files[0].name);
        fs::write(file(0), "short").unwrap();
        fs::remove_file(file(1)).unwrap();
        fs::create_dir(file(1)).unwrap();
        assert_eq!(taken(&folder, &options(Format::Arrow)), [2]);
        // The last line of a shard counts.
        let mut wrong = done(Format::Arrow, 0);
        wrong.files[0].bytes += 1;
        let mut lines = entries(Format::Arrow, &[0, 1]);
        lines.push(JournalEntry::Done(wrong));
        assert_eq!(taken(&left(&lines).1, &options(Format::Arrow)), [1]);
    }

    #[test]
    fn a_line_that_this_run_would_not_write_keeps_nothing() {
        let tokens = Format::Tokens(Layout::Npy);
        let rows = spec(true, 1).rows_of_shards();
        assert_eq!(rows, ROWS);
        let mut changes: Vec<(Format, FinishedShard)> = Vec::new();
        for format in Format::ALL {
            assert!(is_planned(&done(format, 1), &rows, &options(format)), "{format:?}");
            let whole = done(format, 1);
            changes.push((format, FinishedShard { rows: 3, ..whole.clone() }));
            changes.push((format, FinishedShard { shard: 3, ..whole.clone() }));
            changes.push((format, FinishedShard { shard: 2, rows: ROWS[2], ..whole.clone() }));
            changes.push((format, FinishedShard { files: Vec::new(), ..whole.clone() }));
            let twice = [whole.files.clone(), whole.files.clone()].concat();
            changes.push((format, FinishedShard { files: twice, ..whole.clone() }));
            let mut outside = whole;
            outside.files[0].name = format!("../{}", outside.files[0].name);
            changes.push((format, outside));
        }
        for extra in [
            json!({}),
            json!({"tokens": "7"}),
            json!({"tokens": 7, "length": 4}),
            json!({"tokens": 0, "length": u64::MAX}),
        ] {
            changes.push((
                tokens,
                FinishedShard { extra: extra.as_object().unwrap().clone(), ..done(tokens, 1) },
            ));
        }
        for (format, changed) in changes {
            assert!(!is_planned(&changed, &rows, &options(format)), "{format:?} {changed:?}");
        }
        // A matrix has no bounds, and says how long its rows are.
        let mut matrix = done(tokens, 1);
        matrix.extra = json!({"tokens": 10, "length": 5}).as_object().unwrap().clone();
        assert!(!is_planned(&matrix, &rows, &options(tokens)));
        matrix.files.truncate(1);
        assert!(is_planned(&matrix, &rows, &options(tokens)));
    }

    #[test]
    fn what_made_something_else_is_named_or_not_taken() {
        let arrow = options(Format::Arrow);
        let (_dir, folder) = left(&entries(Format::Arrow, &[0, 1]));
        let said = take_over(&folder, &spec(true, 2), &arrow).unwrap_err();
        assert!(matches!(said, Error::ResumeMismatch(_)), "{said}");
        let said = said.to_string();
        assert!(said.contains("draw") && said.contains("2 of its 3 shards are finished"), "{said}");
        for resume in [Resume::Either, Resume::Never] {
            let other = Options { resume, ..arrow.clone() };
            assert!(take_over(&folder, &spec(true, 2), &other).unwrap().is_none());
        }
        assert_eq!(taken(&folder, &Options { resume: Resume::Never, ..arrow.clone() }), [0; 0]);
        assert_eq!(taken(&folder, &Options { resume: Resume::Either, ..arrow.clone() }), [0, 1]);
        // Nothing was removed on the way; what is no file cannot be told to be the same.
        fs::remove_file(folder.at("plan.json")).unwrap();
        spec(false, 1).write(&folder).unwrap();
        assert_eq!(taken(&folder, &arrow), [0; 0]);
        for name in ["plan.json", JOURNAL] {
            let (_dir, folder) = left(&entries(Format::Arrow, &[0]));
            fs::remove_file(folder.at(name)).unwrap();
            assert_eq!(taken(&folder, &arrow), [0; 0], "{name}");
        }
        assert_eq!(taken(&left(&[]).1, &arrow), [0; 0]);
    }

    #[test]
    fn an_output_that_got_its_name_is_told_from_what_it_replaced() {
        let arrow = options(Format::Arrow);
        let (_dir, folder) = left(&entries(Format::Arrow, &[0]));
        let (device, inode) = folder.sub(OUTPUT).unwrap().itself().unwrap().place.unwrap();
        let (journal, _) = Journal::open(&folder).unwrap();
        journal.append(&JournalEntry::Replaces(device, inode + 1)).unwrap();
        journal.append(&JournalEntry::Complete(device, inode)).unwrap();
        assert_eq!(taken(&folder, &arrow), [0]);
        journal.append(&JournalEntry::Complete(device, inode + 1)).unwrap();
        assert_eq!(taken(&folder, &arrow), [0; 0]);
    }
}
