//! Who makes which block.
//!
//! A file is written by one thread at a time, so each thread makes the blocks of a shard of its own while there
//! are shards that nobody has begun, and then helps with the one that has the most left.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::plan::Block;

/// Blocks, of which those of a shard are handed out in their order, each to one thread.
#[derive(Debug)]
pub(super) struct Shares {
    each: Vec<Share>,
    /// The next that nobody has begun.
    fresh: AtomicUsize,
}

/// The blocks of a shard.
#[derive(Debug)]
struct Share {
    end: usize,
    next: AtomicUsize,
    /// The first that was not told to be ahead.
    unseen: AtomicUsize,
}

/// A block to be made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// Its number.
    pub(super) block: usize,
    /// Blocks that are now near and were not before, the block itself among them if it was never.
    pub(super) ahead: Range<usize>,
}

impl Shares {
    /// Of blocks that lie shard by shard.
    pub(super) fn of(blocks: &[Block]) -> Self {
        let mut start = 0;
        let each = blocks.chunk_by(|a, b| a.shard == b.shard).map(|share| {
            let first = start;
            start += share.len();
            Share { end: start, next: first.into(), unseen: first.into() }
        });
        Self { each: each.collect(), fresh: 0.into() }
    }

    /// The next block for a thread; `mine` is the share it took the last from. So many blocks behind it are near.
    pub(super) fn take(&self, mine: &mut Option<usize>, near: usize) -> Option<Taken> {
        loop {
            if let Some(taken) = mine.and_then(|share| self.each.get(share)?.take(near)) {
                return Some(taken);
            }
            *mine = self.begin().or_else(|| self.longest());
            (*mine)?;
        }
    }

    fn begin(&self) -> Option<usize> {
        let share = self.fresh.fetch_add(1, Ordering::Relaxed);
        (share < self.each.len()).then_some(share)
    }

    /// The share with the most left.
    fn longest(&self) -> Option<usize> {
        let left = self.each.iter().map(Share::left);
        let (left, share) = left.zip(0..).max_by_key(|(left, _)| *left)?;
        (left > 0).then_some(share)
    }
}

impl Share {
    fn left(&self) -> usize {
        self.end.saturating_sub(self.next.load(Ordering::Relaxed))
    }

    fn take(&self, near: usize) -> Option<Taken> {
        let block = self.next.fetch_add(1, Ordering::Relaxed);
        (block < self.end).then(|| {
            let until = block.saturating_add(near).saturating_add(1).min(self.end);
            Taken { block, ahead: self.unseen.fetch_max(until, Ordering::Relaxed)..until }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blocks(shards: &[u64]) -> Vec<Block> {
        let of_shard = |(shard, &count): (usize, &u64)| {
            (0..count).map(move |index| Block { shard, index, rows: index..index + 1 })
        };
        shards.iter().enumerate().flat_map(of_shard).collect()
    }

    proptest! {
        #[test]
        fn every_block_is_taken_once_and_seen_once(
            shards in prop::collection::vec(0u64..20, 0..6),
            turns in prop::collection::vec(0usize..3, 0..200),
            near in 0usize..5,
        ) {
            let blocks = blocks(&shards);
            let shares = Shares::of(&blocks);
            let mut mine = [None; 3];
            let mut taken = Vec::new();
            // In whatever order threads come; in the end, one takes what is left.
            for thread in turns.into_iter().chain(std::iter::repeat_n(0, blocks.len() + 1)) {
                let Some(next) = shares.take(&mut mine[thread], near) else { continue };
                let shard = |block: usize| blocks[block].shard;
                prop_assert!(next.ahead.clone().all(|block| shard(block) == shard(next.block)));
                taken.push(next);
            }
            let mut numbers: Vec<usize> = taken.iter().map(|taken| taken.block).collect();
            numbers.sort_unstable();
            prop_assert_eq!(numbers, (0..blocks.len()).collect::<Vec<_>>());
            let mut seen: Vec<usize> = taken.iter().flat_map(|taken| taken.ahead.clone()).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..blocks.len()).collect::<Vec<_>>());
            for shard in 0..shards.len() {
                let order: Vec<usize> =
                    taken.iter().map(|taken| taken.block).filter(|&block| blocks[block].shard == shard).collect();
                prop_assert!(order.is_sorted());
            }
        }
    }

    #[test]
    fn threads_begin_with_shards_of_their_own_and_help_at_the_end() {
        let blocks = blocks(&[2, 3]);
        let shares = Shares::of(&blocks);
        let (mut a, mut b) = (None, None);
        let take = |mine: &mut Option<usize>| shares.take(mine, 0).map(|taken| taken.block);
        assert_eq!([take(&mut a), take(&mut b), take(&mut a)], [Some(0), Some(2), Some(1)]);
        assert_eq!([take(&mut a), take(&mut b), take(&mut a)], [Some(3), Some(4), None]);
    }
}
