//! Footers, as the `parquet` crate reads them and as far as it does not.
//!
//! The type of a column stands in the schema and with each of its chunks, and what a group is stands in the schema in
//! two ways. The crate looks at one of the two: where they differ, one of them is damaged, and values would be read as
//! of another type.

use std::ops::ControlFlow;

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;
use parquet::schema::types::Type;

use super::thrift::{I32, I64, Input, LIST, STRUCT};

/// Bytes behind the footer: its length and the magic.
const END: u64 = 8;

// The fields on the way from a footer to the type of a chunk.
const ROW_GROUPS: i64 = 4;
const COLUMNS: i64 = 1;
const META_DATA: i64 = 3;
const TYPE: i64 = 1;

// The required fields of a footer, a row group, a chunk and its column, and their types.
const FILE: [(i64, u8); 4] = [(1, I32), (2, LIST), (3, I64), (ROW_GROUPS, LIST)];
const GROUP: [(i64, u8); 3] = [(COLUMNS, LIST), (2, I64), (3, I64)];
const CHUNK: [(i64, u8); 2] = [(2, I64), (META_DATA, STRUCT)];
const COLUMN: [(i64, u8); 8] =
    [(TYPE, I32), (2, LIST), (3, LIST), (4, I32), (5, I64), (6, I64), (7, I64), (9, I64)];

/// Reads a footer.
pub(crate) fn load<R: ChunkReader>(file: &R) -> Result<ArrowReaderMetadata> {
    let metadata = ArrowReaderMetadata::load(file, ArrowReaderOptions::new())?;
    check_groups(metadata.parquet_schema().root_schema())?;
    check_types(&footer(file)?, metadata.metadata())?;
    Ok(metadata)
}

/// The bytes of a footer that was read before.
fn footer<R: ChunkReader>(file: &R) -> Result<bytes::Bytes> {
    let lost = || ParquetError::EOF("the footer is not where it was".to_owned());
    let end = file.len().checked_sub(END).ok_or_else(lost)?;
    let bytes = file.get_bytes(end, 4)?;
    let length = u32::from_le_bytes(*bytes.first_chunk().ok_or_else(lost)?);
    let start = end.checked_sub(u64::from(length)).ok_or_else(lost)?;
    file.get_bytes(start, usize::try_from(length).map_err(|_| lost())?)
}

/// Fails if a chunk is said to have another type than its column.
fn check_types(footer: &[u8], metadata: &ParquetMetaData) -> Result<()> {
    let mut chunks = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    let mut wrong = None;
    let walked = types(footer, &mut |found| {
        let chunk = chunks.next();
        if chunk.is_some_and(|chunk| number_of(chunk.column_type()) == found) {
            return ControlFlow::Continue(());
        }
        wrong = chunk.map(|chunk| (chunk, found));
        ControlFlow::Break(())
    });
    if let Some((chunk, found)) = wrong {
        return Err(ParquetError::General(format!(
            "a chunk of column {} is of the type numbered {found}, and the schema says {}",
            chunk.column_path(),
            chunk.column_type()
        )));
    }
    if walked.is_none() || chunks.next().is_some() {
        return Err(ParquetError::General(
            "its row groups do not tell the types of their columns, or its fields are not of their types"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Whether a field, if it is a required one, has the type that the format gives it.
///
/// The crate takes a number for what it is due, whatever type the field has: where another stands, bytes were changed.
fn fits(required: &[(i64, u8)], kind: u8, field: i64) -> Option<()> {
    required.iter().all(|&(number, due)| number != field || kind == due).then_some(())
}

/// Gives the numbers of the types of all chunks, in their order; nothing if it was told to stop, or they are not there.
fn types(footer: &[u8], take: &mut impl FnMut(i64) -> ControlFlow<()>) -> Option<()> {
    Input::new(footer).fields(|input, kind, field| {
        fits(&FILE, kind, field)?;
        match field {
            ROW_GROUPS => structs(input, &mut |input| group(input, take)),
            _ => input.skip(kind),
        }
    })
}

fn group(input: &mut Input<'_>, take: &mut impl FnMut(i64) -> ControlFlow<()>) -> Option<()> {
    input.fields(|input, kind, field| {
        fits(&GROUP, kind, field)?;
        match field {
            COLUMNS => structs(input, &mut |input| chunk(input, take)),
            _ => input.skip(kind),
        }
    })
}

fn chunk(input: &mut Input<'_>, take: &mut impl FnMut(i64) -> ControlFlow<()>) -> Option<()> {
    input.fields(|input, kind, field| {
        fits(&CHUNK, kind, field)?;
        match field {
            META_DATA => type_of(input, take),
            _ => input.skip(kind),
        }
    })
}

fn structs(input: &mut Input<'_>, read: &mut impl FnMut(&mut Input<'_>) -> Option<()>) -> Option<()> {
    (0..input.structs()?).try_for_each(|_| read(input))
}

fn type_of(input: &mut Input<'_>, take: &mut impl FnMut(i64) -> ControlFlow<()>) -> Option<()> {
    input.fields(|input, kind, field| {
        fits(&COLUMN, kind, field)?;
        match field {
            TYPE => take(input.number()?).is_continue().then_some(()),
            _ => input.skip(kind),
        }
    })
}

/// The number of a type in Parquet's files.
fn number_of(physical: Physical) -> i64 {
    match physical {
        Physical::BOOLEAN => 0,
        Physical::INT32 => 1,
        Physical::INT64 => 2,
        Physical::INT96 => 3,
        Physical::FLOAT => 4,
        Physical::DOUBLE => 5,
        Physical::BYTE_ARRAY => 6,
        Physical::FIXED_LEN_BYTE_ARRAY => 7,
    }
}

/// Fails if a group is a list or a map by one of its two annotations, and something else by the other.
///
/// Those of values are compared by the crate.
fn check_groups(node: &Type) -> Result<()> {
    if node.is_primitive() {
        return Ok(());
    }
    let (old, new) = (node.get_basic_info().converted_type(), node.get_basic_info().logical_type_ref());
    let agree = match new {
        // Of a kind that came later, the old annotation is the one that is known.
        None | Some(LogicalType::_Unknown { .. }) => true,
        Some(LogicalType::List) => old == ConvertedType::LIST,
        Some(LogicalType::Map) => matches!(old, ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE),
        Some(_) => !matches!(old, ConvertedType::LIST | ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE),
    };
    if let Some(new) = new.filter(|_| !agree) {
        return Err(ParquetError::General(format!(
            "the group {:?} of the schema is a {old} by its converted type and a {new:?} by its logical type",
            node.name()
        )));
    }
    node.get_fields().iter().try_for_each(|child| check_groups(child))
}
