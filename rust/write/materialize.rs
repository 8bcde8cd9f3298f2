//! A run: from a plan to a directory that has its name.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use arrow::datatypes::{Schema, SchemaRef};
use twox_hash::XxHash3_64;

use super::check::{check_split, cut_as_written, in_types_of};
use super::disk::checksum;
use super::disk::sync_thread::run_interruptibly;
use super::disk::synced::{sync_folder, write_synced};
use super::format::Format;
use super::format::arrow::Streams;
use super::format::embed::{Embedded, Files, has_files};
use super::format::encoder::Encoder;
use super::format::hf::json::{output_features, schema_with_features};
use super::format::jsonl::Lines;
use super::format::parquet::Groups;
use super::format::reopen::ReopenCheck;
use super::format::shard_names::CARD;
use super::format::tokens::{Tokens, name_of_dtype};
use super::manifest::located::located;
use super::manifest::{self, Manifest};
use super::options::{Naming, Options, Report};
use super::shard::Shards;
use super::stage::{Resumable, Stage};
use super::unfinished::run_spec::{RunSpec, check_unchanged};
use crate::checked;
use crate::error::{Error, Result, Shown};
use crate::exec::job::Job;
use crate::gather::{Corpus, Extra, Plan, gather, output_schema};
use crate::io::identity::FileIdentity;
use crate::write::format::finished::FinishedShard;

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
    let corpus = &in_types_of(corpus, options.format, options.release).map_err(whole)?;
    check_split(&options.split_name).map_err(whole)?;
    let schema = output_schema(corpus, extras);
    let features = output_features(&schema, options.release);
    let written = schema_with_features(&schema, &features);
    let files = if options.embed { Files::of(&features) } else { Files::default() };
    let of_files = files.bytes_of_a_row(job, corpus, options.memory_limit).map_err(whole)?;
    let options = &with_token_dtype(options, &written).map_err(whole)?;
    let (plan, sources) = prepare(corpus, rows, extras, of_files, options).map_err(whole)?;
    let names = files.names();
    let spec = || RunSpec::new(rows, extras, &written, &sources, &plan, options, &names);
    let spec = job.run_one(spec).map_err(whole)?;
    let run = Run { job, corpus, rows, extras, options, plan, sources, schema: written.clone() };
    match options.format {
        Format::Arrow => {
            let encoder = Streams::new(&written, features, options.extra_keys.clone()).map_err(whole)?;
            run.write(Embedded { encoder, files }, spec)
        }
        Format::Parquet => {
            let encoder =
                Groups::new(&written, &run.plan, &options.split_name, options.by_content).map_err(whole)?;
            run.write(Embedded { encoder, files }, spec)
        }
        Format::Jsonl => run.write(Lines::new(&written, &options.split_name).map_err(whole)?, spec),
        Format::Tokens(layout) => {
            let dtype = options.token_dtype.as_ref();
            run.write(Tokens::new(&written, layout, dtype).map_err(whole)?, spec)
        }
    }
}

/// The options with the type in which tokens are stored, also where nobody said it.
fn with_token_dtype(options: &Options, written: &Schema) -> Result<Options> {
    let dtype = options.token_dtype.as_ref();
    let token_dtype = match options.format {
        Format::Tokens(layout) => Some(Tokens::new(written, layout, dtype)?.stored().clone()),
        Format::Arrow | Format::Parquet | Format::Jsonl => None,
    };
    Ok(Options { token_dtype, ..options.clone() })
}

/// Plans, and looks at the sources as they are.
fn prepare(
    corpus: &Corpus,
    rows: &[i64],
    extras: &[Extra],
    of_files: u64,
    options: &Options,
) -> Result<(Plan, Vec<FileIdentity>)> {
    let target = std::path::absolute(&options.target)
        .map_err(|e| Error::io(&options.target, "finding its place", e))?;
    refuse_other_bytes(&target, "output", "datasets cannot open it")?;
    // Proof: what saturates is more than any memory.
    let extra_bytes = (extras.len() as u64 * 8).saturating_add(of_files);
    let count = rows.len() as u64;
    let split = cut_as_written(corpus, count, options.format, options.token_dtype.as_ref(), options.split)?;
    let plan = Plan::new(corpus, count, extra_bytes, split, options.memory_limit)?;
    for path in corpus.paths().chain(options.sources.iter().map(PathBuf::as_path)) {
        refuse_other_bytes(path, "source", "dsdm.json, which names the sources, cannot hold it")?;
    }
    // The files that rows come from are told as they were opened: another may have the name of one by now. One that is
    // given twice is told twice, as its rows are numbered twice.
    let mut sources = corpus.identities()?;
    let known: HashSet<PathBuf> = sources.iter().map(|source| source.path.clone()).collect();
    for path in options.sources.iter().filter(|path| !known.contains(*path)) {
        sources.push(FileIdentity::of_path(path, None)?);
    }
    corpus.check_unchanged()?;
    Ok((plan, sources))
}

/// Refuses a path that no JSON can spell and no other library would open.
fn refuse_other_bytes(path: &Path, what: &str, why: &str) -> Result<()> {
    if path.to_str().is_some() {
        return Ok(());
    }
    Err(Error::Value(format!(
        "{}: the path of the {what} is not UTF-8, and {why}; rename it, or link to it by another name",
        Shown(path)
    )))
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
    corpus: &'a Corpus,
    rows: &'a [i64],
    extras: &'a [Extra],
    options: &'a Options,
    plan: Plan,
    sources: Vec<FileIdentity>,
    /// What every shard is to have.
    schema: SchemaRef,
}

