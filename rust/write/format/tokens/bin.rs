//! Tokens without a header, or with the one of modded-nanogpt, and beside them where the rows end: a number of 64
//! bits for each row, little-endian, in tokens from the first one.

use std::path::Path;

use arrow::datatypes::DataType;

use super::files::{
    Around, Ended, TokenFiles, bytes_at, check_is_file, check_needed, damaged, ends, size_of,
};
use crate::checked;
use crate::error::{At, Result};

/// Bytes that a token may have.
const WIDTHS: [u64; 4] = [1, 2, 4, 8];
/// Bytes of a number beside the tokens.
const END: u64 = 8;
/// The header of modded-nanogpt: so many numbers of 32 bits.
const NUMBERS: usize = 256;
const HEAD: usize = NUMBERS * 4;
/// The first two of them; the third is how many tokens there are.
const MAGIC: i32 = 20_240_520;
const VERSION: i32 = 1;
const MOST: u64 = i32::MAX.unsigned_abs() as u64;

/// Tokens and nothing else.
pub(super) struct Bin;

impl TokenFiles for Bin {
    /// Nothing in the files says what they hold: what is no type of their readers is not written unasked.
    fn default_type(&self, kind: &DataType) -> Option<DataType> {
        Some(kind.clone()).filter(|kind| matches!(kind, DataType::UInt16 | DataType::UInt32))
    }

    fn around(&self, shard: &Ended<'_>) -> Result<Around> {
        Ok(Around { head: Vec::new(), beside: Some(ends_of(shard)?) })
    }

    fn count_rows(&self, path: &Path, beside: &Path, width: Option<u64>) -> Result<u64> {
        let (rows, tokens) = rows_and_tokens(beside)?;
        let size = size_of(path)?;
        if WIDTHS
            .into_iter()
            .filter(|known| width.is_none_or(|width| width == *known))
            .any(|width| tokens.checked_mul(width) == Some(size))
        {
            return Ok(rows);
        }
        let width = width.map_or_else(|| "1, 2, 4 or 8".to_owned(), |width| width.to_string());
        let message = format!("{tokens} tokens of {width} bytes are told, and {size} bytes are there");
        Err(damaged(path, At::File, &message))
    }
}

/// Tokens of 16 bits after a header that counts them.
pub(super) struct ModdedNanogpt;

impl TokenFiles for ModdedNanogpt {
    fn types(&self) -> &'static [DataType] {
        &[DataType::UInt16]
    }

    fn default_type(&self, _kind: &DataType) -> Option<DataType> {
        Some(DataType::UInt16)
    }

    fn head_bytes(&self, _rows: u64) -> Result<usize> {
        Ok(HEAD)
    }

    fn most_bytes(&self) -> u64 {
        HEAD as u64 + 2 * MOST
    }

    fn around(&self, shard: &Ended<'_>) -> Result<Around> {
        let mut head: Vec<u8> =
            [MAGIC, VERSION, checked::to(shard.tokens)?].into_iter().flat_map(i32::to_le_bytes).collect();
        head.resize(HEAD, 0);
        Ok(Around { head, beside: Some(ends_of(shard)?) })
    }

    fn count_rows(&self, path: &Path, beside: &Path, _width: Option<u64>) -> Result<u64> {
        let [magic, version, told] = numbers(path)?;
        if (magic, version) != (MAGIC, VERSION) {
            let message =
                format!("the header begins with {magic}, {version} and not with {MAGIC}, {VERSION}");
            return Err(damaged(path, At::Byte(0), &message));
        }
        let (rows, tokens) = rows_and_tokens(beside)?;
        if u64::try_from(told) != Ok(tokens) {
            let message = format!("the header tells {told} tokens, and the rows beside it have {tokens}");
            return Err(damaged(path, At::Byte(8), &message));
        }
        check_needed(path, size_of(path)?, HEAD as u64, tokens, 2)?;
        Ok(rows)
    }
}

/// What the header says.
fn numbers(path: &Path) -> Result<[i32; 3]> {
    let bytes: [u8; HEAD] = bytes_at(path, 0)?;
    let (numbers, _) = bytes.as_chunks::<4>();
    let number = |index: usize| checked::get(numbers, index).map(|bytes| i32::from_le_bytes(*bytes));
    Ok([number(0)?, number(1)?, number(2)?])
}

fn ends_of(shard: &Ended<'_>) -> Result<Vec<u8>> {
    Ok(ends(shard.lengths)?.into_iter().flat_map(u64::to_le_bytes).collect())
}

/// How many rows and tokens there are, by where rows end.
fn rows_and_tokens(beside: &Path) -> Result<(u64, u64)> {
    check_is_file(beside)?;
    let size = size_of(beside)?;
    let rows = size / END;
    if !size.is_multiple_of(END) {
        let message = format!("where rows end is told by {END} bytes each, and this has {size}");
        return Err(damaged(beside, At::File, &message));
    }
    let Some(last) = size.checked_sub(END) else {
        return Ok((0, 0)); // Proof: an empty file tells no rows.
    };
    Ok((rows, u64::from_le_bytes(bytes_at(beside, last)?)))
}
