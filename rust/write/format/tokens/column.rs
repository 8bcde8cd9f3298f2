//! The tokens of a column as one flat array of the type that the files have.

use arrow::array::{Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Schema};
use arrow::util::display::array_value_to_string;

use super::files::{TokenFiles, name_of, width_of};
use super::types::{advice, converted};
use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};

/// A column of lists of whole numbers.
pub(super) struct TokenColumn {
    pub(super) name: String,
    /// The type that its tokens have.
    pub(super) kind: DataType,
    /// The type in which they are stored.
    pub(super) stored: DataType,
    /// The name of the format, for messages.
    pub(super) format: &'static str,
    /// Tokens that a row may have.
    pub(super) longest: u64,
    /// What types of tokens it has.
    pub(super) files: &'static dyn TokenFiles,
}

/// The name of the one column of a schema, and the type of its tokens: null where no list has one.
///
/// # Errors
/// There are more, or it does not hold lists of whole numbers.
pub(super) fn only_column(schema: &Schema) -> Result<(String, DataType)> {
    let names: Vec<_> = schema.fields().iter().map(|field| field.name()).collect();
    let [field] = schema.fields().as_ref() else {
        return Err(Error::Value(format!(
            "token files hold one column and the rows have {names:?}; name it by columns=, and add none by row_ids= or scores="
        )));
    };
    let item = match field.data_type() {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            // Lists without items say nothing of what these would be, and no tokens have any type.
            Some(item.data_type()).filter(|item| item.is_integer() || item.is_null())
        }
        _ => None,
    };
    let kind = item.cloned().ok_or_else(|| {
        let found = match field.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "texts, which are not made tokens here".into(),
            other => other.to_string(),
        };
        let message = format!(
            "it holds {found}, and token files hold lists of whole numbers; name a column of these by columns="
        );
        Error::schema("the rows", At::Field(format!("column {:?}", field.name())), message)
    })?;
    Ok((field.name().clone(), kind))
}

impl TokenColumn {
    fn refused(&self, row: u64, what: &str) -> Error {
        let message = format!(
            "the column {:?} {what}, and token files have no place for that; select other rows",
            self.name
        );
        Error::schema("the rows", At::Row(row), message)
    }

    /// The tokens of rows, of which the first is `first` in the output, and the length of each row.
    pub(super) fn flat(&self, first: u64, column: &ArrayRef) -> Result<(Buffer, Vec<u64>)> {
        if let Some(row) = first_null(column) {
            return Err(self.refused(first + row, "is null in this row of the output"));
        }
        let (values, lengths) = match column.data_type() {
            DataType::LargeList(_) => spans(column.as_list::<i64>())?,
            DataType::FixedSizeList(_, length) => {
                let list = column.as_fixed_size_list();
                let each = checked::to(*length)?;
                (list.values().clone(), vec![each; list.len()])
            }
            _ => spans(column.as_list::<i32>())?,
        };
        if let Some(token) = first_null(&values) {
            return Err(self.refused(
                first + row_of(&lengths, token),
                "has a token that is null in this row of the output",
            ));
        }
        checked::equal("tokens", values.len() as u64, lengths.iter().sum())?;
        self.check_lengths(first, &lengths)?;
        if values.data_type().is_null() {
            return Ok((Buffer::default(), lengths)); // Proof: none of them is null, so there are none.
        }
        if *values.data_type() == self.stored {
            return Ok((bytes_of(&values, width_of(&self.stored)?)?, lengths));
        }
        match converted(&values, &self.stored)? {
            Ok(tokens) => Ok((tokens, lengths)),
            Err(token) => Err(self.misfit(first, &values, token, &lengths)?),
        }
    }

    /// Fails for a row that is longer than the files can say.
    fn check_lengths(&self, first: u64, lengths: &[u64]) -> Result<()> {
        let Some(row) = lengths.iter().position(|&length| length > self.longest) else {
            return Ok(()); // Proof: none is longer.
        };
        let length = checked::get(lengths, row)?;
        let what = format!(
            "has {length} tokens in this row of the output, and format={:?} has rows of at most {}",
            self.format, self.longest
        );
        Err(self.refused(first + row as u64, &what))
    }

    /// The error of a token that is no number of the type in which it is to be stored.
    fn misfit(&self, first: u64, values: &ArrayRef, token: usize, lengths: &[u64]) -> Result<Error> {
        let found = array_value_to_string(values, token).map_err(|e| Error::Internal(e.to_string()))?;
        let row = row_of(lengths, token as u64);
        let before: u64 = lengths.iter().take(checked::index(row)?).sum();
        let message = format!(
            "the column {:?} has the token {found} at position {} of this row of the output, and format={:?} stores tokens as {}, which has none such; {}",
            self.name,
            checked::sub(token as u64, before)?,
            self.format,
            name_of(&self.stored),
            advice(self.files, &self.kind, &self.stored, &found)
        );
        Ok(Error::schema("the rows", At::Row(first + row), message))
    }
}

