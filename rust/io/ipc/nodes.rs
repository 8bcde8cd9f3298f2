//! What a record batch says of its arrays, compared with its schema and with itself.
//!
//! The lengths of a batch stand in its header twice, for the batch and for each column. Where they differ, rows would
//! be lost or made up without a word; and so would nulls, where there are no bits that tell which rows are null.

use std::ops::Range;

use arrow::datatypes::{DataType, Field, Schema, UnionMode};
use arrow::ipc::{FieldNode, MetadataVersion, RecordBatch};

/// Fails with what is wrong if a batch does not describe the columns of its schema, each of the batch's rows.
pub(crate) fn check_nodes(
    schema: &Schema,
    batch: &RecordBatch<'_>,
    version: MetadataVersion,
) -> Result<(), String> {
    let mut walk = Walk { batch, version, node: 0, buffer: 0, view: 0 };
    for field in schema.fields() {
        let node = walk.array(field.data_type(), field.name())?;
        if node.length() != batch.length() {
            return Err(format!(
                "column {:?} has {} values in a batch of {} rows",
                field.name(),
                node.length(),
                batch.length()
            ));
        }
    }
    Ok(())
}

/// Which of the buffers of a batch are those of each column of its schema.
pub(crate) fn buffers_of_columns(
    schema: &Schema,
    batch: &RecordBatch<'_>,
    version: MetadataVersion,
) -> Result<Vec<Range<usize>>, String> {
    let mut walk = Walk { batch, version, node: 0, buffer: 0, view: 0 };
    let buffers = schema.fields().iter().map(|field| {
        let start = walk.buffer;
        walk.array(field.data_type(), field.name())?;
        Ok(start..walk.buffer)
    });
    buffers.collect()
}

/// How many items the lists of a column have in a batch.
pub(crate) fn items_of_column(
    schema: &Schema,
    batch: &RecordBatch<'_>,
    version: MetadataVersion,
    column: usize,
) -> Result<u64, String> {
    let mut walk = Walk { batch, version, node: 0, buffer: 0, view: 0 };
    for field in schema.fields().iter().take(column) {
        walk.array(field.data_type(), field.name())?;
    }
    let name = schema.field(column).name();
    walk.next_node(name)?;
    let length = walk.next_node(name)?.length();
    u64::try_from(length).map_err(|_| format!("column {name:?} has lists of {length} items"))
}

/// Whether any column, or what is in it, is stored as keys of a dictionary.
pub(crate) fn has_dictionaries(schema: &Schema) -> bool {
    schema.fields().iter().any(|field| is_by_keys(field.data_type()))
}

fn is_by_keys(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Dictionary(..))
        || children(data_type).into_iter().any(|child| is_by_keys(child.data_type()))
}

/// Arrays in the order in which a batch lists them, and their buffers.
struct Walk<'b, 'f> {
    batch: &'b RecordBatch<'f>,
    version: MetadataVersion,
    node: usize,
    buffer: usize,
    view: usize,
}

impl Walk<'_, '_> {
    /// Looks at an array and at those within it.
    fn array(&mut self, data_type: &DataType, column: &str) -> Result<FieldNode, String> {
        let node = self.next_node(column)?;
        let (length, nulls) = (node.length(), node.null_count());
        if length < 0 || !(0..=length).contains(&nulls) {
            return Err(format!("column {column:?} has {length} values and {nulls} nulls"));
        }
        if self.has_validity(data_type) {
            self.validity(length, nulls, column)?;
        }
        self.buffer += self.buffers(data_type)?;
        for child in children(data_type) {
            self.array(child.data_type(), column)?;
        }
        Ok(node)
    }

    fn next_node(&mut self, column: &str) -> Result<FieldNode, String> {
        let (nodes, index) = (self.batch.nodes(), self.node);
        self.node += 1;
        // Proof: a header without arrays describes none.
        let count = nodes.map_or(0, |nodes| nodes.iter().len());
        nodes.filter(|_| index < count).map(|nodes| *nodes.get(index)).ok_or_else(|| {
            format!("the batch describes {count} arrays, and column {column:?} of its schema needs more")
        })
    }

    /// Where there are nulls, there must be a bit for every value.
    fn validity(&mut self, length: i64, nulls: i64, column: &str) -> Result<(), String> {
        let (buffers, index) = (self.batch.buffers(), self.buffer);
        self.buffer += 1;
        if nulls == 0 {
            return Ok(());
        }
        let there = buffers.filter(|buffers| index < buffers.iter().len());
        // Proof: a buffer that is not there has no bytes.
        let bytes = there.map_or(0, |buffers| buffers.get(index).length());
        // How many bytes a compressed buffer holds is seen when it is unpacked.
        let enough =
            if self.batch.compression().is_some() { 1 } else { length / 8 + i64::from(length % 8 > 0) };
        if bytes < enough {
            return Err(format!(
                "column {column:?} has {nulls} nulls among {length} values, and {bytes} bytes that tell which"
            ));
        }
        Ok(())
    }

    fn has_validity(&self, data_type: &DataType) -> bool {
        match data_type {
            DataType::Null | DataType::RunEndEncoded(..) => false,
            DataType::Union(..) => self.version.0 < MetadataVersion::V5.0,
            _ => true,
        }
    }

