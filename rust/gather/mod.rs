//! Row indices to rows.
