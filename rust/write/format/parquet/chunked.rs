//! Row groups whose pages end where the values say so: of a data set that others are much like, storage that cuts files
//! by their contents, as the hub does, then keeps what is common once.
//!
//! The parquet crate cuts pages in that way only where it writes a whole file. So each row group goes through such a
//! writer on its own, and its pages are taken on their way: where they are cut depends on the values of the row group
//! alone.

use std::io;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, ParquetMetaData};
use parquet::file::properties::{CdcOptions, WriterProperties, WriterPropertiesBuilder};

use super::page_crc::ChecksummedPages;
use super::room::{check_room, own};
use crate::checked;

/// Bytes of values in a page: those that `datasets` and pyarrow have, by which their files share pages with these.
const CHUNKS: CdcOptions = CdcOptions { min_chunk_size: 256 << 10, max_chunk_size: 1 << 20, norm_level: 0 };

/// Properties by which pages end where the values say so, and nowhere else.
pub(super) fn by_content(properties: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
    properties
        .set_content_defined_chunking(Some(CHUNKS))
        .set_max_row_group_row_count(None)
        .set_data_page_row_count_limit(usize::MAX)
        .set_data_page_size_limit(usize::MAX)
}

/// What a file says of how it was cut, as `datasets` writes it.
pub(super) fn told() -> KeyValue {
    let CdcOptions { min_chunk_size, max_chunk_size, norm_level } = CHUNKS;
    let value = format!(
        "{{\"min_chunk_size\": {min_chunk_size}, \"max_chunk_size\": {max_chunk_size}, \"norm_level\": {norm_level}}}"
    );
    KeyValue::new("content_defined_chunking".to_owned(), value)
}

/// Encodes the rows of a group into pages, and gives what is known of each column.
pub(super) fn columns(
    schema: &SchemaRef,
    properties: &WriterProperties,
    pages: &ChecksummedPages,
    batches: &[RecordBatch],
) -> Result<Vec<ColumnCloseResult>, ParquetError> {
    let options = ArrowWriterOptions::new()
        .with_properties(properties.clone())
        .with_skip_arrow_metadata(true)
        .with_page_store_factory(Arc::new(pages.clone()));
    let mut writer = ArrowWriter::try_new_with_options(io::sink(), schema.clone(), options)?;
    for batch in batches {
        check_room(batch)?;
        writer.write(batch)?;
    }
    closed(&writer.close()?)
}

/// What the footer of a file of one row group says of its columns.
fn closed(file: &ParquetMetaData) -> Result<Vec<ColumnCloseResult>, ParquetError> {
    checked::equal("row groups of a piece", file.num_row_groups(), 1).map_err(own)?;
    let group = file.row_group(0);
    let index = file.page_index_for_row_group(0);
    let rows = checked::to(group.num_rows()).map_err(own)?;
    let columns = group.columns().iter().enumerate().map(|(column, metadata)| {
        Ok(ColumnCloseResult {
            bytes_written: checked::to(metadata.compressed_size()).map_err(own)?,
            rows_written: rows,
            metadata: metadata.clone(),
            bloom_filter: None,
            column_index: index.column_index(column).cloned(),
            offset_index: index.offset_index(column).cloned(),
        })
    });
    columns.collect()
}
