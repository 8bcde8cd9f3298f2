//! Output rows cut in shards, blocks and passes.

use std::ops::Range;

use crate::checked;
use crate::error::Result;
use crate::exec::memory::reserved;

/// What is said of more shards than memory has room for.
pub(super) const TOO_MANY: &str = "shards; write fewer of them";

/// A run of output rows of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The shard.
    pub shard: usize,
    /// Its number in the shard.
    pub index: u64,
    /// The output row that it begins with.
    pub first: u64,
    /// Where its rows are among those that are gathered: where they are in the output, if all of it is.
    pub rows: Range<u64>,
}

impl Block {
    /// How many rows it has. They were cut in ascending order.
    pub(crate) fn len(&self) -> u64 {
        self.rows.end - self.rows.start
    }
}

/// Cuts `rows` in `count` contiguous runs. The first ones are longer by one if they do not come out even.
pub(super) fn cut(rows: u64, count: u64) -> Result<Vec<Range<u64>>> {
    let (each, more) = (rows / count, rows % count);
    // At most the number of rows, which is that of all shards.
    let start = |shard: u64| shard * each + shard.min(more);
    let mut shards = reserved(checked::index(count)?, TOO_MANY)?;
    shards.extend((0..count).map(|shard| start(shard)..start(shard + 1)));
    Ok(shards)
}

/// Cuts some shards, given with their numbers, in blocks of so many rows. Their rows follow each other, from the first.
pub(super) fn blocks(shards: &[(usize, Range<u64>)], rows: u64) -> Result<Vec<Block>> {
    let of_shard = |range: &Range<u64>| (range.end - range.start).div_ceil(rows);
    let count = shards.iter().try_fold(0, |sum, (_, range)| checked::add(sum, of_shard(range)))?;
    let mut blocks = reserved(checked::index(count)?, "blocks of rows; select fewer rows at once")?;
    let mut before = 0;
    for (shard, range) in shards {
        for index in 0..of_shard(range) {
            // Within the shard, of which some block begins here.
            let first = range.start + index * rows;
            let end = checked::add(before, rows.min(range.end - first))?;
            blocks.push(Block { shard: *shard, index, first, rows: before..end });
            before = end;
        }
    }
    Ok(blocks)
}

/// Returns runs of blocks whose rows follow each other, each of `most` rows at most, or of one block.
pub(super) fn passes(blocks: &[Block], most: u64) -> Vec<Range<usize>> {
    let mut passes: Vec<Range<usize>> = Vec::new();
    let mut rows = 0..0;
    for (index, block) in blocks.iter().enumerate() {
        let follows = block.rows.start == rows.end && block.rows.end - rows.start <= most;
        if let Some(pass) = passes.last_mut().filter(|_| follows) {
            (pass.end, rows.end) = (index + 1, block.rows.end);
        } else {
            passes.push(index..index + 1);
            rows = block.rows.clone();
        }
    }
    passes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use proptest::prelude::*;

    proptest! {
        /// Each block in one pass, in order; a pass ends where the next block does not follow or finds no room.
        #[test]
        fn passes_hold_every_block_once(
            gaps in prop::collection::vec((0u64..2, 1u64..1000), 0..40),
            start in prop_oneof![Just(0u64), Just(u64::MAX - 100_000)],
            room in prop_oneof![0u64..5000, Just(u64::MAX)],
        ) {
            let mut end = start;
            let blocks: Vec<Block> = gaps.iter().map(|(gap, rows)| {
                let first = end + gap;
                end = first + rows;
                Block { shard: 0, index: 0, first, rows: first..end }
            }).collect();
            let passes = passes(&blocks, room);
            prop_assert_eq!(passes.iter().cloned().flatten().collect::<Vec<_>>(), (0..blocks.len()).collect::<Vec<_>>());
            for pass in &passes {
                let of_pass = &blocks[pass.clone()];
                let rows = of_pass[0].rows.start..of_pass[of_pass.len() - 1].rows.end;
                prop_assert!(of_pass.windows(2).all(|pair| pair[0].rows.end == pair[1].rows.start));
                prop_assert!(of_pass.len() == 1 || rows.end - rows.start <= room);
                if let Some(next) = blocks.get(pass.end) {
                    prop_assert!(next.rows.start != rows.end || next.rows.end - rows.start > room);
                }
            }
        }
    }

    #[test]
    fn shards_are_cut_as_datasets_cuts_them() {
        assert_eq!(cut(10, 3).unwrap(), [0..4, 4..7, 7..10]);
        assert_eq!(cut(0, 1).unwrap(), vec![0..0; 1]);
        assert_eq!(cut(7, 7).unwrap().len(), 7);
    }

    #[test]
    fn more_shards_or_blocks_than_memory_holds_are_an_error() {
        let error = cut(u64::MAX, u64::MAX).unwrap_err();
        assert!(
            matches!(&error, Error::Memory(said) if said.contains("18446744073709551615 shards")),
            "{error}"
        );
        let error = blocks(&[(0, 0..1), (1, 1..u64::MAX)], 1).unwrap_err();
        assert!(
            matches!(&error, Error::Memory(said) if said.contains("18446744073709551615 blocks")),
            "{error}"
        );
    }

    #[test]
    fn blocks_stay_within_their_shard_and_passes_hold_them_all() {
        let shards: Vec<_> = cut(4001, 2).unwrap().into_iter().enumerate().collect();
        let blocks = blocks(&shards, 1000).unwrap();
        assert_eq!(
            blocks.iter().map(|b| b.rows.end - b.rows.start).collect::<Vec<_>>(),
            [1000, 1000, 1, 1000, 1000]
        );
        assert_eq!(passes(&blocks, 2000), [0..2, 2..4, 4..5]);
        assert_eq!(passes(&blocks, 1), [0..1, 1..2, 2..3, 3..4, 4..5]);
        assert_eq!(passes(&[], 1), Vec::<Range<usize>>::new());
    }
}
