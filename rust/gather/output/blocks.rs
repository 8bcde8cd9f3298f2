//! Which thread makes which block.
//!
//! A file is written by one thread at a time. So each thread makes the blocks of a shard of its own as long as there are
//! shards that nobody has begun, and then helps with the shard that has the most left.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::gather::plan::Block;

/// Blocks, of which those of a shard are handed out in their order, each to one thread.
#[derive(Debug)]
pub(crate) struct BlockQueue {
    each: Vec<ShardQueue>,
    /// The next that nobody has begun.
    fresh: AtomicUsize,
}

/// The blocks of a shard.
#[derive(Debug)]
struct ShardQueue {
    end: usize,
    next: AtomicUsize,
}

impl BlockQueue {
    /// Of blocks that lie shard by shard.
    pub(crate) fn of(blocks: &[Block]) -> Self {
        let mut start = 0;
        let each = blocks.chunk_by(|a, b| a.shard == b.shard).map(|shard| {
            let first = start;
            start += shard.len();
            ShardQueue { end: start, next: first.into() }
        });
        Self { each: each.collect(), fresh: 0.into() }
    }

    /// The number of the next block for a thread; `mine` is the shard it took the last from.
    pub(crate) fn take(&self, mine: &mut Option<usize>) -> Option<usize> {
        loop {
            if let Some(block) = mine.and_then(|shard| self.each.get(shard)?.take()) {
                return Some(block);
            }
            *mine = self.begin().or_else(|| self.longest());
            (*mine)?;
        }
    }

    fn begin(&self) -> Option<usize> {
        let shard = self.fresh.fetch_add(1, Ordering::Relaxed);
        (shard < self.each.len()).then_some(shard)
    }

    /// The shard with the most left.
    fn longest(&self) -> Option<usize> {
        let left = self.each.iter().map(ShardQueue::left);
        let (left, shard) = left.zip(0..).max_by_key(|(left, _)| *left)?;
        (left > 0).then_some(shard)
    }
}

impl ShardQueue {
    fn left(&self) -> usize {
        // Proof: whoever finds nothing left has gone past the end.
        self.end.saturating_sub(self.next.load(Ordering::Relaxed))
    }

    fn take(&self) -> Option<usize> {
        let block = self.next.fetch_add(1, Ordering::Relaxed);
        (block < self.end).then_some(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blocks(shards: &[u64]) -> Vec<Block> {
        let of_shard = |(shard, &count): (usize, &u64)| {
            (0..count).map(move |index| Block { shard, index, first: index, rows: index..index + 1 })
        };
        shards.iter().enumerate().flat_map(of_shard).collect()
    }

    proptest! {
        #[test]
        fn every_block_is_taken_once(
            shards in prop::collection::vec(0u64..20, 0..6),
            turns in prop::collection::vec(0usize..3, 0..200),
        ) {
            let blocks = blocks(&shards);
            let queue = BlockQueue::of(&blocks);
            let mut mine = [None; 3];
            // In whatever order threads come; in the end, one takes what is left.
            let turns = turns.into_iter().chain(std::iter::repeat_n(0, blocks.len() + 1));
            let taken: Vec<usize> = turns.filter_map(|thread| queue.take(&mut mine[thread])).collect();
            let mut numbers = taken.clone();
            numbers.sort_unstable();
            prop_assert_eq!(numbers, (0..blocks.len()).collect::<Vec<_>>());
            for shard in 0..shards.len() {
                let of_shard = taken.iter().copied().filter(|&block| blocks[block].shard == shard);
                prop_assert!(of_shard.is_sorted());
            }
        }
    }

    #[test]
    fn threads_begin_with_shards_of_their_own_and_help_at_the_end() {
        let blocks = blocks(&[2, 3]);
        let queue = BlockQueue::of(&blocks);
        let (mut a, mut b) = (None, None);
        let take = |mine: &mut Option<usize>| queue.take(mine);
        assert_eq!([take(&mut a), take(&mut b), take(&mut a)], [Some(0), Some(2), Some(1)]);
        assert_eq!([take(&mut a), take(&mut b), take(&mut a)], [Some(3), Some(4), None]);
    }
}
