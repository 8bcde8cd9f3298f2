//! Where a part has the columns of its corpus, and how they come into the types that all parts have in common.

use std::iter::repeat_n;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::convert::cast_strictly;
use super::size::fixed_bytes;
use super::types::same_layout;
use super::widen::widen;
use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};
use crate::exec::catch_panic::guard;

/// Bytes of an offset.
const OFFSET: u64 = 4;
/// Of texts in one array.
const MOST_BYTES: usize = i32::MAX as usize;

/// A column that a part has in another type than the corpus.
#[derive(Debug, Clone, PartialEq)]
struct Widened {
    /// The type that its values come out in of this part alone.
    own: DataType,
    common: DataType,
}

/// A column of a corpus, in a part of it.
#[derive(Debug, Clone)]
enum Column {
    /// Its values are here, in a type that comes out as that of the corpus.
    Here(usize),
    /// They are here in another type.
    Other(usize, Widened),
    /// The part does not have it: all of its values are null.
    Missing(DataType),
    /// No file has it, and it is this number in all rows of the part.
    Integer(i64),
    /// As that, this text.
    Text(Arc<str>),
}

/// What a column that no file has is in all rows of a part.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null(DataType),
    Integer(i64),
    Text(Arc<str>),
}

/// The columns of a corpus, in a part of it. Parts that have them alike share what is told of them.
#[derive(Debug, Clone)]
pub(crate) struct PartColumns {
    columns: Arc<[Column]>,
    /// Where those are that are here.
    places: Arc<[usize]>,
}

impl PartColumns {
    /// Columns at these places, or nowhere, that come out as these fields of this part alone, and as those in the corpus.
    pub(crate) fn new(places: &[Option<usize>], own: &Schema, common: &Schema) -> Result<Self> {
        let types = checked::zip(own.fields(), common.fields())?.collect::<Vec<_>>();
        let columns = checked::zip(places, types)?.map(|(place, (own, common))| {
            let (own, common) = (own.data_type().clone(), common.data_type().clone());
            match place {
                None => Column::Missing(common),
                Some(place) if same_layout(&own, &common) => Column::Here(*place),
                Some(place) => Column::Other(*place, Widened { own, common }),
            }
        });
        Ok(Self::of(columns.collect()))
    }

    /// The same of several parts, given where each has them and what they come out as there.
    pub(crate) fn of_parts(
        places: &[Vec<Option<usize>>],
        own: &[Schema],
        common: &Schema,
    ) -> Result<Vec<Self>> {
        let mut parts: Vec<Self> = Vec::with_capacity(own.len());
        let mut before = None;
        for part in checked::zip(places, own)? {
            // Shards of one data set have their columns alike.
            let alike = parts.last().filter(|_| before == Some(part)).cloned();
            parts.push(alike.map_or_else(|| Self::new(part.0, part.1, common), Ok)?); // Proof: they are as before.
            before = Some(part);
        }
        Ok(parts)
    }

    fn of(columns: Vec<Column>) -> Self {
        // Proof: a column that is missing is nowhere.
        let places = columns.iter().filter_map(Column::place).collect();
        Self { columns: columns.into(), places }
    }

    /// The columns with others that no file has: in each place the value of one of those, or the next of the columns.
    pub(crate) fn with_values(self, values: Vec<Option<Value>>) -> Result<Self> {
        let mut own = self.columns.iter().cloned();
        let columns = values.into_iter().map(|value| match value {
            Some(Value::Null(common)) => Ok(Column::Missing(common)),
            Some(Value::Integer(number)) => Ok(Column::Integer(number)),
            Some(Value::Text(text)) => Ok(Column::Text(text)),
            None => own.next().ok_or_else(|| impossible("a column of no part")),
        });
        Ok(Self::of(columns.collect::<Result<_>>()?))
    }

    /// Some of the columns, in this order.
    pub(crate) fn select(&self, columns: &[usize]) -> Result<Self> {
        let columns = columns.iter().map(|&column| checked::get(&self.columns, column).cloned());
        Ok(Self::of(columns.collect::<Result<_>>()?))
    }

    /// Where the part has the one column, and the lengths of its values: in the first column, or told without it.
    pub(crate) fn lengths(&self) -> Result<(Option<usize>, Self)> {
        let [column] = &*self.columns else { return Err(impossible("lengths of several columns")) };
        let (place, lengths) = match column {
            Column::Here(place) | Column::Other(place, _) => (Some(*place), Column::Here(0)),
            Column::Missing(_) => (None, Column::Missing(DataType::Int64)),
            Column::Text(text) => (None, Column::Integer(checked::to(text.len())?)),
            Column::Integer(_) => return Err(impossible("lengths of whole numbers")),
        };
        Ok((place, Self::of(vec![lengths])))
    }

    /// Where the part has them.
    pub(crate) fn places(&self) -> &[usize] {
        &self.places
    }

    /// Whether all columns are here, in types that come out as those of the corpus.
    pub(crate) fn are_here(&self) -> bool {
        self.columns.iter().all(|column| matches!(column, Column::Here(_)))
    }

    /// How many rows a batch may have at most: the offsets of texts have 32 bits.
    pub(crate) fn most_rows(&self) -> usize {
        let most = |column: &Column| match column {
            Column::Text(text) => MOST_BYTES / text.len().max(1),
            _ => usize::MAX,
        };
        self.columns.iter().map(most).fold(usize::MAX, usize::min)
    }

