//! The units of all parts of a corpus, numbered in the order of their rows.

use std::sync::Arc;

use super::locator::Locator;
use super::source::CorpusPart;
use crate::error::{At, Error, Result};

/// Where each unit is, and which unit a row is in.
#[derive(Debug)]
pub(super) struct Units {
    /// For each unit, its part and its number there.
    places: Vec<(u32, u32)>,
    locator: Locator,
}

impl Units {
    /// Numbers the units of parts.
    pub(super) fn of(parts: &[Arc<dyn CorpusPart>]) -> Result<Self> {
        let mut places = Vec::new();
        let mut starts = vec![0u64];
        let mut row = 0u64;
        for (index, part) in parts.iter().enumerate() {
            let too_many = || {
                let message =
                    "there are more than 2^32 rows in one batch, or 2^63 in all; write it in smaller batches";
                Error::format(part.path(), At::File, message)
            };
            let index = u32::try_from(index).map_err(|_| too_many())?;
            for (unit, &rows) in part.unit_rows().iter().enumerate() {
                u32::try_from(rows).map_err(|_| too_many())?;
                row = row.checked_add(rows).filter(|row| *row < 1 << 63).ok_or_else(too_many)?;
                places.push((index, u32::try_from(unit).map_err(|_| too_many())?));
                starts.push(row);
            }
        }
        Ok(Self { places, locator: Locator::new(starts) })
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> u64 {
        self.locator.rows()
    }

    /// The unit that holds a row, and the row's number in it.
    pub(super) fn locate(&self, row: u64) -> (usize, u32) {
        self.locator.locate(row)
    }

    /// The part that a unit is in, and its number there.
    pub(super) fn part_of(&self, unit: usize) -> Option<(usize, usize)> {
        self.places.get(unit).map(|&(part, index)| (part as usize, index as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    use arrow::datatypes::{Schema, SchemaRef};

    use crate::gather::source::{Batches, Unpacking};

    /// A part of which only the number of rows is known.
    struct Counted(SchemaRef, Vec<u64>);

    impl CorpusPart for Counted {
        fn path(&self) -> &Path {
            Path::new("counted")
        }

        fn schema(&self) -> &SchemaRef {
            &self.0
        }

        fn unit_rows(&self) -> &[u64] {
            &self.1
        }

        fn bytes(&self, _columns: &[usize]) -> Result<u64> {
            Ok(0)
        }

        fn read(
            &self,
            _unit: usize,
            _columns: &[usize],
            _wanted: &[u32],
            _how: Unpacking,
        ) -> Result<Batches> {
            Ok(Box::new(std::iter::empty()))
        }
    }

    fn units(parts: &[&[u64]]) -> Result<Units> {
        let part =
            |rows: &&[u64]| Arc::new(Counted(Schema::empty().into(), rows.to_vec())) as Arc<dyn CorpusPart>;
        Units::of(&parts.iter().map(part).collect::<Vec<_>>())
    }

    #[test]
    fn units_are_numbered_through_all_parts() {
        let units = units(&[&[2, 0, 3], &[], &[1]]).unwrap();
        assert_eq!((units.len(), units.rows()), (4, 6));
        let parts: Vec<_> = (0..5).map(|unit| units.part_of(unit)).collect();
        assert_eq!(parts, [Some((0, 0)), Some((0, 1)), Some((0, 2)), Some((2, 0)), None]);
        let rows: Vec<_> = (0..6).map(|row| units.locate(row)).collect();
        assert_eq!(rows, [(0, 0), (0, 1), (2, 0), (2, 1), (2, 2), (3, 0)]);
    }

    #[test]
    fn more_rows_than_can_be_numbered_are_an_error() {
        assert!(units(&[&[u64::from(u32::MAX)]]).is_ok());
        let error = units(&[&[1], &[1 << 32]]).unwrap_err().to_string();
        assert!(error.contains("more than 2^32 rows in one batch"), "{error}");
    }
}
