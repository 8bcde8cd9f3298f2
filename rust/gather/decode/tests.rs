//! Rows read into memory: which unit each is in, how much may be held, and passes that are cut where it is more.

use std::sync::{Arc, Mutex};

use arrow::array::{ArrayRef, AsArray, Int32Array, StringArray};
use arrow::datatypes::Int32Type;
use proptest::prelude::*;

use super::*;
use crate::gather::output::Sink;
use crate::gather::plan::Split;
use crate::gather::plan::Strategy;

/// Takes blocks, by their first row.
#[derive(Default)]
struct Collected(Mutex<Vec<(u64, Vec<RecordBatch>)>>);

impl Sink for Collected {
    fn put(&self, block: &Block, batches: Vec<RecordBatch>, _state: &State) -> Result<()> {
        self.0.lock().unwrap().push((block.rows.start, batches));
        Ok(())
    }
}

impl Collected {
    /// The numbers of all rows, in the order of the output.
    fn numbers(self) -> Vec<i32> {
        let mut blocks = self.0.into_inner().unwrap();
        blocks.sort_by_key(|(start, _)| *start);
        let batches = blocks.iter().flat_map(|(_, batches)| batches);
        batches.flat_map(|batch| batch.column(0).as_primitive::<Int32Type>().values().to_vec()).collect()
    }
}

/// A corpus of units of so many rows, whose numbers ascend from 0 on, beside texts.
fn corpus(sizes: &[usize]) -> Corpus {
    let mut first = 0;
    let batches: Vec<RecordBatch> = sizes
        .iter()
        .map(|&rows| {
            let numbers: Vec<i32> = (first..).take(rows).collect();
            first += i32::try_from(rows).unwrap();
            let texts: StringArray =
                numbers.iter().map(|n| Some("x".repeat(usize::try_from(n % 9).unwrap()))).collect();
            let columns: [(&str, ArrayRef); 2] =
                [("n", Arc::new(Int32Array::from(numbers))), ("t", Arc::new(texts))];
            RecordBatch::try_from_iter(columns).unwrap()
        })
        .collect();
    Corpus::from_batches(batches[0].schema(), &batches, None).unwrap()
}

fn plan(corpus: &Corpus, rows: &[i64], memory_limit: u64) -> Plan {
    let split = Split::Shards(1);
    Plan::with_strategy(corpus, rows.len() as u64, 0, split, memory_limit, Some(Strategy::Decode)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn rows_are_sorted_into_their_units_in_the_order_of_the_output(
        sizes in prop::collection::vec(1usize..20, 1..8),
        picks in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        threads in 1usize..5,
    ) {
        let corpus = corpus(&sizes);
        let all: usize = sizes.iter().sum();
        let rows: Vec<i64> = picks.iter().map(|pick| i64::try_from(pick.index(all)).unwrap()).collect();
        let found = by_unit(&Job::new(threads), &corpus, &rows).unwrap();
        let mut expected = Vec::new();
        let mut start = 0;
        for (unit, &size) in sizes.iter().enumerate() {
            let of_unit: Vec<(u32, u32)> = (0..).zip(&rows).filter_map(|(output, &row)| {
                let row = usize::try_from(row).unwrap();
                (start..start + size).contains(&row).then(|| (u32::try_from(row - start).unwrap(), output))
            }).collect();
            if !of_unit.is_empty() {
                expected.push((unit, of_unit));
            }
            start += size;
        }
        let found: Vec<_> = found.units.iter().map(|(unit, span)| (*unit, found.rows[span.clone()].to_vec())).collect();
        prop_assert_eq!(found, expected);
    }
}

fn reading<'a>(
    corpus: &'a Corpus,
    plan: &'a Plan,
    open: &'a OpenUnits,
    counted: &'a AtomicU64,
    (budget, may_stop): (u64, bool),
) -> Reading<'a> {
    let (held, stopped) = (AtomicU64::new(0), AtomicBool::new(false));
    Reading { corpus, plan, open, budget, may_stop, held, stopped, counted }
}

#[test]
fn what_is_held_is_counted_against_the_budget() {
    let corpus = corpus(&[10]);
    let (plan, open, counted) = (plan(&corpus, &[0], 1 << 30), OpenUnits::default(), AtomicU64::new(0));
    let batch = corpus.read(0, &[0, 1, 2], false).unwrap().next().unwrap().unwrap();
    let bytes = batch.get_array_memory_size() as u64;
    for may_stop in [true, false] {
        let two = reading(&corpus, &plan, &open, &counted, (2 * bytes, may_stop));
        assert!(two.hold(&batch).unwrap() && two.hold(&batch).unwrap());
        match two.hold(&batch) {
            Ok(fits) => assert!(may_stop && !fits),
            Err(Error::Memory(said)) => {
                let told = [format!("take {} bytes so far", 3 * bytes), format!("allows {}", 2 * bytes)];
                assert!(!may_stop && told.iter().all(|told| said.contains(told)), "{said}");
            }
            Err(other) => panic!("{other}"),
        }
    }
    // Rows that find no room are not given, and the read is over.
    let rows: Vec<i64> = (0..10).collect();
    let stopped = reading(&corpus, &plan, &open, &counted, (1, true)).rows(&Job::new(1), &rows).unwrap();
    assert!(stopped.is_none());
    let refused = reading(&corpus, &plan, &open, &counted, (1, false)).rows(&Job::new(1), &rows).map(drop);
    assert!(matches!(refused, Err(Error::Memory(_))));
}

