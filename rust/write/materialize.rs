//! A run: from a plan to a directory that has its name.

use std::path::{Path, PathBuf};

use super::disk::checksum;
use super::disk::sync_thread::run_interruptibly;
use super::disk::synced::{sync_folder, write_synced};
use super::format::embed::has_files;
use super::format::encoder::Encoder;
use super::options::{Naming, Options, Report};
use super::output::{Beside, Prepared, WithEncoder, with_encoder};
use super::shard::Shards;
use super::stage::{Resumable, Stage};
use super::unfinished::run_spec::{RunSpec, check_unchanged};
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::gather::{Corpus, Extra, gather};

/// Writes rows of a corpus as a dataset directory.
///
/// The bytes depend on the rows, on how they are split and on the format, and on nothing else. Where this fails,
/// the second value says what is left to be continued by the same call; if that is nothing, nothing is left.
///
/// # Errors
/// A target that exists, is a source or inside one, or is being written; what an interrupted run left and is
/// something else; a full disk; whatever [`gather`] fails with.
pub fn materialize(
    job: &Job<'_>,
    corpus: &Corpus,
    rows: &[i64],
    extras: &[Extra],
    options: &Options,
) -> Result<Report, (Error, Option<Resumable>)> {
    let whole = |e| (e, None);
    let prepared = Prepared::new(job, corpus, rows.len() as u64, extras, options).map_err(whole)?;
    let spec = job.run_one(|| spec(&prepared, rows, extras)).map_err(whole)?;
    let kept = |stage: &Stage| stage.kept().iter().map(|done| done.shard).collect::<Vec<_>>();
    let stage = begin(job, &prepared, spec).map_err(whole)?;
    let mut prepared = prepared;
    prepared.plan.drop_shards(&kept(&stage));
    let written = with_encoder(&prepared, Run { job, prepared: &prepared, rows, extras, stage: &stage });
    let report = match written.and_then(|done| done) {
        Ok(report) => report,
        Err(error) => {
            let left = stage.leave(can_be_continued(&error));
            return Err((explained(&prepared, rows, error), left));
        }
    };
    let parent = stage.parent().clone();
    match options.naming {
        Naming::ByFingerprint => stage.commit_as(&report.fingerprint).map_err(whole)?,
        Naming::New | Naming::Replacing => stage.commit()?,
    }
    let synced = run_interruptibly(job, move || sync_folder(&parent));
    synced.map(|()| report).map_err(whole)
}

/// What the run makes: everything that the bytes of its output depend on.
fn spec(prepared: &Prepared, rows: &[i64], extras: &[Extra]) -> Result<RunSpec> {
    let Prepared { schema, files, options, plan, sources, .. } = prepared;
    RunSpec::new(rows, extras, schema, sources, plan, options, &files.names())
}

/// Makes the folder to write in, or takes over what an interrupted run left, with the shards of it that are kept.
fn begin(job: &Job<'_>, prepared: &Prepared, spec: RunSpec) -> Result<Stage> {
    let paths: Vec<PathBuf> = prepared.sources.iter().map(|source| source.path.clone()).collect();
    let wanted = prepared.options.clone();
    let mut stage = run_interruptibly(job, move || Stage::begin(&wanted, &paths, &spec))?;
    drop_damaged(job, &mut stage, &prepared.options)?;
    drop_embedded(&mut stage)?;
    Ok(stage)
}

/// Keeps none of the shards whose bytes are no longer what was written, if they are to be looked at.
fn drop_damaged(job: &Job<'_>, stage: &mut Stage, options: &Options) -> Result<()> {
    if !options.verify {
        return Ok(());
    }
    let output = stage.output().clone();
    let kept = stage.kept().to_vec();
    let files: Vec<_> =
        kept.iter().flat_map(|done| done.files.iter().map(move |file| (done.shard, file))).collect();
    let paths: Vec<PathBuf> = files.iter().map(|(_, file)| output.at(&file.name)).collect();
    let found = checksum::of_files(job, &paths)?;
    let damaged =
        checked::zip(&files, found)?.filter(|((_, file), found)| *found != Some((file.bytes, file.crc32)));
    let damaged: Vec<usize> = damaged.map(|((shard, _), _)| *shard).collect();
    if damaged.is_empty() { Ok(()) } else { stage.drop_kept(&damaged) }
}

