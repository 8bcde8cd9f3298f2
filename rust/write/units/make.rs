//! Units made: shards of an output, each noted once it is whole.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use super::notes::{UnitNotes, note_of};
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::gather::{Corpus, Extra, Layout, gather};
use crate::write::disk::folder::Folder;
use crate::write::disk::partial::new_attempt;
use crate::write::disk::synced::sync_folder;
use crate::write::format::encoder::Encoder;
use crate::write::options::Options;
use crate::write::output::{Prepared, WithEncoder, with_encoder};
use crate::write::shard::{Destination, Shards};

/// The directory of finished shards in that of a job.
pub(super) const SHARDS: &str = "shards";
/// The directory of the notes of units.
pub(super) const UNITS: &str = "units";

/// How so many rows with columns added to them are cut into shards, of which each is a unit.
///
/// # Errors
/// As [`materialize`](crate::write::materialize()) has them before a row is read.
pub fn laid_out_units(
    job: &Job<'_>,
    corpus: &Corpus,
    rows: u64,
    extras: &[Extra],
    options: &Options,
) -> Result<Layout> {
    Prepared::new(job, corpus, rows, extras, options).map(|prepared| prepared.layout)
}

/// Makes units of a plan in the directory of a job, and returns their notes. `rows` are those of the units alone, those
/// of one behind the other's, likewise the columns that are added.
///
/// # Errors
/// Whatever [`gather`] fails with; a unit that is noted with other bytes.
pub fn make_units(
    job: &Job<'_>,
    corpus: &Corpus,
    rows: &[i64],
    extras: &[Extra],
    options: &Options,
    units: &Units<'_>,
) -> Result<Vec<String>> {
    let prepared = Prepared::of_layout(corpus, extras, options, units.layout, units.numbers)?;
    with_encoder(&prepared, Make { job, prepared: &prepared, rows, extras, units })?
}

/// Which units of which plan.
pub struct Units<'a> {
    /// By what the plan is known.
    pub plan: &'a str,
    /// How the output is cut.
    pub layout: &'a Layout,
    /// The units, ascending.
    pub numbers: &'a [usize],
    /// The directory of the job.
    pub folder: &'a Path,
}

struct Make<'a> {
    job: &'a Job<'a>,
    prepared: &'a Prepared,
    rows: &'a [i64],
    extras: &'a [Extra],
    units: &'a Units<'a>,
}

impl WithEncoder for Make<'_> {
    type Output = Result<Vec<String>>;

    fn run<E: Encoder + 'static>(self, encoder: E) -> Result<Vec<String>> {
        let Self { job, prepared, rows, extras, units } = self;
        let Prepared { corpus, plan, .. } = prepared;
        let into = destination(units)?;
        let shards = Shards::new(encoder, into, plan, rows)?;
        shards.make_folders()?;
        let gathered = gather(job, corpus, rows, extras, plan, &shards);
        if gathered.as_ref().is_err_and(|error| !matches!(error, Error::Interrupted)) {
            shards.drain(job);
        }
        gathered?;
        let finished = job.run_on(1, |_, state| shards.finish(state))?;
        let done = finished.into_iter().flatten(); // Proof: the list of the one thread.
        done.map(|unit| note_of(units.plan, &unit)).collect()
    }
}

/// Where units are written and noted, in directories that are made where they are missing.
fn destination(units: &Units<'_>) -> Result<Destination> {
    let job = Folder::open(units.folder);
    let job = job.map_err(|e| Error::io(units.folder, "opening the directory of the job", e))?;
    let attempt = new_attempt();
    let notes =
        UnitNotes { folder: inner(&job, UNITS)?, plan: units.plan.to_owned(), attempt: attempt.clone() };
    let folder = inner(&job, SHARDS)?;
    sync_folder(&job)?;
    Ok(Destination { folder, notes: Arc::new(notes), attempt, kept: Vec::new() })
}

fn inner(job: &Folder, name: &str) -> Result<Folder> {
    let failed = |e| Error::io(job.at(name), "making a directory of the job", e);
    match job.make(name) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(failed(e)),
        _ => {}
    }
    job.sub(name).map_err(failed)
}
