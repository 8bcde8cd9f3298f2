//! Parquet shards, as the hub has them: `data/train-00000-of-00004.parquet`.
//!
//! A row group is encoded in memory by one thread and written where its shard then ends, as pieces of the other
//! formats are; the footer is made of what is known of the groups, with their offsets moved.

mod chunked;
pub(crate) mod page_crc;
pub(crate) mod room;

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_writer::{ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, add_encoded_arrow_schema_to_metadata};
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::page_index::PageIndexBuilder;
use parquet::file::metadata::{
    FileMetaData, KeyValue, PageIndexPolicy, ParquetMetaDataBuilder, ParquetMetaDataReader,
    ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::file::properties::{WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedFileWriter, TrackedWrite};
use parquet::schema::types::SchemaDescPtr;

use super::encoder::{Encoder, End, Piece};
use super::shard_names::shard_name;
use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};
use crate::exec::catch_panic::guard;
use crate::exec::memory::check_free;
use crate::gather::Plan;
use crate::parquet_file::check_indexes;
use crate::write::format::Format;
use crate::write::format::finished::FinishedShard;
use page_crc::{ChecksummedChunk, ChecksummedPages};
use room::{check_room, own};

/// What a Parquet file begins and ends with.
const MAGIC: &[u8; 4] = b"PAR1";
/// Bytes of rows in a row group, about, as they are in memory.
const GROUP_BYTES: u64 = 64 << 20;

/// Parquet files of one schema.
pub(crate) struct Groups {
    schema: SchemaRef,
    columns: SchemaDescPtr,
    properties: WriterPropertiesPtr,
    split: String,
    blocks_of_a_group: u64,
}

/// What the footer has to say of a row group; offsets are from its start.
pub(crate) struct EncodedRowGroup {
    rows: u64,
    columns: Vec<ColumnCloseResult>,
}

impl Groups {
    /// With `by_content`, pages end where the values say so.
    pub(crate) fn new(schema: &SchemaRef, plan: &Plan, split: &str, by_content: bool) -> Result<Self> {
        let told = schema.metadata().iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
        let told = told.chain(by_content.then(chunked::told)).collect();
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_key_value_metadata(Some(told));
        let mut properties =
            if by_content { chunked::by_content(properties).build() } else { properties.build() };
        add_encoded_arrow_schema_to_metadata(schema, &mut properties);
        let converter = ArrowSchemaConverter::new().with_coerce_types(properties.coerce_types());
        let columns = converter.convert(schema).map_err(cannot_encode)?;
        // Proof: what saturates is more than a group has.
        let blocks_of_a_group = (GROUP_BYTES / plan.row_bytes.saturating_mul(plan.block_rows).max(1)).max(1);
        Ok(Self {
            schema: schema.clone(),
            columns: Arc::new(columns),
            properties: Arc::new(properties),
            split: split.to_owned(),
            blocks_of_a_group,
        })
    }

    fn group(&self, batches: &[RecordBatch]) -> Result<(Vec<Buffer>, EncodedRowGroup), ParquetError> {
        let pages = ChecksummedPages::default();
        let closed = if self.properties.content_defined_chunking().is_some() {
            chunked::columns(&self.schema, &self.properties, &pages, batches)?
        } else {
            self.closed(&pages, batches)?
        };
        let rows = batches.iter().map(|batch| batch.num_rows() as u64).sum();
        let (mut buffers, mut columns, mut offset) = (Vec::new(), Vec::new(), 0);
        for (index, close) in closed.into_iter().enumerate() {
            let ChecksummedChunk { pages, close } = pages.chunk(index, close, offset)?;
            offset += close.metadata.compressed_size();
            buffers.extend(pages.into_iter().map(Buffer::from));
            columns.push(close);
        }
        Ok((super::arrow::coalesce(buffers), EncodedRowGroup { rows, columns }))
    }

