//! Arrow stream shards that many threads write at once.
//!
//! A thread encodes its block on its own, waits until the blocks before it have claimed their places in the
//! file, claims its own, and writes there while others do the same elsewhere.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatchOptions;
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::StreamEncoder;
use arrow::record_batch::RecordBatch;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, Result};
use crate::gather::{Block, Plan, Sink};
use crate::parallel::State;

/// The end mark of a stream.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
/// Buffers below this size are written together.
const SMALL: usize = 64 << 10;
/// How often a waiting thread looks whether the job is to stop.
const LOOK_UP: Duration = Duration::from_millis(50);

/// A finished shard.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) digest: u64,
}

/// All shards of a dataset.
pub(super) struct Shards {
    folder: PathBuf,
    schema: SchemaRef,
    /// What every shard begins with.
    head: Vec<u8>,
    each: Vec<Shard>,
}

struct Shard {
    name: String,
    blocks: u64,
    turn: Mutex<Turn>,
    moved: Condvar,
}

/// How far a shard is.
#[derive(Default)]
struct Turn {
    /// The file, while blocks are being written.
    file: Option<std::sync::Arc<File>>,
    /// The next block to claim its place.
    next: u64,
    /// Where it will be.
    offset: u64,
    written: u64,
    /// The digests of the blocks, each of its own bytes.
    digests: Vec<u64>,
    finished: bool,
}

impl Shards {
    pub(super) fn new(folder: &Path, plan: &Plan, schema: &SchemaRef) -> Result<Self> {
        let count = plan.shards.len();
        let shards = plan.shards.iter().enumerate().map(|(index, _)| Shard {
            name: format!("data-{index:05}-of-{count:05}.arrow"),
            blocks: 0,
            turn: Mutex::default(),
            moved: Condvar::new(),
        });
        let mut shards: Vec<_> = shards.collect();
        for block in &plan.blocks {
            if let Some(shard) = shards.get_mut(block.shard) {
                shard.blocks = shard.blocks.max(block.index + 1);
            }
        }
        let encoder = StreamEncoder::try_new(schema).map_err(|e| cannot_encode(&e))?;
        let whole: Vec<u8> =
            encoder.finish().map_err(|e| cannot_encode(&e))?.iter().flat_map(|b| b.iter().copied()).collect();
        let head = whole.get(..whole.len().saturating_sub(END.len())).unwrap_or_default().to_vec();
        Ok(Self { folder: folder.to_path_buf(), schema: schema.clone(), head, each: shards })
    }

    /// Checks that every shard is whole; makes those that have no rows.
    pub(super) fn finish(&self) -> Result<Vec<Done>> {
        let mut done = Vec::new();
        for shard in &self.each {
            let mut turn = shard.turn.lock().unwrap_or_else(PoisonError::into_inner);
            if shard.blocks == 0 {
                self.open(shard, &mut turn)?;
                self.close(shard, &mut turn)?;
            }
            if !turn.finished {
                return Err(Error::Internal(format!(
                    "{} has {} of {} blocks",
                    shard.name, turn.written, shard.blocks
                )));
            }
            let digests: Vec<u8> = turn.digests.iter().flat_map(|digest| digest.to_le_bytes()).collect();
            done.push(Done { name: shard.name.clone(), bytes: turn.offset, digest: xxh3_64(&digests) });
        }
        Ok(done)
    }

    fn path(&self, shard: &Shard) -> PathBuf {
        self.folder.join(&shard.name)
    }

    fn open(&self, shard: &Shard, turn: &mut Turn) -> Result<std::sync::Arc<File>> {
        if let Some(file) = &turn.file {
            return Ok(file.clone());
        }
        let path = self.path(shard);
        let file = File::options().write(true).create_new(true).open(&path);
        let file = std::sync::Arc::new(file.map_err(|e| Error::io(&path, "creating", e))?);
        write_at(&file, &path, &self.head, 0)?;
        turn.offset = self.head.len() as u64;
        turn.digests.push(xxh3_64(&self.head));
        turn.file = Some(file.clone());
        Ok(file)
    }

