//! Token shards: the tokens of all rows as one flat array in a `.npy` file, for trainers that map it.
//!
//! A shard whose rows are all of one length has the shape (rows, length). Any other has the shape (tokens,), and
//! beside it `….offsets.npy`: rows + 1 numbers of 64 bits, of which row `i` spans those at `i` and `i + 1`. The
//! numbers begin at byte 128 of either. `tokens.json` names the shards, in their order.

pub(crate) mod header;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use serde_json::{Value, json};

use super::encoder::{Encoder, End, Piece};
use super::hf::json::text;
use super::shard_names::{offsets_name, shard_name};
use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};
use crate::write::format::Format;
use crate::write::format::finished::FinishedShard;
use header::{HEADER, check_size, header, read_header, unknown};

/// The version of the layout.
const VERSION: u32 = 1;

/// Token files of one column.
pub(crate) struct Tokens {
    column: String,
    kind: DataType,
}

impl Tokens {
    /// Fails unless there is one column, and it holds lists of whole numbers.
    pub(crate) fn new(schema: &Schema) -> Result<Self> {
        let names: Vec<_> = schema.fields().iter().map(|field| field.name()).collect();
        let [field] = schema.fields().as_ref() else {
            return Err(Error::Value(format!(
                "token files hold one column and the rows have {names:?}; name it by columns=, and add none by row_ids= or scores="
            )));
        };
        let item = match field.data_type() {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                Some(item.data_type()).filter(|item| item.is_integer())
            }
            _ => None,
        };
        let kind = item.cloned().ok_or_else(|| {
            let message = format!(
                "it holds {}, and token files hold lists of whole numbers; name a column of these by columns=",
                field.data_type()
            );
            Error::schema("the rows", At::Field(format!("column {:?}", field.name())), message)
        })?;
        Ok(Self { column: field.name().clone(), kind })
    }

    fn width(&self) -> Result<usize> {
        self.kind.primitive_width().ok_or_else(|| impossible(format_args!("{} has no width", self.kind)))
    }

    /// The type as numpy spells it: byte order, sign, bytes.
    fn descr(&self) -> Result<String> {
        let width = self.width()?;
        let order = if width == 1 { '|' } else { '<' };
        let sign = if self.kind.is_unsigned_integer() { 'u' } else { 'i' };
        Ok(format!("{order}{sign}{width}"))
    }

    fn refused(&self, row: u64, what: &str) -> Error {
        let message = format!(
            "the column {:?} {what}, and token files have no place for that; select other rows",
            self.column
        );
        Error::schema("the rows", At::Row(row), message)
    }

    /// The tokens of a column, and the length of each row.
    fn flat(&self, first: u64, column: &ArrayRef) -> Result<(Buffer, Vec<u64>)> {
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
        let (data, width) = (values.to_data(), self.width()?);
        let [tokens] = data.buffers() else {
            return Err(impossible(format_args!(
                "{} tokens in {} buffers",
                data.len(),
                data.buffers().len()
            )));
        };
        let start = checked::mul(data.offset(), width)?;
        Ok((tokens.slice_with_length(start, checked::mul(data.len(), width)?), lengths))
    }
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

impl Encoder for Tokens {
    /// The lengths of the rows.
    type Note = Vec<u64>;

    fn name(&self, shard: usize, shards: usize) -> String {
        shard_name(&Format::Tokens, shard, shards)
    }

    fn head(&self) -> &[u8] {
        &[0; HEADER]
    }

    fn encode(&self, first: u64, batches: Vec<RecordBatch>) -> Result<Piece<Vec<u64>>> {
        let (mut buffers, mut lengths) = (Vec::new(), Vec::new());
        for batch in &batches {
            let (bytes, more) = self.flat(first + lengths.len() as u64, batch.column(0))?;
            buffers.push(bytes);
            lengths.extend(more);
        }
        Ok(Piece { buffers, note: lengths })
    }

    fn end(&self, name: &str, pieces: Vec<(u64, Vec<u64>)>) -> Result<End> {
        let lengths: Vec<u64> = pieces.into_iter().flat_map(|(_, lengths)| lengths).collect();
        let tokens: u64 = lengths.iter().sum();
        // Proof: without a row, there is no token.
        let first = lengths.first().copied().unwrap_or_default();
        let length = lengths.iter().all(|&length| length == first).then_some(first);
        let (shape, more) = match length {
            Some(length) => (format!("({}, {length})", lengths.len()), Vec::new()),
            None => (format!("({tokens},)"), vec![(offsets_name(name), offsets(&lengths)?)]),
        };
        let extra = [("tokens", json!(tokens)), ("length", json!(length))];
        let extra = extra.map(|(name, fact)| (name.to_owned(), fact)).into_iter().collect();
        Ok(End { head: Some(header(&self.descr()?, &shape)?), tail: Vec::new(), more, extra })
    }

    fn count_rows(&self, path: &Path) -> Result<u64> {
        count_rows(path)
    }

