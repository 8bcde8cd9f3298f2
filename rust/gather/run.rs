//! The work: rows read in the order in which they lie, and handed on in the order wanted.

use super::corpus::Corpus;
use super::output::{Extra, Output, Sink, check_rows};
use super::plan::Plan;
use super::{copy, decode};
use crate::checked;
use crate::error::Result;
use crate::exec::job::Job;

/// Reads the rows of a corpus and gives them to a sink, block by block of the plan.
///
/// Progress counts each row twice: once read, once given.
///
/// # Errors
/// A row number that the corpus does not have, by its position; files that are damaged or that changed.
pub fn gather(
    job: &Job<'_>,
    corpus: &Corpus,
    rows: &[i64],
    extras: &[Extra],
    plan: &Plan,
    sink: &dyn Sink,
) -> Result<()> {
    check_rows(rows, corpus.rows())?;
    let output = Output::new(corpus, rows, extras, sink);
    if !corpus.is_open() {
        corpus.open_units(&job.aside(), &output.count_by_unit(job, &plan.blocks)?)?;
    }
    // A file that was cut since it was opened would end the process where its map is read.
    corpus.check_unchanged()?;
    let given = gather_blocks(job, &output, plan);
    // What a file gives that changed meanwhile proves nothing of it.
    given.map_err(|error| error.unless_changed(|| corpus.check_unchanged()))?;
    corpus.check_unchanged()
}

