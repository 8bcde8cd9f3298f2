//! A schema on its own, as the message that an Arrow IPC stream begins with.

use std::io::Cursor;
use std::path::Path;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use crate::checked::impossible;
use crate::error::{At, Result};
use crate::exec::catch_panic::guard;

/// A stream of this schema and of no batches.
///
/// # Errors
/// A schema that does not come back as it is.
pub(crate) fn schema_bytes(schema: &Schema) -> Result<Vec<u8>> {
    let written = || -> Result<Vec<u8>, ArrowError> {
        let mut writer = StreamWriter::try_new(Vec::new(), schema)?;
        writer.finish()?;
        writer.into_inner()
    };
    let bytes = written().map_err(impossible)?;
    if schema_of(Path::new("<schema>"), &bytes)?.as_ref() != schema {
        return Err(impossible(format_args!("a schema is another once it was told: {schema}")));
    }
    Ok(bytes)
}

/// The schema that such bytes tell.
pub(crate) fn schema_of(path: &Path, bytes: &[u8]) -> Result<SchemaRef> {
    guard(path, &At::Field("schema".to_owned()), "reading a schema", || {
        StreamReader::try_new(Cursor::new(bytes), None).map(|reader| reader.schema())
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, TimeUnit};

    use super::*;

    #[test]
    fn a_schema_comes_back_with_all_that_it_tells() {
        let told = |text: &str| HashMap::from([("k".to_owned(), text.to_owned())]);
        let item = Arc::new(Field::new("element", DataType::Utf8View, false).with_metadata(told("item")));
        let keys = DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8));
        let fields = vec![
            Field::new("list", DataType::LargeList(item.clone()), true),
            Field::new(
                "struct",
                DataType::Struct(vec![item, Field::new("é", keys, true).into()].into()),
                false,
            ),
            Field::new("time", DataType::Timestamp(TimeUnit::Second, Some("Europe/Paris".into())), true),
            Field::new("money", DataType::Decimal256(76, -3), true).with_metadata(told("field")),
            Field::new("list", DataType::Null, true),
        ];
        for metadata in [HashMap::new(), told(""), told("{\"info\": {}}")] {
            let schema = Schema::new_with_metadata(fields.clone(), metadata);
            let bytes = schema_bytes(&schema).unwrap();
            assert_eq!(schema_of(Path::new("f"), &bytes).unwrap().as_ref(), &schema);
            for cut in 0..bytes.len() - 8 {
                let error = schema_of(Path::new("f"), &bytes[..cut]).unwrap_err().to_string();
                assert!(error.starts_with("f: schema: "), "{error}");
            }
        }
    }
}