    /// About how many bytes the columns take in the types of the corpus, given what they take as they are stored.
    ///
    /// Proof: an estimate, cut at the largest that there can be.
    pub(crate) fn bytes(&self, rows: u64, stored: impl Fn(&[usize]) -> Result<u64>) -> Result<u64> {
        if self.are_here() {
            return stored(&self.places);
        }
        let mut all = 0u64;
        for column in &*self.columns {
            // Proof: what has no width has its bytes where there are values.
            let fixed = |data_type| rows.saturating_mul(fixed_bytes(data_type).unwrap_or(0));
            let bytes = match column {
                Column::Here(place) => stored(&[*place])?,
                Column::Other(place, Widened { own, common }) => {
                    stored(&[*place])?.saturating_mul(growth(own, common)).max(fixed(common))
                }
                Column::Missing(common) => fixed(common).max(rows.saturating_mul(OFFSET)),
                Column::Integer(_) => fixed(&DataType::Int64),
                Column::Text(text) => rows.saturating_mul(OFFSET.saturating_add(text.len() as u64)),
            };
            all = all.saturating_add(bytes);
        }
        Ok(all)
    }

    /// A batch of what the part has, as it is stored, with all columns of a schema in the types of the corpus. `row_of`
    /// tells the row of the file that a row of the batch is.
    pub(crate) fn fit(
        &self,
        path: &Path,
        schema: &Schema,
        batch: RecordBatch,
        row_of: impl Fn(usize) -> Option<u64>,
    ) -> Result<RecordBatch> {
        if self.are_here() {
            return Ok(batch);
        }
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        let mut stored = batch.columns().iter();
        let mut next = || stored.next().ok_or_else(|| impossible("a column that was not read"));
        for (column, field) in checked::zip(&*self.columns, schema.fields())? {
            let made = match column {
                Column::Here(_) => next()?.clone(),
                Column::Other(_, widened) => widened.of(path, field.name(), next()?, &row_of)?,
                Column::Missing(common) => new_null_array(common, batch.num_rows()),
                Column::Integer(number) => Arc::new(Int64Array::from_value(*number, batch.num_rows())),
                Column::Text(text) => guard(path, &At::File, "repeating a text", || {
                    Ok::<_, ArrowError>(Arc::new(repeated(text, batch.num_rows())) as ArrayRef)
                })?,
            };
            fields.push(Field::new(field.name(), made.data_type().clone(), true));
            columns.push(made);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        guard(path, &At::File, "converting columns", || {
            RecordBatch::try_new_with_options(Schema::new(fields).into(), columns, &options)
        })
    }
}

impl Column {
    fn place(&self) -> Option<usize> {
        match self {
            Self::Here(place) | Self::Other(place, _) => Some(*place),
            Self::Missing(_) | Self::Integer(_) | Self::Text(_) => None,
        }
    }
}

impl Widened {
    fn of(
        &self,
        path: &Path,
        name: &str,
        column: &ArrayRef,
        row_of: impl Fn(usize) -> Option<u64>,
    ) -> Result<ArrayRef> {
        let at = At::Field(format!("column {name:?}"));
        let made = |column: &ArrayRef| {
            guard(path, &at, "converting", || {
                let own = cast_strictly(column, &self.own);
                Ok::<_, ArrowError>(own.and_then(|own| widen(&own, &self.common)))
            })
        };
        made(column)?.or_else(|error| {
            let mut place = String::new();
            for row in 0..column.len() {
                if made(&column.slice(row, 1))?.is_err() {
                    // Proof: a row that is not told is missing in the message alone.
                    place = row_of(row).map(|row| format!("row {row}: ")).unwrap_or_default();
                    break;
                }
            }
            let message = format!(
                "{place}a value of the type {} has no place in {}, the type that holds those of all shards: {error}; leave the column out, or its row, or give all shards one type",
                self.own, self.common
            );
            Err(Error::schema(path, at.clone(), message))
        })
    }
}

/// A text in so many rows, which are at most [`PartColumns::most_rows`].
fn repeated(text: &str, rows: usize) -> StringArray {
    StringArray::from_iter_values(repeat_n(text, rows))
}

/// How many times as many bytes values take in another type, at most.
fn growth(own: &DataType, common: &DataType) -> u64 {
    match (own, common) {
        (
            DataType::List(own) | DataType::LargeList(own) | DataType::FixedSizeList(own, _),
            DataType::List(common) | DataType::LargeList(common) | DataType::FixedSizeList(common, _),
        ) => growth(own.data_type(), common.data_type()).max(2),
        (DataType::Struct(own), DataType::Struct(common)) => {
            // Proof: of what has no width, an offset; estimates, cut at the largest that there can be.
            let width = |field: &Field, offset| fixed_bytes(field.data_type()).unwrap_or(offset);
            let sum = |widths: &mut dyn Iterator<Item = u64>| widths.fold(0, u64::saturating_add);
            let (mut most, mut more) = (1, 0u64);
            for field in common {
                match own.find(field.name()) {
                    Some((_, own)) => most = most.max(growth(own.data_type(), field.data_type())),
                    None => more = more.saturating_add(width(field, 2 * OFFSET)), // Proof: as above.
                }
            }
            let own = sum(&mut own.iter().map(|field| width(field, OFFSET)));
            most.saturating_add(more.div_ceil(own.max(1))) // Proof: as above.
        }
        (DataType::Null, common) => fixed_bytes(common).unwrap_or(8), // Proof: an offset.
        _ => match (fixed_bytes(own), fixed_bytes(common)) {
            (Some(own), Some(common)) => common.div_ceil(own.max(1)).max(1),
            _ => 2,
        },
    }
}
