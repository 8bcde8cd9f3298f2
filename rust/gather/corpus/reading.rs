//! Rows of a unit, in the types of the corpus.

use std::iter::once;
use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};

use super::{Corpus, if_changed};
use crate::checked;
use crate::error::{At, Result};
use crate::exec::catch_panic::guard;
use crate::exec::job::Job;
use crate::gather::columns::convert::canonical;
use crate::gather::columns::part_columns::PartColumns;
use crate::gather::columns::size::list_bytes;
use crate::gather::columns::types::same_layout;
use crate::gather::source::{Batches, CorpusPart, Unpacking};

/// About how many items the lists of a column have: as they are counted, or as many as have so many bytes.
fn items_of(part: &dyn CorpusPart, column: usize) -> Result<u64> {
    if let Some(items) = part.items(column)? {
        return Ok(items);
    }
    // Proof: what is no list of numbers, or has values of no width, has no items.
    let (offset, width) = list_bytes(part.schema().field(column).data_type()).unwrap_or_default();
    // Proof: an estimate, cut at the largest that there can be.
    let rows = part.unit_rows().iter().fold(0u64, |sum, &rows| sum.saturating_add(rows));
    // Proof: as above, and lists without items may take fewer bytes than offsets.
    let of_items = part.bytes(&[column])?.saturating_sub(rows.saturating_mul(offset));
    Ok(of_items.checked_div(width).unwrap_or(0)) // Proof: as above.
}

/// Rows at once of a part that has none of the columns.
const NULL_ROWS: usize = 8192;

impl Corpus {
    /// About how many items the lists of all rows have, of a corpus of one column of lists of numbers.
    ///
    /// # Errors
    /// As [`bytes`](Self::bytes) has them; more columns than one.
    pub fn items(&self) -> Result<u64> {
        self.check_unchanged()?;
        checked::zip(&self.parts, &self.columns)?
            .map(|(part, columns)| {
                let (place, _) = columns.lengths()?;
                // Proof: a part without the column has no items.
                place.map_or(Ok(0), |place| items_of(part.as_ref(), place)).map_err(|e| if_changed(part, e))
            })
            // Proof: an estimate, cut at the largest that there can be.
            .try_fold(0u64, |sum, items| Ok(sum.saturating_add(items?)))
    }

    /// The rows `wanted` of a unit, in the types of the schema; see [`Unpacking::expand`].
    pub(in crate::gather) fn read(&self, unit: usize, wanted: &[u32], expand: bool) -> Result<Batches> {
        let (part, index, columns) = self.unit(unit)?;
        let how = Unpacking { most: self.most, expand };
        if !columns.are_here() {
            return self.read_otherwise(part, index, columns, wanted, how);
        }
        // Values that must be converted are picked first, so that only wanted rows are.
        let batches = part.read(index, columns.places(), wanted, how);
        let batches = batches.map_err(|error| if_changed(part, error))?;
        let (schema, part) = (self.schema.clone(), part.clone());
        let canonical = move |batch: Result<_>| {
            let made = batch.and_then(|batch| canonical(&schema, part.path(), &batch));
            made.map_err(|error| if_changed(&part, error))
        };
        Ok(Box::new(batches.map(canonical)))
    }

    /// Rows of a part that has columns in other types, or lacks some.
    fn read_otherwise(
        &self,
        part: &Arc<dyn CorpusPart>,
        index: usize,
        columns: &PartColumns,
        wanted: &[u32],
        how: Unpacking,
    ) -> Result<Batches> {
        let batches = match columns.places() {
            // What was described of a file that has none of the columns counts as long as it is that file.
            [] => part.open(&Job::nested()).map(|()| without_columns(part, wanted.len())),
            places => part.read(index, places, wanted, how),
        };
        let batches = batches.map_err(|error| if_changed(part, error))?;
        let (schema, part) = (self.schema.clone(), part.clone());
        let (columns, wanted) = (columns.clone(), wanted.to_vec());
        let before = part.unit_rows().iter().take(index).try_fold(0, |sum, &rows| checked::add(sum, rows))?;
        let batches = in_pieces(batches, columns.most_rows());
        let mut read = 0;
        let made = move |batch: Result<RecordBatch>| {
            let made = batch.and_then(|batch| {
                let start = read;
                read = checked::add(read, batch.num_rows())?;
                let row_of = |row| wanted.get(start + row).map(|&row| before + u64::from(row));
                let batch = columns.fit(part.path(), &schema, batch, row_of)?;
                canonical(&schema, part.path(), &batch)
            });
            made.map_err(|error| if_changed(&part, error))
        };
        Ok(Box::new(batches.map(made)))
    }

