//! Which output rows go to which shard, in what blocks they are made, and in how many passes.
//!
//! Shards are contiguous runs of the output, cut as `datasets` cuts them. A block is what one thread makes
//! at once; blocks never depend on threads or memory, so that neither does a byte of the output. What they do depend
//! on is a [`Layout`], by which some of the shards can be made on their own.

mod cut;
mod layout;
mod strategy;

pub use self::cut::Block;
pub use self::layout::{Layout, Split};
pub(super) use self::strategy::Strategy;

use std::ops::Range;

use self::cut::{blocks, passes};

use super::corpus::Corpus;
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::memory::available::available_memory;

/// Bytes that planning takes for each row of a pass.
const ROW_OVERHEAD: u64 = 24;
/// Bytes that an opened unit takes, whatever its rows.
const UNIT_OVERHEAD: u64 = 2048;

/// Blocks that are made at once, on machines with many processors.
const BLOCKS_IN_FLIGHT: u64 = 64;
/// What the page cache holds at least of a row.
const PAGE: u64 = 4096;

/// Where every output row goes, and in what order the work is done.
#[derive(Debug)]
pub struct Plan {
    /// The output rows of each shard of the output.
    pub shards: Vec<Range<u64>>,
    /// The shards that are made, by their numbers: all, or some.
    pub made: Vec<usize>,
    /// The blocks of those, in the order of their rows.
    pub blocks: Vec<Block>,
    /// Runs of blocks that are read at once.
    pub passes: Vec<Range<usize>>,
    /// About how many bytes a row takes in memory.
    pub row_bytes: u64,
    /// The rows of the output's first block, than which none has more.
    pub block_rows: u64,
    /// The most bytes that may be held at once.
    pub memory_limit: u64,
    /// How the rows of each part are read.
    pub(super) strategies: Vec<Strategy>,
    /// The most rows of a pass.
    pub(super) rows_per_pass: u64,
    /// Bytes of the memory limit that are for the blocks being made.
    pub(super) for_blocks: u64,
}

impl Plan {
    /// Plans `rows` output rows of a corpus; `extra` is the width of columns that are added to each row.
    ///
    /// # Errors
    /// No shards, or shards of no bytes; a column that cannot be read; an unknown strategy in the environment.
    pub fn new(corpus: &Corpus, rows: u64, extra: u64, split: Split, memory_limit: u64) -> Result<Self> {
        Self::with_strategy(corpus, rows, extra, split, memory_limit, strategy::forced()?)
    }

    /// Plans as [`new`](Self::new) does, with a strategy that is forced or without.
    pub(super) fn with_strategy(
        corpus: &Corpus,
        rows: u64,
        extra: u64,
        split: Split,
        memory_limit: u64,
        forced: Option<Strategy>,
    ) -> Result<Self> {
        let layout = Layout::new(corpus, rows, extra, split)?;
        Self::by_layout(corpus, &layout, &layout.numbers()?, memory_limit, forced)
    }

    /// Plans some shards of a layout. What is gathered are their rows alone, those of one shard behind the other's.
    ///
    /// # Errors
    /// A shard that is not there, or shards that do not ascend; a layout that cuts nothing; a column that cannot be
    /// read; an unknown strategy in the environment.
    pub fn of_layout(corpus: &Corpus, layout: &Layout, made: &[usize], memory_limit: u64) -> Result<Self> {
        corpus.check_readable()?;
        Self::by_layout(corpus, layout, made, memory_limit, strategy::forced()?)
    }

    fn by_layout(
        corpus: &Corpus,
        layout: &Layout,
        made: &[usize],
        memory_limit: u64,
        forced: Option<Strategy>,
    ) -> Result<Self> {
        let shards = layout.shards()?;
        let (row_bytes, block_rows) = (layout.row_bytes, layout.longest_block());
        let blocks = blocks(&chosen(&shards, made)?, layout.block_rows)?;
        // Proof: the blocks lie one behind the other, from the first row on.
        let rows = blocks.last().map_or(0, |block| block.rows.end);
        // Proof: a part of the memory limit at most.
        let block_bytes = layout.block_rows.saturating_mul(row_bytes);
        // Proof: as above.
        let for_blocks = block_bytes.saturating_mul(BLOCKS_IN_FLIGHT).min(memory_limit / 4);
        let copied = corpus.parts_copied()?;
        let may_copy = forced.is_none() && copied.contains(&true);
        let fits = may_copy && stays_in_cache(corpus, rows, row_bytes, memory_limit)?;
        let strategies = strategy::choose(copied.into_iter(), fits, forced);
        let rows_per_pass = if strategies.iter().any(|strategy| strategy.decodes()) {
            Self::rows_per_pass(corpus, row_bytes, memory_limit - for_blocks)
        } else {
            u64::MAX
        };
        let (passes, made) = (passes(&blocks, rows_per_pass), made.to_vec());
        Ok(Self {
            shards,
            made,
            blocks,
            passes,
            row_bytes,
            block_rows,
            memory_limit,
            strategies,
            rows_per_pass,
            for_blocks,
        })
    }

