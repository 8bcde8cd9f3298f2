//! All units put together: the output gets the files beside the shards, and its name.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::make::{SHARDS, UNITS};
use super::notes::{note_name, unit_of};
use crate::checked;
use crate::error::{At, Error, Result, Shown};
use crate::exec::job::Job;
use crate::gather::{Corpus, Extra, Layout};
use crate::write::disk::folder::Folder;
use crate::write::disk::sync_thread::run_interruptibly;
use crate::write::disk::synced::{sync_folder, write_synced};
use crate::write::format::encoder::Encoder;
use crate::write::format::finished::{FileEntry, FinishedShard};
use crate::write::options::{Options, Report};
use crate::write::output::{Beside, Prepared, WithEncoder, with_encoder};
use crate::write::stage::{Resumable, Stage};
use crate::write::unfinished::run_spec::RunSpec;

/// Puts the units of a plan together to the output, by their notes. The shards stay in the directory of the job as well,
/// under second names, until that is removed: a crash loses nothing, and the same call goes on.
///
/// # Errors
/// A unit that is not noted, or whose shard is not there as noted; a target that exists, or is being written.
pub fn finish_units(
    job: &Job<'_>,
    corpus: &Corpus,
    extras: &[Extra],
    options: &Options,
    units: &Finished<'_>,
) -> Result<Report, (Error, Option<Resumable>)> {
    let whole = |e| (e, None);
    let prepared = Prepared::of_layout(corpus, extras, options, units.layout, &[]).map_err(whole)?;
    let done = units.all().map_err(whole)?;
    let wanted = Options { target: units.target.to_path_buf(), ..prepared.options.clone() };
    let spec = units.spec();
    let mut stage = run_interruptibly(job, move || Stage::begin(&wanted, &[], &spec)).map_err(whole)?;
    let finish = Finish { job, prepared: &prepared, stage: &mut stage, units, done: &done };
    let report = match with_encoder(&prepared, finish).and_then(|done| done) {
        Ok(report) => report,
        Err(error) => return Err((error, stage.leave(true))),
    };
    let parent = stage.parent().clone();
    stage.commit()?;
    let synced = run_interruptibly(job, move || sync_folder(&parent));
    synced.map(|()| report).map_err(whole)
}

/// The units of a plan, which are all to be noted.
pub struct Finished<'a> {
    /// By what the plan is known.
    pub plan: &'a str,
    /// How the output is cut.
    pub layout: &'a Layout,
    /// The texts of the notes.
    pub notes: &'a [String],
    /// The directory of the job.
    pub folder: &'a Path,
    /// Where the output is to be: by this path here, and by that of the options where it was planned.
    pub target: &'a Path,
}

impl Finished<'_> {
    /// The units that the notes tell of: each of the plan once.
    fn all(&self) -> Result<Vec<FinishedShard>> {
        let read = |text: &String| {
            unit_of(self.plan, text.as_bytes()).map_err(|what| Error::format(self.folder, At::File, what))
        };
        let mut done = self.notes.iter().map(read).collect::<Result<Vec<_>>>()?;
        done.sort_by_key(|unit| unit.shard);
        let shards = self.layout.shards()?;
        checked::equal("noted units", done.len(), shards.len())?;
        for (number, (unit, rows)) in checked::zip(&done, &shards)?.enumerate() {
            let planned = checked::sub(rows.end, rows.start)?;
            if (unit.shard, unit.rows) != (number, planned) {
                let message = format!(
                    "a note tells of the unit {} of {} rows, and the plan has the unit {number} of {planned}; plan the job again",
                    unit.shard, unit.rows
                );
                return Err(Error::format(self.folder, At::File, message));
            }
        }
        Ok(done)
    }

    /// By what a call that goes on with what this one left is known.
    fn spec(&self) -> RunSpec {
        let mut fields = Map::new();
        fields.insert("job".to_owned(), json!(self.plan));
        fields.insert("shards".to_owned(), Value::from(self.layout.ends.clone()));
        RunSpec::of_fields(fields, self.layout.ends.len())
    }
}

