//! Token shards: the tokens of all rows as one flat array in a `.npy` file, for trainers that map it.
//!
//! A shard whose rows are all of one length has the shape (rows, length). Any other has the shape (tokens,), and
//! beside it `….offsets.npy`: rows + 1 numbers of 64 bits, of which row `i` spans those at `i` and `i + 1`. The
//! numbers begin at byte 128 of either. `tokens.json` names the shards, in their order.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, GenericListArray, OffsetSizeTrait};
use arrow::buffer::Buffer;
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use serde_json::{Value, json};

use super::encoder::{Encoder, End, Piece};
use super::hf::text;
use super::journal::Done;
use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};

/// Bytes of the header of a `.npy` file: a multiple of 64, as its format has it, with room for any shape.
const HEADER: usize = 128;
/// What a `.npy` file of version 1.0 begins with.
const MAGIC: &[u8; 8] = b"\x93NUMPY\x01\x00";
/// The version of the layout.
const VERSION: u32 = 1;

/// Token files of one column.
pub(super) struct Tokens {
    column: String,
    kind: DataType,
}

impl Tokens {
    /// Fails unless there is one column, and it holds lists of whole numbers.
    pub(super) fn new(schema: &Schema) -> Result<Self> {
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
            let message = format!("is {}, and token files hold lists of whole numbers", field.data_type());
            Error::schema("<rows>", At::Field(format!("column {:?}", field.name())), message)
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
        Error::schema("<rows>", At::Row(row), message)
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
        format!("tokens-{shard:05}-of-{shards:05}.npy")
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
        let facts = [("tokens", json!(tokens)), ("length", json!(length))];
        let facts = facts.map(|(name, fact)| (name.to_owned(), fact)).into_iter().collect();
        Ok(End { head: Some(header(&self.descr()?, &shape)?), tail: Vec::new(), more, facts })
    }

    fn count_rows(&self, path: &Path) -> Result<u64> {
        count_rows(path)
    }

