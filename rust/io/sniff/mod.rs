//! What a file holds, told by its first bytes and never by its name: one table for scores and for rows.

mod numbers_as_text;
mod signature;
mod table;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use numbers_as_text::is_numbers;
pub(crate) use signature::{Evidence, FileType, HEAD, Head, Signature, not_rows, show};
pub(crate) use table::{DECRYPT, ENCRYPTED, is_npz, known};
