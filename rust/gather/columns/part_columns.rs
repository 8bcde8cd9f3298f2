//! Where a part has the columns of its corpus, and how they come into the types that all parts have in common.

use std::path::Path;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::convert::cast_strictly;
use super::size::fixed_bytes;
use super::types::same_layout;
use super::widen::widen;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::catch_panic::guard;

/// A column that a part has in another type than the corpus.
#[derive(Debug, Clone, PartialEq)]
struct Widened {
    /// The type that its values come out in of this part alone.
    own: DataType,
    common: DataType,
}

/// The columns of a corpus, in a part of it.
#[derive(Debug, Clone)]
pub(crate) struct PartColumns {
    /// Where each column is.
    places: Vec<usize>,
    /// Those that are of another type here.
    widened: Vec<Option<Widened>>,
}

impl PartColumns {
    /// Columns at these places, that come out as these fields of this part alone, and as those in the corpus.
    pub(crate) fn new(places: Vec<usize>, own: &Schema, common: &Schema) -> Result<Self> {
        let widened = checked::zip(own.fields(), common.fields())?.map(|(own, common)| {
            let (own, common) = (own.data_type(), common.data_type());
            (!same_layout(own, common)).then(|| Widened { own: own.clone(), common: common.clone() })
        });
        let widened: Vec<_> = widened.collect();
        checked::equal("columns of a part", places.len(), widened.len())?;
        Ok(Self { places, widened })
    }

    /// Some of the columns, in this order.
    pub(crate) fn select(&self, columns: &[usize]) -> Result<Self> {
        let places = columns.iter().map(|&column| checked::get(&self.places, column).copied());
        let widened = columns.iter().map(|&column| checked::get(&self.widened, column).cloned());
        Ok(Self { places: places.collect::<Result<_>>()?, widened: widened.collect::<Result<_>>()? })
    }

    /// Where the part has them.
    pub(crate) fn places(&self) -> &[usize] {
        &self.places
    }

    /// Whether a column has another type here.
    pub(crate) fn is_widened(&self) -> bool {
        self.widened.iter().any(Option::is_some)
    }

    /// About how many bytes the columns take in the types of the corpus, given what they take as they are stored.
    ///
    /// Proof: an estimate, cut at the largest that there can be.
    pub(crate) fn bytes(&self, rows: u64, stored: impl Fn(&[usize]) -> Result<u64>) -> Result<u64> {
        if !self.is_widened() {
            return stored(&self.places);
        }
        let mut all = 0u64;
        for (place, widened) in checked::zip(&self.places, &self.widened)? {
            let mut bytes = stored(&[*place])?;
            if let Some(Widened { own, common }) = widened {
                bytes = bytes.saturating_mul(growth(own, common));
                // Proof: what has no width has its bytes where there are values.
                bytes = bytes.max(rows.saturating_mul(fixed_bytes(common).unwrap_or(0)));
            }
            all = all.saturating_add(bytes);
        }
        Ok(all)
    }

    /// A batch of the part, as it is stored, with its columns in the types of the corpus. `row_of` tells the row of the
    /// file that a row of the batch is.
    pub(crate) fn fit(
        &self,
        path: &Path,
        batch: RecordBatch,
        row_of: impl Fn(usize) -> Option<u64>,
    ) -> Result<RecordBatch> {
        if !self.is_widened() {
            return Ok(batch);
        }
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        let stored = batch.schema();
        for ((field, column), widened) in
            checked::zip(checked::zip(stored.fields(), batch.columns())?.collect::<Vec<_>>(), &self.widened)?
        {
            let column = match widened {
                None => column.clone(),
                Some(widened) => widened.of(path, field.name(), column, &row_of)?,
            };
            fields.push(Field::new(field.name(), column.data_type().clone(), true));
            columns.push(column);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        guard(path, &At::File, "converting columns", || {
            RecordBatch::try_new_with_options(Schema::new(fields).into(), columns, &options)
        })
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

/// How many times as many bytes values take in another type, at most.
fn growth(own: &DataType, common: &DataType) -> u64 {
    match (own, common) {
        (
            DataType::List(own) | DataType::LargeList(own) | DataType::FixedSizeList(own, _),
            DataType::List(common) | DataType::LargeList(common) | DataType::FixedSizeList(common, _),
        ) => growth(own.data_type(), common.data_type()).max(2),
        (DataType::Struct(own), DataType::Struct(common)) => {
            // Proof: a field that is not there takes nothing.
            let growths = common.iter().filter_map(|common| {
                own.find(common.name()).map(|(_, own)| growth(own.data_type(), common.data_type()))
            });
            growths.max().unwrap_or(1) // Proof: without fields, nothing grows.
        }
        (DataType::Null, common) => fixed_bytes(common).unwrap_or(8), // Proof: an offset.
        _ => match (fixed_bytes(own), fixed_bytes(common)) {
            (Some(own), Some(common)) => common.div_ceil(own.max(1)).max(1),
            _ => 2,
        },
    }
}
