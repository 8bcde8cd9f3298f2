//! Footers, as the `parquet` crate reads them and as far as it does not.
//!
//! The type of a column stands in the schema and with each of its chunks, and what a group is stands in the schema in
//! two ways. The crate looks at one of the two: where they differ, one of them is damaged, and values would be read as
//! of another type.

use std::ops::{ControlFlow, Range};

use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::{ConvertedType, LogicalType, Type as Physical};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::ChunkReader;
use parquet::schema::types::Type;

use super::encrypted::hidden_columns;
use super::joined::check_not_joined;
use super::told::check_told_once;
use super::zones::with_zones;
use crate::parquet_file::encoding::{BINARY, CompactReader, I32, I64, LIST, STRUCT};

/// Bytes behind the footer: its length and the magic.
const END: u64 = 8;

// The fields on the way from a footer to the types in the schema, and to that of a chunk.
const SCHEMA: i64 = 2;
const LOGICAL_TYPE: i64 = 10;
const ROW_GROUPS: i64 = 4;
const COLUMNS: i64 = 1;
const META_DATA: i64 = 3;
const TYPE: i64 = 1;
// The fields of a chunk that is encrypted.
const CRYPTO: i64 = 8;
const ENCRYPTED_META_DATA: i64 = 9;

// The required fields of a footer, a row group, a chunk and its column, and their types.
const FILE: [(i64, u8); 4] = [(1, I32), (SCHEMA, LIST), (3, I64), (ROW_GROUPS, LIST)];
const GROUP: [(i64, u8); 3] = [(COLUMNS, LIST), (2, I64), (3, I64)];
const CHUNK: [(i64, u8); 2] = [(2, I64), (META_DATA, STRUCT)];
const COLUMN: [(i64, u8); 8] =
    [(TYPE, I32), (2, LIST), (3, LIST), (4, I32), (5, I64), (6, I64), (7, I64), (9, I64)];

// The fields of an element of the schema, which may be missing.
const ELEMENT: [(i64, u8); 10] = [
    (1, I32),
    (2, I32),
    (3, I32),
    (4, BINARY),
    (5, I32),
    (6, I32),
    (7, I32),
    (8, I32),
    (9, I32),
    (LOGICAL_TYPE, STRUCT),
];

/// What a footer says.
pub(crate) struct Footer {
    pub(crate) metadata: ArrowReaderMetadata,
    /// Whether some chunk of each leaf is encrypted.
    encrypted: Vec<bool>,
}

impl Footer {
    /// The first of some leaves that is encrypted.
    pub(crate) fn encrypted_of(&self, leaves: Range<usize>) -> Option<usize> {
        leaves.into_iter().find(|&leaf| self.encrypted.get(leaf) == Some(&true))
    }
}

/// Reads a footer.
pub(crate) fn load<R: ChunkReader>(file: &R) -> Result<Footer> {
    let metadata = ArrowReaderMetadata::load(file, ArrowReaderOptions::new()).map_err(|error| {
        if hides_columns(file) { ParquetError::External(Box::new(hidden_columns())) } else { error }
    })?;
    check_groups(metadata.parquet_schema().root_schema())?;
    check_told_once(metadata.metadata())?;
    let footer = footer(file)?;
    // Proof: the footer was read from before these bytes.
    let start = file.len().saturating_sub(END).saturating_sub(footer.len() as u64);
    check_not_joined(file, metadata.metadata(), start)?;
    let encrypted = check_chunks(&footer, metadata.metadata())?;
    Ok(Footer { metadata: with_zones(metadata)?, encrypted })
}

