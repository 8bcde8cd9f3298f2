//! An output made in units: each shard on its own, by any process on any machine, any number of times; then all of them
//! put together.
//!
//! A unit writes its shard as `shards/NAME.part-ATTEMPT` in the directory of the job, gives it its name, and notes it in
//! `units/00012.json`. Two attempts of one unit write the same bytes: the later one finds the note of the earlier.
//! Nothing is locked, so that it does not matter what a file system that several machines share makes of locks.

mod finish;
mod make;
mod notes;

pub use finish::{Finished, finish_units};
pub use make::{Units, laid_out_units, make_units};
