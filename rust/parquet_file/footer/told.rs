//! The schema of Arrow that a writer told beside that of Parquet: as bytes of Arrow, in letters.

use arrow::datatypes::Schema;
use arrow::ipc::convert::try_schema_from_ipc_buffer;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use parquet::arrow::ARROW_SCHEMA_META_KEY;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;

/// Fails where it is told without a value, or more than once: readers make different types of that.
pub(super) fn check_told_once(metadata: &ParquetMetaData) -> Result<()> {
    let pairs = metadata.file_metadata().key_value_metadata().into_iter().flatten(); // Proof: without pairs, nothing is told.
    let told: Vec<_> = pairs.filter(|pair| pair.key == ARROW_SCHEMA_META_KEY).collect();
    match told[..] {
        [] => Ok(()),
        [pair] if pair.value.is_some() => Ok(()),
        [_] => Err(ParquetError::General(format!("the footer has {ARROW_SCHEMA_META_KEY} without a value"))),
        _ => {
            Err(ParquetError::General(format!("the footer has {ARROW_SCHEMA_META_KEY} {} times", told.len())))
        }
    }
}

/// The schema that a writer told, if it told one.
///
/// Proof: one that cannot be read is none, as for the crate.
pub(super) fn told_schema(metadata: &ParquetMetaData) -> Option<Schema> {
    let pairs = metadata.file_metadata().key_value_metadata()?;
    let text = pairs.iter().find(|pair| pair.key == ARROW_SCHEMA_META_KEY)?.value.as_ref()?;
    try_schema_from_ipc_buffer(&BASE64_STANDARD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int32Array, RecordBatch};
    use arrow::datatypes::{DataType, Field};
    use bytes::Bytes;
    use parquet::arrow::arrow_writer::ArrowWriterOptions;
    use parquet::arrow::{ArrowWriter, encode_arrow_schema};
    use parquet::file::metadata::KeyValue;
    use parquet::file::properties::WriterProperties;

    use super::super::load::load;
    use super::*;

    /// A file of one column that tells the schema of Arrow by these values.
    fn telling(values: &[Option<&str>]) -> Bytes {
        let batch = RecordBatch::try_from_iter([("n", Arc::new(Int32Array::from(vec![1])) as _)]).unwrap();
        let pairs = values
            .iter()
            .map(|value| KeyValue { key: ARROW_SCHEMA_META_KEY.to_owned(), value: value.map(str::to_owned) });
        let properties = WriterProperties::builder().set_key_value_metadata(Some(pairs.collect())).build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new_with_options(&mut bytes, batch.schema(), options).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        bytes.into()
    }

    #[test]
    fn the_schema_of_arrow_is_told_once_and_with_a_value() {
        let schema = Schema::new(vec![Field::new("n", DataType::Int32, true)]);
        let told = encode_arrow_schema(&schema);
        assert!(load(&telling(&[])).is_ok());
        let footer = load(&telling(&[Some(&told)])).unwrap();
        assert_eq!(told_schema(footer.metadata.metadata()), Some(schema));
        let said = |values: &[Option<&str>]| load(&telling(values)).err().unwrap().to_string();
        assert!(said(&[None]).contains("ARROW:schema without a value"));
        assert!(said(&[Some(&told), Some(&told)]).contains("ARROW:schema 2 times"));
        assert!(said(&[Some(&told), None]).contains("ARROW:schema 2 times"));
    }
}
