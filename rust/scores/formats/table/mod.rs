//! Scores from columns of tables: Arrow and Parquet.

pub(in crate::scores) mod arrow;
mod before;
mod column;
#[cfg(test)]
mod column_tests;
mod decompress;
mod leaf;
mod lists;
mod numbers;
pub(in crate::scores) mod parquet;
mod path;
#[cfg(test)]
mod tests;
