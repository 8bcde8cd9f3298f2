//! The lengths of the values of a column in place of them. The values are not read where offsets tell.

use std::iter::once;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, NullArray, OffsetSizeTrait};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{BinaryViewType, DataType, Field, Schema, SchemaRef, StringViewType};
use arrow::record_batch::RecordBatch;

use super::part::{Batches, CorpusPart, Unpacking};
use crate::checked::{self, impossible};
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::io::identity::FileIdentity;
use crate::io::opened::Opened;

/// Bytes of a length.
const WIDTH: u64 = 8;

/// The length of a row of an array that is not null.
type LengthOf<'a> = Box<dyn Fn(usize) -> Result<i64> + 'a>;

/// A file or a table with the length of each value of a column, or of a field of its structs, and no other column.
pub(crate) struct LengthsPart {
    part: Arc<dyn CorpusPart>,
    /// Where the column is in the part.
    column: usize,
    /// The names of the fields in which the values lie, from the column on.
    fields: Arc<[String]>,
    schema: SchemaRef,
}

impl LengthsPart {
    pub(crate) fn new(part: Arc<dyn CorpusPart>, column: usize, fields: Arc<[String]>) -> Self {
        Self { part, column, fields, schema: Arc::new(Schema::new(vec![length_field("length")])) }
    }
}

/// The column that lengths are in.
pub(crate) fn length_field(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

impl CorpusPart for LengthsPart {
    fn path(&self) -> &Path {
        self.part.path()
    }

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn unit_rows(&self) -> &[u64] {
        self.part.unit_rows()
    }

    fn bytes(&self, _columns: &[usize]) -> Result<u64> {
        checked::mul(self.unit_rows().iter().sum(), WIDTH)
    }

    fn check_readable(&self, _columns: &[usize]) -> Result<()> {
        self.part.check_readable(&[self.column])
    }

    fn read(&self, unit: usize, _columns: &[usize], wanted: &[u32], how: Unpacking) -> Result<Batches> {
        if let Some(column) = self.part.unread(unit, self.column, how.most)? {
            let found = batch_of(&self.schema, &column, &self.fields, wanted);
            return Ok(Box::new(once(found)));
        }
        let (schema, fields) = (self.schema.clone(), self.fields.clone());
        let batches = self.part.read(unit, &[self.column], wanted, how)?;
        Ok(Box::new(batches.map(move |batch| {
            let batch = batch?;
            let rows: Vec<u32> = (0..checked::to(batch.num_rows())?).collect();
            let column = batch.columns().first().ok_or_else(|| impossible("a column that was not read"))?;
            batch_of(&schema, column, &fields, &rows)
        })))
    }

    fn stored_bytes(&self, unit: usize, _columns: &[usize]) -> Result<u64> {
        self.part.stored_bytes(unit, &[self.column])
    }

    fn opened(&self) -> Option<&Opened> {
        self.part.opened()
    }

    fn described(&self) -> Option<&FileIdentity> {
        self.part.described()
    }

    fn is_open(&self) -> bool {
        self.part.is_open()
    }

    fn open(&self, job: &Job<'_>) -> Result<()> {
        self.part.open(job)
    }

    fn closed(&self) -> Option<Arc<dyn CorpusPart>> {
        Some(Arc::new(Self::new(self.part.closed()?, self.column, self.fields.clone())))
    }

    fn check_unchanged(&self) -> Result<()> {
        self.part.check_unchanged()
    }
}

/// The lengths of some rows of a column.
fn batch_of(schema: &SchemaRef, column: &ArrayRef, fields: &[String], rows: &[u32]) -> Result<RecordBatch> {
    let (values, outer) = within(column, fields);
    let nulls = NullBuffer::union(outer.as_ref(), values.logical_nulls().as_ref());
    let lengths = Arc::new(lengths(values.as_ref(), nulls.as_ref(), rows)?);
    RecordBatch::try_new(schema.clone(), vec![lengths]).map_err(impossible)
}

/// The field of structs that names lead to, and where a struct on the way is null.
fn within(column: &ArrayRef, fields: &[String]) -> (ArrayRef, Option<NullBuffer>) {
    let (mut values, mut nulls) = (column.clone(), None);
    for name in fields {
        // Of a column that is null in all rows, so are the fields.
        let Some(structs) = values.as_struct_opt() else { return (values, nulls) }; // Proof: see above.
        nulls = NullBuffer::union(nulls.as_ref(), structs.nulls());
        // Of a field that other files alone have, all values are null.
        values = match structs.column_by_name(name) {
            Some(field) => field.clone(),
            None => Arc::new(NullArray::new(structs.len())),
        };
    }
    (values, nulls)
}

/// The lengths of some rows of an array: null where these are null.
fn lengths(array: &dyn Array, nulls: Option<&NullBuffer>, rows: &[u32]) -> Result<Int64Array> {
    if let Some(row) = rows.iter().find(|&&row| row as usize >= array.len()) {
        return Err(Error::Internal(format!("there is no row {row}: the column has {}", array.len())));
    }
    let length_of = length_of(array)?;
    let length = |&row: &u32| {
        let row = row as usize;
        if nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return Ok(None);
        }
        length_of(row).map(Some)
    };
    rows.iter().map(length).collect()
}

