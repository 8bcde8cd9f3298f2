//! What the bytes of an output depend on beside its rows: where shards and blocks end.
//!
//! It is found once, over all rows of a corpus, and is a few numbers that others can be told. Whoever makes some of the
//! shards by it makes the bytes that one machine makes, whatever files it opened.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::cut::{TOO_MANY, cut};
use crate::error::{Error, Result};
use crate::exec::memory::reserved;
use crate::gather::corpus::Corpus;

/// Rows of an output batch, as `datasets` writes them.
const BLOCK_ROWS: u64 = 1000;
/// Bytes of an output batch, about: large rows come in fewer to a batch.
const BLOCK_BYTES: u64 = 32 << 20;

/// How the output is cut into shards.
#[derive(Debug, Clone, Copy)]
pub enum Split {
    /// So many shards.
    Shards(u64),
    /// As many shards as keep each at about so many bytes.
    Bytes(u64),
}

/// How output rows are cut into shards and blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// About how many bytes a row takes in memory, over all rows of the corpus.
    pub row_bytes: u64,
    /// The rows of a block at most.
    pub block_rows: u64,
    /// The output row behind the last of each shard.
    pub ends: Vec<u64>,
}

impl Layout {
    /// Cuts `rows` output rows of a corpus; `extra` is the width of columns that are added to each row.
    ///
    /// # Errors
    /// No shards, or shards of no bytes; a column that cannot be read; a source that changed.
    pub fn new(corpus: &Corpus, rows: u64, extra: u64, split: Split) -> Result<Self> {
        corpus.check_readable()?;
        // Proof: bytes are estimated here; what is cut at 2^64 is as large as an estimate can be.
        let row_bytes = corpus.bytes()?.div_ceil(corpus.rows().max(1)).saturating_add(extra).max(1);
        let count = match split {
            Split::Shards(count) => count,
            Split::Bytes(0) => 0,
            // Proof: as above, and a shard has a row at least, as seen to below.
            Split::Bytes(limit) => (rows.saturating_mul(row_bytes) / limit).saturating_add(1),
        };
        if count == 0 {
            return Err(Error::Value("num_shards and max_shard_size must be at least 1".to_owned()));
        }
        // A dataset of no rows is one shard of no rows: without a shard, load_from_disk fails.
        let shards = cut(rows, count.min(rows.max(1)))?;
        let mut ends = reserved(shards.len(), TOO_MANY)?;
        ends.extend(shards.into_iter().map(|shard| shard.end));
        Ok(Self { row_bytes, block_rows: (BLOCK_BYTES / row_bytes).clamp(1, BLOCK_ROWS), ends })
    }

    /// The output rows of each shard.
    ///
    /// # Errors
    /// Numbers that no output is cut by: it was told by others.
    pub fn shards(&self) -> Result<Vec<Range<u64>>> {
        let wrong = |what: &str| Err(Error::Value(format!("the layout of the output {what}; plan it again")));
        if self.row_bytes == 0 || !(1..=BLOCK_ROWS).contains(&self.block_rows) {
            return wrong(&format!("has blocks of {} rows of {} bytes", self.block_rows, self.row_bytes));
        }
        if self.ends.is_empty() || !self.ends.is_sorted() {
            return wrong("has shards that end before they begin, or none");
        }
        let mut start = 0;
        let mut shards = reserved(self.ends.len(), TOO_MANY)?;
        shards.extend(self.ends.iter().map(|&end| std::mem::replace(&mut start, end)..end));
        Ok(shards)
    }

    /// The numbers of all shards.
    pub(crate) fn numbers(&self) -> Result<Vec<usize>> {
        let mut numbers = reserved(self.ends.len(), TOO_MANY)?;
        numbers.extend(0..self.ends.len());
        Ok(numbers)
    }

    /// The rows of the first block, than which no other has more.
    pub(super) fn longest_block(&self) -> u64 {
        // Proof: shards of no rows have no block, and are written as if they had one of a row.
        self.ends.first().map_or(1, |&rows| rows.min(self.block_rows)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cut::{Block, blocks};
    use super::*;

    proptest! {
        /// Whichever shards are asked for, their blocks are those of the whole: the same rows, by the same numbers.
        #[test]
        fn blocks_are_those_of_the_whole_whichever_shards_are_asked_for(
            (rows, count) in (0u64..6000, 1u64..20),
            block_rows in 1u64..=1000,
            chosen in prop::collection::btree_set(0usize..20, 0..20),
        ) {
            let ends = cut(rows, count.min(rows.max(1))).unwrap().into_iter().map(|shard| shard.end).collect();
            let layout = Layout { row_bytes: 1, block_rows, ends };
            let all: Vec<_> = layout.shards().unwrap().into_iter().enumerate().collect();
            let whole = blocks(&all, block_rows).unwrap();
            let asked: Vec<_> = all.iter().filter(|(shard, _)| chosen.contains(shard)).cloned().collect();
            let found = blocks(&asked, block_rows).unwrap();
            let wanted: Vec<_> = whole.iter().filter(|block| chosen.contains(&block.shard)).collect();
            prop_assert_eq!(found.len(), wanted.len());
            let mut next = 0;
            for (found, wanted) in found.iter().zip(wanted) {
                prop_assert_eq!((found.shard, found.index, found.first), (wanted.shard, wanted.index, wanted.first));
                prop_assert_eq!(found.len(), wanted.len());
                // Among the rows that are gathered, each follows the one before it.
                prop_assert_eq!(found.rows.start, next);
                next = found.rows.end;
            }
            prop_assert!(whole.iter().all(|block| block.first == block.rows.start));
            prop_assert_eq!(layout.longest_block(), whole.iter().map(Block::len).max().unwrap_or(1));
            let told = serde_json::to_string(&layout).unwrap();
            prop_assert_eq!(serde_json::from_str::<Layout>(&told).unwrap(), layout);
        }
    }

    #[test]
    fn numbers_that_cut_nothing_are_refused() {
        let layout =
            |row_bytes, block_rows, ends: &[u64]| Layout { row_bytes, block_rows, ends: ends.to_vec() };
        assert_eq!(layout(1, 1, &[3, 3, 5]).shards().unwrap(), [0..3, 3..3, 3..5]);
        for (wrong, said) in [
            (layout(0, 1, &[1]), "blocks of 1 rows of 0 bytes"),
            (layout(1, 0, &[1]), "blocks of 0 rows"),
            (layout(1, 1001, &[1]), "blocks of 1001 rows"),
            (layout(1, 1, &[]), "or none"),
            (layout(1, 1, &[5, 4]), "end before they begin"),
        ] {
            let error = wrong.shards().unwrap_err();
            assert!(matches!(&error, Error::Value(told) if told.contains(said)), "{error}");
        }
    }
}