    /// Encodes rows into pages, and gives what is known of each column.
    fn closed(
        &self,
        pages: &ChecksummedPages,
        batches: &[RecordBatch],
    ) -> Result<Vec<ColumnCloseResult>, ParquetError> {
        // The column writers are those of a file, which is written elsewhere.
        let root = self.columns.root_schema_ptr();
        let file = SerializedFileWriter::new(io::sink(), root, self.properties.clone())?;
        let factory = ArrowRowGroupWriterFactory::new(&file, self.schema.clone())
            .with_page_store_factory(Arc::new(pages.clone()));
        let mut writers = factory.create_column_writers(0)?;
        for batch in batches {
            check_room(batch)?;
            let mut leaves = writers.iter_mut();
            for (field, column) in checked::zip(self.schema.fields(), batch.columns()).map_err(own)? {
                for leaf in compute_leaves(field, column)? {
                    let writer = leaves.next().ok_or_else(|| own(impossible("a leaf has no writer")))?;
                    writer.write(&leaf)?;
                }
            }
            checked::equal("writers without a leaf", leaves.len(), 0).map_err(own)?;
        }
        writers.into_iter().map(|writer| Ok(writer.close()?.close().clone())).collect()
    }

    fn footer(&self, groups: Vec<(u64, EncodedRowGroup)>) -> Result<Vec<u8>, ParquetError> {
        let mut index = PageIndexBuilder::new(groups.len(), self.columns.num_columns());
        let mut row_groups = Vec::with_capacity(groups.len());
        let (mut rows, mut end) = (0, MAGIC.len() as u64);
        for (number, (offset, group)) in groups.into_iter().enumerate() {
            rows = checked::add(rows, group.rows).map_err(own)?;
            end = offset;
            let mut columns = Vec::with_capacity(group.columns.len());
            let mut bytes = 0;
            for (column, close) in group.columns.into_iter().enumerate() {
                let close = page_crc::moved(close, signed(offset)?)?;
                let size = checked::to(close.metadata.compressed_size()).map_err(own)?;
                end = checked::add(end, size).map_err(own)?;
                bytes += close.metadata.uncompressed_size();
                if let Some(found) = close.column_index {
                    index.put_column_index(found, number, column);
                }
                if let Some(found) = close.offset_index {
                    index.put_offset_index(found, number, column);
                }
                columns.push(close.metadata);
            }
            let row_group = RowGroupMetaData::builder(self.columns.clone())
                .set_column_metadata(columns)
                .set_num_rows(signed(group.rows)?)
                .set_total_byte_size(bytes)
                .set_ordinal(i32::try_from(number).map_err(|e| ParquetError::General(e.to_string()))?)
                .set_file_offset(signed(offset)?)
                .build()?;
            row_groups.push(row_group);
        }
        let file = FileMetaData::new(
            self.properties.writer_version().as_num(),
            signed(rows)?,
            Some(self.properties.created_by().to_owned()),
            self.properties.key_value_metadata().cloned(),
            self.columns.clone(),
            None,
        );
        let metadata = ParquetMetaDataBuilder::new(file)
            .set_row_groups(row_groups)
            .set_page_index(Some(Arc::new(index.build())))
            .build();
        let mut tail = Vec::new();
        let mut placed = TrackedWrite::new(After { skip: end, kept: &mut tail });
        placed.write_zeros(end)?;
        ParquetMetaDataWriter::new_with_tracked(placed, &metadata).finish()?;
        Ok(tail)
    }
}

impl Encoder for Groups {
    type Note = EncodedRowGroup;

    fn blocks_of_a_piece(&self) -> u64 {
        self.blocks_of_a_group
    }

    fn name(&self, shard: usize, shards: usize) -> String {
        shard_name(Format::Parquet, &self.split, shard, shards)
    }

    fn head(&self, _rows: u64) -> Result<Cow<'_, [u8]>> {
        Ok(Cow::Borrowed(MAGIC))
    }

    fn encode(&self, _first: u64, batches: Vec<RecordBatch>) -> Result<Piece<EncodedRowGroup>> {
        check_free("writing Parquet")?;
        let (buffers, note) = self.group(&batches).map_err(cannot_encode)?;
        Ok(Piece { buffers, note })
    }

    fn end(&self, _name: &str, pieces: Vec<(u64, EncodedRowGroup)>) -> Result<End> {
        let tail = self.footer(pieces).map_err(cannot_encode)?;
        Ok(End { tail, ..End::default() })
    }

    fn count_rows(&self, path: &Path) -> Result<u64> {
        count_rows(path)
    }

    fn companions(&self, _fingerprint: &str, _shards: &[FinishedShard]) -> Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }
}

