//! The shards of an output, which many threads write at once.
//!
//! A thread encodes its piece on its own, waits until the pieces before it have claimed their places in the
//! file, claims its own, and writes there while others do the same elsewhere. A shard whose pieces are all
//! written is handed to the thread that waits for the disk: there it is synced, counted, given its name, and
//! noted in the journal.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use arrow::buffer::Buffer;
use arrow::record_batch::RecordBatch;
use crc32fast::Hasher;
use xxhash_rust::xxh3::xxh3_64;

use super::background::{Background, Wanted};
use super::checksum::{Crc32, of_parts, sync};
use super::encoder::{Encoder, End};
use super::journal::{Done, Written};
use super::rename::sync_folder;
use super::stage::{Log, Stage};
use crate::error::{At, Error, Result};
use crate::gather::{Block, Plan, Sink};
use crate::parallel::{Job, State};

/// How often a waiting thread looks whether the job is to stop.
const LOOK_UP: Duration = Duration::from_millis(50);
/// Bytes that are written between two looks whether the job is to stop.
const WRITE: usize = 1 << 20;

/// All shards of an output.
pub(super) struct Shards<E: Encoder> {
    encoder: Arc<E>,
    folder: PathBuf,
    each: Vec<Shard<E::Note>>,
    background: Background,
    log: Log,
    /// The shards that are on the disk.
    done: Arc<Mutex<Vec<Done>>>,
}

struct Shard<N> {
    name: String,
    rows: u64,
    blocks: u64,
    /// Whether an interrupted run wrote it.
    kept: bool,
    turn: Mutex<Turn<N>>,
    moved: Condvar,
}

/// How far a shard is.
struct Turn<N> {
    /// The file, while pieces are being written.
    file: Option<Arc<File>>,
    /// Blocks that wait for the others of their piece.
    waiting: BTreeMap<u64, HashMap<u64, (u64, Vec<RecordBatch>)>>,
    /// The next piece to claim its place.
    next: u64,
    /// Where it will be.
    offset: u64,
    written: u64,
    pieces: Vec<Placed<N>>,
}

/// A piece that has its place.
struct Placed<N> {
    offset: u64,
    sum: Hasher,
    digest: u64,
    note: N,
}