#[test]
fn rows_that_were_read_in_an_attempt_before_are_not_counted_again() {
    let corpus = corpus(&[10]);
    let (plan, open) = (plan(&corpus, &[0], 1 << 30), OpenUnits::default());
    // So many were counted before; of each read, how many are new.
    for (before, reads, expected) in [
        (0, &[3_u64, 4][..], &[3_u64, 4][..]),
        (5, &[3, 4, 2], &[0, 2, 2]),
        (7, &[3, 4, 2], &[0, 0, 2]),
        (100, &[3, 4], &[0, 0]),
        (3, &[3, 0, 1], &[0, 0, 1]),
    ] {
        let known = AtomicU64::new(before);
        let reading = reading(&corpus, &plan, &open, &known, (1, true));
        let counted = AtomicU64::new(0);
        let found: Vec<u64> = reads.iter().map(|&rows| reading.newly_counted(&counted, rows)).collect();
        assert_eq!(found, expected, "{before}");
    }
}

#[test]
fn a_pass_that_takes_more_than_it_may_is_cut_and_every_row_is_given_once() {
    let corpus = corpus(&[700, 1, 4000, 1299]);
    let rows: Vec<i64> = (0..6000).map(|row| row * 4177 % 6000).collect();
    let open = OpenUnits::default();
    let expected: Vec<i32> = rows.iter().map(|&row| i32::try_from(row).unwrap()).collect();
    let mut plan = plan(&corpus, &rows, LEAST_BUDGET);
    assert_eq!((plan.passes.len(), plan.blocks.len()), (1, 6));
    let whole = corpus.bytes().unwrap();
    for (room, threads) in [(2 * whole, 1), (whole / 2, 2), (whole / 6, 1), (1, 3)] {
        // All but so many bytes are for the blocks.
        plan.for_blocks = plan.memory_limit - room;
        let (sink, seen) = (Collected::default(), std::cell::Cell::new(0));
        let note = |done| {
            seen.set(done);
            Ok(())
        };
        let job = Job::new(threads).with_heartbeat(&note);
        pass(&job, &Output::new(&corpus, &rows, &[], &sink), &plan, &open, &plan.blocks).unwrap();
        assert_eq!(sink.numbers(), expected, "{room}");
        // Each row counts once read and once given, however often it was read.
        seen.set(0);
        while seen.get() == 0 {
            job.run_one(|| Ok(())).unwrap();
        }
        assert_eq!(seen.get(), 12_000, "{room}");
    }
    let sink = Collected::default();
    pass(&Job::new(1), &Output::new(&corpus, &rows, &[], &sink), &plan, &open, &[]).unwrap();
    assert!(sink.numbers().is_empty());
}

#[test]
fn a_row_that_is_noted_is_found_in_its_batch() {
    let picks: Vec<AtomicU64> = (0..3).map(|_| AtomicU64::new(NOWHERE)).collect();
    note(&picks, 2, 5, 7).unwrap();
    note(&picks, 0, u64::from(u32::MAX), u32::MAX).unwrap();
    let kept: Vec<u64> = picks.iter().map(|pick| pick.load(Ordering::Relaxed)).collect();
    assert_eq!(kept, [u64::MAX, NOWHERE, (5 << 32) + 7]);
    assert!(note(&picks, 3, 0, 0).is_err());
    // A block with a row that was not read is a defect, and no other row.
    let corpus = corpus(&[10]);
    let sink = Collected::default();
    let rows = [4, 5, 6];
    let output = Output::new(&corpus, &rows, &[], &sink);
    let batches: Vec<RecordBatch> =
        corpus.read(0, &[4, 5, 6], false).unwrap().map(|rows| rows.unwrap()).collect();
    let block = Block { shard: 0, index: 0, first: 1, rows: 1..3 };
    let picks: Vec<AtomicU64> = [0, 2, 1].map(AtomicU64::new).into();
    let found = make(&output, &RowsInMemory { batches: batches.clone(), picks }, &block, 1).unwrap();
    assert_eq!(found[0].column(0).as_primitive::<Int32Type>().values(), &[6, 5]);
    for picks in [[0, NOWHERE, 1], [0, 1 << 32, 1]] {
        let picks = picks.map(AtomicU64::new).into();
        let refused = make(&output, &RowsInMemory { batches: batches.clone(), picks }, &block, 1).map(drop);
        assert!(matches!(refused, Err(Error::Internal(_))));
    }
}
