//! `.bin` and `.idx` of Megatron-LM's `IndexedDataset`. A row is a sequence, and a document of its own.

use std::path::Path;

use arrow::datatypes::DataType;

use super::files::{
    Around, Ended, SIGNED, TokenFiles, bytes_at, check_is_file, check_needed, damaged, name_of, signed,
    size_of, width_of,
};
use crate::checked::{self, impossible};
use crate::error::{At, Result};

const MAGIC: &[u8; 9] = b"MMIDIDX\0\0";
const VERSION: u64 = 1;
/// Bytes of the index before its three lists.
const HEAD: usize = 34;
/// The codes of the types of tokens. There are two more, of floats.
const CODES: [(DataType, u8); 6] = [
    (DataType::UInt8, 1),
    (DataType::Int8, 2),
    (DataType::Int16, 3),
    (DataType::Int32, 4),
    (DataType::Int64, 5),
    (DataType::UInt16, 8),
];

pub(super) struct Megatron;

impl TokenFiles for Megatron {
    fn types(&self) -> &'static [DataType] {
        SIGNED
    }

    fn default_type(&self, kind: &DataType) -> Option<DataType> {
        signed(kind)
    }

    fn longest_row(&self) -> u64 {
        u64::from(i32::MAX.unsigned_abs())
    }

    fn around(&self, shard: &Ended<'_>) -> Result<Around> {
        Ok(Around { head: Vec::new(), beside: Some(index(shard)?) })
    }

    fn count_rows(&self, path: &Path, beside: &Path, _width: Option<u64>) -> Result<u64> {
        let Told { stored, rows, .. } = told(beside)?;
        let width = width_of(&stored)? as u64;
        let tokens = match rows.checked_sub(1) {
            None => 0,
            Some(last) => {
                let length = i32::from_le_bytes(bytes_at(beside, HEAD as u64 + 4 * last)?);
                let begin = i64::from_le_bytes(bytes_at(beside, HEAD as u64 + 4 * rows + 8 * last)?);
                let wrong =
                    || damaged(beside, At::Row(last), &format!("{length} tokens at byte {begin} cannot be"));
                let length = u64::try_from(length).map_err(|_| wrong())?;
                let begin = u64::try_from(begin).map_err(|_| wrong())?;
                (begin / width).checked_add(length).filter(|_| begin % width == 0).ok_or_else(wrong)?
            }
        };
        check_needed(path, size_of(path)?, 0, tokens, width)?;
        Ok(rows)
    }

    fn dtype(&self, _path: &Path, beside: &Path) -> Result<Option<String>> {
        told(beside).map(|told| Some(name_of(&told.stored)))
    }
}

/// The index of a shard.
fn index(shard: &Ended<'_>) -> Result<Vec<u8>> {
    let code = CODES.iter().find(|(kind, _)| kind == shard.stored).map(|(_, code)| *code);
    let code = code.ok_or_else(|| impossible(format_args!("{} has no code", shard.stored)))?;
    let (rows, width) = (shard.lengths.len() as u64, width_of(shard.stored)? as u64);
    let documents = checked::add(rows, 1)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    bytes.push(code);
    bytes.extend(rows.to_le_bytes());
    bytes.extend(documents.to_le_bytes());
    for length in shard.lengths {
        bytes.extend(checked::to::<i32, _>(*length)?.to_le_bytes());
    }
    let mut begin = 0;
    for length in shard.lengths {
        bytes.extend(checked::to::<i64, _>(begin)?.to_le_bytes());
        begin = checked::add(begin, checked::mul(*length, width)?)?;
    }
    for document in 0..documents {
        bytes.extend(checked::to::<i64, _>(document)?.to_le_bytes());
    }
    Ok(bytes)
}

/// What an index says before its lists.
struct Told {
    stored: DataType,
    rows: u64,
}

/// What an index says, which has the size that follows from it.
fn told(beside: &Path) -> Result<Told> {
    check_is_file(beside)?;
    let magic: [u8; 9] = bytes_at(beside, 0)?;
    let version = u64::from_le_bytes(bytes_at(beside, 9)?);
    if &magic != MAGIC || version != VERSION {
        return Err(damaged(
            beside,
            At::Byte(0),
            "this is not the header of an index of Megatron, version 1",
        ));
    }
    let [code] = bytes_at(beside, 17)?;
    let stored = CODES.iter().find(|(_, known)| *known == code).map(|(kind, _)| kind.clone());
    let stored =
        stored.ok_or_else(|| damaged(beside, At::Byte(17), &format!("{code} is no type of tokens")))?;
    let rows = u64::from_le_bytes(bytes_at(beside, 18)?);
    let documents = u64::from_le_bytes(bytes_at(beside, 26)?);
    let size = size_of(beside)?;
    let lists = rows.checked_mul(12).and_then(|bytes| bytes.checked_add(documents.checked_mul(8)?));
    let needed = lists.and_then(|bytes| bytes.checked_add(HEAD as u64));
    if needed != Some(size) || rows.checked_add(1) != Some(documents) {
        let message =
            format!("{rows} rows and {documents} bounds of documents are told, and {size} bytes are there");
        return Err(damaged(beside, At::Byte(18), &message));
    }
    Ok(Told { stored, rows })
}