/// Whether a footer that cannot be read has chunks of which all is encrypted.
fn hides_columns<R: ChunkReader>(file: &R) -> bool {
    let mut hides = false;
    let looked_at = footer(file).map(|bytes| {
        chunks(&bytes, &mut |chunk| {
            hides |= chunk.encrypted && chunk.kind.is_none();
            ControlFlow::Continue(())
        })
    });
    hides && looked_at.is_ok()
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

/// Which leaves are encrypted. Fails if a chunk is said to have another type than its column.
fn check_chunks(footer: &[u8], metadata: &ParquetMetaData) -> Result<Vec<bool>> {
    let mut known = metadata.row_groups().iter().flat_map(|group| group.columns().iter().enumerate());
    let mut encrypted = vec![false; metadata.file_metadata().schema_descr().num_columns()];
    let mut wrong = None;
    let walked = chunks(footer, &mut |found| {
        let (Some((leaf, chunk)), Some(kind)) = (known.next(), found.kind) else {
            // Proof: there is one chunk too many, or one without a type, which ends the walk as an error.
            return ControlFlow::Break(());
        };
        if number_of(chunk.column_type()) != kind {
            wrong = Some((chunk, kind));
            return ControlFlow::Break(());
        }
        if let Some(encrypted) = encrypted.get_mut(leaf) {
            *encrypted |= found.encrypted;
        }
        ControlFlow::Continue(())
    });
    if let Some((chunk, found)) = wrong {
        return Err(ParquetError::General(format!(
            "a chunk of column {} is of the type numbered {found}, and the schema says {}",
            chunk.column_path(),
            chunk.column_type()
        )));
    }
    if walked.is_none() || known.next().is_some() {
        return Err(ParquetError::General(
            "its row groups do not tell the types of their columns, or its fields are not of their types"
                .to_owned(),
        ));
    }
    Ok(encrypted)
}

/// What a footer says of a column chunk.
#[derive(Default)]
struct Chunk {
    /// The number of its type.
    kind: Option<i64>,
    encrypted: bool,
}

/// Whether a field, if it is a known one, has the type that the format gives it.
///
/// The crate takes a number for what it is due, whatever type the field has: where another stands, bytes were changed.
fn fits(known: &[(i64, u8)], kind: u8, field: i64) -> Option<()> {
    known.iter().all(|&(number, due)| number != field || kind == due).then_some(())
}

/// Gives all chunks, in their order; nothing if it was told to stop, or they are not there.
fn chunks(footer: &[u8], take: &mut impl FnMut(Chunk) -> ControlFlow<()>) -> Option<()> {
    CompactReader::new(footer).fields(|input, kind, field| {
        fits(&FILE, kind, field)?;
        match field {
            SCHEMA => structs(input, &mut element),
            ROW_GROUPS => structs(input, &mut |input| group(input, take)),
            _ => input.skip(kind),
        }
    })
}

/// Steps over an element of the schema, whose logical type is a structure of whichever kind it is.
fn element(input: &mut CompactReader<'_>) -> Option<()> {
    input.fields(|input, kind, field| {
        fits(&ELEMENT, kind, field)?;
        match field {
            LOGICAL_TYPE => input.fields(|input, kind, _| {
                (kind == STRUCT).then_some(())?;
                input.skip(kind)
            }),
            _ => input.skip(kind),
        }
    })
}

fn group(input: &mut CompactReader<'_>, take: &mut impl FnMut(Chunk) -> ControlFlow<()>) -> Option<()> {
    input.fields(|input, kind, field| {
        fits(&GROUP, kind, field)?;
        match field {
            COLUMNS => structs(input, &mut |input| take(chunk(input)?).is_continue().then_some(())),
            _ => input.skip(kind),
        }
    })
}

fn chunk(input: &mut CompactReader<'_>) -> Option<Chunk> {
    let mut chunk = Chunk::default();
    input.fields(|input, kind, field| {
        fits(&CHUNK, kind, field)?;
        chunk.encrypted |= matches!(field, CRYPTO | ENCRYPTED_META_DATA);
        match field {
            META_DATA => read_type(input, &mut chunk.kind),
            _ => input.skip(kind),
        }
    })?;
    Some(chunk)
}

fn structs(
    input: &mut CompactReader<'_>,
    read: &mut impl FnMut(&mut CompactReader<'_>) -> Option<()>,
) -> Option<()> {
    (0..input.structs()?).try_for_each(|_| read(input))
}

/// Reads the number of a type, which is told once.
fn read_type(input: &mut CompactReader<'_>, into: &mut Option<i64>) -> Option<()> {
    input.fields(|input, kind, field| {
        fits(&COLUMN, kind, field)?;
        match field {
            TYPE => into.replace(input.number()?).is_none().then_some(()),
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// A footer of one row group with one chunk, whose fields are given.
    fn file(chunk: &[u8]) -> Bytes {
        let mut footer = vec![0x49, 0x1c, 0x19, 0x1c];
        footer.extend_from_slice(chunk);
        footer.extend_from_slice(&[0, 0x16, 0, 0x16, 0, 0, 0]);
        let length = u32::try_from(footer.len()).unwrap().to_le_bytes();
        [b"PAR1".as_slice(), &footer, &length, b"PAR1"].concat().into()
    }

    #[test]
    fn chunks_of_which_all_is_encrypted_are_said_to_be() {
        let said = |chunk: &[u8]| load(&file(chunk)).err().unwrap().to_string();
        // Its offset, an empty union and two bytes of what is encrypted.
        assert!(said(&[0x26, 0, 0x6c, 0, 0x18, 2, 1, 2]).contains("encrypted itself"));
        assert!(said(&[0x26, 0, 0x6c, 0]).contains("encrypted itself"));
        // Neither is there, or the type is.
        assert!(!said(&[0x26, 0]).contains("encrypted"));
        assert!(!said(&[0x26, 0, 0x1c, 0x15, 0, 0, 0x5c, 0]).contains("encrypted"));
    }

    #[test]
    fn a_type_is_told_once() {
        let types = |fields: &[u8]| {
            let mut into = None;
            read_type(&mut CompactReader::new(fields), &mut into).and(into)
        };
        assert_eq!(types(&[0x15, 8, 0]), Some(4));
        assert_eq!(types(&[0x15, 8, 0x05, 2, 8, 0]), None);
    }

    #[test]
    fn annotations_are_structures() {
        let walked = |bytes: &[u8]| element(&mut CompactReader::new(bytes));
        // A column "c" of texts: by its converted type 0, and by the first kind of logical types.
        let column = |kind: u8| [&[0x15, 12, 0x38, 1, b'c', 0x25, 0, 0x4c, kind], &[0_u8, 0, 0][..]].concat();
        assert_eq!(walked(&column(0x1c)), Some(()));
        assert_eq!(walked(&column(0x19)), None, "a list");
        assert_eq!(walked(&[0x18, 0, 0]), None, "a type that is a text");
    }
}