impl Run<'_> {
    /// Makes the folder to write in, or takes over what an interrupted run left, with the shards of it that are kept.
    fn begin(&self, spec: RunSpec) -> Result<Stage> {
        let paths: Vec<PathBuf> = self.sources.iter().map(|source| source.path.clone()).collect();
        let wanted = self.options.clone();
        let mut stage = run_interruptibly(self.job, move || Stage::begin(&wanted, &paths, &spec))?;
        drop_damaged(self.job, &mut stage, self.options)?;
        drop_embedded(&mut stage)?;
        Ok(stage)
    }

    fn write<E: Encoder + 'static>(
        mut self,
        encoder: E,
        spec: RunSpec,
    ) -> Result<Report, (Error, Option<Resumable>)> {
        let stage = self.begin(spec).map_err(|error| (error, None))?;
        let kept: Vec<usize> = stage.kept().iter().map(|done| done.shard).collect();
        self.plan.drop_shards(&kept);
        let outcome = self.fill(&stage, encoder);
        let report = match outcome {
            Ok(report) => report,
            Err(error) => {
                let left = stage.leave(can_be_continued(&error));
                return Err((self.explained(error), left));
            }
        };
        let parent = stage.parent().clone();
        match self.options.naming {
            Naming::ByFingerprint => stage.commit_as(&report.fingerprint).map_err(|error| (error, None))?,
            Naming::New | Naming::Replacing => stage.commit()?,
        }
        let synced = run_interruptibly(self.job, move || sync_folder(&parent));
        synced.map(|()| report).map_err(|error| (error, None))
    }

    /// Writes everything into the folder of a stage.
    fn fill<E: Encoder + 'static>(&self, stage: &Stage, encoder: E) -> Result<Report> {
        let shards = Shards::new(encoder, stage, &self.plan)?;
        shards.make_folders()?;
        let kept_rows: u64 = stage.kept().iter().map(|done| done.rows).sum();
        // Progress counts each row twice, and those that were there already at once.
        self.job.run_on(1, |_, state| state.advance(2 * kept_rows))?;
        let gathered = gather(self.job, self.corpus, self.rows, self.extras, &self.plan, &shards);
        if gathered.as_ref().is_err_and(|error| !matches!(error, Error::Interrupted)) {
            shards.drain(self.job);
        }
        gathered?;
        self.sources.iter().try_for_each(check_unchanged)?;
        let finished = self.job.run_on(1, |_, state| shards.finish(state))?;
        let done = finished.into_iter().flatten().collect::<Vec<_>>(); // Proof: the list of the one thread.
        let rows = done.iter().try_fold(0, |rows, shard| checked::add(rows, shard.rows))?;
        checked::equal("rows in all shards", rows, self.rows.len() as u64)?;
        let digests: String = done.iter().map(|shard| shard.digest.as_str()).collect();
        let fingerprint = format!("{:016x}", XxHash3_64::oneshot(digests.as_bytes()));
        let mut companions = shards.encoder().companions(&fingerprint, &done)?;
        let options = self.options;
        let files = done.iter().flat_map(|shard| &shard.files);
        let bytes = files.map(|file| file.bytes).try_fold(0, checked::add)?;
        if let Some((before, behind)) = &options.card {
            companions.insert(0, (CARD.to_owned(), format!("{before}{bytes}{behind}")));
        }
        let sources = self.sources_from_output()?;
        let manifest = Manifest::new(
            options.format.name(),
            options.token_dtype.as_ref().map(name_of_dtype),
            &fingerprint,
            &options.selection,
            &sources,
            &done,
            &companions,
        );
        let mut files = companions;
        // The last of them is what makes a dataset of the folder.
        // Proof: where there is none, the manifest is the only one.
        files.insert(files.len().saturating_sub(1), (manifest::NAME.to_owned(), manifest.text()?));
        for (name, text) in files {
            let folder = stage.output().clone();
            shards.defer(move || write_synced(&folder, &name, text.as_bytes()))?;
        }
        let output = self.reopen_check(stage, &done);
        shards.defer(move || output.check())?;
        shards.defer(stage.completion())?;
        self.job.run_on(1, |_, state| shards.wait(state))?;
        Ok(Report {
            rows,
            shards: done.len() as u64,
            kept: stage.kept().len() as u64,
            bytes,
            passes: self.plan.passes.len() as u64,
            fingerprint,
        })
    }

    /// The sources as the manifest names them.
    fn sources_from_output(&self) -> Result<Vec<FileIdentity>> {
        let named = self.sources.iter().map(|source| {
            let path = located(&source.path, &self.options.target, self.options.places)?;
            Ok(FileIdentity { path, ..source.clone() })
        });
        named.collect()
    }

    fn reopen_check(&self, stage: &Stage, shards: &[FinishedShard]) -> ReopenCheck {
        ReopenCheck {
            format: self.options.format,
            release: self.options.release,
            folder: stage.output().path().to_path_buf(),
            schema: self.schema.clone(),
            shards: shards.to_vec(),
        }
    }

    /// A full disk says how much is needed.
    fn explained(&self, error: Error) -> Error {
        match error {
            Error::Io { path, doing, source } if source.raw_os_error() == Some(28) => {
                // Proof: a number for the message.
                let needed = self.plan.row_bytes.saturating_mul(self.rows.len() as u64);
                let free = free_bytes(&self.options.target);
                let doing = format!("{doing} (all rows take about {needed} bytes, and {free} are free)");
                Error::Io { path, doing, source }
            }
            other => other,
        }
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