    fn companions(&self, _fingerprint: &str, shards: &[Done]) -> Result<Vec<(String, String)>> {
        let each: Vec<Value> = shards
            .iter()
            .map(|shard| {
                let name = |index: usize| shard.files.get(index).map(|file| file.name.clone());
                let fact = |key: &str| shard.facts.get(key).cloned();
                json!({"file": name(0), "offsets": name(1), "rows": shard.rows, "tokens": fact("tokens"), "length": fact("length")})
            })
            .collect();
        let of = |fact: &str| {
            shards.iter().map(|shard| shard.facts.get(fact).and_then(Value::as_u64)).collect::<Vec<_>>()
        };
        let tokens: Option<u64> = of("tokens").into_iter().sum();
        let tokens = tokens.ok_or_else(|| impossible("a shard does not say how many tokens it has"))?;
        let first = shards.first().and_then(|shard| shard.facts.get("length")).and_then(Value::as_u64);
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

/// Where the offsets of a shard are.
fn offsets_name(name: &str) -> String {
    name.replacen(".npy", ".offsets.npy", 1)
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

/// The header of a `.npy` file of version 1.0.
fn header(descr: &str, shape: &str) -> Result<Vec<u8>> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(checked::to::<u16, _>(HEADER - MAGIC.len() - 2)?.to_le_bytes());
    bytes.extend(format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}").into_bytes());
    if bytes.len() >= HEADER {
        return Err(Error::Internal(format!("the shape {shape} has no room in a header")));
    }
    bytes.resize(HEADER - 1, b' ');
    bytes.push(b'\n');
    Ok(bytes)
}

/// The rows of a shard, by its header, or by its offsets where rows differ in length.
pub(super) fn count_rows(path: &Path) -> Result<u64> {
    let (shape, width) = read_header(path)?;
    check_size(path, &shape, width)?;
    let name = match *shape {
        [rows, _] => return Ok(rows),
        [_] => path.file_name().ok_or_else(|| unknown(path))?,
        _ => return Err(unknown(path)),
    };
    let offsets: PathBuf = path.with_file_name(offsets_name(&name.to_string_lossy()));
    let (shape, width) = read_header(&offsets)?;
    check_size(&offsets, &shape, width)?;
    let [ends] = *shape else { return Err(unknown(&offsets)) };
    ends.checked_sub(1).ok_or_else(|| unknown(&offsets))
}

/// The type of the tokens of a shard, by its header, as Arrow names it.
pub(super) fn dtype(path: &Path) -> Result<String> {
    let (_, _, descr) = header_of(path)?;
    let (kind, width) =
        descr.trim_start_matches(['<', '|']).split_at_checked(1).ok_or_else(|| unknown(path))?;
    let bytes: u32 = width.parse().map_err(|_| unknown(path))?;
    let sign = if kind == "u" { "uint" } else { "int" };
    let bits = bytes.checked_mul(8).ok_or_else(|| unknown(path))?;
    Ok(format!("{sign}{bits}"))
}

fn check_size(path: &Path, shape: &[u64], width: u64) -> Result<()> {
    let size = std::fs::metadata(path).map_err(|e| Error::io(path, "opening", e))?.len();
    let needed = shape.iter().try_fold(width, |all, &each| all.checked_mul(each));
    let needed = needed.and_then(|bytes| bytes.checked_add(HEADER as u64)).ok_or_else(|| unknown(path))?;
    if size == needed {
        return Ok(());
    }
    Err(Error::truncated(path, At::File, format!("its header needs {needed} bytes and {size} are there")))
}

/// The shape of an array, and the bytes of a value.
fn read_header(path: &Path) -> Result<(Vec<u64>, u64)> {
    header_of(path).map(|(shape, width, _)| (shape, width))
}

/// The shape of an array, the bytes of a value and the name of its type.
fn header_of(path: &Path) -> Result<(Vec<u64>, u64, String)> {
    let mut bytes = [0; HEADER];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|e| Error::io(path, "reading the header", e))?;
    let header = String::from_utf8_lossy(&bytes);
    let between = |before: &str, after: char| {
        let (_, rest) = header.split_once(before)?;
        rest.split_once(after).map(|(found, _)| found.to_owned())
    };
    let (Some(shape), Some(descr), true) =
        (between("'shape': (", ')'), between("'descr': '", '\''), bytes.starts_with(MAGIC))
    else {
        return Err(unknown(path));
    };
    let numbers = shape.split(',').map(str::trim).filter(|number| !number.is_empty());
    let shape = numbers.map(str::parse).collect::<Result<Vec<u64>, _>>().map_err(|_| unknown(path))?;
    let width = descr.get(2..).and_then(|width| width.parse().ok()).ok_or_else(|| unknown(path))?;
    Ok((shape, width, descr))
}

fn unknown(path: &Path) -> Error {
    Error::format(
        path,
        At::Byte(0),
        "this is not the header of a token file; the file was damaged or replaced",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{FixedSizeListArray, Int32Array, LargeListArray, ListArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn a_header_has_128_bytes_for_every_shape() {
        for shape in
            ["(0, 0)".to_owned(), format!("({}, {})", u64::MAX, u64::MAX), format!("({},)", u64::MAX)]
        {
            let bytes = header("<u2", &shape).unwrap();
            assert_eq!((bytes.len(), bytes.last()), (HEADER, Some(&b'\n')));
        }
        assert!(header("<u2", &"1".repeat(200)).is_err());
    }

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
        let facts = tokens.end("tokens-0.npy", vec![(128, vec![2, 3])]).unwrap().facts;
        let done = |facts| Done { shard: 0, rows: 2, files: Vec::new(), digest: String::new(), facts };
        let sidecar: Value =
            serde_json::from_str(&tokens.companions("", &[done(facts.clone())]).unwrap()[0].1).unwrap();
        assert_eq!((sidecar["tokens"].as_u64(), sidecar["rows"].as_u64()), (Some(5), Some(2)));
        let refused = tokens.companions("", &[done(facts), done(serde_json::Map::new())]);
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
        assert_eq!(end.facts, json!({"tokens": 9, "length": 3}).as_object().cloned().unwrap());
        let end = tokens.end("tokens-0.npy", vec![(128, vec![3, 0]), (134, vec![1])]).unwrap();
        assert_eq!(end.more[0].0, "tokens-0.offsets.npy");
        let numbers: Vec<_> =
            end.more[0].1[HEADER..].chunks(8).map(|b| u64::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(numbers, [0, 3, 3, 4]);
    }
}