    /// How many buffers an array has beside the one for its nulls.
    fn buffers(&mut self, data_type: &DataType) -> Result<usize, String> {
        Ok(match data_type {
            DataType::Null
            | DataType::RunEndEncoded(..)
            | DataType::Struct(_)
            | DataType::FixedSizeList(..) => 0,
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::ListView(_)
            | DataType::LargeListView(_)
            | DataType::Union(_, UnionMode::Dense) => 2,
            DataType::Utf8View | DataType::BinaryView => 1 + self.data_buffers()?,
            _ => 1,
        })
    }

    /// How many buffers the texts of an array of views lie in.
    fn data_buffers(&mut self) -> Result<usize, String> {
        let (counts, index) = (self.batch.variadicBufferCounts(), self.view);
        self.view += 1;
        let count = counts.filter(|counts| index < counts.len()).map(|counts| counts.get(index));
        count
            .and_then(|count| usize::try_from(count).ok())
            .ok_or_else(|| "the batch does not say how many buffers its views have".to_owned())
    }
}

/// The fields of the arrays within an array.
fn children(data_type: &DataType) -> Vec<&Field> {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => vec![item.as_ref()],
        DataType::Struct(fields) => fields.iter().map(AsRef::as_ref).collect(),
        DataType::Union(fields, _) => fields.iter().map(|(_, field)| field.as_ref()).collect(),
        DataType::RunEndEncoded(ends, values) => vec![ends.as_ref(), values.as_ref()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::new_null_array;
    use arrow::datatypes::UnionFields;
    use arrow::ipc::root_as_message;
    use arrow::record_batch::RecordBatch;

    use super::*;
    use crate::io::ipc::tests::{contents, stream};
    use arrow::ipc::RecordBatch as BatchHeader;

    fn item(data_type: DataType) -> Arc<Field> {
        Arc::new(Field::new("item", data_type, true))
    }

    /// A type of each layout.
    fn types() -> Vec<DataType> {
        let entries = DataType::Struct(
            vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Int8, true)].into(),
        );
        let union = UnionFields::try_new(
            [0, 1],
            [Field::new("a", DataType::Int8, true), Field::new("b", DataType::Utf8, true)],
        );
        let union = union.unwrap();
        vec![
            DataType::Boolean,
            DataType::Int64,
            DataType::LargeUtf8,
            DataType::Utf8View,
            DataType::FixedSizeBinary(3),
            DataType::List(item(DataType::Utf8)),
            DataType::ListView(item(DataType::Int16)),
            DataType::FixedSizeList(item(DataType::BinaryView), 2),
            entries.clone(),
            DataType::Map(Arc::new(Field::new("entries", entries, false)), false),
            DataType::Union(union.clone(), UnionMode::Dense),
            DataType::Union(union, UnionMode::Sparse),
            DataType::Null,
        ]
    }

    /// Calls a function with the header of a batch of a column of each type.
    fn with_batch<R>(check: impl FnOnce(&Schema, &BatchHeader<'_>, MetadataVersion) -> R) -> R {
        let columns = types().into_iter().map(|it| new_null_array(&it, 4)).enumerate();
        let columns = columns.map(|(number, array)| (number.to_string(), array, true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let bytes = stream(std::slice::from_ref(&batch));
        let place = contents(&bytes).unwrap().messages[0].0.header.clone();
        let header = &bytes[usize::try_from(place.start).unwrap()..usize::try_from(place.end).unwrap()];
        let message = root_as_message(header).unwrap();
        check(&batch.schema(), &message.header_as_record_batch().unwrap(), message.version())
    }

    #[test]
    fn the_arrays_and_buffers_of_every_type_are_counted_as_they_are_written() {
        with_batch(|schema, batch, version| {
            check_nodes(schema, batch, version).unwrap();
            let buffers = buffers_of_columns(schema, batch, version).unwrap();
            assert_eq!(buffers.len(), types().len());
            assert_eq!(buffers.last().unwrap().end, batch.buffers().unwrap().len(), "{buffers:?}");
        });
    }

    #[test]
    fn a_batch_of_too_few_arrays_is_named() {
        with_batch(|schema, batch, version| {
            let more = Field::new("more", DataType::Int8, true);
            let fields: Vec<_> = schema.fields().iter().cloned().chain([Arc::new(more)]).collect();
            let what = check_nodes(&Schema::new(fields), batch, version).unwrap_err();
            assert!(what.contains("column \"more\" of its schema needs more"), "{what}");
        });
    }

    #[test]
    fn dictionaries_are_found_at_any_depth() {
        let keys = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        for (data_type, found) in [
            (DataType::Utf8, false),
            (keys.clone(), true),
            (DataType::List(item(DataType::Int32)), false),
            (DataType::LargeList(item(keys.clone())), true),
            (DataType::Struct(vec![Field::new("a", DataType::List(item(keys)), true)].into()), true),
        ] {
            let schema =
                Schema::new(vec![Field::new("a", DataType::Int8, true), Field::new("b", data_type, true)]);
            assert_eq!(has_dictionaries(&schema), found, "{schema:?}");
        }
    }
}
