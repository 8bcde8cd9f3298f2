//! Rows copied from where they lie, in mapped files or in memory. Nothing of them is held but the blocks in the making.
//!
//! Each unit is opened once. Rows are then copied from the map, or read by their position. If many of the latter are
//! not in memory, they are asked for before blocks are made of them: reading one after the other would leave the disk
//! idle most of the time.

mod block_builder;
mod buffer_pool;
mod prefetch;
mod units;

pub(super) use self::units::{CopyEstimate, OpenUnits, Unit, estimate_reads, open_units};

use self::block_builder::BlockBuilder;
use super::output::Output;
use super::plan::Plan;
use crate::error::Result;
use crate::exec::job::Job;
use crate::exec::memory::available::available_memory;

/// Bytes that are asked of the disk before blocks are made of them, with all that is read around them: as much as
/// stays in memory until then.
const PREFETCHED: u64 = 2 << 30;
/// What is read around a row.
const AROUND: u64 = 8 << 10;

/// Gathers all blocks of a plan out of units that hold all rows.
pub(super) fn gather(job: &Job<'_>, output: &Output<'_>, plan: &Plan, units: OpenUnits) -> Result<()> {
    let builder = BlockBuilder::new(output, units);
    if !builder.is_mostly_uncached(&plan.blocks)? {
        return builder.build(job, plan, &plan.blocks);
    }
    // Proof: of rows of so many bytes, one is asked for at once, however many they are.
    let rows = (PREFETCHED.min(available_memory() / 4) / plan.row_bytes.saturating_add(AROUND)).max(1);
    for blocks in plan.blocks.chunk_by(|a, b| a.rows.start / rows == b.rows.start / rows) {
        builder.prefetch(job, blocks)?;
        builder.build(job, plan, blocks)?;
    }
    Ok(())
}
