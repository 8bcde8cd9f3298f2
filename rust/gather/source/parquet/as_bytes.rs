//! A Parquet file seen as one whose texts and INT96 times are the bytes that they are stored as, and whose small
//! numbers have the 32 bits that they are stored with.
//!
//! The `parquet` crate decodes by the schema it is given. Given one without these meanings it decodes what is stored,
//! which is then checked row by row ([`crate::gather::source::check_values`]).

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{FileMetaData, ParquetMetaData};
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor, Type, TypePtr};

use crate::gather::source::check_values::{INT96_BYTES, without_texts};

/// Whether a column of this type, with these leaves, is only to be had as bytes that are checked: times of INT96,
/// which the crate wraps around, and texts that it does not look at.
pub(crate) fn needs_checks(data_type: &DataType, parquet: &SchemaDescriptor, leaves: &Range<usize>) -> bool {
    let mut found = false;
    let walked = with_leaves(data_type, &mut leaves.clone(), &mut |data_type, leaf| {
        let leaf = parquet.column(leaf);
        found |= match leaf.physical_type() {
            Physical::INT96 => true,
            Physical::BYTE_ARRAY => has_text(data_type) && leaf.converted_type() != ConvertedType::UTF8,
            _ => false,
        };
        data_type.clone()
    });
    // Of a type with other leaves nobody knows: reading it as bytes then fails.
    found || walked.is_none()
}

/// Whether there are texts in a type.
fn has_text(data_type: &DataType) -> bool {
    without_texts(data_type) != *data_type
}

/// Whether there are texts or numbers of 8 or 16 bits in a type.
pub(crate) fn is_stored_wider(data_type: &DataType) -> bool {
    match data_type {
        DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 => true,
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => is_stored_wider(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| is_stored_wider(field.data_type())),
        DataType::Dictionary(_, values) => is_stored_wider(values),
        plain => has_text(plain),
    }
}

/// The metadata of a file whose texts and INT96 times are bytes; `leaves` are those of each column.
pub(crate) fn as_bytes(told: &ArrowReaderMetadata, leaves: &[Range<usize>]) -> Result<ArrowReaderMetadata> {
    let file = told.metadata().file_metadata();
    let parquet = Arc::new(SchemaDescriptor::new(Arc::new(bytes_type(file.schema_descr().root_schema())?)));
    let field = |(field, leaves): (&FieldRef, &Range<usize>)| -> Result<Field> {
        let stored =
            |data_type: &DataType, leaf| stored_type(data_type, file.schema_descr().column(leaf).as_ref());
        let data_type = with_leaves(field.data_type(), &mut leaves.clone(), &mut { stored });
        let data_type =
            data_type.ok_or_else(|| ParquetError::General("a column without leaves".to_owned()))?;
        Ok(field.as_ref().clone().with_data_type(data_type))
    };
    // Proof: as many, as was seen to when the file was opened.
    let fields = told.schema().fields().iter().zip(leaves).map(field).collect::<Result<Fields>>()?;
    let file = FileMetaData::new(file.version(), file.num_rows(), None, None, parquet, None);
    let metadata = ParquetMetaData::new(file, told.metadata().row_groups().to_vec());
    let schema = Arc::new(Schema::new_with_metadata(fields, told.schema().metadata().clone()));
    ArrowReaderMetadata::try_new(Arc::new(metadata), ArrowReaderOptions::new().with_schema(schema))
}

/// A type whose leaves are what `change` makes of them, each with the next of the Parquet leaves; nothing where
/// there are too few.
fn with_leaves(
    data_type: &DataType,
    leaves: &mut Range<usize>,
    change: &mut impl FnMut(&DataType, usize) -> DataType,
) -> Option<DataType> {
    let mut inner = |field: &FieldRef| -> Option<FieldRef> {
        let data_type = with_leaves(field.data_type(), leaves, change)?;
        Some(Arc::new(field.as_ref().clone().with_data_type(data_type)))
    };
    Some(match data_type {
        DataType::List(item) => DataType::List(inner(item)?),
        DataType::LargeList(item) => DataType::LargeList(inner(item)?),
        DataType::ListView(item) => DataType::ListView(inner(item)?),
        DataType::LargeListView(item) => DataType::LargeListView(inner(item)?),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(inner(item)?, *length),
        DataType::Map(entries, sorted) => DataType::Map(inner(entries)?, *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inner).collect::<Option<_>>()?),
        plain => change(plain, leaves.next()?),
    })
}

