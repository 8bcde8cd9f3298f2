//! What stands before a column in the lists of a record batch.

use arrow::datatypes::{DataType, Schema, UnionMode};
use arrow::ipc::{MetadataVersion, RecordBatch as BatchHeader};

use crate::checked;
use crate::error::Result;

/// What the columns before the wanted one take in the lists of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Before {
    /// Arrays, nested ones counted.
    pub(super) nodes: usize,
    /// Buffers, but for what the two below say.
    buffers: usize,
    /// Arrays of views, whose number of data buffers each batch tells.
    views: usize,
    /// Unions, which had one more buffer before version 5 of the format.
    unions: usize,
    /// The arrays of the structs that the column lies in.
    pub(super) above: Vec<usize>,
}

impl Before {
    pub(super) fn column(schema: &Schema, path: &[usize]) -> Result<Self> {
        let mut before = Self::default();
        let mut fields = schema.fields();
        for (depth, &at) in path.iter().enumerate() {
            fields.iter().take(at).for_each(|field| before.add(field.data_type()));
            let field = checked::get(fields, at)?;
            if let (DataType::Struct(inside), true) = (field.data_type(), depth + 1 < path.len()) {
                before.above.push(before.nodes);
                before.nodes += 1;
                before.buffers += 1;
                fields = inside;
            }
        }
        Ok(before)
    }

    /// Counts a column of this type, in the order of the format's "Buffer Listing for Each Layout".
    fn add(&mut self, data_type: &DataType) {
        self.nodes += 1;
        self.buffers += match data_type {
            DataType::Null | DataType::RunEndEncoded(..) => 0,
            DataType::Struct(_) | DataType::FixedSizeList(..) | DataType::Union(_, UnionMode::Sparse) => 1,
            DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::ListView(_)
            | DataType::LargeListView(_) => 3,
            _ => 2,
        };
        match data_type {
            DataType::Utf8View | DataType::BinaryView => self.views += 1,
            DataType::List(item)
            | DataType::LargeList(item)
            | DataType::ListView(item)
            | DataType::LargeListView(item)
            | DataType::FixedSizeList(item, _)
            | DataType::Map(item, _) => self.add(item.data_type()),
            DataType::Struct(fields) => fields.iter().for_each(|field| self.add(field.data_type())),
            DataType::Union(fields, _) => {
                self.unions += 1;
                fields.iter().for_each(|(_, field)| self.add(field.data_type()));
            }
            DataType::RunEndEncoded(ends, values) => {
                self.add(ends.data_type());
                self.add(values.data_type());
            }
            _ => {}
        }
    }

    /// A buffer of the wanted column by its number among these, of which the validity bits are the first.
    pub(super) fn buffer(
        &self,
        batch: &BatchHeader<'_>,
        version: MetadataVersion,
        number: usize,
    ) -> Option<usize> {
        let mut index = self.buffers.checked_add(number)?;
        if version.0 < MetadataVersion::V5.0 {
            index = index.checked_add(self.unions)?;
        }
        if self.views > 0 {
            let counts = batch.variadicBufferCounts().filter(|counts| counts.len() >= self.views)?;
            for count in counts.iter().take(self.views) {
                index = index.checked_add(usize::try_from(count).ok()?)?;
            }
        }
        Some(index)
    }
}
