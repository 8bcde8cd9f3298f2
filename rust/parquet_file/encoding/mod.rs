//! How Parquet encodes numbers and structs, as far as it takes to check them before they are decoded.

mod delta;
mod rle;
#[cfg(test)]
mod rle_tests;
mod thrift;

pub(crate) use delta::DeltaDecoder;
pub(crate) use rle::RleDecoder;
#[cfg(test)]
pub(crate) use thrift::TRUE;
pub(crate) use thrift::{BINARY, CompactReader, END, FALSE, I32, I64, LIST, STRUCT};
