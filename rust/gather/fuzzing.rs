//! What fuzz targets ask of a corpus beside its rows: the units that it reads on their own.

use super::Corpus;
use crate::error::Result;

/// The rows of each unit, in the order of the rows.
///
/// # Errors
/// [`crate::error::Error::Internal`] if a unit is not where it was found.
pub fn unit_rows(corpus: &Corpus) -> Result<Vec<u64>> {
    (0..corpus.units()).map(|unit| corpus.unit_rows(unit)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int32Array};
    use arrow::record_batch::RecordBatch;

    use super::*;

    #[test]
    fn the_units_of_a_table_have_all_of_its_rows() {
        let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(0..7));
        let batch = RecordBatch::try_from_iter([("n", numbers)]).unwrap();
        let corpus =
            Corpus::from_batches(batch.schema(), &[batch.slice(0, 3), batch.slice(3, 4)], None).unwrap();
        assert_eq!(unit_rows(&corpus).unwrap().iter().sum::<u64>(), 7);
    }
}
