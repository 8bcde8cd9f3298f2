//! Values as bytes: what a value is to whoever reads it, whatever type it is laid out in.

use arrow::array::{Array, AsArray, OffsetSizeTrait, downcast_primitive_array};
use arrow::datatypes::{DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, ToByteSlice};

/// Puts a value behind others: equal values of one schema are equal bytes, and others are not.
///
/// A key of a dictionary is its value, a map is a list of pairs, and a decimal is its digits, of which the type says how
/// many are behind the point: so rows come out of dsdm.
pub fn value(array: &dyn Array, at: usize, into: &mut Vec<u8>) {
    if array.is_null(at) {
        return into.push(0);
    }
    match array.data_type() {
        DataType::Dictionary(..) => {
            let key = array.slice(at, 1);
            let key = key.as_any_dictionary();
            return value(key.values().as_ref(), key.normalized_keys()[0], into);
        }
        DataType::Null => return into.push(0),
        _ => into.push(1),
    }
    match array.data_type() {
        DataType::Boolean => into.push(array.as_boolean().value(at).into()),
        DataType::Utf8 => text(array.as_string::<i32>().value(at).as_bytes(), into),
        DataType::LargeUtf8 => text(array.as_string::<i64>().value(at).as_bytes(), into),
        DataType::Utf8View => text(array.as_string_view().value(at).as_bytes(), into),
        DataType::Binary => text(array.as_binary::<i32>().value(at), into),
        DataType::LargeBinary => text(array.as_binary::<i64>().value(at), into),
        DataType::BinaryView => text(array.as_binary_view().value(at), into),
        DataType::FixedSizeBinary(_) => text(array.as_fixed_size_binary().value(at), into),
        DataType::List(_) => items(array.as_list::<i32>().value(at).as_ref(), into),
        DataType::LargeList(_) => items(array.as_list::<i64>().value(at).as_ref(), into),
        DataType::ListView(_) => viewed::<i32>(array, at, into),
        DataType::LargeListView(_) => viewed::<i64>(array, at, into),
        DataType::FixedSizeList(..) => items(array.as_fixed_size_list().value(at).as_ref(), into),
        DataType::Map(..) => items(&array.as_map().value(at), into),
        DataType::Struct(_) => {
            array.as_struct().columns().iter().for_each(|column| value(column.as_ref(), at, into));
        }
        DataType::Decimal32(..) => digits(array.as_primitive::<Decimal32Type>().value(at), into),
        DataType::Decimal64(..) => digits(array.as_primitive::<Decimal64Type>().value(at), into),
        DataType::Decimal128(..) => digits(array.as_primitive::<Decimal128Type>().value(at), into),
        DataType::Decimal256(..) => digits(array.as_primitive::<Decimal256Type>().value(at), into),
        _ => raw(array, at, into),
    }
}

fn text(bytes: &[u8], into: &mut Vec<u8>) {
    into.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    into.extend_from_slice(bytes);
}

fn items(list: &dyn Array, into: &mut Vec<u8>) {
    into.extend_from_slice(&(list.len() as u64).to_le_bytes());
    (0..list.len()).for_each(|item| value(list, item, into));
}

fn viewed<O: OffsetSizeTrait>(array: &dyn Array, at: usize, into: &mut Vec<u8>) {
    items(array.as_list_view::<O>().value(at).as_ref(), into);
}

fn digits(number: impl ToString, into: &mut Vec<u8>) {
    text(number.to_string().as_bytes(), into);
}

/// The bytes of a value of a type of one width.
fn raw(array: &dyn Array, at: usize, into: &mut Vec<u8>) {
    downcast_primitive_array!(
        array => into.extend_from_slice(array.value(at).to_byte_slice()),
        other => panic!("{other} is not compared"),
    );
}
