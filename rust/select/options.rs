//! How rows are selected, whatever by.

use super::exclude::Exclude;

/// The order of the selected rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Best first, ties to the lower row.
    #[default]
    BestFirst,
    /// The exact reverse of [`Order::BestFirst`].
    BestLast,
    /// Ascending rows.
    Row,
}

/// What a NaN score means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nan {
    /// It is an error, which names their number and the first row.
    #[default]
    Raise,
    /// Such rows are never chosen.
    Omit,
    /// Greater than every number. All NaN are equal.
    Largest,
    /// Less than every number. All NaN are equal.
    Smallest,
}

/// How rows are selected, whatever by.
#[derive(Debug, Clone, Default)]
pub struct SelectOptions<'a> {
    /// The order of the result.
    pub order: Order,
    /// What a NaN score means.
    pub nan: Nan,
    /// Rows that are not there.
    pub exclude: Exclude<'a>,
}
