//! What Parquet files need that the `parquet` crate does not see to: columns that its schema leaves out, what
//! old writers said wrongly, and pages that do not hold what they say.

mod encoding;
mod file_bytes;
mod footer;
mod pages;
mod reader;

pub(crate) use encoding::RleDecoder;
pub(crate) use file_bytes::FileBytes;
pub(crate) use footer::{Footer, check_indexes, is_encrypted, leaves, load};
pub(crate) use pages::{Corrected, check_sizes, hidden_flags, hides_compression};
pub(crate) use reader::reader;