fn length_of(array: &dyn Array) -> Result<LengthOf<'_>> {
    Ok(match array.data_type() {
        DataType::List(_) => between(array.as_list::<i32>().value_offsets()),
        DataType::LargeList(_) => between(array.as_list::<i64>().value_offsets()),
        DataType::Map(..) => between(array.as_map().value_offsets()),
        DataType::Utf8 => between(array.as_string::<i32>().value_offsets()),
        DataType::LargeUtf8 => between(array.as_string::<i64>().value_offsets()),
        DataType::Binary => between(array.as_binary::<i32>().value_offsets()),
        DataType::LargeBinary => between(array.as_binary::<i64>().value_offsets()),
        DataType::Utf8View => of_views(array.as_byte_view::<StringViewType>().views()),
        DataType::BinaryView => of_views(array.as_byte_view::<BinaryViewType>().views()),
        DataType::FixedSizeList(_, length) | DataType::FixedSizeBinary(length) => {
            let length = i64::from(*length);
            Box::new(move |_| Ok(length))
        }
        DataType::Dictionary(..) => by_keys(array)?,
        DataType::Null => Box::new(|_| Err(impossible("a length of null"))),
        other => return Err(Error::Internal(format!("{other} has no lengths"))),
    })
}

/// The distance from the offset of a row to the next.
fn between<O: OffsetSizeTrait>(offsets: &[O]) -> LengthOf<'_> {
    Box::new(|row| {
        let (start, end) = (checked::get(offsets, row)?, checked::get(offsets, row + 1)?);
        checked::to(checked::sub(end.as_usize(), start.as_usize())?)
    })
}

/// A view begins with the length.
fn of_views(views: &[u128]) -> LengthOf<'_> {
    Box::new(|row| checked::to(*checked::get(views, row)? & u128::from(u32::MAX)))
}

