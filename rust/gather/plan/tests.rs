//! Plans of all shards and of some: blocks, passes, and what they are made of.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array};
use arrow::record_batch::RecordBatch;
use proptest::prelude::*;

use super::*;
use crate::gather::plan::Strategy;

fn corpus(rows: i32) -> Corpus {
    let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..rows));
    let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
    Corpus::from_batches(batch.schema(), &[batch], None).unwrap()
}

#[test]
fn finished_shards_are_left_out_and_passes_have_no_gaps() {
    // Of 1000 rows each; with no memory to speak of, each block is a pass.
    let mut plan =
        Plan::with_strategy(&corpus(6000), 6000, 0, Split::Shards(6), 1, Some(Strategy::Decode)).unwrap();
    plan.rows_per_pass = 2000;
    plan.drop_shards(&[0, 3, 5]);
    let rows: Vec<_> = plan
        .passes
        .iter()
        .map(|pass| plan.blocks[pass.start].rows.start..plan.blocks[pass.end - 1].rows.end)
        .collect();
    assert_eq!(rows, [1000..3000, 4000..5000]);
    assert_eq!((plan.blocks.len(), plan.shards.len()), (3, 6));
}

proptest! {
    #[test]
    fn a_plan_of_some_shards_has_the_blocks_of_the_whole(
        rows in 0u64..9000,
        count in 1u64..9,
        chosen in prop::collection::btree_set(0usize..9, 0..9),
        limit in prop::sample::select(vec![1u64, 1 << 20, 1 << 30]),
    ) {
        let corpus = corpus(100);
        let whole = Plan::new(&corpus, rows, 7, Split::Shards(count), limit).unwrap();
        let layout = Layout::new(&corpus, rows, 7, Split::Shards(count)).unwrap();
        let made: Vec<usize> = chosen.into_iter().filter(|&shard| shard < whole.shards.len()).collect();
        let some = Plan::of_layout(&corpus, &layout, &made, limit).unwrap();
        prop_assert_eq!(&some.shards, &whole.shards);
        prop_assert_eq!((some.row_bytes, some.block_rows), (whole.row_bytes, whole.block_rows));
        prop_assert_eq!(&some.made, &made);
        let told = |block: &Block| (block.shard, block.index, block.first, block.len());
        let wanted: Vec<_> = whole.blocks.iter().filter(|block| made.contains(&block.shard)).map(told).collect();
        prop_assert_eq!(some.blocks.iter().map(told).collect::<Vec<_>>(), wanted);
        let passed: Vec<usize> = some.passes.iter().cloned().flatten().collect();
        prop_assert_eq!(passed, (0..some.blocks.len()).collect::<Vec<_>>());
    }
}

#[test]
fn shards_that_are_not_there_or_come_twice_are_refused() {
    let corpus = corpus(10);
    let layout = Layout::new(&corpus, 10, 0, Split::Shards(3)).unwrap();
    for (made, said) in [
        (&[3][..], "there is no shard 3: the output has 3, from 0 on"),
        (&[1, 0], "do not ascend"),
        (&[1, 1], "do not ascend"),
    ] {
        let error = Plan::of_layout(&corpus, &layout, made, 1 << 20).unwrap_err();
        assert!(matches!(&error, Error::Value(told) if told.contains(said)), "{error}");
    }
    let damaged = Layout { ends: vec![4, 3], ..layout };
    assert!(Plan::of_layout(&corpus, &damaged, &[0], 1 << 20).is_err());
}
