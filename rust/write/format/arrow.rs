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
use super::shard_names::{TRAIN, shard_name};
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
        shard_name(Format::Arrow, TRAIN, shard, shards)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array, StringArray};
    use arrow::ipc::reader::StreamReader;
    use proptest::prelude::*;

    use super::*;

    fn batch(first: i32, rows: i32) -> RecordBatch {
        let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(first..first + rows));
        let texts: StringArray = (first..first + rows).map(|n| (n % 3 > 0).then(|| n.to_string())).collect();
        let columns = [("n", numbers, true), ("t", Arc::new(texts), true)];
        RecordBatch::try_from_iter_with_nullable(columns).unwrap()
    }

    fn streams() -> Streams {
        Streams::new(&batch(0, 0).schema(), Map::new(), ExtraKeys::default()).unwrap()
    }

    /// A shard of pieces, as its bytes lie in a file.
    fn shard(streams: &Streams, pieces: &[Vec<RecordBatch>]) -> Vec<u8> {
        let mut bytes = streams.head(0).unwrap().into_owned();
        for piece in pieces {
            let buffers = streams.encode(0, piece.clone()).unwrap().buffers;
            bytes.extend(buffers.iter().flat_map(|buffer| buffer.iter().copied()));
        }
        let End { head, tail, more, extra } = streams.end("a", Vec::new()).unwrap();
        assert!(head.is_none() && more.is_empty() && extra.is_empty());
        bytes.extend(tail);
        bytes
    }

    #[test]
    fn pieces_make_a_stream_of_their_batches() {
        let streams = streams();
        let pieces = [
            vec![],
            vec![vec![]],
            vec![vec![batch(0, 0)]],
            vec![vec![batch(0, 3), batch(3, 1)], vec![batch(4, 20_000)], vec![batch(9, 2)]],
        ];
        for pieces in pieces {
            let bytes = shard(&streams, &pieces);
            let written: Vec<RecordBatch> = pieces.iter().flatten().cloned().collect();
            let reader = StreamReader::try_new(&bytes[..], None).unwrap();
            assert_eq!(reader.schema(), batch(0, 0).schema());
            assert_eq!(reader.map(Result::unwrap).collect::<Vec<_>>(), written);
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &bytes).unwrap();
            let rows: usize = written.iter().map(RecordBatch::num_rows).sum();
            assert_eq!(streams.count_rows(file.path()).unwrap(), rows as u64);
            // Cut within its end mark, it is no shard.
            for length in [bytes.len() - 1, bytes.len() - 8] {
                std::fs::write(file.path(), &bytes[..length]).unwrap();
                assert!(matches!(streams.count_rows(file.path()), Err(Error::Truncated(_))), "{length}");
            }
        }
        assert!(count_rows(Path::new("/nonexistent/shard")).is_err());
    }

    #[test]
    fn batches_of_other_types_are_refused() {
        let other: ArrayRef = Arc::new(Int32Array::from(vec![1]));
        let other = RecordBatch::try_from_iter([("n", other.clone()), ("t", other)]).unwrap();
        let error = streams().encode(0, vec![batch(0, 1), other]).map(drop).unwrap_err();
        let told =
            matches!(&error, Error::Value(said) if said.contains("cannot be written as an Arrow stream"));
        assert!(told, "{error}");
        let extra_keys = ExtraKeys {
            state: [("_format_type".to_owned(), Value::from(1))].into_iter().collect(),
            ..ExtraKeys::default()
        };
        assert!(Streams::new(&batch(0, 0).schema(), Map::new(), extra_keys).is_err());
        assert_eq!(streams().name(2, 30), shard_name(Format::Arrow, TRAIN, 2, 30));
    }

    proptest! {
        #[test]
        fn small_buffers_are_joined_and_large_ones_stay(
            sizes in prop::collection::vec(
                prop_oneof![0usize..4, Just(SMALL - 1), Just(SMALL), Just(SMALL + 1)], 0..12,
            ),
        ) {
            let buffers: Vec<Buffer> =
                (0_u8..).zip(&sizes).map(|(number, &size)| Buffer::from_vec(vec![number; size])).collect();
            let joined = coalesce(buffers.clone());
            let bytes = |buffers: &[Buffer]| -> Vec<u8> { buffers.iter().flat_map(|b| b.to_vec()).collect() };
            prop_assert_eq!(bytes(&joined), bytes(&buffers));
            // As many as there are large ones and runs of others between them that have bytes.
            let runs = sizes.split(|&size| size >= SMALL).filter(|run| run.iter().sum::<usize>() > 0).count();
            let large: Vec<_> = buffers.iter().filter(|buffer| buffer.len() >= SMALL).collect();
            prop_assert_eq!(joined.len(), runs + large.len());
            // Those are not copied.
            prop_assert!(large.iter().all(|large| joined.iter().any(|one| one.as_ptr() == large.as_ptr())));
        }
    }
}
