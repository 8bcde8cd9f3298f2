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
    /// Bytes of files that are read in order as their values are converted to other types, in all passes.
    pub converted_bytes: u64,
    /// Reads: each row that is read by its position, each batch or row group otherwise; also those of a table in memory
    /// that are not copied from where they lie.
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
        // What reading takes is told by the files that rows lie in.
        let corpus = &corpus.open_for(&job.aside(), rows)?;
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
            if !plan.strategy_of(corpus, unit)?.decodes() || !corpus.is_read(unit)? {
                continue;
            }
            let is_converted = corpus.is_converted(unit)?;
            let sum = if is_converted { &mut self.converted_bytes } else { &mut self.decoded_bytes };
            // Proof: an estimate that is shown.
            *sum = sum.saturating_add(corpus.stored_bytes(unit)?);
            self.reads += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array};
    use arrow::ipc::writer::StreamWriter;
    use arrow::record_batch::RecordBatch;
    use parquet::arrow::ArrowWriter;
    use tempfile::TempDir;

    use super::*;
    use crate::error::Error;
    use crate::gather::plan::{Split, Strategy};
    use crate::io::file::Io;

    /// Two files of three units each, of 1000 rows.
    fn corpus() -> (Corpus, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b"].map(|name| folder.path().join(name));
        for path in &paths {
            let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..1000));
            let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
            let mut writer =
                StreamWriter::try_new(std::fs::File::create(path).unwrap(), &batch.schema()).unwrap();
            (0..3).for_each(|_| writer.write(&batch).unwrap());
            writer.finish().unwrap();
        }
        (Corpus::open(&Job::new(1), &paths, None, Io::Mmap).unwrap(), folder)
    }

    fn estimated(corpus: &Corpus, rows: &[i64], memory: u64, strategy: Strategy) -> (Estimate, Plan) {
        let plan =
            Plan::with_strategy(corpus, rows.len() as u64, 6, Split::Shards(2), memory, Some(strategy));
        let plan = plan.unwrap();
        (Estimate::new(&Job::new(2), corpus, rows, &plan).unwrap(), plan)
    }

    #[test]
    fn what_is_read_depends_on_the_strategy_and_what_is_written_does_not() {
        let (corpus, _folder) = corpus();
        let rows: Vec<i64> = [5, 4000, 4001, 2999, 5].into();
        // Three of the units are touched.
        let bytes: u64 = [0, 2, 4].map(|unit| corpus.stored_bytes(unit).unwrap()).iter().sum();
        let common = |plan: &Plan| Estimate {
            rows: 5,
            shards: 2,
            passes: plan.passes.len() as u64,
            write_bytes: 5 * (4 + 6),
            memory_bytes: plan.peak_bytes(2).unwrap(),
            ..Estimate::default()
        };
        let (copied, plan) = estimated(&corpus, &rows, 1 << 30, Strategy::Copy);
        assert_eq!(copied, Estimate { mapped_bytes: bytes, reads: 3, ..common(&plan) });
        let (positional, plan) = estimated(&corpus, &rows, 1 << 30, Strategy::Positional);
        let expected =
            Estimate { positional_rows: 5, positional_bytes: 5 * (4 + 6), reads: 5, ..common(&plan) };
        assert_eq!(positional, expected);
        for strategy in [Strategy::Decode, Strategy::Expand] {
            let (decoded, plan) = estimated(&corpus, &rows, 1 << 30, strategy);
            assert_eq!(plan.passes.len(), 1);
            assert_eq!(decoded, Estimate { decoded_bytes: bytes, reads: 3, ..common(&plan) });
        }
    }

    #[test]
    fn units_are_decoded_once_in_each_pass_that_wants_them() {
        let (corpus, _folder) = corpus();
        let rows: Vec<i64> = (0..6000).map(|row| row * 4177 % 5000).collect();
        // With no memory to speak of, each block is a pass.
        let (decoded, plan) = estimated(&corpus, &rows, 1, Strategy::Decode);
        assert_eq!(plan.passes.len(), 6);
        let (mut bytes, mut reads) = (0, 0);
        for pass in &plan.passes {
            let span = plan.blocks[pass.start].rows.start..plan.blocks[pass.end - 1].rows.end;
            let rows = &rows[usize::try_from(span.start).unwrap()..usize::try_from(span.end).unwrap()];
            for unit in 0..corpus.units() {
                if rows.iter().any(|&row| usize::try_from(row / 1000).unwrap() == unit) {
                    bytes += corpus.stored_bytes(unit).unwrap();
                    reads += 1;
                }
            }
        }
        assert_eq!((decoded.passes, decoded.decoded_bytes, decoded.reads), (6, bytes, reads));
        assert_eq!(reads, 6 * 5, "each pass wants the first five units, and none the last");
        // Copied units are opened once for all passes.
        let (copied, _) = estimated(&corpus, &rows, 1, Strategy::Copy);
        assert_eq!((copied.reads, copied.decoded_bytes), (5, 0));
    }

    #[test]
    fn parts_that_are_decoded_are_read_in_each_pass_and_others_once() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b"].map(|name| folder.path().join(name));
        let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..2000));
        let batch = RecordBatch::try_from_iter_with_nullable([("n", numbers, true)]).unwrap();
        let [stream, parquet] = paths.each_ref().map(|path| std::fs::File::create(path).unwrap());
        let mut writer = StreamWriter::try_new(stream, &batch.schema()).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
        let mut writer = ArrowWriter::try_new(parquet, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let corpus = Corpus::open(&Job::new(1), &paths, None, Io::Mmap).unwrap();
        // Every other row is one of the second file, in each of four passes: two of each shard.
        let rows: Vec<i64> = (0..3000).map(|row| row % 2 * 2000 + row / 2).collect();
        let decoded = 4 * corpus.stored_bytes(1).unwrap();
        let (mixed, plan) = estimated(&corpus, &rows, 1, Strategy::Positional);
        assert_eq!(plan.passes.len(), 4);
        let positional = (mixed.positional_rows, mixed.positional_bytes, mixed.mapped_bytes);
        assert_eq!(positional, (1500, 1500 * plan.row_bytes, 0));
        assert_eq!((mixed.decoded_bytes, mixed.reads), (decoded, 4 + 1500));
        let (mixed, _) = estimated(&corpus, &rows, 1, Strategy::Copy);
        let mapped = corpus.stored_bytes(0).unwrap();
        assert_eq!((mixed.decoded_bytes, mixed.mapped_bytes, mixed.reads), (decoded, mapped, 4 + 1));
    }

    #[test]
    fn no_rows_read_nothing_and_rows_that_are_not_there_are_refused() {
        let (corpus, _folder) = corpus();
        let (none, plan) = estimated(&corpus, &[], 1 << 30, Strategy::Decode);
        let expected =
            Estimate { shards: 1, memory_bytes: plan.peak_bytes(2).unwrap(), ..Estimate::default() };
        assert_eq!(none, expected);
        let (_, plan) = estimated(&corpus, &[0], 1 << 30, Strategy::Copy);
        for row in [6000, -1] {
            let refused = Estimate::new(&Job::new(1), &corpus, &[row], &plan);
            assert!(matches!(refused, Err(Error::Index(said)) if said.contains(&format!("index {row}"))));
        }
        // A plan of more rows than there are is a defect.
        let (_, plan) = estimated(&corpus, &[1, 2, 3], 1 << 30, Strategy::Copy);
        let refused = Estimate::new(&Job::new(1), &corpus, &[1, 2], &plan);
        assert!(matches!(refused, Err(Error::Internal(_))));
    }
}
