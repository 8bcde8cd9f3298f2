//! Blocks of rows that lie in several batches (`interleave`), and rows and columns of the output.

use std::sync::{Arc, Mutex};

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, ListArray, StringArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Int32Type};
use proptest::prelude::*;

use super::*;
use crate::exec::job::Job;

/// Texts and numbers of some rows.
fn batch(rows: &[(Option<String>, i32)]) -> RecordBatch {
    let texts: StringArray = rows.iter().map(|(text, _)| text.clone()).collect();
    let numbers = Int32Array::from_iter_values(rows.iter().map(|(_, number)| *number));
    RecordBatch::try_from_iter([("t", Arc::new(texts) as ArrayRef), ("n", Arc::new(numbers))]).unwrap()
}

fn rows_of(batch: &RecordBatch) -> Vec<(Option<String>, i32)> {
    let (texts, numbers) = (batch.column(0).as_string::<i32>(), batch.column(1).as_primitive::<Int32Type>());
    let text = |row: usize| texts.is_valid(row).then(|| texts.value(row).to_owned());
    (0..batch.num_rows()).map(|row| (text(row), numbers.value(row))).collect()
}

/// Takes blocks, and keeps how many batches each came in.
#[derive(Default)]
struct Counting(Mutex<Vec<(u64, usize)>>);

impl Sink for Counting {
    fn put(&self, block: &Block, batches: Vec<RecordBatch>, _state: &State) -> Result<()> {
        self.0.lock().unwrap().push((block.rows.start, batches.len()));
        Ok(())
    }
}

fn block(rows: Range<u64>) -> Block {
    Block { shard: 0, index: 0, first: rows.start, rows }
}