    fn companions(&self, _fingerprint: &str, shards: &[FinishedShard]) -> Result<Vec<(String, String)>> {
        let each: Vec<Value> = shards
            .iter()
            .map(|shard| {
                let name = |index: usize| shard.files.get(index).map(|file| file.name.clone());
                let fact = |key: &str| shard.extra.get(key).cloned();
                json!({"file": name(0), "offsets": name(1), "rows": shard.rows, "tokens": fact("tokens"), "length": fact("length")})
            })
            .collect();
        let of = |fact: &str| {
            shards.iter().map(|shard| shard.extra.get(fact).and_then(Value::as_u64)).collect::<Vec<_>>()
        };
        let tokens: Option<u64> = of("tokens").into_iter().sum();
        let tokens = tokens.ok_or_else(|| impossible("a shard does not say how many tokens it has"))?;
        let first = shards.first().and_then(|shard| shard.extra.get("length")).and_then(Value::as_u64);
        let sidecar = json!({
            "format": "tokens",
            "version": VERSION,
            "dtype": self.kind.to_string().to_lowercase(),
            "column": self.column,
            "rows": shards.iter().map(|shard| shard.rows).sum::<u64>(),
            "tokens": tokens,
            "length": first.filter(|_| of("length").iter().all(|length| *length == first)),
            "shards": each,
        });
        Ok(vec![("tokens.json".to_owned(), text(&sidecar)?)])
    }
}

fn offsets(lengths: &[u64]) -> Result<Vec<u8>> {
    let mut bytes = header("<i8", &format!("({},)", lengths.len() + 1))?;
    let mut end = 0u64;
    bytes.extend(end.to_le_bytes());
    for length in lengths {
        end += length;
        bytes.extend(end.to_le_bytes());
    }
    Ok(bytes)
}

/// The rows of a shard, by its header, or by its offsets where rows differ in length.
pub(crate) fn count_rows(path: &Path) -> Result<u64> {
    let (shape, width) = read_header(path)?;
    check_size(path, &shape, width)?;
    let name = match *shape {
        [rows, _] => return Ok(rows),
        [_] => path.file_name().ok_or_else(|| unknown(path))?,
        _ => return Err(unknown(path)),
    };
    let offsets: PathBuf = path.with_file_name(offsets_name(&name.to_string_lossy()));
    if std::fs::metadata(&offsets).is_ok_and(|meta| !meta.is_file()) {
        let message = "the offsets of rows are a file, and this is a directory, pipe, socket or device";
        return Err(Error::format(&offsets, At::File, message));
    }
    let (shape, width) = read_header(&offsets)?;
    check_size(&offsets, &shape, width)?;
    let [ends] = *shape else { return Err(unknown(&offsets)) };
    ends.checked_sub(1).ok_or_else(|| unknown(&offsets))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{FixedSizeListArray, Int32Array, LargeListArray, ListArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn the_row_of_a_token_is_found() {
        let lengths = [2, 0, 3];
        assert_eq!((0..5).map(|token| row_of(&lengths, token)).collect::<Vec<_>>(), [0, 0, 2, 2, 2]);
    }

    #[test]
    fn lists_of_every_sort_and_slices_of_them_give_their_tokens() {
        let tokens = Tokens { column: "ids".into(), kind: DataType::Int32 };
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

    #[test]
    fn a_shard_that_tells_no_tokens_is_an_error() {
        let tokens = Tokens { column: "ids".into(), kind: DataType::UInt16 };
        let extra = tokens.end("tokens-0.npy", vec![(128, vec![2, 3])]).unwrap().extra;
        let done =
            |extra| FinishedShard { shard: 0, rows: 2, files: Vec::new(), digest: String::new(), extra };
        let sidecar: Value =
            serde_json::from_str(&tokens.companions("", &[done(extra.clone())]).unwrap()[0].1).unwrap();
        assert_eq!((sidecar["tokens"].as_u64(), sidecar["rows"].as_u64()), (Some(5), Some(2)));
        let refused = tokens.companions("", &[done(extra), done(serde_json::Map::new())]);
        assert!(matches!(refused, Err(Error::Internal(said)) if said.contains("how many tokens")));
    }

    #[test]
    fn rows_of_one_length_make_a_matrix_and_others_offsets() {
        let tokens = Tokens { column: "ids".into(), kind: DataType::UInt16 };
        let end = tokens.end("tokens-0.npy", vec![(128, vec![3, 3]), (140, vec![3])]).unwrap();
        assert!(
            String::from_utf8_lossy(&end.head.unwrap())
                .contains("'<u2', 'fortran_order': False, 'shape': (3, 3)")
        );
        assert!(end.more.is_empty());
        assert_eq!(end.extra, json!({"tokens": 9, "length": 3}).as_object().cloned().unwrap());
        let end = tokens.end("tokens-0.npy", vec![(128, vec![3, 0]), (134, vec![1])]).unwrap();
        assert_eq!(end.more[0].0, "tokens-0.offsets.npy");
        let numbers: Vec<_> =
            end.more[0].1[HEADER..].chunks(8).map(|b| u64::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(numbers, [0, 3, 3, 4]);
    }
}
