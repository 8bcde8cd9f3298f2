//! The shards of an output, which many threads write at once.
//!
//! A thread encodes its piece on its own, and writes it when it is its turn ([`in_order`]). A shard whose
//! pieces are all written is handed to the thread that waits for the disk.

mod destination;
pub(crate) mod finish;
pub(crate) mod in_order;
pub(super) use self::destination::Destination;

use std::fs::File;
use std::io::ErrorKind;
use std::sync::{Arc, Condvar, Mutex};

use arrow::record_batch::RecordBatch;
use crc32fast::Hasher;
use twox_hash::XxHash3_64;

use super::disk::checksum::{Crc32, of_parts};
use super::disk::folder::Folder;
use super::disk::partial::{create, part, write_all_at, write_at};
use super::disk::sync_thread::Background;
use super::format::encoder::{Encoder, End, Piece};
use crate::checked::{self, impossible};
use crate::error::{Error, Result};
use crate::exec::job::{Job, State};
use crate::exec::locks::lock;
use crate::gather::{Block, Plan, Sink};
use crate::io::allowed_files;
use crate::write::format::finished::{FileEntry, FinishedShard};
use crate::write::unfinished::run_spec::digests::digest_of_rows;
use destination::Shard;
use finish::{FinishShard, Notes, ShardFile};
use in_order::{Encoded, OrderedWriter, PieceRecord, enqueue_or_write};

/// Of the files that may be open, one in so many may be those of shards that wait for the disk.
const WAITING: u64 = 8;

/// Shards of an output.
pub(super) struct Shards<'a, E: Encoder> {
    encoder: Arc<E>,
    folder: Folder,
    /// The row numbers of the corpus, in the order in which rows are written.
    rows: &'a [i64],
    each: Vec<Shard<E::Note>>,
    background: Background,
    notes: Arc<dyn Notes>,
    attempt: String,
    /// The shards that are on the disk.
    done: Arc<Mutex<Vec<FinishedShard>>>,
}