impl<E: Encoder + 'static> Shards<E> {
    pub(super) fn new(encoder: E, stage: &Stage, plan: &Plan) -> Result<Self> {
        let count = plan.shards.len();
        let shards = plan.shards.iter().enumerate().map(|(index, rows)| Shard {
            name: encoder.name(index, count),
            rows: rows.end - rows.start,
            blocks: 0,
            kept: stage.kept().iter().any(|done| done.shard == index),
            turn: Mutex::new(Turn {
                file: None,
                waiting: BTreeMap::new(),
                next: 0,
                offset: 0,
                written: 0,
                pieces: Vec::new(),
            }),
            moved: Condvar::new(),
        });
        let mut each: Vec<_> = shards.collect();
        for block in &plan.blocks {
            if let Some(shard) = each.get_mut(block.shard) {
                shard.blocks = shard.blocks.max(block.index + 1);
            }
        }
        Ok(Self {
            encoder: Arc::new(encoder),
            folder: stage.output(),
            each,
            background: Background::start()?,
            log: stage.log(),
            done: Arc::new(Mutex::new(stage.kept().to_vec())),
        })
    }

    /// Makes the folders that shards are in.
    pub(super) fn make_folders(&self) -> Result<()> {
        for shard in &self.each {
            if let Some(folder) = self.folder.join(&shard.name).parent()
                && !folder.is_dir()
            {
                fs::create_dir(folder).map_err(|e| Error::io(folder, "making a folder of the output", e))?;
            }
        }
        Ok(())
    }

    /// Makes the shards that have no rows, and waits until every shard is on the disk.
    pub(super) fn finish(&self, state: &State) -> Result<Vec<Done>> {
        for (index, shard) in self.each.iter().enumerate() {
            if shard.blocks == 0 && !shard.kept {
                let mut turn = shard.turn.lock().unwrap_or_else(PoisonError::into_inner);
                self.open(shard, &mut turn)?;
                self.close(index, shard, &mut turn, state)?;
            }
        }
        self.background.wait(state)?;
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner).clone();
        done.sort_by_key(|done| done.shard);
        if done.len() != self.each.len() {
            return Err(Error::Internal(format!(
                "{} of {} shards are finished",
                done.len(),
                self.each.len()
            )));
        }
        Ok(done)
    }

    /// Does something after all shards are on the disk, where it keeps nobody waiting.
    pub(super) fn afterwards(&self, task: impl FnOnce() -> Result<()> + Send + 'static) -> Result<()> {
        self.background.add(task)
    }

    /// Waits until everything is done.
    pub(super) fn wait(&self, state: &State) -> Result<()> {
        self.background.wait(state)
    }

    /// Waits for the shards that only the disk keeps from being finished, where the rest of the work failed.
    pub(super) fn rescue(&self, job: &Job<'_>) {
        while matches!(job.run_on(1, |_, _| Ok(self.background.is_busy())).as_deref(), Ok([true])) {}
    }

    pub(super) fn encoder(&self) -> &E {
        &self.encoder
    }

    fn pieces(&self, shard: &Shard<E::Note>) -> u64 {
        shard.blocks.div_ceil(self.encoder.blocks_of_a_piece())
    }

    fn open(&self, shard: &Shard<E::Note>, turn: &mut Turn<E::Note>) -> Result<Arc<File>> {
        if let Some(file) = &turn.file {
            return Ok(file.clone());
        }
        let path = part(&self.folder, &shard.name);
        let file = Arc::new(create(&path)?);
        write_at(&file, &path, self.encoder.head(), 0)?;
        turn.offset = self.encoder.head().len() as u64;
        turn.file = Some(file.clone());
        Ok(file)
    }

    /// Claims the place of a piece in its shard.
    fn claim(
        &self,
        shard: &Shard<E::Note>,
        piece: u64,
        bytes: u64,
        placed: impl FnOnce(u64) -> Placed<E::Note>,
        state: &State,
    ) -> Result<(Arc<File>, u64)> {
        let mut turn = shard.turn.lock().unwrap_or_else(PoisonError::into_inner);
        while turn.next != piece {
            state.check()?;
            let waited = shard.moved.wait_timeout(turn, LOOK_UP);
            turn = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let file = self.open(shard, &mut turn)?;
        let offset = turn.offset;
        turn.offset += bytes;
        turn.next += 1;
        turn.pieces.push(placed(offset));
        shard.moved.notify_all();
        Ok((file, offset))
    }

    /// The blocks of a piece, once the last of them is there: the row of the first, and all batches.
    fn gathered(
        &self,
        shard: &Shard<E::Note>,
        block: &Block,
        batches: Vec<RecordBatch>,
    ) -> Option<(u64, u64, Vec<RecordBatch>)> {
        let each = self.encoder.blocks_of_a_piece();
        let piece = block.index / each;
        if each == 1 {
            return Some((piece, block.rows.start, batches));
        }
        let mut turn = shard.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = turn.waiting.entry(piece).or_default();
        waiting.insert(block.index, (block.rows.start, batches));
        if (waiting.len() as u64) < each.min(shard.blocks - piece * each) {
            return None;
        }
        let mut blocks: Vec<_> = turn.waiting.remove(&piece)?.into_iter().collect();
        drop(turn);
        blocks.sort_by_key(|(index, _)| *index);
        let first = blocks.first().map(|(_, (row, _))| *row)?;
        Some((piece, first, blocks.into_iter().flat_map(|(_, (_, batches))| batches).collect()))
    }

    /// Ends a shard, and hands it to the thread that waits for the disk.
    fn close(
        &self,
        index: usize,
        shard: &Shard<E::Note>,
        turn: &mut Turn<E::Note>,
        state: &State,
    ) -> Result<()> {
        let Some(file) = turn.file.take() else { return Ok(()) };
        let path = part(&self.folder, &shard.name);
        let mut sums = Vec::new();
        let mut notes = Vec::new();
        for placed in turn.pieces.drain(..) {
            sums.push((placed.sum, placed.digest));
            notes.push((placed.offset, placed.note));
        }
        let End { head, tail, more, facts } = self.encoder.end(&shard.name, notes)?;
        if let Some(head) = &head {
            write_at(&file, &path, head, 0)?;
        }
        write_all_at(&file, &path, &tail, turn.offset, state)?;
        let bytes = turn.offset + tail.len() as u64;
        let head = head.as_deref().unwrap_or_else(|| self.encoder.head());
        sums.insert(0, (of_parts([head]), xxh3_64(head)));
        let crc32 = combined(sums.iter().map(|(sum, _)| sum).chain([&of_parts([tail.as_slice()])]));
        let mut digests: Vec<u8> = sums.iter().flat_map(|(_, digest)| digest.to_le_bytes()).collect();
        let mut files = vec![Written { name: shard.name.clone(), bytes, crc32 }];
        let mut parts = vec![(path, file)];
        for (name, bytes) in more {
            let path = part(&self.folder, &name);
            let file = Arc::new(create(&path)?);
            write_all_at(&file, &path, &bytes, 0, state)?;
            digests.extend(xxh3_64(&bytes).to_le_bytes());
            files.push(Written { name, bytes: bytes.len() as u64, crc32: Crc32::of(&bytes) });
            parts.push((path, file));
        }
        let digest = format!("{:016x}", xxh3_64(&digests));
        let done = Done { shard: index, rows: shard.rows, files, digest, facts };
        let settle = Settle {
            encoder: self.encoder.clone(),
            folder: self.folder.clone(),
            wanted: self.background.wanted(),
            log: self.log.clone(),
            all: self.done.clone(),
        };
        self.background.add(move || settle.shard(done, parts))
    }
}