    /// Leaves out the blocks of shards that are finished.
    pub fn drop_shards(&mut self, finished: &[usize]) {
        self.blocks.retain(|block| !finished.contains(&block.shard));
        self.passes = passes(&self.blocks, self.rows_per_pass);
    }

    /// How many rows of so many bytes can be read into so much memory at once.
    fn rows_per_pass(corpus: &Corpus, row_bytes: u64, memory: u64) -> u64 {
        // Proof: half of the memory at most.
        let units = (corpus.units() as u64).saturating_mul(UNIT_OVERHEAD).min(memory / 2);
        // Proof: of rows of so many bytes, one is read at once, however many they are.
        let row = row_bytes.saturating_add(ROW_OVERHEAD).saturating_mul(5).div_ceil(4);
        ((memory - units) / row).min(u64::from(u32::MAX))
    }

    /// Returns the passes of a gather that reads rows into memory, also if it was to copy them all.
    pub(super) fn passes_into_memory(&self, corpus: &Corpus) -> Vec<Range<usize>> {
        let most = Self::rows_per_pass(corpus, self.row_bytes, self.memory_limit - self.for_blocks);
        passes(&self.blocks, most)
    }

    /// How the rows of a unit are read.
    pub(super) fn strategy_of(&self, corpus: &Corpus, unit: usize) -> Result<Strategy> {
        checked::get(&self.strategies, corpus.part_of(unit)?).copied()
    }

    /// Whether rows of some parts are to be copied from where they lie.
    pub(super) fn copies(&self) -> bool {
        self.strategies.iter().any(|strategy| !strategy.decodes())
    }

    /// Bytes that are held at most on so many threads, about.
    ///
    /// Proof: an estimate that is shown; no blocks take nothing.
    pub(super) fn peak_bytes(&self, threads: usize) -> Result<u64> {
        let rows = |pass: &Range<usize>| {
            let blocks = checked::get(&self.blocks, pass.clone())?;
            blocks.iter().try_fold(0, |sum, block| checked::add(sum, block.len()))
        };
        let passes = self.passes.iter().map(rows).collect::<Result<Vec<_>>>()?;
        let making = self.largest().saturating_mul(self.row_bytes);
        let making = making.saturating_mul(2 * threads.min(self.makers()) as u64);
        let decodes = self.strategies.iter().any(|strategy| strategy.decodes());
        let read = if decodes { passes.into_iter().max().unwrap_or(0) } else { 0 };
        Ok(read.saturating_mul(self.row_bytes.saturating_add(ROW_OVERHEAD)).saturating_add(making))
    }

    /// The rows of the largest block.
    fn largest(&self) -> u64 {
        // Proof: without blocks, none has rows.
        self.blocks.iter().map(Block::len).max().unwrap_or(0)
    }

    /// How many blocks may be made at once.
    pub(super) fn makers(&self) -> usize {
        // Proof: of blocks of so many bytes, one is made at once, however many they are.
        let bytes = self.largest().saturating_mul(self.row_bytes).max(1);
        // A block is there as its rows and, while it is written, as the bytes of the file.
        // Proof: a bound on the number of threads, of which there are fewer.
        usize::try_from(self.for_blocks / 2 / bytes).unwrap_or(usize::MAX).max(1)
    }
}

/// Some of the shards, with their numbers.
fn chosen(shards: &[Range<u64>], numbers: &[usize]) -> Result<Vec<(usize, Range<u64>)>> {
    if !numbers.is_sorted_by(|a, b| a < b) {
        return Err(Error::Value(format!("the shards {numbers:?} do not ascend; name each once, in order")));
    }
    let shard = |&number: &usize| {
        let there = shards.len();
        let none = || Error::Value(format!("there is no shard {number}: the output has {there}, from 0 on"));
        Ok((number, shards.get(number).cloned().ok_or_else(none)?))
    };
    numbers.iter().map(shard).collect()
}

/// Whether the pages that copied rows lie on all find room in the page cache. Otherwise the disk would read them again
/// and again for rows out of order.
fn stays_in_cache(corpus: &Corpus, rows: u64, row_bytes: u64, memory_limit: u64) -> Result<bool> {
    // Proof: no more pages than the corpus has bytes; with a limit above what there is, none find room beside it.
    let pages = rows.saturating_mul(row_bytes.saturating_add(2 * PAGE)).min(corpus.bytes_copied()?);
    // Proof: as above.
    Ok(pages <= (available_memory() / 4 * 3).saturating_sub(memory_limit))
}

#[cfg(test)]
mod tests;