/// The rows of a Parquet file, by its footer.
pub(crate) fn count_rows(path: &Path) -> Result<u64> {
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, "opening", e))?;
    let metadata = guard(path, &At::File, "reading the footer", || {
        let found = ParquetMetaDataReader::new().parse_and_finish(&file)?;
        check_indexes(&file, &found)?;
        let reader = ParquetMetaDataReader::new_with_metadata(found);
        let mut reader = reader.with_page_index_policy(PageIndexPolicy::Required);
        reader.read_page_indexes(&file)?;
        reader.finish()
    })?;
    let rows = metadata.row_groups().iter().map(RowGroupMetaData::num_rows);
    rows.map(u64::try_from).try_fold(0_u64, |all, rows| all.checked_add(rows.ok()?)).ok_or_else(|| {
        let message = "the row groups have fewer rows than none, or more than can be; the file is damaged";
        Error::format(path, At::Field("num_rows".to_owned()), message)
    })
}

/// Keeps what is written after so many bytes.
struct After<'a> {
    skip: u64,
    kept: &'a mut Vec<u8>,
}

impl Write for After<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Proof: the smaller of the two.
        let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
        self.skip -= skipped as u64;
        let (_, kept) = bytes.split_at(skipped);
        self.kept.extend_from_slice(kept);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Advances a writer, which knows its offset by what was written to it.
trait WriteZeros: Write {
    fn write_zeros(&mut self, count: u64) -> io::Result<()> {
        let zeros = vec![0; 1 << 20];
        let mut left = count;
        while left > 0 {
            // Proof: the smaller of the two.
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
            let (some, _) = zeros.split_at(count);
            self.write_all(some)?;
            left -= count as u64;
        }
        Ok(())
    }
}

impl<W: Write> WriteZeros for TrackedWrite<W> {}

fn signed(value: u64) -> Result<i64, ParquetError> {
    i64::try_from(value).map_err(|e| ParquetError::General(e.to_string()))
}

fn cannot_encode(error: ParquetError) -> Error {
    let refused =
        |error: &dyn Display| Error::Value(format!("the rows cannot be written as Parquet: {error}"));
    match error {
        ParquetError::External(inner) => inner.downcast().map_or_else(|other| refused(&other), |own| *own),
        other => refused(&other),
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::Int32Array;

    use super::*;
    use crate::gather::{Corpus, Layout, Split};

    #[test]
    fn own_errors_come_out_as_they_went_in() {
        let inner = cannot_encode(own(Error::Internal("a leaf has no writer".to_owned())));
        assert!(matches!(inner, Error::Internal(said) if said == "a leaf has no writer"));
        let other = cannot_encode(ParquetError::NYI("a union".to_owned()));
        assert!(
            matches!(other, Error::Value(said) if said.contains("as Parquet") && said.contains("a union"))
        );
    }

    /// Shards that are made on their own have the row groups of the whole, though their first blocks are shorter.
    #[test]
    fn row_groups_are_cut_by_the_layout_whichever_shards_are_made() {
        let rows = RecordBatch::try_from_iter([("n", Arc::new(Int32Array::from(vec![7; 10])) as _)]).unwrap();
        let schema = rows.schema();
        let corpus = Corpus::from_batches(schema.clone(), &[rows], None).unwrap();
        // Shards of 4, 3 and 3 rows of a megabyte.
        let layout = Layout::new(&corpus, 10, 1 << 20, Split::Shards(3)).unwrap();
        let groups = |made: &[usize]| {
            let plan = Plan::of_layout(&corpus, &layout, made, 1 << 30).unwrap();
            (Groups::new(&schema, &plan, "train", false).unwrap().blocks_of_a_group, plan.blocks[0].len())
        };
        let whole = Plan::new(&corpus, 10, 1 << 20, Split::Shards(3), 1 << 30).unwrap();
        let blocks = Groups::new(&schema, &whole, "train", false).unwrap().blocks_of_a_group;
        assert_eq!((blocks, whole.blocks[0].len()), ((64 << 20) / (4 * whole.row_bytes), 4));
        for (made, rows) in [(&[0, 1, 2][..], 4), (&[1, 2], 3), (&[2], 3)] {
            assert_eq!(groups(made), (blocks, rows));
        }
    }
}