impl<E: Encoder + 'static> Sink for Shards<E> {
    fn put(&self, block: &Block, batches: Vec<RecordBatch>, state: &State) -> Result<()> {
        self.background.check()?;
        let shard = self
            .each
            .get(block.shard)
            .ok_or_else(|| Error::Internal(format!("there is no shard {}", block.shard)))?;
        let Some((number, first, batches)) = self.gathered(shard, block, batches) else { return Ok(()) };
        let piece = self.encoder.encode(first, batches)?;
        let bytes: u64 = piece.buffers.iter().map(|buffer| buffer.len() as u64).sum();
        let sum = of_parts(piece.buffers.iter().map(Buffer::as_slice));
        let digests: Vec<u8> =
            piece.buffers.iter().flat_map(|buffer| xxh3_64(buffer).to_le_bytes()).collect();
        let digest = xxh3_64(&digests);
        let placed = |offset| Placed { offset, sum, digest, note: piece.note };
        let (file, mut offset) = self.claim(shard, number, bytes, placed, state)?;
        let path = part(&self.folder, &shard.name);
        for buffer in &piece.buffers {
            write_all_at(&file, &path, buffer, offset, state)?;
            offset += buffer.len() as u64;
        }
        drop(file);
        let mut turn = shard.turn.lock().unwrap_or_else(PoisonError::into_inner);
        turn.written += 1;
        if turn.written == self.pieces(shard) {
            self.close(block.shard, shard, &mut turn, state)?;
        }
        Ok(())
    }
}

/// The last steps of a shard.
struct Settle<E> {
    encoder: Arc<E>,
    folder: PathBuf,
    wanted: Wanted,
    log: Log,
    all: Arc<Mutex<Vec<Done>>>,
}

impl<E: Encoder> Settle<E> {
    fn shard(&self, done: Done, parts: Vec<(PathBuf, Arc<File>)>) -> Result<()> {
        let settled = self.settle(&done, &parts);
        if settled.is_err() {
            // After a sync that failed nobody knows what is on the disk: the shard is made anew another time.
            for (path, _) in &parts {
                let _ =
                    self.wanted.step(|| fs::remove_file(path).map_err(|e| Error::io(path, "removing", e)));
            }
        }
        settled
    }

    fn settle(&self, done: &Done, parts: &[(PathBuf, Arc<File>)]) -> Result<()> {
        for (path, file) in parts {
            sync(file, path)?;
        }
        if let Some((path, _)) = parts.first() {
            let rows = self.encoder.count_rows(path)?;
            if rows != done.rows {
                let message = format!("{} rows were written and {rows} are there", done.rows);
                return Err(Error::format(path, At::File, message));
            }
        }
        self.wanted.step(|| {
            for ((part, _), file) in parts.iter().zip(&done.files) {
                let path = self.folder.join(&file.name);
                fs::rename(part, &path)
                    .map_err(|e| Error::io(&path, "giving a finished shard its name", e))?;
            }
            Ok(())
        })?;
        parts.first().and_then(|(path, _)| path.parent()).map_or(Ok(()), sync_folder)?;
        self.wanted.step(|| self.log.append(done.clone()))?;
        self.log.sync()?;
        self.all.lock().unwrap_or_else(PoisonError::into_inner).push(done.clone());
        Ok(())
    }
}

/// The checksum of runs of bytes that follow each other.
fn combined<'a>(sums: impl Iterator<Item = &'a Hasher>) -> Crc32 {
    let mut whole = Hasher::new();
    sums.for_each(|sum| whole.combine(sum));
    Crc32(whole.finalize())
}

/// Where a file is while it is being written.
fn part(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.part"))
}

fn create(path: &Path) -> Result<File> {
    File::options().write(true).create_new(true).open(path).map_err(|e| Error::io(path, "creating", e))
}

/// Writes bytes, unless the job is to stop.
fn write_all_at(file: &File, path: &Path, bytes: &[u8], offset: u64, state: &State) -> Result<()> {
    for (index, chunk) in bytes.chunks(WRITE).enumerate() {
        state.check()?;
        write_at(file, path, chunk, offset + (index * WRITE) as u64)?;
    }
    Ok(())
}

#[cfg(unix)]
fn write_at(file: &File, path: &Path, bytes: &[u8], offset: u64) -> Result<()> {
    let written = std::os::unix::fs::FileExt::write_all_at(file, bytes, offset);
    written.map_err(|e| Error::io(path, format!("writing {} bytes at {offset}", bytes.len()), e))
}

#[cfg(windows)]
fn write_at(file: &File, path: &Path, mut bytes: &[u8], mut offset: u64) -> Result<()> {
    let failed = |e, len, offset| Error::io(path, format!("writing {len} bytes at {offset}"), e);
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, offset);
        match written.map_err(|e| failed(e, bytes.len(), offset))? {
            0 => return Err(failed(std::io::ErrorKind::WriteZero.into(), bytes.len(), offset)),
            count => {
                bytes = bytes.get(count..).unwrap_or_default();
                offset += count as u64;
            }
        }
    }
    Ok(())
}
