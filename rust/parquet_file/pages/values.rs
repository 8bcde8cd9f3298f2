//! The values of pages: whether as many are there as the levels tell of, and whether they can be.

use bytes::Bytes;
use parquet::basic::{ConvertedType, Encoding, Type as Physical};
use parquet::schema::types::ColumnDescPtr;

use crate::parquet_file::encoding::{DeltaDecoder, RleDecoder};

/// Fails with what is wrong unless the bytes of a page hold `count` values, each of which its column can have.
pub(super) fn check_values(
    bytes: &Bytes,
    encoding: Encoding,
    count: usize,
    column: &ColumnDescPtr,
) -> Result<(), String> {
    let there = match encoding {
        Encoding::PLAIN => plain_bytes(column, count).is_none_or(|it| it <= bytes.len()),
        // How many bytes there are tells where the second bytes of all values begin.
        Encoding::BYTE_STREAM_SPLIT => {
            count == 0 || plain_bytes(column, count).is_none_or(|it| it == bytes.len())
        }
        Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY => are_keys(bytes, count),
        Encoding::RLE => are_booleans(bytes, count),
        Encoding::DELTA_BINARY_PACKED => {
            let delta = DeltaDecoder::new(bytes).filter(|delta| delta.left() >= count);
            count == 0 || delta.is_some_and(|mut delta| (0..count).all(|_| delta.next_number().is_some()))
        }
        Encoding::DELTA_LENGTH_BYTE_ARRAY => count == 0 || are_texts(bytes, count) == Some(true),
        Encoding::DELTA_BYTE_ARRAY => count == 0 || are_front_coded(bytes, count) == Some(true),
        _ => true, // The decoder has words for it.
    };
    if !there {
        return Err(format!(
            "holds other than the {count} values that its levels tell, or values that cannot be ({encoding})"
        ));
    }
    match narrow_range(column) {
        Some(range) if !all_within(bytes, encoding, count, range) => {
            Err(format!("holds numbers outside of {}", name_of(column)))
        }
        _ => Ok(()),
    }
}

/// Return the bytes of `count` values that are stored as they are; `None` for texts, whose lengths vary.
fn plain_bytes(column: &ColumnDescPtr, count: usize) -> Option<usize> {
    let width = match column.physical_type() {
        Physical::BOOLEAN => return Some(count.div_ceil(8)),
        Physical::BYTE_ARRAY => return None,
        Physical::INT32 | Physical::FLOAT => 4,
        Physical::INT64 | Physical::DOUBLE => 8,
        Physical::INT96 => 12,
        Physical::FIXED_LEN_BYTE_ARRAY => usize::try_from(column.type_length()).ok()?,
    };
    count.checked_mul(width)
}

/// Return where `count` texts end, each stored behind its length.
pub(super) fn end_of_texts(bytes: &[u8], count: u32) -> Option<usize> {
    let mut end = 0_usize;
    for _ in 0..count {
        let length = bytes.get(end..)?.first_chunk::<4>()?;
        end = usize::try_from(u32::from_le_bytes(*length)).ok()?.checked_add(4)?.checked_add(end)?;
    }
    Some(end)
}

fn are_keys(bytes: &Bytes, count: usize) -> bool {
    let keys = bytes.first().and_then(|&width| RleDecoder::new(bytes.slice(1..), width));
    count == 0 || keys.is_some_and(|mut keys| keys.skip(count).is_some())
}

fn are_booleans(bytes: &Bytes, count: usize) -> bool {
    let values = bytes.get(4..).map(|values| bytes.slice_ref(values));
    count == 0 || values.and_then(|it| RleDecoder::new(it, 1)).is_some_and(|mut it| it.skip(count).is_some())
}

/// Return whether bytes are the lengths of texts, and behind them as many bytes as these add up to.
fn are_texts(bytes: &[u8], count: usize) -> Option<bool> {
    let mut lengths = DeltaDecoder::new(bytes).filter(|lengths| lengths.left() >= count)?;
    let mut all = 0_usize;
    for _ in 0..lengths.left() {
        all = all.checked_add(usize::try_from(lengths.next_number()?).ok()?)?;
    }
    Some(all <= lengths.rest()?.len())
}

