//! Values of bytes and path, at any depth of a column, with the bytes of the files that they name.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryBuilder, FixedSizeListArray, GenericListArray, OffsetSizeTrait,
    StringBuilder, StructArray,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, FieldRef};

use super::place::MediaPath;
use crate::checked;
use crate::error::{Error, Result};

/// A column with the bytes of the files that it names. `row_of` gives the row of a value, or nothing where the
/// value is under a null.
pub(super) fn embedded(
    column: &ArrayRef,
    place: &MediaPath,
    row_of: &dyn Fn(usize) -> Option<usize>,
    read: &mut dyn FnMut(usize, &str) -> Result<Vec<u8>>,
) -> Result<ArrayRef> {
    match (place, column.data_type()) {
        (MediaPath::Here, DataType::Struct(_)) => files(column.as_struct(), row_of, read),
        (MediaPath::Fields(places), DataType::Struct(fields)) => {
            let group = column.as_struct();
            let row_of = |value: usize| row_of(value).filter(|_| group.is_valid(value));
            let mut columns = group.columns().to_vec();
            for (column, place) in checked::zip(&mut columns, places)? {
                if let Some(place) = place {
                    *column = embedded(column, place, &row_of, read)?;
                }
            }
            let group = StructArray::try_new(fields.clone(), columns, group.nulls().cloned());
            Ok(Arc::new(group.map_err(internal)?))
        }
        (MediaPath::Items(place), DataType::List(item)) => {
            lists(column.as_list::<i32>(), item, place, row_of, read)
        }
        (MediaPath::Items(place), DataType::LargeList(item)) => {
            lists(column.as_list::<i64>(), item, place, row_of, read)
        }
        (MediaPath::Items(place), DataType::FixedSizeList(item, length)) => {
            let list = column.as_fixed_size_list();
            let each = usize::try_from(*length).map_err(internal)?;
            let items = list.values().slice(list.value_offset_at(0), list.len() * each);
            let row_of = |value: usize| row_of(value / each).filter(|_| list.is_valid(value / each));
            let items = embedded(&items, place, &row_of, read)?;
            let list = FixedSizeListArray::try_new(item.clone(), *length, items, list.nulls().cloned());
            Ok(Arc::new(list.map_err(internal)?))
        }
        (_, other) => Err(Error::Internal(format!("{other} names no files"))),
    }
}

fn lists<O: OffsetSizeTrait>(
    list: &GenericListArray<O>,
    item: &FieldRef,
    place: &MediaPath,
    row_of: &dyn Fn(usize) -> Option<usize>,
    read: &mut dyn FnMut(usize, &str) -> Result<Vec<u8>>,
) -> Result<ArrayRef> {
    let offsets = list.value_offsets();
    let (Some(&start), Some(&end)) = (offsets.first(), offsets.last()) else {
        return Err(Error::Internal("lists have at least one offset".to_owned()));
    };
    let items = list.values().slice(start.as_usize(), end.as_usize() - start.as_usize());
    let moved: Vec<O> = offsets.iter().map(|offset| *offset - start).collect();
    // The list of a value is the last that begins at it or before: those before it are empty or other lists.
    let list_of = |value: usize| moved.partition_point(|offset| offset.as_usize() <= value) - 1;
    let row_of = |value: usize| row_of(list_of(value)).filter(|_| list.is_valid(list_of(value)));
    let items = embedded(&items, place, &row_of, read)?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(moved.clone()));
    let list = GenericListArray::try_new(item.clone(), offsets, items, list.nulls().cloned());
    Ok(Arc::new(list.map_err(internal)?))
}

/// Values of bytes and path with the bytes of those that have none.
fn files(
    stored: &StructArray,
    row_of: &dyn Fn(usize) -> Option<usize>,
    read: &mut dyn FnMut(usize, &str) -> Result<Vec<u8>>,
) -> Result<ArrayRef> {
    let (Some(bytes), Some(paths)) =
        (stored.column(0).as_binary_opt::<i32>(), stored.column(1).as_string_opt::<i32>())
    else {
        return Err(Error::Internal("files are stored as bytes and path".to_owned()));
    };
    let rows: Vec<_> = (0..stored.len()).map(|i| row_of(i).filter(|_| stored.is_valid(i))).collect();
    let mut names = StringBuilder::new();
    for (value, row) in rows.iter().enumerate() {
        names.append_option((row.is_some() && paths.is_valid(value)).then(|| base_name(paths.value(value))));
    }
    let is_missing = |value: usize| bytes.is_null(value) && paths.is_valid(value);
    let missing: Vec<_> =
        rows.iter().enumerate().map(|(value, row)| row.filter(|_| is_missing(value))).collect();
    let contents: ArrayRef = if missing.iter().any(Option::is_some) {
        let mut contents = BinaryBuilder::new();
        let mut total = 0usize;
        for (value, missing) in missing.into_iter().enumerate() {
            let content = match missing {
                Some(row) => Some(Cow::from(read(row, paths.value(value))?)),
                None => bytes.is_valid(value).then(|| Cow::from(bytes.value(value))),
            };
            total += content.as_ref().map_or(0, |content| content.len()); // Proof: a null has no bytes.
            check_total(total)?;
            contents.append_option(content);
        }
        Arc::new(contents.finish())
    } else {
        stored.column(0).clone()
    };
    let columns = vec![contents, Arc::new(names.finish()) as ArrayRef];
    let files = StructArray::try_new(stored.fields().clone(), columns, stored.nulls().cloned());
    Ok(Arc::new(files.map_err(internal)?))
}

/// Fails where so many bytes have no place in a column of bytes.
fn check_total(bytes: usize) -> Result<()> {
    i32::try_from(bytes).map(drop).map_err(|_| {
        Error::Value(format!(
            "the files of one row have {bytes} bytes, and a value holds 2 GiB at most; leave the column out or cast it to its paths"
        ))
    })
}

/// The last part of a path, as Python's `os.path.basename` gives it.
fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path) // Proof: a text has one part at least.
}

pub(super) fn internal(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("files cannot be taken in: {error}"))
}
