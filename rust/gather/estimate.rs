//! What a gather will read, write and hold, estimated before it does anything.

use super::copy::{CopyEstimate, estimate_reads};
use super::corpus::Corpus;
use super::output::{Output, check_rows, index};
use super::plan::{Block, Plan};
use crate::checked;
use crate::error::Result;
use crate::exec::job::Job;

/// What a plan reads, writes and holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimate {
    /// Output rows.
    pub rows: u64,
    /// Output shards.
    pub shards: u64,
    /// How often the sources are passed over.
    pub passes: u64,
    /// Bytes that are read where rows are copied from mapped pages.
    pub mapped_bytes: u64,
    /// Rows that are read one by one, by their position.
    pub positional_rows: u64,
    /// Bytes of those rows.
    pub positional_bytes: u64,
    /// Bytes of files that are decoded or unpacked, or read in order, in all passes.
    pub decoded_bytes: u64,
    /// Reads: each row that is read by its position, each batch or row group otherwise.
    pub reads: u64,
    /// Bytes that are written, about.
    pub write_bytes: u64,
    /// Bytes that are held in memory at most, about.
    pub memory_bytes: u64,
}

impl Estimate {
    /// Estimates what gathering `rows` by a plan takes. Reads nothing but what says where rows lie.
    ///
    /// # Errors
    /// A row number that the corpus does not have.
    pub fn new(job: &Job<'_>, corpus: &Corpus, rows: &[i64], plan: &Plan) -> Result<Self> {
        check_rows(rows, corpus.rows())?;
        let mut estimate = Self {
            rows: rows.len() as u64,
            shards: plan.shards.len() as u64,
            passes: plan.passes.len() as u64,
            // Proof: an estimate that is shown.
            write_bytes: plan.row_bytes.saturating_mul(rows.len() as u64),
            memory_bytes: plan.peak_bytes(job.threads())?,
            ..Self::default()
        };
        let mut all = vec![0u64; corpus.units()];
        for pass in &plan.passes {
            let blocks = checked::get(&plan.blocks, pass.clone())?;
            let of_block = |block: &Block| {
                let rows_of = rows.get(index(block.rows.start)?..index(block.rows.end)?);
                rows_of.ok_or_else(Output::mismatch)
            };
            let runs: Vec<&[i64]> = blocks.iter().map(of_block).collect::<Result<_>>()?;
            let wanted = corpus.count_by_unit(job, &runs)?;
            estimate.add_decoded(corpus, plan, &wanted)?;
            // Proof: as many counts as units, of which there are as many in each pass.
            all.iter_mut().zip(wanted).for_each(|(sum, count)| *sum += count);
        }
        // Units that are copied from are opened once for all passes.
        estimate.add_copied(estimate_reads(corpus, plan, &all)?);
        Ok(estimate)
    }

    /// Adds what copying rows reads.
    ///
    /// Proof: bytes are an estimate that is shown.
    fn add_copied(&mut self, reads: CopyEstimate) {
        self.mapped_bytes += reads.mapped_bytes;
        self.positional_rows += reads.positional_rows;
        self.positional_bytes = self.positional_bytes.saturating_add(reads.positional_bytes);
        self.reads += reads.count;
    }

    /// Adds what decoding the wanted units of the parts reads that are decoded.
    fn add_decoded(&mut self, corpus: &Corpus, plan: &Plan, wanted: &[u64]) -> Result<()> {
        for (unit, _) in wanted.iter().enumerate().filter(|(_, count)| **count > 0) {
            if !plan.strategy_of(corpus, unit)?.decodes() {
                continue;
            }
            // Proof: an estimate that is shown.
            self.decoded_bytes = self.decoded_bytes.saturating_add(corpus.stored_bytes(unit)?);
            self.reads += 1;
        }
        Ok(())
    }
}
