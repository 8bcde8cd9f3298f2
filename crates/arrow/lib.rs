//! What dsdm uses of Arrow, by the names that the crate `arrow` has for it.
//!
//! `arrow` itself builds kernels that nothing here calls, and the regular expressions that they stand on.

#[cfg(feature = "ffi")]
pub use arrow_array::ffi_stream;
pub use arrow_array::temporal_conversions;
pub use arrow_buffer::buffer;
pub use arrow_ipc as ipc;

/// Arrays, their builders, and the data they consist of.
pub mod array {
    pub use arrow_array::builder::*;
    pub use arrow_array::cast::*;
    pub use arrow_array::*;
    pub use arrow_data::transform::{Capacities, MutableArrayData};
    pub use arrow_data::{ArrayData, ArrayDataBuilder, ArrayDataRef, ByteView, layout};
    pub use arrow_ord::ord::{DynComparator, make_comparator};
}

/// Casts, and rows that are taken and joined.
pub mod compute {
    pub use arrow_cast::cast::*;
    pub use arrow_select::concat::*;
    pub use arrow_select::filter::*;
    pub use arrow_select::interleave::*;
    pub use arrow_select::take::*;
    pub use arrow_select::{concat, filter, interleave, take};
}

/// Types and schemas.
pub mod datatypes {
    pub use arrow_array::types::*;
    pub use arrow_array::{ArrowNativeTypeOp, ArrowNumericType, ArrowPrimitiveType};
    pub use arrow_buffer::{ArrowNativeType, ToByteSlice, i256};
    pub use arrow_data::decimal::*;
    pub use arrow_schema::{
        DataType, Field, FieldRef, Fields, IntervalUnit, Metadata, Schema, SchemaBuilder, SchemaRef,
        TimeUnit, UnionFields, UnionMode,
    };
}

/// The error of all of it.
pub mod error {
    pub use arrow_schema::ArrowError;
}

/// Rows of several columns.
pub mod record_batch {
    pub use arrow_array::{
        RecordBatch, RecordBatchIterator, RecordBatchOptions, RecordBatchReader, RecordBatchWriter,
    };
}

/// How values are shown.
pub mod util {
    pub use arrow_cast::display;
}
