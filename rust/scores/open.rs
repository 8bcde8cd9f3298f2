//! Score files to one vector: each file by what it holds, all in the order given.

use std::path::PathBuf;

use super::Source;
use super::expr::Scores;
use super::formats::sniff::{ScoreFormat, format_of};
use super::formats::table::{arrow, parquet};
use super::formats::{bergson, json_lines, npy, npz, raw, safetensors, torch};
use super::options::{OpenOptions, RawType};
use super::vector::chosen::{Chosen, common};
use super::vector::hashes::Hashes;
use super::vector::part::Part;
use super::vector::stored::StoredVector;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::job::Job;
use crate::io::file::File;

impl Scores {
    /// Opens files as one vector, in the order given.
    ///
    /// The format of each is told by its content. Headers are read and checked; values are not.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] for what the system refuses; [`Error::Format`], [`Error::Truncated`],
    /// [`Error::UnsafePickle`] or [`Error::Schema`] for a file that holds no vector, or one of another type
    /// than the first; [`Error::Type`] for raw values without a type.
    pub fn open(paths: &[PathBuf], options: &OpenOptions) -> Result<Self> {
        join(paths.iter().map(|path| File::open(path, options.io)), options).map(Self::stored)
    }

    /// [`Scores::open`] in a job; where files are to be verified, with hashes of their blocks for [`Scores::check`].
    ///
    /// # Errors
    ///
    /// As [`Scores::open`]; [`Error::Interrupted`].
    pub fn open_in(job: &Job<'_>, paths: &[PathBuf], options: &OpenOptions) -> Result<Self> {
        if !options.verify {
            return job.run_one(|| Self::open(paths, options));
        }
        let (mut files, mut hashes) = (Vec::with_capacity(paths.len()), Vec::with_capacity(paths.len()));
        for path in paths {
            let file = File::open(path, options.io)?;
            // Before it is read: what changes from here on is found, and what is decoded is never older.
            let found = Hashes::of(&file, job);
            hashes.push(found.map_err(|error| error.unless_changed(|| file.opened().check_unchanged()))?);
            files.push(file);
        }
        let opened = job.run_one(|| join(files.iter().cloned().map(Ok), options))?;
        opened.check_unchanged()?;
        opened.hashed(hashes).map(Self::stored)
    }
}

/// Files as one vector, each opened when it is asked for.
fn join(files: impl Iterator<Item = Result<File>>, options: &OpenOptions) -> Result<StoredVector> {
    let (mut found, mut names) = (Vec::new(), Vec::new());
    for file in files {
        let file = file?;
        let unchanged = || file.opened().check_unchanged();
        let (parts, chosen) = parts(&file, options).map_err(|error| error.unless_changed(unchanged))?;
        if let Some(expected) = options.dtype {
            check_type(&file, &parts, expected)?;
        }
        names.push(chosen);
        found.push((file, parts));
    }
    let files = found.iter().map(|(file, _)| file.path());
    let chosen = common(checked::zip(files, &names)?)?;
    Ok(StoredVector::new(found)?.opened_by(options, chosen))
}

/// The parts of one file, and what of it they are, if it may hold more.
fn parts(file: &File, options: &OpenOptions) -> Result<(Vec<Part>, Chosen)> {
    if let Some(found) = bergson::parts(file, options)? {
        return Ok(found);
    }
    if let Some(found) = json_lines::parts(file, options)? {
        return Ok(found);
    }
    let format = format_of(file, options.dtype.is_some())?;
    if options.shape.is_some() && format != ScoreFormat::Raw {
        let message = "shape= is for raw values, and this file is none: it says its own shape; leave it out";
        return Err(Error::schema(file.path(), At::File, message));
    }
    match (format, options.dtype) {
        (ScoreFormat::Npy, _) => npy::parts(npy::Window::all(file), options),
        (ScoreFormat::Npz, _) => npz::parts(file, options),
        (ScoreFormat::Raw, Some(dtype)) => raw::parts(file, dtype, options),
        (ScoreFormat::Raw, None) => Err(Error::Internal("raw values without a type".into())),
        (ScoreFormat::Torch, _) => torch::parts(file, options),
        (ScoreFormat::Safetensors, _) => safetensors::parts(file, options),
        (ScoreFormat::Arrow, _) => arrow::parts(file, options),
        (ScoreFormat::Parquet, _) => parquet::parts(file, options),
    }
}

/// Fails if a file says another type than the caller.
fn check_type(file: &File, parts: &[Part], expected: RawType) -> Result<()> {
    match parts.iter().find(|part| part.stored() != expected.dtype) {
        None => Ok(()),
        Some(part) => Err(Error::schema(
            file.path(),
            At::File,
            format!(
                "it holds {} and dtype={} is given; leave it out for a file that says its own type",
                part.stored(),
                expected.dtype
            ),
        )),
    }
}
