//! Scores from columns of tables: Arrow and Parquet.

pub(in crate::scores) mod arrow;
mod before;
pub(in crate::scores::formats) mod column;
#[cfg(test)]
mod column_tests;
mod decompress;
mod leaf;
mod lists;
pub(in crate::scores::formats) mod numbers;
pub(in crate::scores) mod parquet;
pub(in crate::scores) mod path;
#[cfg(test)]
mod tests;