fn stored_type(data_type: &DataType, leaf: &ColumnDescriptor) -> DataType {
    match (leaf.physical_type(), data_type) {
        (Physical::INT96, _) => DataType::FixedSizeBinary(INT96_BYTES),
        (Physical::INT32, DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16) => {
            DataType::Int32
        }
        (_, DataType::Dictionary(_, values)) if has_text(values) => without_texts(values),
        _ => without_texts(data_type),
    }
}

/// A node of a Parquet schema without the meanings that bytes have.
fn bytes_type(node: &Type) -> Result<Type> {
    let info = node.get_basic_info();
    let id = info.has_id().then(|| info.id());
    if node.is_primitive() {
        let text = matches!(info.converted_type(), ConvertedType::UTF8 | ConvertedType::JSON)
            || matches!(info.logical_type_ref(), Some(LogicalType::String | LogicalType::Json));
        let bytes = |physical, length| {
            let builder = Type::primitive_type_builder(node.name(), physical).with_length(length);
            builder.with_repetition(info.repetition()).with_id(id).build()
        };
        let small = matches!(
            info.converted_type(),
            ConvertedType::INT_8 | ConvertedType::INT_16 | ConvertedType::UINT_8 | ConvertedType::UINT_16
        );
        return match node.get_physical_type() {
            Physical::INT32 if small => bytes(Physical::INT32, -1),
            Physical::INT96 => bytes(Physical::FIXED_LEN_BYTE_ARRAY, INT96_BYTES),
            Physical::BYTE_ARRAY if text => bytes(Physical::BYTE_ARRAY, -1),
            _ => Ok(node.clone()),
        };
    }
    let fields = node.get_fields().iter().map(|field| bytes_type(field).map(TypePtr::new));
    let group = Type::group_type_builder(node.name()).with_fields(fields.collect::<Result<_>>()?).with_id(id);
    let group =
        group.with_converted_type(info.converted_type()).with_logical_type(info.logical_type_ref().cloned());
    if info.has_repetition() { group.with_repetition(info.repetition()) } else { group }.build()
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        ArrayRef, AsArray, DictionaryArray, Int8Array, Int64Array, LargeStringArray, ListArray, StringArray,
        StructArray, UInt16Array,
    };
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{Int32Type, TimeUnit};
    use arrow::record_batch::RecordBatch;
    use bytes::Bytes;
    use parquet::arrow::ArrowWriter;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::schema::parser::parse_message_type;

    use super::*;

    fn item(data_type: DataType) -> FieldRef {
        Arc::new(Field::new("item", data_type, true))
    }

    fn list(inner: DataType) -> DataType {
        DataType::List(item(inner))
    }

    fn group(fields: &[DataType]) -> DataType {
        let fields = fields.iter().enumerate();
        DataType::Struct(fields.map(|(at, inner)| Field::new(at.to_string(), inner.clone(), true)).collect())
    }

    #[test]
    fn columns_that_the_crate_does_not_look_at_are_checked() {
        let message =
            "message m { optional int96 t; optional binary s (UTF8); optional binary b; optional int32 n; }";
        let parquet = SchemaDescriptor::new(Arc::new(parse_message_type(message).unwrap()));
        let time = || DataType::Timestamp(TimeUnit::Nanosecond, None);
        for (data_type, leaves, needs) in [
            (time(), 0..1, true),
            (DataType::Utf8, 1..2, false),
            (DataType::Utf8, 2..3, true),
            (list(DataType::Utf8View), 2..3, true),
            (DataType::Binary, 2..3, false),
            (DataType::Int32, 3..4, false),
            (group(&[DataType::Utf8, DataType::Binary, DataType::Int32]), 1..4, false),
            (group(&[DataType::Utf8, DataType::Utf8, DataType::Int32]), 1..4, true),
            (group(&[time(), DataType::Utf8]), 0..2, true),
            // More columns than leaves.
            (group(&[DataType::Int32, DataType::Int32]), 3..4, true),
        ] {
            assert_eq!(needs_checks(&data_type, &parquet, &leaves), needs, "{data_type} {leaves:?}");
        }
    }

    #[test]
    fn texts_and_small_numbers_are_stored_wider_wherever_they_are() {
        let inside: [fn(DataType) -> DataType; 7] = [
            |inner| inner,
            list,
            |inner| DataType::LargeList(item(inner)),
            |inner| DataType::FixedSizeList(item(inner), 2),
            |inner| group(&[DataType::Int64, inner]),
            |inner| DataType::Dictionary(Box::new(DataType::Int8), Box::new(inner)),
            |inner| list(group(&[list(inner)])),
        ];
        for made in inside {
            for wider in
                [DataType::Int8, DataType::Int16, DataType::UInt8, DataType::UInt16, DataType::LargeUtf8]
            {
                assert!(is_stored_wider(&made(wider.clone())), "{wider}");
            }
            for same in
                [DataType::Int32, DataType::UInt32, DataType::Binary, DataType::Float16, DataType::Date64]
            {
                assert!(!is_stored_wider(&made(same.clone())), "{same}");
            }
        }
    }

    #[test]
    fn a_file_is_read_as_the_bytes_that_it_stores() {
        let texts = StringArray::from(vec![Some("a"), None, Some("é")]);
        let lists = ListArray::new(
            item(DataType::Utf8),
            OffsetBuffer::from_lengths([2, 0, 1]),
            Arc::new(StringArray::from(vec!["x", "y", "z"])),
            None,
        );
        let fields =
            vec![Field::new("a", DataType::UInt16, true), Field::new("b", DataType::LargeUtf8, true)];
        let members: Vec<ArrayRef> = vec![
            Arc::new(UInt16Array::from(vec![1, 2, 65_535])),
            Arc::new(LargeStringArray::from(vec!["p", "q", "r"])),
        ];
        let dictionary: DictionaryArray<Int32Type> = vec!["k", "l", "k"].into_iter().collect();
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("t", Arc::new(texts)),
            ("i", Arc::new(Int8Array::from(vec![-128, 0, 127]))),
            ("n", Arc::new(Int64Array::from(vec![1, 2, 3]))),
            ("l", Arc::new(lists)),
            ("s", Arc::new(StructArray::new(fields.into(), members, None))),
            ("d", Arc::new(dictionary)),
        ];
        let batch = RecordBatch::try_from_iter_with_nullable(
            columns.into_iter().map(|(name, column)| (name, column, true)),
        );
        let batch = batch.unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        let bytes = Bytes::from(bytes);
        let told = ArrowReaderMetadata::load(&bytes, ArrowReaderOptions::new()).unwrap();
        let stored = as_bytes(&told, &[0..1, 1..2, 2..3, 3..4, 4..6, 6..7]).unwrap();
        let types: Vec<DataType> =
            stored.schema().fields().iter().map(|field| field.data_type().clone()).collect();
        assert_eq!(types[..3], [DataType::Binary, DataType::Int32, DataType::Int64]);
        assert_eq!((&types[3], &types[5]), (&list(DataType::Binary), &DataType::Binary));
        let DataType::Struct(fields) = &types[4] else { panic!("{}", types[4]) };
        assert_eq!(
            (fields[0].data_type(), fields[1].data_type()),
            (&DataType::Int32, &DataType::LargeBinary)
        );
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, stored).build().unwrap();
        let read: Vec<RecordBatch> = reader.map(std::result::Result::unwrap).collect();
        let [read] = read.as_slice() else { panic!("{} batches", read.len()) };
        let found = read.column(0).as_binary::<i32>();
        assert_eq!(found.iter().collect::<Vec<_>>(), [Some(&b"a"[..]), None, Some("é".as_bytes())]);
        assert_eq!(read.column(1).as_primitive::<Int32Type>().values(), &[-128, 0, 127]);
        let inner = read.column(3).as_list::<i32>().values().as_binary::<i32>().iter().flatten();
        assert_eq!(inner.collect::<Vec<_>>(), [b"x", b"y", b"z"]);
        assert_eq!(
            read.column(4).as_struct().column(0).as_primitive::<Int32Type>().values(),
            &[1, 2, 65_535]
        );
        let keys = read.column(5).as_binary::<i32>().iter().flatten();
        assert_eq!(keys.collect::<Vec<_>>(), [b"k", b"l", b"k"]);
        // Columns without leaves of their own are an error.
        assert!(as_bytes(&told, &[0..1, 1..2, 2..3, 3..4, 4..5, 6..7]).is_err());
    }
}
