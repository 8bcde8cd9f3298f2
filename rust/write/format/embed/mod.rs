//! Files that rows name by their paths, taken into what is written, as `datasets` does when it saves a dataset.
//!
//! Images, audio and the like are stored as their bytes and their path. Where the bytes are missing, they are
//! read from the path as the rows are written, so that the output stands on its own; of the path the name is kept.

mod columns;
mod file;
mod place;
mod values;

use std::borrow::Cow;
use std::path::Path;

use arrow::record_batch::RecordBatch;
use serde_json::json;

use super::encoder::{Encoder, End, Piece};
use crate::error::Result;
use crate::write::format::finished::FinishedShard;

pub(crate) use columns::Files;

/// What a finished shard says of the files in it.
const FACT: &str = "embedded";

/// A format whose rows have their files in them.
pub(crate) struct Embedded<E> {
    pub(crate) encoder: E,
    pub(crate) files: Files,
}

impl<E: Encoder> Encoder for Embedded<E> {
    /// That of the format, and how many files are in the piece.
    type Note = (E::Note, u64);

    fn blocks_of_a_piece(&self) -> u64 {
        self.encoder.blocks_of_a_piece()
    }

    fn name(&self, shard: usize, shards: usize) -> String {
        self.encoder.name(shard, shards)
    }

    fn head(&self, rows: u64) -> Result<Cow<'_, [u8]>> {
        self.encoder.head(rows)
    }

    fn check_bytes(&self, name: &str, bytes: u64) -> Result<()> {
        self.encoder.check_bytes(name, bytes)
    }

    fn encode(&self, first: u64, batches: Vec<RecordBatch>) -> Result<Piece<Self::Note>> {
        let (mut all, mut count, mut start) = (Vec::new(), 0, first);
        for batch in batches {
            if self.files.is_empty() {
                all.push(batch);
                continue;
            }
            for run in self.files.runs(&batch, start)? {
                let rows = batch.slice(run.start, run.len());
                let (rows, more) = self.files.embed(&rows, start + run.start as u64)?;
                all.push(rows);
                count += more;
            }
            start += batch.num_rows() as u64;
        }
        let Piece { buffers, note } = self.encoder.encode(first, all)?;
        Ok(Piece { buffers, note: (note, count) })
    }

    fn end(&self, name: &str, pieces: Vec<(u64, Self::Note)>) -> Result<End> {
        let count: u64 = pieces.iter().map(|(_, (_, count))| count).sum();
        let pieces = pieces.into_iter().map(|(offset, (note, _))| (offset, note)).collect();
        let mut end = self.encoder.end(name, pieces)?;
        if count > 0 {
            end.extra.insert(FACT.to_owned(), json!(count));
        }
        Ok(end)
    }

    fn count_rows(&self, path: &Path) -> Result<u64> {
        self.encoder.count_rows(path)
    }

    fn companions(&self, fingerprint: &str, shards: &[FinishedShard]) -> Result<Vec<(String, String)>> {
        self.encoder.companions(fingerprint, shards)
    }
}

/// Whether there are files in a finished shard that lay outside of the sources: nobody knows whether they are the
/// same still.
pub(crate) fn has_files(shard: &FinishedShard) -> bool {
    shard.extra.contains_key(FACT)
}

#[cfg(test)]
mod tests;
