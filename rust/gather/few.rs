//! A few rows that lie together, read by the calling thread: what a gather prepares for each call (threads, a
//! count for every unit) costs more than they do.

use std::ops::Range;

use arrow::record_batch::RecordBatch;

use super::corpus::Corpus;
use crate::error::{Error, Result};

impl Corpus {
    /// A run of rows as record batches, copied from where they lie.
    ///
    /// # Errors
    /// A row that is not there, and whatever reading a unit fails with.
    pub fn run(&self, rows: Range<u64>) -> Result<Vec<RecordBatch>> {
        if rows.start > rows.end || rows.end > self.rows() {
            let there = self.rows();
            return Err(Error::Value(format!("the rows {rows:?} are not there: the corpus has {there}")));
        }
        let mut batches = Vec::new();
        let mut next = rows.start;
        while next < rows.end {
            let (unit, first) = self.locate(next);
            let left = self.unit_rows(unit)?.checked_sub(u64::from(first)).filter(|&left| left > 0);
            let count = left.ok_or_else(|| misplaced(next, unit))?.min(rows.end - next);
            let end = u32::try_from(u64::from(first) + count).map_err(|_| misplaced(next, unit))?;
            let wanted: Vec<u32> = (first..end).collect();
            // A file that was cut since it was opened would end the process where its map is read.
            self.check_unit_unchanged(unit)?;
            let read = self.read(unit, &wanted)?.collect::<Result<Vec<_>>>()?;
            let found: u64 = read.iter().map(|batch| batch.num_rows() as u64).sum();
            if found != count {
                return Err(Error::Internal(format!("unit {unit} gave {found} rows of {count}")));
            }
            self.check_unit_unchanged(unit)?;
            batches.extend(read);
            next += count;
        }
        Ok(batches)
    }
}

fn misplaced(row: u64, unit: usize) -> Error {
    Error::Internal(format!("row {row} is not in unit {unit}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch};
    use arrow::compute::concat_batches;
    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn every_run_is_that_of_the_table() {
        let schema = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, false)]));
        let batch = |rows: Range<i64>| {
            let values = Arc::new(Int64Array::from_iter_values(rows));
            RecordBatch::try_new(schema.clone(), vec![values]).unwrap()
        };
        let batches = [batch(0..3), batch(3..3), batch(3..4), batch(4..9)];
        let corpus = Corpus::from_batches(schema.clone(), &batches, None).unwrap();
        for start in 0..=9u32 {
            for end in start..=9 {
                let found = corpus.run(u64::from(start)..u64::from(end)).unwrap();
                let schema = corpus.schema();
                let found = concat_batches(schema, &found).unwrap();
                let wanted = Int64Array::from_iter_values(i64::from(start)..i64::from(end));
                assert_eq!(found.column(0).as_ref(), &wanted as &dyn arrow::array::Array);
            }
        }
        let error = corpus.run(4..10).unwrap_err().to_string();
        assert_eq!(error, "the rows 4..10 are not there: the corpus has 9");
        assert!(corpus.run(Range { start: 5, end: 4 }).is_err());
    }
}
