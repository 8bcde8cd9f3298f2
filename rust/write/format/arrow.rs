//! Arrow stream shards, in the layout of `save_to_disk`.

use std::borrow::Cow;
use std::path::Path;

use arrow::array::RecordBatchOptions;
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamEncoder;
use arrow::record_batch::RecordBatch;
use serde_json::{Map, Value};

use super::encoder::{Encoder, End, Piece};
use super::hf::json::{self, ExtraKeys};
use super::shard_names::shard_name;
use crate::checked::impossible;
use crate::error::{Error, Result};
use crate::exec::memory::check_free;
use crate::io::file::File;
use crate::io::ipc::{Contents, MessageKind};
use crate::scores::Io;
use crate::write::format::Format;
use crate::write::format::finished::FinishedShard;

/// The end mark of a stream.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
/// Buffers below this size are written together.
const SMALL: usize = 64 << 10;

/// Streams of one schema.
pub(crate) struct Streams {
    schema: SchemaRef,
    features: Map<String, Value>,
    extra_keys: ExtraKeys,
    /// What every shard begins with.
    head: Vec<u8>,
}

impl Streams {
    pub(crate) fn new(
        schema: &SchemaRef,
        features: Map<String, Value>,
        extra_keys: ExtraKeys,
    ) -> Result<Self> {
        extra_keys.check(schema)?;
        let encoder = StreamEncoder::try_new(schema).map_err(|e| cannot_encode(&e))?;
        let whole: Vec<u8> =
            encoder.finish().map_err(|e| cannot_encode(&e))?.iter().flat_map(|b| b.iter().copied()).collect();
        let head = whole.strip_suffix(&END).ok_or_else(|| impossible("a stream has no end mark"))?.to_vec();
        Ok(Self { schema: schema.clone(), features, extra_keys, head })
    }
}

impl Encoder for Streams {
    type Note = ();

    fn name(&self, shard: usize, shards: usize) -> String {
        shard_name(Format::Arrow, shard, shards)
    }

    fn head(&self, _rows: u64) -> Result<Cow<'_, [u8]>> {
        Ok(Cow::Borrowed(&self.head))
    }

    fn encode(&self, _first: u64, batches: Vec<RecordBatch>) -> Result<Piece<()>> {
        check_free("writing Arrow")?;
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
        Ok(Piece { buffers: coalesce(buffers), note: () })
    }

    fn end(&self, _name: &str, _pieces: Vec<(u64, ())>) -> Result<End> {
        Ok(End { tail: END.to_vec(), ..End::default() })
    }

    fn count_rows(&self, path: &Path) -> Result<u64> {
        count_rows(path)
    }

    fn companions(&self, fingerprint: &str, shards: &[FinishedShard]) -> Result<Vec<(String, String)>> {
        json::companions(&self.features, fingerprint, shards, &self.extra_keys)
    }
}

/// The rows of a stream, by the headers of its messages; it must be whole.
pub(crate) fn count_rows(path: &Path) -> Result<u64> {
    let contents = Contents::read(&File::open(path, Io::Pread)?)?;
    Ok(contents
        .messages
        .iter()
        .map(|(_, kind)| if let MessageKind::Batch { rows, .. } = kind { *rows } else { 0 })
        .sum())
}

/// Joins runs of small buffers, which would each cost a call.
pub(crate) fn coalesce(buffers: Vec<Buffer>) -> Vec<Buffer> {
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

fn cannot_encode(error: &ArrowError) -> Error {
    Error::Value(format!("the rows cannot be written as an Arrow stream: {error}"))
}
