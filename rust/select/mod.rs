//! Score vector to row indices.
