//! Record batches that are in memory already: a table, or the mapped table of a dataset.

use std::ops::Range;
use std::path::Path;

use arrow::array::{Array, ArrayRef, AsArray, GenericByteArray, GenericListArray, OffsetSizeTrait};
use arrow::datatypes::{ByteArrayType, DataType, SchemaRef};
use arrow::record_batch::RecordBatch;

use super::part::{Batches, CorpusPart, Unpacking};
use super::pick::picked;
use crate::checked::{self, impossible};
use crate::error::{At, Error, Result};
use crate::exec::catch_panic::guard;
use crate::exec::memory::UnpackLimit;
use crate::gather::columns::size::nbytes;
use crate::io::arrow_maps::{batch_without_maps, schema_without_maps};

/// Rows of a unit at most, so that one long chunk is still the work of many threads.
const UNIT_ROWS: usize = 1 << 16;

/// What messages call a table that has no file.
const NAME: &str = "<table>";

/// A table in memory, cut in units.
pub(crate) struct MemoryPart {
    schema: SchemaRef,
    units: Vec<RecordBatch>,
    rows: Vec<u64>,
}

impl MemoryPart {
    /// Borrows the batches; nothing is copied.
    pub(crate) fn new(schema: SchemaRef, batches: &[RecordBatch]) -> Self {
        let mut units = Vec::new();
        for batch in batches {
            let mut start = 0;
            while start < batch.num_rows() {
                let rows = UNIT_ROWS.min(batch.num_rows() - start);
                units.push(batch.slice(start, rows));
                start += rows;
            }
        }
        let rows = units.iter().map(|unit| unit.num_rows() as u64).collect();
        Self { schema: schema_without_maps(&schema).into(), units, rows }
    }

    /// Some columns of a unit, whose offsets are checked.
    fn columns(&self, unit: usize, columns: &[usize]) -> Result<RecordBatch> {
        let batch =
            self.units.get(unit).ok_or_else(|| Error::Internal(format!("there is no unit {unit}")))?;
        let batch = guard(self.path(), &At::File, "taking the columns", || {
            batch_without_maps(batch.project(columns)?)
        })?;
        for (&column, array) in checked::zip(columns, batch.columns())? {
            check_offsets(self.schema.field(column).name(), array.as_ref())?;
        }
        Ok(batch)
    }
}

impl CorpusPart for MemoryPart {
    fn path(&self) -> &Path {
        Path::new(NAME)
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn unit_rows(&self) -> &[u64] {
        &self.rows
    }

    fn bytes(&self, columns: &[usize]) -> Result<u64> {
        // A few units stand for all: a look at the offsets of each would touch every page of a mapped table.
        let step = self.units.len().div_ceil(64).max(1);
        let (mut bytes, mut rows) = (0u64, 0u64);
        for unit in self.units.iter().step_by(step) {
            for &column in columns {
                let array = unit.column(column);
                check_offsets(self.schema.field(column).name(), array.as_ref())?;
                // Proof: an estimate, cut at the largest that there can be.
                bytes = bytes.saturating_add(nbytes(array.as_ref(), 0, array.len()));
            }
            rows += unit.num_rows() as u64;
        }
        let all: u64 = self.rows.iter().sum();
        let scaled = u128::from(bytes) * u128::from(all) / u128::from(rows.max(1));
        Ok(u64::try_from(scaled).unwrap_or(u64::MAX)) // Proof: as above.
    }

    fn read(&self, unit: usize, columns: &[usize], wanted: &[u32], _how: Unpacking) -> Result<Batches> {
        Ok(picked(self.path(), self.columns(unit, columns)?, wanted.to_vec()))
    }

    fn in_place(&self) -> bool {
        true
    }

    fn view(&self, unit: usize, columns: &[usize]) -> Result<Option<RecordBatch>> {
        self.columns(unit, columns).map(Some)
    }

    fn unread(&self, unit: usize, column: usize, _most: UnpackLimit) -> Result<Option<ArrayRef>> {
        Ok(self.columns(unit, &[column])?.columns().first().cloned())
    }
}

/// Fails if an offset decreases or points outside of the values.
///
/// A table of another library arrives unchecked, and the kernels that copy its rows rely on its offsets.
fn check_offsets(column: &str, array: &dyn Array) -> Result<()> {
    match array.data_type() {
        DataType::Utf8 => bytes(column, array.as_string::<i32>()),
        DataType::LargeUtf8 => bytes(column, array.as_string::<i64>()),
        DataType::Binary => bytes(column, array.as_binary::<i32>()),
        DataType::LargeBinary => bytes(column, array.as_binary::<i64>()),
        DataType::List(_) => items(column, array.as_list::<i32>()),
        DataType::LargeList(_) => items(column, array.as_list::<i64>()),
        DataType::FixedSizeList(..) => check_offsets(column, array.as_fixed_size_list().values().as_ref()),
        DataType::Struct(_) => {
            array.as_struct().columns().iter().try_for_each(|child| check_offsets(column, child.as_ref()))
        }
        // Keys of a dictionary and views are offsets too, and no others are left.
        _ => array.to_data().validate_full().map_err(|e| broken(column, &e.to_string())),
    }
}

fn bytes<T: ByteArrayType>(column: &str, array: &GenericByteArray<T>) -> Result<()> {
    ascending(column, array.value_offsets(), array.value_data().len()).map(drop)
}

/// The items of the rows of this slice alone: those of the whole chunk would be looked at once per unit.
fn items<O: OffsetSizeTrait>(column: &str, list: &GenericListArray<O>) -> Result<()> {
    let range = ascending(column, list.value_offsets(), list.values().len())?;
    check_offsets(column, list.values().slice(range.start, range.len()).as_ref())
}

/// The range of values that ascending offsets span.
fn ascending<O: OffsetSizeTrait>(column: &str, offsets: &[O], values: usize) -> Result<Range<usize>> {
    let Some(&first) = offsets.first() else {
        return Err(impossible(format_args!("the column {column:?} without offsets")));
    };
    let mut last = first;
    for (row, &offset) in offsets.iter().enumerate() {
        if offset < last || offset.to_usize().is_none_or(|offset| offset > values) {
            let row = row.saturating_sub(1); // Proof: the first offset is where row 0 begins.
            return Err(broken(
                column,
                &format!(
                    "row {row} of a chunk ends at {offset:?}, after {last:?} and with {values} values there"
                ),
            ));
        }
        last = offset;
    }
    Ok(first.as_usize()..last.as_usize())
}

fn broken(column: &str, what: &str) -> Error {
    Error::format(
        NAME,
        At::Field(format!("column {column:?}")),
        format!("{what}; the table is damaged: check it with table.validate(full=True)"),
    )
}

#[cfg(test)]
mod tests;
