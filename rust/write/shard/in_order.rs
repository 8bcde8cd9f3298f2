//! Whose turn it is to write to a shard.
//!
//! The pieces of a shard are written in their order by one thread at a time, as the system lets no two threads
//! write to a file at once: a thread whose piece is next writes it, and then those that other threads have left
//! with it meanwhile, which went on to make others.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use arrow::buffer::Buffer;
use arrow::record_batch::RecordBatch;
use crc32fast::Hasher;
use twox_hash::XxHash3_64;

use crate::checked::{self, impossible};
use crate::error::Result;
use crate::exec::job::State;
use crate::exec::locks::{lock, wait};
use crate::write::disk::checksum::of_buffers;
use crate::write::format::encoder::Packer;

/// How often a waiting thread looks whether the job is to stop.
const LOOK_UP: Duration = Duration::from_millis(50);
/// Pieces of a shard that are left with the thread that writes it: few, as they take memory.
const LEFT: usize = 2;

/// How far a shard is.
pub(crate) struct OrderedWriter<N> {
    /// The file, while pieces are being written.
    pub(crate) file: Option<Arc<File>>,
    /// What packs the pieces, where that is done; the thread that writes has it meanwhile.
    pub(crate) packer: Option<Box<dyn Packer>>,
    /// Blocks that wait for the others of their piece.
    pub(crate) waiting: BTreeMap<u64, HashMap<u64, (u64, Vec<RecordBatch>)>>,
    /// Pieces that are left with the thread that writes, or will write the one before them.
    pub(crate) left: BTreeMap<u64, Encoded<N>>,
    /// Whether a thread is writing.
    pub(crate) writing: bool,
    /// The next piece to be written.
    pub(crate) next: u64,
    /// Where it will be.
    pub(crate) offset: u64,
    /// The pieces that have their places, which are told by the first number.
    pub(crate) placed: Vec<(u64, PieceRecord<N>)>,
}

/// A piece that has yet to be written.
pub(crate) struct Encoded<N> {
    pub(crate) buffers: Vec<Buffer>,
    pub(crate) known: PieceRecord<N>,
}

/// What is to be known of a piece when its shard ends.
pub(crate) struct PieceRecord<N> {
    pub(crate) sum: Hasher,
    pub(crate) digest: u64,
    pub(crate) note: N,
}

impl<N> PieceRecord<N> {
    /// What is to be known of a piece of these bytes.
    pub(crate) fn of(buffers: &[Buffer], note: N) -> Self {
        let (sum, digests) = of_buffers(buffers);
        Self { sum, digest: XxHash3_64::oneshot(&digests), note }
    }
}

impl<N> Default for OrderedWriter<N> {
    fn default() -> Self {
        Self {
            file: None,
            packer: None,
            waiting: BTreeMap::new(),
            left: BTreeMap::new(),
            writing: false,
            next: 0,
            offset: 0,
            placed: Vec::new(),
        }
    }
}

impl<N> OrderedWriter<N> {
    /// Gives a piece the next place.
    pub(crate) fn place(&mut self, piece: Encoded<N>) -> Result<(Vec<Buffer>, u64)> {
        let Encoded { buffers, known } = piece;
        let offset = self.offset;
        self.offset =
            buffers.iter().try_fold(offset, |end, buffer| checked::add(end, buffer.len() as u64))?;
        self.next = checked::add(self.next, 1)?;
        self.placed.push((offset, known));
        Ok((buffers, offset))
    }
}

/// A shard whose turn was taken, and the piece to write to it.
type ToWrite<'a, N> = (MutexGuard<'a, OrderedWriter<N>>, Encoded<N>);

/// Waits until a piece may be written, by this thread, or left with the one that writes: then nothing is given.
pub(crate) fn enqueue_or_write<'a, N>(
    turn: &'a Mutex<OrderedWriter<N>>,
    moved: &Condvar,
    number: u64,
    piece: Encoded<N>,
    state: &State,
) -> Result<Option<ToWrite<'a, N>>> {
    let mut turn = lock(turn)?;
    if number < turn.next || turn.left.contains_key(&number) {
        return Err(impossible(format_args!("piece {number} of a shard was made twice")));
    }
    loop {
        if turn.next == number && !turn.writing {
            turn.writing = true;
            return Ok(Some((turn, piece)));
        }
        if turn.left.len() < LEFT {
            turn.left.insert(number, piece);
            return Ok(None);
        }
        state.check()?;
        turn = wait(moved, turn, LOOK_UP)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::exec::job::Job;

    fn piece(number: u8) -> Encoded<u8> {
        let known = PieceRecord { sum: Hasher::new(), digest: 0, note: number };
        Encoded { buffers: vec![Buffer::from(vec![number; usize::from(number)])], known }
    }

    fn notes(turn: &OrderedWriter<u8>) -> Vec<(u64, u8)> {
        turn.placed.iter().map(|(offset, known)| (*offset, known.note)).collect()
    }

    #[test]
    fn a_piece_is_taken_when_it_is_next_and_left_before() {
        let (turn, moved, state) = (Mutex::new(OrderedWriter::default()), Condvar::new(), State::default());
        let take =
            |number| enqueue_or_write(&turn, &moved, u64::from(number), piece(number), &state).unwrap();
        assert!(take(2).is_none() && take(1).is_none());
        let (mut writing, first) = take(0).unwrap();
        writing.place(first).unwrap();
        for number in 1..3 {
            let next = writing.left.remove(&number).unwrap();
            writing.place(next).unwrap();
        }
        assert_eq!(notes(&writing), [(0, 0), (0, 1), (1, 2)]);
        drop(writing);
        // Who writes has not ended: the next is left with it.
        assert!(take(3).is_none());
    }

    #[test]
    fn a_piece_that_is_made_twice_is_an_error_and_not_lost() {
        let (turn, moved, state) = (Mutex::new(OrderedWriter::default()), Condvar::new(), State::default());
        let take = |number| enqueue_or_write(&turn, &moved, u64::from(number), piece(number), &state);
        assert!(take(1).unwrap().is_none());
        let refused = |number: u8, taken: Result<Option<ToWrite<'_, u8>>>| match taken {
            Err(Error::Internal(said)) => said.contains(&format!("piece {number} of a shard")),
            _ => false,
        };
        assert!(refused(1, take(1)));
        let (mut writing, first) = take(0).unwrap().unwrap();
        writing.place(first).unwrap();
        drop(writing);
        assert!(refused(0, take(0)));
        let mut last = OrderedWriter { offset: u64::MAX, ..OrderedWriter::default() };
        assert!(matches!(last.place(piece(1)), Err(Error::Internal(_))));
    }

    #[test]
    fn a_piece_that_finds_no_room_waits_until_the_job_is_to_stop() {
        let (turn, moved) = (Mutex::new(OrderedWriter::default()), Condvar::new());
        let beat = |_: u64| Err(Error::Interrupted);
        let stopped = Job::new(1).with_heartbeat(&beat).run(|_, state| {
            for number in 1..10 {
                assert!(enqueue_or_write(&turn, &moved, u64::from(number), piece(number), state)?.is_none());
            }
            Ok(())
        });
        assert!(matches!(stopped, Err(Error::Interrupted)));
        assert_eq!(lock(&turn).unwrap().left.len(), LEFT);
    }
}
