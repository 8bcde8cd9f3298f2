//! Pages, checked before they are decoded: their headers, their sizes, their levels and their values.

mod checked;
mod corrected;
mod header;
mod levels;
mod sizes;
mod values;

pub(crate) use checked::CheckedPages;
pub(crate) use corrected::{Corrected, hidden_flags, hides_compression};
pub(crate) use sizes::check_sizes;
