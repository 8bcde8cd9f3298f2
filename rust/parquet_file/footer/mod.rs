//! What a Parquet footer tells, checked where the `parquet` crate does not: the types of chunks, encryption, the leaves
//! of each column, and where page indexes lie.

mod encrypted;
mod indexes;
mod joined;
mod leaves;
mod load;
mod told;
mod zones;

pub(crate) use encrypted::{check_end, is_encrypted};
pub(crate) use indexes::check_indexes;
pub(crate) use leaves::leaves;
pub(crate) use load::{Footer, load};
