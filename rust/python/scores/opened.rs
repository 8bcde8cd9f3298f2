//! How scores were opened, for who opens them again.

use pyo3::prelude::*;

use super::{OpenedAs, PyScores, open};

impl PyScores {
    /// What opens it again, if it is files and nothing else.
    pub(super) fn arguments<'py>(&self, py: Python<'py>) -> PyResult<Option<OpenedAs<'py>>> {
        let Some(opened) = self.scores.opened_as() else { return Ok(None) }; // Proof: no files and nothing else.
        let given = open::arguments(py, opened.options)?;
        Ok(Some((opened.files, given, opened.rows)))
    }
}