impl<'a, E: Encoder + 'static> Shards<'a, E> {
    pub(super) fn new(encoder: E, into: Destination, plan: &Plan, rows: &'a [i64]) -> Result<Self> {
        let (mut each, mut end) = (Vec::new(), 0);
        for &number in &plan.made {
            let shard = plan.shards.get(number).ok_or_else(|| no_shard(number))?;
            let start = end;
            end = checked::add(start, checked::sub(shard.end, shard.start)?)?;
            each.push(Shard {
                name: encoder.name(number, plan.shards.len()),
                number,
                rows: start..end,
                blocks: 0,
                kept: false,
                turn: Mutex::default(),
                moved: Condvar::new(),
            });
        }
        for block in &plan.blocks {
            let at = place_of(&each, block.shard)?;
            let shard = each.get_mut(at).ok_or_else(|| no_shard(block.shard))?;
            shard.blocks = shard.blocks.max(checked::add(block.index, 1)?);
        }
        let mut kept = into.kept;
        for done in &mut kept {
            let at = place_of(&each, done.shard)?;
            let shard = each.get_mut(at).ok_or_else(|| no_shard(done.shard))?;
            checked::equal("rows of a shard that is kept", done.rows, shard.len()?)?;
            shard.kept = true;
            // The rows are those of this run, whatever a journal says of them.
            done.indices = digest_of_rows(checked::get(rows, checked::span(&shard.rows)?)?)?;
        }
        Ok(Self {
            encoder: Arc::new(encoder),
            folder: into.folder,
            rows,
            each,
            background: Background::start()?,
            notes: into.notes,
            attempt: into.attempt,
            done: Arc::new(Mutex::new(kept)),
        })
    }

    /// Makes the folders that shards are in.
    pub(super) fn make_folders(&self) -> Result<()> {
        for shard in &self.each {
            if let Some((folder, _)) = shard.name.rsplit_once('/')
                && let Err(e) = self.folder.make(folder)
                && e.kind() != ErrorKind::AlreadyExists
            {
                return Err(Error::io(self.folder.at(folder), "making a directory of the output", e));
            }
        }
        Ok(())
    }

    /// Makes the shards that have no rows, and waits until every shard is on the disk.
    pub(super) fn finish(&self, state: &State) -> Result<Vec<FinishedShard>> {
        for shard in &self.each {
            if shard.blocks == 0 && !shard.kept {
                let mut turn = lock(&shard.turn)?;
                self.open(shard, &mut turn)?;
                self.close(shard, &mut turn, state)?;
            }
        }
        self.background.wait(state)?;
        let mut done = lock(&self.done)?.clone();
        done.sort_by_key(|done| done.shard);
        for (expected, shard) in checked::zip(&self.each, &done)? {
            checked::equal("the number of a finished shard", shard.shard, expected.number)?;
        }
        Ok(done)
    }

    /// Does something after all shards are on the disk, where it keeps nobody waiting.
    pub(super) fn defer(&self, task: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
        self.background.add(task)
    }

    /// Waits until everything is done.
    pub(super) fn wait(&self, state: &State) -> Result<()> {
        self.background.wait(state)
    }

    /// Waits for the shards that only the disk keeps from being finished, where the rest of the work failed.
    pub(super) fn drain(&self, job: &Job<'_>) {
        while matches!(job.run_on(1, |_, _| self.background.is_busy()).as_deref(), Ok([true])) {}
    }

    pub(super) fn encoder(&self) -> &E {
        &self.encoder
    }

    fn pieces(&self, shard: &Shard<E::Note>) -> u64 {
        shard.blocks.div_ceil(self.encoder.blocks_of_a_piece())
    }

    fn open(&self, shard: &Shard<E::Note>, turn: &mut OrderedWriter<E::Note>) -> Result<Arc<File>> {
        if let Some(file) = &turn.file {
            return Ok(file.clone());
        }
        let name = part(&shard.name, &self.attempt);
        let (path, file) = (self.folder.at(&name), Arc::new(create(&self.folder, &name)?));
        let head = self.encoder.head(shard.len()?)?;
        write_at(&file, &path, &head, 0)?;
        turn.offset = head.len() as u64;
        turn.packer = self.encoder.packer()?;
        turn.file = Some(file.clone());
        Ok(file)
    }

    /// Writes a piece of a shard, or leaves it with the thread that does.
    fn write(
        &self,
        shard: &Shard<E::Note>,
        number: u64,
        piece: Encoded<E::Note>,
        state: &State,
    ) -> Result<()> {
        let Some((mut turn, first)) = enqueue_or_write(&shard.turn, &shard.moved, number, piece, state)?
        else {
            return Ok(()); // Proof: it is left with the thread that writes, which goes on to it.
        };
        let mut piece = Some(first);
        let file = self.open(shard, &mut turn)?;
        let path = self.folder.at(part(&shard.name, &self.attempt));
        while let Some(mut next) = piece {
            if let Some(mut packer) = turn.packer.take() {
                drop(turn);
                shard.moved.notify_all();
                next.buffers = packer.pack(next.buffers, state)?;
                next.known = PieceRecord::of(&next.buffers, next.known.note);
                turn = lock(&shard.turn)?;
                turn.packer = Some(packer);
            }
            let (buffers, mut offset) = turn.place(next)?;
            self.encoder.check_bytes(&shard.name, turn.offset)?;
            drop(turn);
            shard.moved.notify_all();
            for buffer in &buffers {
                write_all_at(&file, &path, buffer, offset, state)?;
                offset = checked::add(offset, buffer.len() as u64)?;
            }
            drop(buffers);
            turn = lock(&shard.turn)?;
            let next = turn.next;
            piece = turn.left.remove(&next);
        }
        drop(file);
        turn.writing = false;
        shard.moved.notify_all();
        if turn.next == self.pieces(shard) { self.close(shard, &mut turn, state) } else { Ok(()) }
    }

    /// The blocks of a piece, once the last of them is there: the row of the first, and all batches.
    fn gathered(
        &self,
        shard: &Shard<E::Note>,
        block: &Block,
        batches: Vec<RecordBatch>,
    ) -> Result<Option<(u64, u64, Vec<RecordBatch>)>> {
        let each = self.encoder.blocks_of_a_piece();
        let piece = block.index / each;
        if each == 1 {
            return Ok(Some((piece, block.first, batches)));
        }
        let mut turn = lock(&shard.turn)?;
        let waiting = turn.waiting.entry(piece).or_default();
        if waiting.insert(block.index, (block.first, batches)).is_some() {
            return Err(Error::Internal(format!("block {} of {} was made twice", block.index, shard.name)));
        }
        let before = checked::mul(piece, each)?;
        let left = shard.blocks.checked_sub(before).ok_or_else(|| no_block(shard, block))?;
        if (waiting.len() as u64) < each.min(left) {
            return Ok(None);
        }
        let blocks = turn.waiting.remove(&piece).ok_or_else(|| no_block(shard, block))?;
        drop(turn);
        let mut blocks: Vec<_> = blocks.into_iter().collect();
        blocks.sort_by_key(|(index, _)| *index);
        let first = blocks.first().map(|(_, (row, _))| *row).ok_or_else(|| no_block(shard, block))?;
        Ok(Some((piece, first, blocks.into_iter().flat_map(|(_, (_, batches))| batches).collect())))
    }

    /// Ends a shard, and hands it to the thread that waits for the disk.
    fn close(&self, shard: &Shard<E::Note>, turn: &mut OrderedWriter<E::Note>, state: &State) -> Result<()> {
        let file = turn.file.take().ok_or_else(|| impossible("a shard ends twice"))?;
        let path = self.folder.at(part(&shard.name, &self.attempt));
        let mut sums = Vec::new();
        let mut notes = Vec::new();
        for (offset, PieceRecord { sum, digest, note }) in turn.placed.drain(..) {
            sums.push((sum, digest));
            notes.push((offset, note));
        }
        if let Some(packer) = turn.packer.take() {
            let rest = packer.end()?;
            write_all_at(&file, &path, &rest, turn.offset, state)?;
            turn.offset = checked::add(turn.offset, rest.len() as u64)?;
            sums.push((of_parts([rest.as_slice()]), XxHash3_64::oneshot(&rest)));
        }
        let End { head, tail, more, extra } = self.encoder.end(&shard.name, notes)?;
        let (rows, begun) = (shard.len()?, self.encoder.head(shard.len()?)?);
        if let Some(head) = &head {
            checked::equal("bytes of a head", head.len(), begun.len())?;
            write_all_at(&file, &path, head, 0, state)?;
        }
        write_all_at(&file, &path, &tail, turn.offset, state)?;
        let bytes = checked::add(turn.offset, tail.len() as u64)?;
        // Proof: without another, it begins as it began.
        let head = head.as_deref().unwrap_or(&begun);
        sums.insert(0, (of_parts([head]), XxHash3_64::oneshot(head)));
        let crc32 = combined(sums.iter().map(|(sum, _)| sum).chain([&of_parts([tail.as_slice()])]));
        let mut digests: Vec<u8> = sums.iter().flat_map(|(_, digest)| digest.to_le_bytes()).collect();
        let mut files = vec![FileEntry { name: shard.name.clone(), bytes, crc32 }];
        let mut parts = vec![ShardFile { name: part(&shard.name, &self.attempt), file }];
        for (name, bytes) in more {
            let part = part(&name, &self.attempt);
            let file = Arc::new(create(&self.folder, &part)?);
            write_all_at(&file, &self.folder.at(&part), &bytes, 0, state)?;
            digests.extend(XxHash3_64::oneshot(&bytes).to_le_bytes());
            files.push(FileEntry { name, bytes: bytes.len() as u64, crc32: Crc32::of(&bytes) });
            parts.push(ShardFile { name: part, file });
        }
        let digest = format!("{:016x}", XxHash3_64::oneshot(&digests));
        let indices = digest_of_rows(checked::get(self.rows, checked::span(&shard.rows)?)?)?;
        let done = FinishedShard { shard: shard.number, rows, files, digest, indices, extra };
        let settle = FinishShard {
            encoder: self.encoder.clone(),
            folder: self.folder.clone(),
            wanted: self.background.wanted(),
            notes: self.notes.clone(),
            all: self.done.clone(),
        };
        // Shards that wait for the disk have their files open.
        self.background.wait_for(allowed_files() / WAITING, state)?;
        self.background.add(move || settle.shard(done, parts))
    }
}