/// Return whether bytes are front-coded texts: for each how many bytes it shares with the one before, and the rest.
fn are_front_coded(bytes: &[u8], count: usize) -> Option<bool> {
    let mut same = DeltaDecoder::new(bytes).filter(|same| same.left() >= count)?;
    let rest = DeltaDecoder::new(bytes)?.rest()?;
    let mut lengths = DeltaDecoder::new(rest).filter(|lengths| lengths.left() >= count)?;
    let (mut before, mut all) = (0_usize, 0_usize);
    for _ in 0..count {
        let same = usize::try_from(same.next_number()?).ok().filter(|&same| same <= before)?;
        let length = usize::try_from(lengths.next_number()?).ok()?;
        before = same.checked_add(length)?;
        all = all.checked_add(length)?;
    }
    Some(all <= lengths.rest()?.len())
}

/// Return the least and the greatest number of a column of 8 or 16 bits, whose numbers are stored as 32 bits.
fn narrow_range(column: &ColumnDescPtr) -> Option<(i32, i32)> {
    Some(match column.converted_type() {
        ConvertedType::INT_8 => (i8::MIN.into(), i8::MAX.into()),
        ConvertedType::INT_16 => (i16::MIN.into(), i16::MAX.into()),
        ConvertedType::UINT_8 => (0, u8::MAX.into()),
        ConvertedType::UINT_16 => (0, u16::MAX.into()),
        _ => return None,
    })
    .filter(|_| column.physical_type() == Physical::INT32)
}

fn name_of(column: &ColumnDescPtr) -> String {
    column.converted_type().to_string()
}

