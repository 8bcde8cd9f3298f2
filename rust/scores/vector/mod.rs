//! Values that lie in files: runs of one type, joined to one vector, and copied out of it.

pub(super) mod chosen;
mod copy;
pub(super) mod hashes;
pub(super) mod part;
pub(super) mod reduce;
pub(super) mod stored;
pub(super) mod take;
#[cfg(test)]
mod tests;
