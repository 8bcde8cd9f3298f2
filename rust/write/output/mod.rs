//! An output, apart from where it is made: what its shards are made of, and what lies beside them.
//!
//! [`Prepared`] holds all that the bytes of shards depend on beside the rows, [`with_encoder`] has the format encode
//! them, and [`Beside`] is what the finished shards are told by: the manifest and the files that readers open first.

mod beside;
mod encoders;
mod prepared;

pub(super) use beside::Beside;
pub(super) use encoders::{WithEncoder, with_encoder};
pub(super) use prepared::Prepared;