/// Return whether all numbers lie in a range. Keys are not looked at, as their dictionary was checked before.
#[allow(clippy::cast_possible_truncation)] // of sums modulo 2^64 the lower half is the number of 32 bits
fn all_within(bytes: &[u8], encoding: Encoding, count: usize, (least, most): (i32, i32)) -> bool {
    let fits = |value: i32| (least..=most).contains(&value);
    match encoding {
        Encoding::PLAIN => {
            let stored = bytes.as_chunks::<4>().0.iter().take(count);
            stored.fold(true, |all, value| all & fits(i32::from_le_bytes(*value)))
        }
        Encoding::DELTA_BINARY_PACKED if count > 0 => DeltaDecoder::new(bytes).is_some_and(|mut delta| {
            (0..count).all(|_| delta.next_number().is_some_and(|value| fits(value as i32)))
        }),
        Encoding::BYTE_STREAM_SPLIT => {
            let width = bytes.len() / 4;
            let byte = |part: usize, at: usize| bytes.get(part * width + at).copied();
            (0..count).all(|at| {
                let value = [byte(0, at), byte(1, at), byte(2, at), byte(3, at)];
                matches!(value, [Some(a), Some(b), Some(c), Some(d)] if fits(i32::from_le_bytes([a, b, c, d])))
            })
        }
        _ => true, // Proof: keys, which stand for numbers that were looked at.
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::schema::parser::parse_message_type;
    use parquet::schema::types::SchemaDescriptor;

    use super::*;

    fn column(field: &str) -> ColumnDescPtr {
        let message = format!("message m {{ required {field}; }}");
        SchemaDescriptor::new(Arc::new(parse_message_type(&message).unwrap())).column(0)
    }

    fn are_there(field: &str, encoding: Encoding, count: usize, bytes: &[u8]) -> bool {
        check_values(&Bytes::copy_from_slice(bytes), encoding, count, &column(field)).is_ok()
    }

    /// How many values bytes hold at most, of which each byte but the last counts.
    fn most(field: &str, encoding: Encoding, count: usize, bytes: &[u8]) {
        assert!(are_there(field, encoding, count, bytes), "{encoding}");
        assert!(!are_there(field, encoding, count + 1, bytes), "{encoding}: one value more");
        assert!(!are_there(field, encoding, count, &bytes[..bytes.len() - 1]), "{encoding}: one byte less");
        assert!(are_there(field, encoding, 0, &[]), "{encoding}: none");
    }

    #[test]
    fn so_many_bytes_hold_so_many_values() {
        most("int32 a", Encoding::PLAIN, 3, &[7; 12]);
        most("double a", Encoding::PLAIN, 2, &[7; 16]);
        most("int96 a", Encoding::PLAIN, 2, &[7; 24]);
        most("fixed_len_byte_array(3) a", Encoding::PLAIN, 4, &[7; 12]);
        most("boolean a", Encoding::PLAIN, 16, &[7; 2]);
        most("float a", Encoding::BYTE_STREAM_SPLIT, 2, &[7; 8]);
        assert!(!are_there("float a", Encoding::BYTE_STREAM_SPLIT, 1, &[7; 8]), "its bytes lie elsewhere");
        // Keys of three bits: five times the same.
        most("int32 a", Encoding::RLE_DICTIONARY, 5, &[3, 10, 6]);
        most("boolean a", Encoding::RLE, 5, &[0, 0, 0, 0, 10, 1]);
        // Two numbers with a difference of 3 in no bits.
        most("int64 a", Encoding::DELTA_BINARY_PACKED, 2, &[8, 1, 2, 10, 6, 0]);
    }

    #[test]
    fn texts_are_as_long_as_their_lengths_add_up_to() {
        // Lengths of 2 and 3, and the texts.
        let texts = [&[8, 1, 2, 4, 2, 0][..], b"abcde"].concat();
        most("binary a", Encoding::DELTA_LENGTH_BYTE_ARRAY, 2, &texts);
        // The second text shares one byte with the first, and has three of its own.
        let coded = [&[8, 1, 2, 0, 2, 0][..], &[8, 1, 2, 4, 2, 0], b"abcde"].concat();
        most("binary a", Encoding::DELTA_BYTE_ARRAY, 2, &coded);
        // It cannot share three of the first's two.
        let coded = [&[8, 1, 2, 0, 6, 0][..], &[8, 1, 2, 4, 2, 0], b"abcde"].concat();
        assert!(!are_there("binary a", Encoding::DELTA_BYTE_ARRAY, 2, &coded));
        let plain = b"\x02\0\0\0ab\x01\0\0\0c";
        assert_eq!(end_of_texts(plain, 2), Some(plain.len()));
        assert_eq!(end_of_texts(plain, 3), None);
        assert_eq!(
            end_of_texts(&plain[..10], 2),
            Some(plain.len()),
            "whether its bytes are there is not asked"
        );
    }

    #[test]
    fn small_numbers_lie_in_their_range() {
        let plain =
            |numbers: &[i32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>();
        for (name, least, greatest) in
            [("INT_8", -128, 127), ("INT_16", -32_768, 32_767), ("UINT_8", 0, 255), ("UINT_16", 0, 65_535)]
        {
            let field = format!("int32 a ({name})");
            assert!(are_there(&field, Encoding::PLAIN, 2, &plain(&[least, greatest])), "{name}");
            for outside in [least - 1, greatest + 1] {
                let bytes = plain(&[0, outside]);
                assert!(!are_there(&field, Encoding::PLAIN, 2, &bytes), "{name}: {outside}");
                assert!(are_there(&field, Encoding::PLAIN, 1, &bytes), "{name}: behind the values");
                let split: Vec<u8> = (0..4).flat_map(|byte| [bytes[byte], bytes[byte + 4]]).collect();
                assert!(!are_there(&field, Encoding::BYTE_STREAM_SPLIT, 2, &split), "{name}: {outside}");
            }
        }
        assert!(are_there("int32 a (INT_8)", Encoding::DELTA_BINARY_PACKED, 1, &[8, 1, 1, 0xff, 1]), "-128");
        assert!(!are_there("int32 a (INT_8)", Encoding::DELTA_BINARY_PACKED, 1, &[8, 1, 1, 0x80, 2]), "128");
    }
}