/// The bytes of numbers, where they lie.
fn bytes_of(values: &ArrayRef, width: usize) -> Result<Buffer> {
    let data = values.to_data();
    let [numbers] = data.buffers() else {
        return Err(impossible(format_args!("{} numbers in {} buffers", data.len(), data.buffers().len())));
    };
    Ok(numbers.slice_with_length(checked::mul(data.offset(), width)?, checked::mul(data.len(), width)?))
}

/// The values that lists span, and how long each list is.
fn spans<O: OffsetSizeTrait>(lists: &GenericListArray<O>) -> Result<(ArrayRef, Vec<u64>)> {
    let offsets = lists.offsets();
    let first = offsets.first().as_usize();
    let count = checked::sub(offsets.last().as_usize(), first)?;
    let lengths = offsets.lengths().map(|length| length as u64);
    Ok((lists.values().slice(first, count), lengths.collect()))
}

/// Where the first null of an array is, if it has any.
fn first_null(array: &ArrayRef) -> Option<u64> {
    let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0)?;
    nulls.iter().position(|valid| !valid).map(|place| place as u64)
}

fn row_of(lengths: &[u64], token: u64) -> u64 {
    let mut end = 0;
    lengths
        .iter()
        .take_while(|&&length| {
            end += length;
            end <= token
        })
        .count() as u64
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{FixedSizeListArray, Int32Array, LargeListArray, ListArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::Field;

    use super::*;

    fn column(stored: DataType) -> TokenColumn {
        let files = &crate::write::format::tokens::bin::Bin;
        TokenColumn { name: "ids".into(), kind: DataType::Int32, stored, format: "bin", longest: 4, files }
    }

    #[test]
    fn the_row_of_a_token_is_found() {
        let lengths = [2, 0, 3];
        assert_eq!((0..5).map(|token| row_of(&lengths, token)).collect::<Vec<_>>(), [0, 0, 2, 2, 2]);
    }

    #[test]
    fn lists_of_every_sort_and_slices_of_them_give_their_tokens() {
        let tokens = column(DataType::Int32);
        let values: ArrayRef = Arc::new(Int32Array::from_iter_values(0..12));
        let item = Arc::new(Field::new("item", DataType::Int32, true));
        let short = OffsetBuffer::from_lengths([2, 0, 3, 1, 4]);
        let long = OffsetBuffer::<i64>::from_lengths([2, 0, 3, 1, 4]);
        let bytes = |values: std::ops::Range<i32>| values.flat_map(i32::to_le_bytes).collect::<Vec<_>>();
        let lists: [(ArrayRef, &[u64], Vec<u8>); 3] = [
            (Arc::new(ListArray::new(item.clone(), short, values.clone(), None)), &[0, 3, 1], bytes(2..6)),
            (
                Arc::new(LargeListArray::new(item.clone(), long, values.clone(), None)),
                &[0, 3, 1],
                bytes(2..6),
            ),
            (Arc::new(FixedSizeListArray::new(item, 2, values, None)), &[2, 2, 2], bytes(2..8)),
        ];
        for (list, expected, bytes) in lists {
            let (found, lengths) = tokens.flat(0, &list.slice(1, 3)).unwrap();
            assert_eq!((lengths.as_slice(), found.as_slice()), (expected, bytes.as_slice()));
            let (found, lengths) = tokens.flat(0, &list.slice(1, 0)).unwrap();
            assert!(found.is_empty() && lengths.is_empty());
        }
    }

    /// A token that the files cannot hold is an error that names its row, and never another token.
    #[test]
    fn tokens_are_the_same_numbers_in_another_type_or_refused() {
        let lists = |values: Vec<i32>, lengths: &[usize]| -> ArrayRef {
            let item = Arc::new(Field::new("item", DataType::Int32, true));
            let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
            Arc::new(ListArray::new(item, offsets, Arc::new(Int32Array::from(values)), None))
        };
        let tokens = column(DataType::UInt16);
        let (found, _) = tokens.flat(0, &lists(vec![0, 65_535, 7], &[1, 2])).unwrap();
        assert_eq!(found.as_slice(), [0, 0, 255, 255, 7, 0]);
        for (wrong, place, row, position) in [(-1, 1, 11, 0), (65_536, 3, 12, 1), (i32::MIN, 0, 10, 0)] {
            let mut values = vec![1, 2, 3, 4];
            values[place] = wrong;
            let said = tokens.flat(10, &lists(values, &[1, 1, 2])).unwrap_err().to_string();
            let token = format!("has the token {wrong} at position {position} ");
            let wider = if wrong > 0 { "token_dtype=\"uint32\" or " } else { "" };
            let advice = format!("give {wider}token_dtype=\"int32\", which has it");
            for part in [&format!("row {row}"), &token, "uint16", "\"ids\"", &advice] {
                assert!(said.contains(part), "{part}: {said}");
            }
        }
        let sliced = lists(vec![70_000, 5, 70_000], &[1, 1, 1]).slice(1, 1);
        assert_eq!(tokens.flat(0, &sliced).unwrap().0.as_slice(), [5, 0]);
        let said = tokens.flat(0, &lists(vec![1; 6], &[1, 5])).unwrap_err().to_string();
        assert!(said.contains("row 1") && said.contains("5 tokens") && said.contains("at most 4"), "{said}");
    }
}
