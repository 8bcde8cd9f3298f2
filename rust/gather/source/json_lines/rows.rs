//! The wanted rows of a unit, decoded.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow_json::ReaderBuilder;
use arrow_json::reader::Decoder;

use super::cursor::{Cursor, Kept};
use super::pairs::without_pairs;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::catch_panic::guard;
use crate::io::lines::{Line, LineFile};

/// Rows of a batch at most.
const MOST_ROWS: usize = 8192;
/// Bytes of lines that are decoded at once, about.
const MOST_BYTES: usize = 4 << 20;

/// Reads rows of a file in ascending order, batch by batch.
pub(super) struct RowReader {
    file: LineFile,
    cursor: Option<Cursor>,
    /// Where to leave the place that was read to.
    kept: Option<Arc<Kept>>,
    schema: SchemaRef,
    /// The rows of the file that are wanted, and how many of them were read.
    wanted: Vec<u64>,
    read: usize,
    /// Batches that are ready.
    ready: VecDeque<RecordBatch>,
}

impl RowReader {
    pub(super) fn new(
        file: &LineFile,
        cursor: Cursor,
        kept: Option<Arc<Kept>>,
        schema: SchemaRef,
        wanted: Vec<u64>,
    ) -> Self {
        let (file, cursor) = (file.clone(), Some(cursor));
        Self { file, cursor, kept, schema, wanted, read: 0, ready: VecDeque::new() }
    }

    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            let Some(&next) = self.wanted.get(self.read) else {
                if let (Some(kept), Some(cursor)) = (&self.kept, self.cursor.take()) {
                    kept.put(cursor);
                }
                return Ok(None); // Proof: all are read.
            };
            let gone = || {
                let message =
                    format!("row {next} was there when the file was opened, and is gone; open it again");
                Error::source_changed(self.file.path(), At::Row(next), message)
            };
            let cursor =
                self.cursor.as_mut().ok_or_else(|| checked::impossible("rows are read to their end"))?;
            let block = cursor.block_of(next)?.ok_or_else(gone)?;
            let mut decoding = Decoding::new(&self.file, &self.schema)?;
            for line in block.lines() {
                if self.wanted.get(self.read) != Some(&line.row) {
                    continue;
                }
                self.read += 1;
                self.ready.extend(decoding.add(line)?);
            }
            self.ready.extend(decoding.end()?);
            if self.wanted.get(self.read) == Some(&next) {
                return Err(gone());
            }
        }
    }
}

impl Iterator for RowReader {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_batch().transpose()
    }
}

/// Lines that become a batch.
struct Decoding<'f> {
    file: &'f LineFile,
    schema: &'f SchemaRef,
    decoder: Decoder,
    rows: usize,
    bytes: usize,
    /// The line of the first row.
    first: u64,
}

impl<'f> Decoding<'f> {
    fn new(file: &'f LineFile, schema: &'f SchemaRef) -> Result<Self> {
        let decoder = guard(file.path(), &At::File, "beginning to decode", || {
            ReaderBuilder::new(Arc::clone(schema)).with_batch_size(MOST_ROWS).build_decoder()
        })?;
        Ok(Self { file, schema, decoder, rows: 0, bytes: 0, first: 0 })
    }

    /// Decodes a line, and returns a batch when it is large enough.
    fn add(&mut self, line: Line<'_>) -> Result<Option<RecordBatch>> {
        let at = At::Line(line.number);
        let (decoder, bytes) = (&mut self.decoder, without_pairs(line.bytes));
        let used = guard(self.file.path(), &at, "decoding a line", || decoder.decode(&bytes))?;
        if used != bytes.len() || self.decoder.has_partial_record() {
            let message = "the line is no whole object any more; the file changed: open it again";
            return Err(Error::source_changed(self.file.path(), at, message));
        }
        self.first = if self.rows == 0 { line.number } else { self.first };
        (self.rows, self.bytes) = (self.rows + 1, checked::add(self.bytes, line.bytes.len())?);
        if self.rows < MOST_ROWS && self.bytes < MOST_BYTES { Ok(None) } else { self.end() }
    }

    /// The batch of the lines since the last.
    fn end(&mut self) -> Result<Option<RecordBatch>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let (at, decoder) = (At::Line(self.first), &mut self.decoder);
        let batch = guard(self.file.path(), &at, "decoding lines from here on", || decoder.flush())?;
        let batch = batch.ok_or_else(|| checked::impossible("lines without rows"))?;
        checked::equal("rows decoded", batch.num_rows(), self.rows)?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        (self.rows, self.bytes) = (0, 0);
        let columns = batch.columns().to_vec();
        let whole = RecordBatch::try_new_with_options(Arc::clone(self.schema), columns, &options);
        whole.map(Some).map_err(checked::impossible)
    }
}
