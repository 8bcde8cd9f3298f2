//! The files of some rows, opened ahead of reading them.

use super::corpus::Corpus;
use super::output::check_rows;
use crate::error::Result;
use crate::exec::job::Job;

/// Rows that one thread looks at in one go.
const RUN: usize = 1 << 20;

impl Corpus {
    /// The same rows, with the files open that hold these. They are closed with what is returned, and files that were
    /// open stay so.
    ///
    /// # Errors
    /// A row that is not there; a file that is not there, or is not the one that was described.
    pub fn open_for(&self, job: &Job<'_>, rows: &[i64]) -> Result<Self> {
        check_rows(rows, self.rows())?;
        if self.is_open() {
            return Ok(self.clone());
        }
        let wanted = self.count_by_unit(job, &rows.chunks(RUN).collect::<Vec<_>>())?;
        let corpus = self.apart(&wanted)?;
        corpus.open_units(job, &wanted)?;
        Ok(corpus)
    }

    /// Whether all of its files are open.
    pub(super) fn is_open(&self) -> bool {
        self.open_files() == self.paths().count()
    }
}
