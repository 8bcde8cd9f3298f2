//! What fuzz targets hold the parsers of score files against: what these found in the bytes.

pub use super::formats::torch::fuzzing::{StoredEntry, Tensor, tensor};

use super::formats::npy::header::parse_header;

/// The type, the order and the shape that the header of a `.npy` file tells.
///
/// # Errors
/// The byte at which it is none, and why.
pub fn npy_header(text: &[u8]) -> Result<(String, bool, Vec<u64>), (usize, String)> {
    parse_header(text).map(|header| (header.descr, header.fortran, header.shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_told() {
        let text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 1), }\n";
        assert_eq!(npy_header(text), Ok(("<f4".to_owned(), false, vec![3, 1])));
        assert_eq!(npy_header(b"{").map_err(|(at, _)| at), Err(1));
    }
}