struct Finish<'a> {
    job: &'a Job<'a>,
    prepared: &'a Prepared,
    stage: &'a mut Stage,
    units: &'a Finished<'a>,
    done: &'a [FinishedShard],
}

impl WithEncoder for Finish<'_> {
    type Output = Result<Report>;

    fn run<E: Encoder + 'static>(self, encoder: E) -> Result<Report> {
        let Self { job, prepared, stage, units, done } = self;
        let kept = stage.kept().len() as u64;
        adopt(job, stage, units.folder, done)?;
        let beside = Beside::of(prepared, &encoder, done)?;
        let (output, check) = (stage.output().clone(), prepared.reopen_check(stage.output(), done));
        let (files, complete) = (beside.files, stage.completion());
        run_interruptibly(job, move || {
            for (name, text) in files {
                write_synced(&output, &name, text.as_bytes())?;
            }
            check.check()?;
            complete()
        })?;
        let shards = done.len() as u64;
        let Beside { rows, bytes, fingerprint, .. } = beside;
        Ok(Report { rows, shards, kept, bytes, passes: 0, fingerprint })
    }
}

/// Takes the shards of all units into a stage that has some of them.
fn adopt(job: &Job<'_>, stage: &Stage, folder: &Path, done: &[FinishedShard]) -> Result<()> {
    let shards: PathBuf = folder.join(SHARDS);
    let from = Folder::open(&shards).map_err(|e| Error::io(&shards, "opening the shards of the job", e))?;
    let kept: Vec<usize> = stage.kept().iter().map(|unit| unit.shard).collect();
    let (into, units) = (stage.destination(), done.to_vec());
    run_interruptibly(job, move || {
        for unit in units.iter().filter(|unit| !kept.contains(&unit.shard)) {
            make_folders(&into.folder, unit)?;
            for file in &unit.files {
                take(&from, &into.folder, unit, file)?;
            }
            into.notes.append(unit)?;
        }
        into.notes.sync()
    })
}

/// Gives a file of a unit a second name in the output; where files have one name alone, it is copied.
fn take(from: &Folder, into: &Folder, unit: &FinishedShard, file: &FileEntry) -> Result<()> {
    let (name, path) = (file.name.as_str(), from.at(&file.name));
    let failed = |e: io::Error| Error::io(into.at(name), "taking a finished shard into the output", e);
    let there = from.reader(name).and_then(|file| file.metadata());
    let bytes = there.map(|meta| meta.len()).map_err(|e| match e.kind() {
        ErrorKind::NotFound => lost(from, unit, &path, "is not there"),
        _ => Error::io(&path, "opening a finished shard", e),
    })?;
    if bytes != file.bytes {
        return Err(lost(from, unit, &path, &format!("has {bytes} bytes and had {}", file.bytes)));
    }
    match from.link_new(name, into, name) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == ErrorKind::NotFound => Err(failed(e)),
        Err(_) => {
            let mut copy = into.create(name).map_err(failed)?;
            io::copy(&mut from.reader(name).map_err(failed)?, &mut copy).map_err(failed)?;
            copy.sync_all().map_err(failed)
        }
    }
}

fn lost(from: &Folder, unit: &FinishedShard, path: &Path, what: &str) -> Error {
    // Proof: a text for a message; the directory of shards lies in that of the job.
    let note = from.path().parent().unwrap_or(from.path()).join(UNITS).join(note_name(unit.shard));
    let message = format!(
        "the shard of the finished unit {} {what}; remove {}, and the unit is made again",
        unit.shard,
        Shown(&note)
    );
    Error::format(path, At::File, message)
}

/// Makes the directories of an output in which files of a unit lie.
fn make_folders(into: &Folder, unit: &FinishedShard) -> Result<()> {
    // Proof: files without a directory lie in the output itself.
    for name in unit.files.iter().filter_map(|file| Some(file.name.rsplit_once('/')?.0)) {
        match into.make(name) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => {
                return Err(Error::io(into.at(name), "making a directory of the output", e));
            }
            _ => {}
        }
    }
    Ok(())
}