fn gather_blocks(job: &Job<'_>, output: &Output<'_>, plan: &Plan) -> Result<()> {
    let units = copy::open_units(job, output, plan)?;
    if units.hold_all() {
        copy::gather(job, output, plan, units)?;
    } else {
        // Some parts are decoded by plan, or hold a batch of a type that is converted.
        for pass in plan.passes_into_memory(output.corpus) {
            decode::pass(job, output, plan, &units, checked::get(&plan.blocks, pass)?)?;
        }
    }
    let planned = plan
        .blocks
        .iter()
        .try_fold(0, |sum, block| checked::add(sum, checked::sub(block.rows.end, block.rows.start)?))?;
    checked::equal("rows handed on", output.rows_put(), planned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    use arrow::array::{ArrayRef, FixedSizeListArray, Int32Array, ListArray, StringArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{DataType, Field};
    use arrow::record_batch::RecordBatch;
    use proptest::prelude::*;

    use super::super::plan::{Block, Layout, Split, Strategy};
    use crate::error::Error;
    use crate::exec::job::State;

    /// Blocks by their first row.
    struct Collected(Mutex<Vec<(u64, Vec<RecordBatch>)>>);

    impl Sink for Collected {
        fn put(&self, block: &Block, batches: Vec<RecordBatch>, _state: &State) -> Result<()> {
            self.0.lock().unwrap().push((block.rows.start, batches));
            Ok(())
        }
    }

    /// A table of lists, of even or uneven lengths, and of numbers, with texts or without.
    fn table(lengths: &[usize], texts: bool) -> RecordBatch {
        let item = || Arc::new(Field::new("item", DataType::Int32, true));
        let numbers = |count: usize| Arc::new(Int32Array::from_iter_values((0..).take(count)));
        let lists = ListArray::new(
            item(),
            OffsetBuffer::from_lengths(lengths.iter().copied()),
            numbers(lengths.iter().sum()),
            None,
        );
        let fixed = FixedSizeListArray::new(item(), 3, numbers(3 * lengths.len()), None);
        let mut columns: Vec<(&str, ArrayRef)> =
            vec![("l", Arc::new(lists)), ("f", Arc::new(fixed)), ("n", numbers(lengths.len()))];
        if texts {
            let all: StringArray = lengths.iter().map(|n| Some("x".repeat(*n))).collect();
            columns.push(("t", Arc::new(all)));
        }
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn gathered(corpus: &Corpus, rows: &[i64], plan: &Plan, threads: usize) -> Vec<(u64, Vec<RecordBatch>)> {
        let sink = Collected(Mutex::default());
        gather(&Job::new(threads), corpus, rows, &[], plan, &sink).unwrap();
        let mut found = sink.0.into_inner().unwrap();
        found.sort_by_key(|(start, _)| *start);
        found
    }

    fn plan(corpus: &Corpus, rows: u64, shards: u64, limit: u64, strategy: Strategy) -> Plan {
        Plan::with_strategy(corpus, rows, 0, Split::Shards(shards), limit, Some(strategy)).unwrap()
    }

    #[test]
    fn each_row_counts_once_read_and_once_handed_on() {
        let whole = table(&[1, 2, 3].repeat(1000), false);
        let corpus = Corpus::from_batches(whole.schema(), &[whole], None).unwrap();
        let rows: Vec<i64> = (0..3000).rev().collect();
        for strategy in [Strategy::Decode, Strategy::Copy] {
            let seen = std::cell::Cell::new(0);
            let note = |done| {
                seen.set(done);
                Ok(())
            };
            let job = Job::new(2).with_heartbeat(&note);
            let plan = plan(&corpus, 3000, 1, 1 << 30, strategy);
            gather(&job, &corpus, &rows, &[], &plan, &Collected(Mutex::default())).unwrap();
            seen.set(0);
            while seen.get() == 0 {
                job.run_one(|| Ok(())).unwrap();
            }
            assert_eq!(seen.get(), 6000, "{strategy:?}");
        }
    }

    /// The first block panics, and the others wait for it as long as the job lets them.
    struct Waiting;

    impl Sink for Waiting {
        fn put(&self, block: &Block, _batches: Vec<RecordBatch>, state: &State) -> Result<()> {
            assert!(block.index > 0, "a defect of the first");
            loop {
                state.check()?;
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn a_block_that_panics_ends_the_wait_of_the_others() {
        let whole = table(&vec![1; 4000], false);
        let corpus = Corpus::from_batches(whole.schema(), &[whole], None).unwrap();
        let rows: Vec<i64> = (0..4000).collect();
        for strategy in [Strategy::Decode, Strategy::Copy] {
            let plan = plan(&corpus, 4000, 1, 1 << 30, strategy);
            let failed = gather(&Job::new(3), &corpus, &rows, &[], &plan, &Waiting);
            assert!(matches!(failed, Err(Error::Internal(said)) if said == "a defect of the first"));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn rows_are_the_same_by_every_strategy(
            even in prop::option::of(0usize..5),
            lengths in prop::collection::vec(0usize..5, 1..60),
            cut in 0usize..60,
            texts in any::<bool>(),
            picks in prop::collection::vec(0usize..1000, 0..150),
            (threads, shards, limit) in (1usize..4, 1u64..5, prop::sample::select(vec![1u64, 3000, 1 << 30])),
        ) {
            let lengths: Vec<usize> = lengths.iter().map(|&length| even.unwrap_or(length)).collect();
            let whole = table(&lengths, texts);
            let cut = cut.min(lengths.len());
            let batches = [whole.slice(0, cut), whole.slice(cut, lengths.len() - cut)];
            let corpus = Corpus::from_batches(whole.schema(), &batches, None).unwrap();
            let rows: Vec<i64> = picks.iter().map(|pick| i64::try_from(pick % lengths.len()).unwrap()).collect();
            let plan = |strategy| plan(&corpus, rows.len() as u64, shards, limit, strategy);
            let expected = gathered(&corpus, &rows, &plan(Strategy::Decode), 1);
            for strategy in [Strategy::Decode, Strategy::Cheapest, Strategy::Copy, Strategy::Positional] {
                prop_assert_eq!(&gathered(&corpus, &rows, &plan(strategy), threads), &expected);
            }
            let found = expected.iter().flat_map(|(_, batches)| batches);
            let numbers = found.flat_map(|batch| {
                let column: Int32Array = batch.column(2).to_data().into();
                column.values().iter().map(|&n| i64::from(n)).collect::<Vec<_>>()
            });
            prop_assert!(numbers.eq(rows.iter().copied()));
        }

        #[test]
        fn some_shards_by_a_layout_are_those_of_the_whole(
            lengths in prop::collection::vec(0usize..5, 1..60),
            picks in prop::collection::vec(0usize..1000, 0..150),
            (chosen, block_rows) in (prop::collection::btree_set(0usize..5, 0..5), 1u64..20),
            (threads, shards, limit) in (1usize..4, 1u64..5, prop::sample::select(vec![1u64, 3000, 1 << 30])),
        ) {
            let whole = table(&lengths, true);
            let corpus = Corpus::from_batches(whole.schema(), &[whole], None).unwrap();
            let rows: Vec<i64> = picks.iter().map(|pick| i64::try_from(pick % lengths.len()).unwrap()).collect();
            let layout = Layout::new(&corpus, rows.len() as u64, 0, Split::Shards(shards)).unwrap();
            let layout = Layout { block_rows, ..layout };
            let all = Plan::of_layout(&corpus, &layout, &layout.numbers().unwrap(), limit).unwrap();
            let made: Vec<usize> = chosen.into_iter().filter(|&shard| shard < all.shards.len()).collect();
            let some = Plan::of_layout(&corpus, &layout, &made, limit).unwrap();
            // Whoever makes some shards has their rows alone.
            let own = |&shard: &usize| {
                let shard = &all.shards[shard];
                rows[usize::try_from(shard.start).unwrap()..usize::try_from(shard.end).unwrap()].to_vec()
            };
            let own: Vec<i64> = made.iter().flat_map(own).collect();
            let found: Vec<_> = gathered(&corpus, &own, &some, threads).into_iter().map(|(_, rows)| rows).collect();
            let of_all = gathered(&corpus, &rows, &all, 1);
            let is_made = |first: u64| made.iter().any(|&shard| all.shards[shard].contains(&first));
            let wanted: Vec<_> = of_all.into_iter().filter(|(first, _)| is_made(*first)).map(|(_, rows)| rows).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