impl<E: Encoder + 'static> Sink for Shards<'_, E> {
    fn put(&self, block: &Block, batches: Vec<RecordBatch>, state: &State) -> Result<()> {
        self.background.check()?;
        let shard = checked::get(&self.each, place_of(&self.each, block.shard)?)?;
        let Some((number, first, batches)) = self.gathered(shard, block, batches)? else {
            return Ok(()); // Proof: the block waits for the last of its piece, and no shard ends without it.
        };
        let Piece { buffers, note } = self.encoder.encode(first, batches)?;
        let known = PieceRecord::of(&buffers, note);
        let piece = Encoded { buffers, known };
        self.write(shard, number, piece, state)
    }
}

/// Where among some shards, whose numbers ascend, the one of a number is.
fn place_of<N>(each: &[Shard<N>], number: usize) -> Result<usize> {
    // Proof: where it is not, there is no such shard, which is said.
    each.binary_search_by_key(&number, |shard| shard.number).map_err(|_| no_shard(number))
}

fn no_shard(shard: usize) -> Error {
    Error::Internal(format!("there is no shard {shard}"))
}

fn no_block<N>(shard: &Shard<N>, block: &Block) -> Error {
    Error::Internal(format!(
        "{} has {} blocks and none of the number {}",
        shard.name, shard.blocks, block.index
    ))
}

/// The checksum of runs of bytes that follow each other.
fn combined<'a>(sums: impl Iterator<Item = &'a Hasher>) -> Crc32 {
    let mut whole = Hasher::new();
    sums.for_each(|sum| whole.combine(sum));
    Crc32(whole.finalize())
}

#[cfg(test)]
mod tests;