/// A column of numbers from 100 on, which is added.
fn extra(len: i32) -> Extra {
    (Arc::new(Field::new("e", DataType::Int32, true)), Arc::new(Int32Array::from_iter_values(100..100 + len)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn each_row_is_the_one_of_its_place(
        batches in prop::collection::vec(prop::collection::vec((prop::option::of("[a-zé]{0,5}"), any::<i32>()), 1..8), 1..6),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..40),
        start in 0..5_u64,
    ) {
        let made: Vec<RecordBatch> = batches.iter().map(|rows| batch(rows)).collect();
        let corpus = Corpus::from_batches(made[0].schema(), &made, None).unwrap();
        let places: Vec<(usize, usize)> = places.iter().map(|(of, row)| {
            let of = of.index(batches.len());
            (of, row.index(batches[of].len()))
        }).collect();
        let block = block(start..start + places.len() as u64);
        let extras = [extra(50)];
        let sink = Counting::default();
        let output = Output::new(&corpus, &[], &extras, &sink);
        // Batches have any numbers, of which none need follow another.
        let numbered: Vec<_> = places.iter().map(|&(of, row)| (1000 - 7 * of, row)).collect();
        let batch_of = |number: usize| made.get((1000 - number) / 7);
        let found = interleaved(&output, &block, &numbered, batch_of).unwrap();
        prop_assert_eq!(found.len(), 1);
        let expected: Vec<_> = places.iter().map(|&(of, row)| batches[of][row].clone()).collect();
        prop_assert_eq!(rows_of(&found[0]), expected);
        let added = found[0].column(2).as_primitive::<Int32Type>().values().to_vec();
        prop_assert_eq!(added, (100..).skip(usize::try_from(start).unwrap()).take(places.len()).collect::<Vec<i32>>());
        prop_assert_eq!(found[0].schema(), output_schema(&corpus, &extras));
    }
}

#[test]
fn a_batch_that_is_not_there_and_an_added_column_that_is_shorter_are_defects() {
    let only = batch(&[(None, 1), (Some("x".to_owned()), 2)]);
    let corpus = Corpus::from_batches(only.schema(), std::slice::from_ref(&only), None).unwrap();
    let sink = Counting::default();
    let extras = [extra(2)];
    let output = Output::new(&corpus, &[], &extras, &sink);
    let batch_of = |number: usize| (number == 0).then_some(&only);
    let missing = interleaved(&output, &block(0..1), &[(1, 0)], batch_of);
    assert!(matches!(missing, Err(Error::Internal(_))));
    let shorter = interleaved(&output, &block(1..3), &[(0, 0), (0, 1)], batch_of).unwrap_err();
    assert!(
        matches!(&shorter, Error::Internal(said) if said.contains("an added column is shorter")),
        "{shorter}"
    );
    assert_eq!(interleaved(&output, &block(0..2), &[(0, 1), (0, 1)], batch_of).unwrap()[0].num_rows(), 2);
}

#[test]
fn nothing_stands_under_null_lists_of_several_batches() {
    let item = Arc::new(Field::new("item", DataType::Int32, true));
    let list = |numbers: Vec<i32>, valid: Vec<bool>| {
        let offsets = OffsetBuffer::from_lengths([2, 1]);
        let values = Arc::new(Int32Array::from(numbers));
        let list: ArrayRef =
            Arc::new(ListArray::new(item.clone(), offsets, values, Some(NullBuffer::from(valid))));
        RecordBatch::try_from_iter_with_nullable([("l", list, true)]).unwrap()
    };
    let batches = [list(vec![1, 2, 3], vec![false, true]), list(vec![4, 5, 6], vec![true, false])];
    let corpus = Corpus::from_batches(batches[0].schema(), &batches, None).unwrap();
    let sink = Counting::default();
    let output = Output::new(&corpus, &[], &[], &sink);
    let places = [(1, 1), (0, 1), (0, 0), (1, 0)];
    let found = interleaved(&output, &block(0..4), &places, |number| batches.get(number)).unwrap();
    let found = found[0].column(0).as_list::<i32>();
    assert_eq!(found.value_offsets(), [0, 0, 1, 1, 3]);
    assert_eq!(found.values().as_primitive::<Int32Type>().values(), &[3, 4, 5]);
    assert_eq!(found.nulls().unwrap().iter().collect::<Vec<_>>(), [false, true, false, true]);
}

#[test]
fn a_block_is_handed_on_with_just_its_rows() {
    let three = batch(&[(None, 1), (None, 2), (None, 3)]);
    let corpus = Corpus::from_batches(three.schema(), std::slice::from_ref(&three), None).unwrap();
    let sink = Counting::default();
    let output = Output::new(&corpus, &[2, 0, 1, 1, 0], &[], &sink);
    assert_eq!(output.rows_of(&block(1..4)).unwrap(), [0, 1, 1]);
    assert!(output.rows_between(4, 6).is_err() && output.rows_between(3, 2).is_err());
    let put = |rows: Range<u64>, batches: Vec<RecordBatch>| {
        Job::new(1).run(|_, state| output.put(&block(rows.clone()), batches.clone(), state)).map(drop)
    };
    put(0..3, vec![three.clone()]).unwrap();
    put(3..5, vec![three.slice(0, 1), three.slice(1, 1)]).unwrap();
    assert!(matches!(put(3..5, vec![three.clone()]), Err(Error::Internal(_))));
    assert_eq!((output.rows_put(), sink.0.into_inner().unwrap()), (5, vec![(0, 1), (3, 2)]));
}

#[test]
fn a_row_number_that_there_is_no_row_for_is_named_with_its_place() {
    assert!(check_rows(&[0, 4, 2, 4], 5).is_ok() && check_rows(&[], 0).is_ok());
    for (rows, count, said) in [
        (&[0, 5, -1][..], 5, "index 5 at position 1 is out of range: there are 5 rows, 0 to 4"),
        (&[4, 4, -1], 5, "index -1 at position 2 is out of range: there are 5 rows, 0 to 4"),
        (
            &[i64::MIN],
            u64::MAX,
            "index -9223372036854775808 at position 0 is out of range: there are 18446744073709551615 rows, 0 to 18446744073709551614",
        ),
        (&[0], 0, "index 0 at position 0 is out of range: there are no rows"),
    ] {
        let error = check_rows(rows, count).unwrap_err();
        assert!(matches!(error, Error::Index(_)));
        assert_eq!(error.to_string(), said);
    }
}
