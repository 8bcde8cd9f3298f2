//! The columns that name files, and where in them.

use std::fs;
use std::ops::Range;

use arrow::array::RecordBatchOptions;
use arrow::record_batch::RecordBatch;
use serde_json::{Map, Value};

use super::file::{read, size_of};
use super::place::MediaPath;
use super::values::{embedded, internal};
use crate::checked::{self, impossible};
use crate::error::Result;
use crate::exec::job::Job;
use crate::gather::{Corpus, take};

/// Bytes of files in a record batch, about.
const BATCH_BYTES: u64 = 256 << 20;
/// Places in a corpus, and rows at each, that tell how large files are.
const PLACES: i64 = 4;
const ROWS: i64 = 16;

/// The columns that name files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files(Vec<(usize, String, MediaPath)>);

impl Files {
    /// Those of these features, which are in the order of the columns.
    pub(crate) fn of(features: &Map<String, Value>) -> Self {
        let columns = features.iter().enumerate();
        // Proof: columns that name no files are written as they are.
        Self(
            columns
                .filter_map(|(i, (name, feature))| Some((i, name.clone(), MediaPath::of(feature)?)))
                .collect(),
        )
    }

    /// Whether no column names files.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> Vec<String> {
        self.0.iter().map(|(_, name, _)| name.clone()).collect()
    }

    /// About how many bytes the files of a row have, by rows at a few places of the corpus.
    pub(crate) fn bytes_of_a_row(&self, job: &Job<'_>, corpus: &Corpus, memory_limit: u64) -> Result<u64> {
        let count: i64 = checked::to(corpus.rows())?;
        let places = (0..PLACES).map(|place| count / PLACES * place);
        // Proof: what saturates is cut at the number of rows.
        let mut rows: Vec<i64> = places.flat_map(|at| at..count.min(at.saturating_add(ROWS))).collect();
        rows.sort_unstable();
        rows.dedup();
        if self.0.is_empty() || rows.is_empty() {
            return Ok(0);
        }
        let columns = corpus.select(&self.names())?;
        let here = self.0.iter().enumerate().map(|(i, (_, name, place))| (i, name.clone(), place.clone()));
        let here = Self(here.collect());
        let mut bytes = 0u64;
        // These rows are none of the output, and progress does not count them.
        for batch in take(&Job::new(job.threads()), &columns, &rows, memory_limit)? {
            here.visit(&batch, &mut |_, _, path| {
                // Proof: about how many bytes, and what is wrong with a file is said where its row is written.
                bytes = bytes.saturating_add(fs::metadata(path).map_or(0, |file| file.len()));
                Ok(())
            })?;
        }
        Ok(bytes / rows.len() as u64)
    }

    /// Goes over the files that are to be read: the row, the column and the path.
    fn visit(
        &self,
        batch: &RecordBatch,
        found: &mut dyn FnMut(usize, &str, &str) -> Result<()>,
    ) -> Result<()> {
        for (index, name, place) in &self.0 {
            let read = &mut |row: usize, path: &str| found(row, name, path).map(|()| Vec::new());
            embedded(batch.column(*index), place, &Some, read)?;
        }
        Ok(())
    }

    /// Runs of rows whose files make a batch, each of one row at least.
    pub(super) fn runs(&self, batch: &RecordBatch, first: u64) -> Result<Vec<Range<usize>>> {
        let mut sizes = vec![0u64; batch.num_rows()];
        self.visit(batch, &mut |row, column, path| {
            let size = size_of(path, column, first + row as u64)?;
            let sum = sizes.get_mut(row).ok_or_else(|| impossible("a file of no row"))?;
            *sum = sum.saturating_add(size); // Proof: what saturates is more than a batch has.
            Ok(())
        })?;
        let (mut runs, mut start, mut sum) = (Vec::new(), 0, 0u64);
        for (row, size) in sizes.into_iter().enumerate() {
            // Proof: what saturates is more than a batch has.
            if row > start && sum.saturating_add(size) > BATCH_BYTES {
                runs.push(start..row);
                (start, sum) = (row, 0);
            }
            sum = sum.saturating_add(size); // Proof: as above.
        }
        runs.push(start..batch.num_rows());
        Ok(runs)
    }

    /// A batch with its files in it, and how many they are. Its first row is `first` in the output.
    pub(super) fn embed(&self, batch: &RecordBatch, first: u64) -> Result<(RecordBatch, u64)> {
        let mut columns = batch.columns().to_vec();
        let mut count = 0;
        for (index, name, place) in &self.0 {
            let read = &mut |row: usize, path: &str| {
                count += 1;
                read(path, name, first + row as u64)
            };
            let column = columns.get_mut(*index).ok_or_else(|| impossible("files of no column"))?;
            *column = embedded(column, place, &Some, read)?;
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = RecordBatch::try_new_with_options(batch.schema(), columns, &options);
        Ok((batch.map_err(internal)?, count))
    }
}