    /// For each part, whether its rows may be copied from where they lie.
    pub(in crate::gather) fn parts_copied(&self) -> Result<Vec<bool>> {
        let parts = checked::zip(&self.parts, &self.columns)?;
        Ok(parts.map(|(part, columns)| self.is_copied(part.as_ref(), columns)).collect())
    }

    /// Whether rows of a part may be copied from where they lie: nothing is unpacked, and no value converted.
    pub(super) fn is_copied(&self, part: &dyn CorpusPart, columns: &PartColumns) -> bool {
        let stored = part.schema().fields();
        // Proof: columns that are here are as many as the fields.
        let mut pairs = columns.places().iter().zip(self.schema.fields());
        let as_stored = |(place, field): (&usize, &FieldRef)| {
            stored.get(*place).is_some_and(|own| same_layout(own.data_type(), field.data_type()))
        };
        part.in_place() && columns.are_here() && pairs.all(as_stored)
    }

    /// Whether the values of a unit lie in place, and are converted as they are read.
    pub(in crate::gather) fn is_converted(&self, unit: usize) -> Result<bool> {
        let (part, _, columns) = self.unit(unit)?;
        Ok(part.in_place() && !self.is_copied(part.as_ref(), columns))
    }

    /// Whether a unit holds any of the columns.
    pub(in crate::gather) fn is_read(&self, unit: usize) -> Result<bool> {
        Ok(!self.unit(unit)?.2.places().is_empty())
    }

    /// All rows of a unit where they lie, in the types of the schema, if they have them there.
    pub(in crate::gather) fn view(&self, unit: usize) -> Result<Option<RecordBatch>> {
        let (part, index, columns) = self.unit(unit)?;
        if !columns.are_here() {
            return Ok(None); // Proof: its rows are decoded.
        }
        let batch = part.view(index, columns.places()).map_err(|error| if_changed(part, error))?;
        let batch = batch.filter(|batch| alike(batch, &self.schema));
        batch.map(|batch| canonical(&self.schema, part.path(), &batch)).transpose()
    }
}

/// Batches cut to so many rows at most.
fn in_pieces(batches: Batches, most: usize) -> Batches {
    Box::new(batches.flat_map(move |batch| -> Batches {
        match batch {
            Ok(batch) if batch.num_rows() > most => {
                let rows = batch.num_rows();
                Box::new(
                    (0..rows).step_by(most).map(move |start| Ok(batch.slice(start, most.min(rows - start)))),
                )
            }
            whole => Box::new(once(whole)),
        }
    }))
}

/// So many rows without any column.
fn without_columns(part: &Arc<dyn CorpusPart>, rows: usize) -> Batches {
    let part = part.clone();
    Box::new((0..rows).step_by(NULL_ROWS).map(move |start| {
        let rows = NULL_ROWS.min(rows - start);
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        guard(part.path(), &At::File, "counting rows", || {
            RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options)
        })
    }))
}

/// Whether the columns of a batch need new names at most.
fn alike(batch: &RecordBatch, schema: &Schema) -> bool {
    // Proof: where there are not as many of both, they differ.
    let mut types = batch.columns().iter().zip(schema.fields());
    batch.num_columns() == schema.fields().len()
        && types.all(|(column, field)| same_layout(column.data_type(), field.data_type()))
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int64Array};
    use arrow::compute::concat_batches;

    use super::*;
    use crate::error::Error;

    #[test]
    fn batches_in_pieces_are_the_same_rows() {
        let batch = |rows: i64| {
            let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
            RecordBatch::try_from_iter([("n", numbers)]).unwrap()
        };
        for most in 1..9 {
            let whole: Vec<_> = [7, 0, 1, 8, 3].map(batch).into();
            let pieces: Result<Vec<_>> =
                in_pieces(Box::new(whole.clone().into_iter().map(Ok)), most).collect();
            let pieces = pieces.unwrap();
            assert!(pieces.iter().all(|piece| piece.num_rows() <= most));
            let schema = batch(1).schema();
            let joined = |batches: &[RecordBatch]| concat_batches(&schema, batches).unwrap();
            assert_eq!(joined(&pieces), joined(&whole));
        }
        let failing: Batches = Box::new([Ok(batch(2)), Err(Error::Internal("x".to_owned()))].into_iter());
        let found: Vec<_> = in_pieces(failing, 1).collect();
        assert_eq!(found.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false]);
    }
}
