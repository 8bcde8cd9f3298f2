//! What Parquet files need that the `parquet` crate does not see to: columns that its schema leaves out, and what
//! old writers said wrongly.

mod corrected;
mod leaves;
mod page_header;

pub(crate) use corrected::{Corrected, hidden_flags, hides_compression};
pub(crate) use leaves::leaves;