/// Keeps none of the shards that hold files from outside of the sources: nobody knows whether these are the same.
fn drop_embedded(stage: &mut Stage) -> Result<()> {
    let with_files: Vec<usize> =
        stage.kept().iter().filter(|done| has_files(done)).map(|done| done.shard).collect();
    if with_files.is_empty() { Ok(()) } else { stage.drop_kept(&with_files) }
}

/// One run.
struct Run<'a> {
    job: &'a Job<'a>,
    prepared: &'a Prepared,
    rows: &'a [i64],
    extras: &'a [Extra],
    stage: &'a Stage,
}

impl WithEncoder for Run<'_> {
    type Output = Result<Report>;

    /// Writes everything into the folder of the stage.
    fn run<E: Encoder + 'static>(self, encoder: E) -> Result<Report> {
        let Self { job, prepared, rows, extras, stage } = self;
        let Prepared { corpus, plan, .. } = prepared;
        let shards = Shards::new(encoder, stage.destination(), plan, rows)?;
        shards.make_folders()?;
        let kept_rows: u64 = stage.kept().iter().map(|done| done.rows).sum();
        // Progress counts each row twice, and those that were there already at once.
        job.run_on(1, |_, state| state.advance(2 * kept_rows))?;
        let gathered = gather(job, corpus, rows, extras, plan, &shards);
        if gathered.as_ref().is_err_and(|error| !matches!(error, Error::Interrupted)) {
            shards.drain(job);
        }
        gathered?;
        prepared.sources.iter().try_for_each(check_unchanged)?;
        let finished = job.run_on(1, |_, state| shards.finish(state))?;
        let done = finished.into_iter().flatten().collect::<Vec<_>>(); // Proof: the list of the one thread.
        let beside = Beside::of(prepared, shards.encoder(), &done)?;
        checked::equal("rows in all shards", beside.rows, rows.len() as u64)?;
        for (name, text) in beside.files {
            let folder = stage.output().clone();
            shards.defer(move || write_synced(&folder, &name, text.as_bytes()))?;
        }
        let output = prepared.reopen_check(stage.output(), &done);
        shards.defer(move || output.check())?;
        shards.defer(stage.completion())?;
        job.run_on(1, |_, state| shards.wait(state))?;
        Ok(Report {
            rows: beside.rows,
            shards: done.len() as u64,
            kept: stage.kept().len() as u64,
            bytes: beside.bytes,
            passes: plan.passes.len() as u64,
            fingerprint: beside.fingerprint,
        })
    }
}

/// A full disk says how much is needed.
fn explained(prepared: &Prepared, rows: &[i64], error: Error) -> Error {
    match error {
        Error::Io { path, doing, source } if source.raw_os_error() == Some(28) => {
            // Proof: a number for the message.
            let needed = prepared.plan.row_bytes.saturating_mul(rows.len() as u64);
            let free = free_bytes(&prepared.options.target);
            let doing = format!("{doing} (all rows take about {needed} bytes, and {free} are free)");
            Error::Io { path, doing, source }
        }
        other => other,
    }
}

/// Whether the same call may succeed later: not where the sources are damaged, or changed while they were read.
fn can_be_continued(error: &Error) -> bool {
    matches!(
        error,
        Error::Io { .. } | Error::Interrupted | Error::Memory(_) | Error::Value(_) | Error::Internal(_)
    )
}

/// How much is free where a folder is to be.
fn free_bytes(target: &Path) -> String {
    #[cfg(unix)]
    if let Some(parent) = std::path::absolute(target).ok().as_deref().and_then(Path::parent)
        && let Ok(found) = rustix::fs::statvfs(parent)
    {
        // Proof: a number for the message.
        return found.f_bavail.saturating_mul(found.f_frsize).to_string();
    }
    let _ = target;
    "unknown".to_owned()
}
