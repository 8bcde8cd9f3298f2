//! The options that every selection by score takes.

use super::exclude::Exclude;

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

/// What a NaN score means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Nan {
    /// An error, which tells how many there are and the first row.
    #[default]
    Raise,
    /// Its row is never chosen.
    Omit,
    /// It is greater than every number, and ties with every other NaN.
    Largest,
    /// It is less than every number, and ties with every other NaN.
    Smallest,
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
}
