//! What Parquet files need that the `parquet` crate does not see to: columns that its schema leaves out, what
//! old writers said wrongly, and pages that do not hold what they say.

mod corrected;
mod delta;
mod encrypted;
mod footer;
mod hybrid;
mod indexes;
mod leaves;
mod page_header;
mod pages;
mod reader;
mod sizes;
mod stored;
mod thrift;

pub(crate) use corrected::{Corrected, hidden_flags, hides_compression};
pub(crate) use encrypted::is_encrypted;
pub(crate) use footer::{Footer, load};
pub(crate) use hybrid::Hybrid;
pub(crate) use indexes::check_indexes;
pub(crate) use leaves::leaves;
pub(crate) use reader::reader;
pub(crate) use sizes::check_sizes;
pub(crate) use stored::Stored;