    /// Ends a shard with its end mark and brings it to the disk.
    fn close(&self, shard: &Shard, turn: &mut Turn) -> Result<()> {
        let path = self.path(shard);
        let Some(file) = turn.file.take() else { return Ok(()) };
        write_at(&file, &path, &END, turn.offset)?;
        turn.offset += END.len() as u64;
        file.sync_data().map_err(|e| Error::io(&path, "bringing to the disk", e))?;
        turn.finished = true;
        Ok(())
    }

    /// Claims the place of a block in its shard.
    fn claim(
        &self,
        shard: &Shard,
        block: u64,
        bytes: u64,
        digest: u64,
        state: &State,
    ) -> Result<(std::sync::Arc<File>, u64)> {
        let mut turn = shard.turn.lock().unwrap_or_else(PoisonError::into_inner);
        while turn.next != block {
            state.check()?;
            let waited = shard.moved.wait_timeout(turn, LOOK_UP);
            turn = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let file = self.open(shard, &mut turn)?;
        let offset = turn.offset;
        turn.offset += bytes;
        turn.next += 1;
        turn.digests.push(digest);
        shard.moved.notify_all();
        Ok((file, offset))
    }

    /// A block as the bytes it has in a stream.
    fn encode(&self, batches: Vec<RecordBatch>) -> Result<Vec<Buffer>> {
        let mut encoder = StreamEncoder::try_new(&self.schema).map_err(|e| cannot_encode(&e))?;
        // The first thing that an encoder gives is the schema, which the shard has.
        let empty = RecordBatch::new_empty(self.schema.clone());
        encoder.encode(&empty).map_err(|e| cannot_encode(&e))?;
        let mut buffers = Vec::new();
        for batch in batches {
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let batch =
                RecordBatch::try_new_with_options(self.schema.clone(), batch.columns().to_vec(), &options)
                    .map_err(|e| cannot_encode(&e))?;
            buffers.extend(encoder.encode(&batch).map_err(|e| cannot_encode(&e))?);
        }
        Ok(together(buffers))
    }
}

impl Sink for Shards {
    fn put(&self, block: &Block, batches: Vec<RecordBatch>, state: &State) -> Result<()> {
        let shard = self
            .each
            .get(block.shard)
            .ok_or_else(|| Error::Internal(format!("there is no shard {}", block.shard)))?;
        let buffers = self.encode(batches)?;
        let bytes: u64 = buffers.iter().map(|buffer| buffer.len() as u64).sum();
        let digests: Vec<u8> = buffers.iter().flat_map(|buffer| xxh3_64(buffer).to_le_bytes()).collect();
        let (file, mut offset) = self.claim(shard, block.index, bytes, xxh3_64(&digests), state)?;
        let path = self.path(shard);
        for buffer in &buffers {
            write_at(&file, &path, buffer, offset)?;
            offset += buffer.len() as u64;
        }
        let mut turn = shard.turn.lock().unwrap_or_else(PoisonError::into_inner);
        turn.written += 1;
        if turn.written == shard.blocks {
            self.close(shard, &mut turn)?;
        }
        Ok(())
    }
}

/// Joins runs of small buffers, which would each cost a call.
fn together(buffers: Vec<Buffer>) -> Vec<Buffer> {
    let mut joined = Vec::new();
    let mut small: Vec<u8> = Vec::new();
    for buffer in buffers {
        if buffer.len() < SMALL {
            small.extend_from_slice(&buffer);
        } else {
            if !small.is_empty() {
                joined.push(Buffer::from_vec(std::mem::take(&mut small)));
            }
            joined.push(buffer);
        }
    }
    if !small.is_empty() {
        joined.push(Buffer::from_vec(small));
    }
    joined
}

fn cannot_encode(error: &arrow::error::ArrowError) -> Error {
    Error::Value(format!("the rows cannot be written as an Arrow stream: {error}"))
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