/// The lengths of the values that keys stand for.
fn by_keys(array: &dyn Array) -> Result<LengthOf<'_>> {
    let dictionary = array.as_any_dictionary();
    let values = dictionary.values();
    if values.is_empty() {
        return Ok(Box::new(|_| Err(impossible("a key of no value")))); // All of its rows are null.
    }
    let all: Vec<u32> = (0..checked::to(values.len())?).collect();
    let lengths = lengths(values.as_ref(), values.logical_nulls().as_ref(), &all)?;
    let keys = dictionary.normalized_keys();
    Ok(Box::new(move |row| checked::get(lengths.values(), *checked::get(&keys, row)?).copied()))
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        ArrayRef, BinaryViewArray, DictionaryArray, FixedSizeBinaryArray, Int32Array, LargeBinaryArray,
        LargeStringArray, ListArray, StringArray, StringViewArray, StructArray, new_null_array,
    };
    use arrow::buffer::{NullBuffer, OffsetBuffer};
    use arrow::datatypes::Int8Type;
    use proptest::prelude::*;

    use super::*;
    use crate::gather::source::MemoryPart;

    fn of(column: ArrayRef, fields: &[&str], rows: &[u32]) -> Result<Vec<Option<i64>>> {
        let fields: Vec<String> = fields.iter().map(|&name| name.to_owned()).collect();
        let schema = Arc::new(Schema::new(vec![length_field("length")]));
        let batch = batch_of(&schema, &column, &fields, rows)?;
        Ok(batch.column(0).as_primitive::<arrow::datatypes::Int64Type>().iter().collect())
    }

    proptest! {
        #[test]
        fn lengths_of_every_form_are_those_of_the_values(
            values in prop::collection::vec(prop::option::of(prop::collection::vec(0u8..128, 0..30)), 1..20),
            start in 0usize..20,
            wanted in prop::collection::vec(0usize..1000, 0..30),
        ) {
            let texts: Vec<Option<String>> =
                values.iter().map(|value| value.clone().map(|bytes| String::from_utf8(bytes).unwrap())).collect();
            let bytes = || values.iter().map(|value| value.as_deref());
            let offsets = OffsetBuffer::<i32>::from_lengths(values.iter().map(|value| value.as_ref().map_or(0, Vec::len)));
            let item = Arc::new(Field::new("item", DataType::Int32, true));
            let items = Arc::new(Int32Array::from_iter_values(0..offsets.last()));
            let nulls = values.iter().map(Option::is_some).collect::<NullBuffer>();
            let keyed: DictionaryArray<Int8Type> = texts.iter().map(Option::as_deref).collect();
            let forms: Vec<ArrayRef> = vec![
                Arc::new(StringArray::from(texts.clone())),
                Arc::new(LargeStringArray::from(texts.clone())),
                Arc::new(StringViewArray::from(texts.iter().map(Option::as_deref).collect::<Vec<_>>())),
                Arc::new(bytes().collect::<LargeBinaryArray>()),
                Arc::new(bytes().collect::<BinaryViewArray>()),
                Arc::new(keyed),
                Arc::new(ListArray::new(item, offsets, items, Some(nulls))),
            ];
            let start = start % values.len();
            let there = values.len() - start;
            let rows: Vec<u32> = wanted.iter().map(|row| u32::try_from(row % there).unwrap()).collect();
            let expected: Vec<Option<i64>> = rows
                .iter()
                .map(|&row| values[start + row as usize].as_ref().map(|value| i64::try_from(value.len()).unwrap()))
                .collect();
            for form in forms {
                let kind = form.data_type().clone();
                let column = form.slice(start, there);
                prop_assert_eq!(&of(column.clone(), &[], &rows).unwrap(), &expected, "{}", kind);
                let field = Arc::new(Field::new("v", kind, true));
                let whole: ArrayRef = Arc::new(StructArray::new(vec![field].into(), vec![column], None));
                prop_assert_eq!(&of(whole, &["v"], &rows).unwrap(), &expected);
                let past = u32::try_from(there).unwrap();
                prop_assert!(of(form.slice(start, there), &[], &[past]).is_err());
            }
        }
    }

    #[test]
    fn nulls_around_a_value_are_nulls() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a", "bb", "ccc"]));
        let field = Arc::new(Field::new("v", DataType::Utf8, true));
        let outer = Some(NullBuffer::from(vec![true, false, true]));
        let structs: ArrayRef = Arc::new(StructArray::new(vec![field].into(), vec![texts], outer));
        assert_eq!(of(structs.clone(), &["v"], &[2, 1, 0]).unwrap(), [Some(3), None, Some(1)]);
        // Of a field that other files alone have, all are null.
        assert_eq!(of(structs.clone(), &["w"], &[0, 1]).unwrap(), [None, None]);
        assert!(of(structs, &[], &[0]).is_err());
        let nothing = new_null_array(&DataType::Null, 2);
        assert_eq!(of(nothing.clone(), &["v"], &[1]).unwrap(), [None]);
        assert_eq!(of(nothing, &[], &[0, 1]).unwrap(), [None, None]);
        let fixed = FixedSizeBinaryArray::try_from_iter([[1u8, 2], [3, 4]].into_iter()).unwrap();
        assert_eq!(of(Arc::new(fixed), &[], &[1, 1]).unwrap(), [Some(2), Some(2)]);
        let none =
            new_null_array(&DataType::Dictionary(Box::new(DataType::Int8), Box::new(DataType::Utf8)), 2);
        assert_eq!(of(none, &[], &[1]).unwrap(), [None]);
        assert!(of(Arc::new(Int32Array::from(vec![1])), &[], &[0]).is_err());
    }

    #[test]
    fn a_part_has_lengths_in_place_of_its_columns() {
        let columns: [(&str, ArrayRef); 2] = [
            ("n", Arc::new(Int32Array::from(vec![1, 2, 3]))),
            ("t", Arc::new(StringArray::from(vec!["", "four", "one"]))),
        ];
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let memory: Arc<dyn CorpusPart> = Arc::new(MemoryPart::new(batch.schema(), &[batch]));
        let part = LengthsPart::new(memory, 1, Arc::new([]));
        assert_eq!((part.unit_rows(), part.bytes(&[0]).unwrap()), (&[3u64][..], 24));
        let batches: Vec<_> = part.read(0, &[0], &[1, 2], Unpacking::default()).unwrap().collect();
        let found = batches.into_iter().next().unwrap().unwrap();
        let lengths = found.column(0).as_primitive::<arrow::datatypes::Int64Type>();
        assert_eq!((lengths.values().as_ref(), part.schema()), (&[4i64, 3][..], &found.schema()));
    }
}
