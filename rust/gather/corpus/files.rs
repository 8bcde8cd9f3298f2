//! The files of a corpus: what they are known by, which are open, and whether they are the same still.

use std::path::Path;
use std::sync::Arc;

use super::{Corpus, missing};
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::{Job, Queue};
use crate::gather::source::{Container, CorpusPart};
use crate::io::identity::FileIdentity;
use crate::io::opened::Opened;

impl Corpus {
    /// The files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.parts.iter().map(|part| part.path())
    }

    /// The files, with their rows.
    ///
    /// # Errors
    /// [`Error::Internal`] for more rows than can be.
    pub fn file_rows(&self) -> Result<Vec<(&Path, u64)>> {
        self.parts.iter().map(|part| Ok((part.path(), rows_of(part)?))).collect()
    }

    /// The files, with their rows and by what they are known, as they were when they were opened and still are: each
    /// is what its path names. Of a corpus that was described, as they were described.
    ///
    /// # Errors
    /// [`Error::SourceChanged`] for a file that changed, or that another took the place of; what reading its ends fails
    /// with.
    pub fn identities(&self) -> Result<Vec<FileIdentity>> {
        // Proof: a table in memory lies in no file.
        let found: Vec<_> =
            self.parts.iter().filter_map(|part| identity_of(part).transpose()).collect::<Result<_>>()?;
        self.check_unchanged()?;
        Ok(found)
    }

    /// How many of its files are open.
    pub fn open_files(&self) -> usize {
        self.parts.iter().filter(|part| part.is_open()).count()
    }

    /// Opens the files of the units of which so many rows are wanted, and that are not open.
    pub(in crate::gather) fn open_units(&self, job: &Job<'_>, wanted: &[u64]) -> Result<()> {
        let is_closed = self.wanted_parts(wanted)?;
        // Proof: a part without a mark is not wanted.
        let closed = self.parts.iter().zip(is_closed).filter_map(|(part, is)| is.then_some(part));
        let is_lines = |part: &&Arc<dyn CorpusPart>| part.container() == Some(Container::Jsonl);
        let (lines, others): (Vec<_>, Vec<_>) = closed.partition(is_lines);
        // A few files of lines are looked at by all threads each, and of many each by one.
        if lines.len() >= job.threads() {
            return open_all(job, &[others, lines].concat());
        }
        open_all(job, &others)?;
        lines.iter().try_for_each(|part| part.open(job))
    }

    /// The same rows, with the files closed anew of those units of which rows are wanted, unless they are open: what is
    /// opened of them is closed with it.
    pub(in crate::gather) fn apart(&self, wanted: &[u64]) -> Result<Self> {
        let is_closed = self.wanted_parts(wanted)?;
        let mut parts = self.parts.clone();
        for (part, _) in checked::zip(&mut parts, is_closed)?.filter(|(_, is_closed)| *is_closed) {
            // Proof: one that another opened meanwhile stays open.
            *part = part.closed().unwrap_or_else(|| Arc::clone(part));
        }
        Ok(Self { parts, ..self.clone() })
    }

    /// For each part, whether rows of it are wanted and it is not open.
    fn wanted_parts(&self, wanted: &[u64]) -> Result<Vec<bool>> {
        let mut marks = vec![false; self.parts.len()];
        for (unit, _) in wanted.iter().enumerate().filter(|(_, count)| **count > 0) {
            let part = self.part_of(unit)?;
            *marks.get_mut(part).ok_or_else(|| missing(unit))? = !checked::get(&self.parts, part)?.is_open();
        }
        Ok(marks)
    }

    /// Fails if a file changed since it was opened.
    ///
    /// # Errors
    /// [`Error::SourceChanged`], naming the file.
    pub fn check_unchanged(&self) -> Result<()> {
        self.parts.iter().try_for_each(|part| part.check_unchanged())
    }

    /// Fails if a file changed since it was opened, or if another has its name: what is told of the file of that name
    /// is then not told of these rows.
    pub fn check_named(&self) -> Result<()> {
        // Proof: a table in memory lies in no file, and one that is not open must be the one that was described.
        self.parts.iter().filter_map(|part| part.opened()).try_for_each(Opened::check_named)
    }
}

/// Opens files, each on one thread.
fn open_all(job: &Job<'_>, parts: &[&Arc<dyn CorpusPart>]) -> Result<()> {
    let queue = Queue::new(parts.len() as u64);
    let opened = job.run_on(parts.len(), |_, state| {
        let beat = |_| state.check();
        let own = Job::new(1).with_heartbeat(&beat);
        let mut opened = 0;
        while let Some(number) = queue.take() {
            state.check()?;
            checked::get(parts, checked::index(number)?)?.open(&own)?;
            opened += 1;
        }
        Ok(opened)
    })?;
    checked::equal("files opened", opened.into_iter().sum(), parts.len())
}

/// By what a file is known, which is what its path names if it is open. Nothing for a table in memory.
pub(super) fn identity_of(part: &Arc<dyn CorpusPart>) -> Result<Option<FileIdentity>> {
    let opened = part.opened();
    opened.map_or(Ok(()), Opened::check_named)?; // Proof: one that is not open must be the one that was described.
    if let Some(described) = part.described() {
        return Ok(Some(described.clone()));
    }
    let rows = rows_of(part)?;
    opened.map(|file| FileIdentity::of(file, Some(rows))).transpose()
}

/// The rows of a part.
fn rows_of(part: &Arc<dyn CorpusPart>) -> Result<u64> {
    let rows = part.unit_rows().iter().try_fold(0u64, |sum, &rows| sum.checked_add(rows));
    rows.ok_or_else(|| Error::Internal("a file has more than 2^64 rows".to_owned()))
}
