//! The options that every selection by score takes.

use super::between::Between;
use super::exclude::Exclude;
use super::number::Nan;

/// The order of the selected rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Best first. Ties go to the lower row.
    #[default]
    BestFirst,
    /// The exact reverse of [`Order::BestFirst`].
    BestLast,
    /// Ascending row numbers.
    Row,
}

/// How rows are selected, whatever they are ranked by.
#[derive(Debug, Clone, Default)]
pub struct SelectOptions<'a> {
    /// The order of the result.
    pub order: Order,
    /// What a NaN score means.
    pub nan: Nan,
    /// Rows that must not be chosen.
    pub exclude: Exclude<'a>,
    /// What the score of a row must reach and must not exceed.
    pub between: Between,
}
