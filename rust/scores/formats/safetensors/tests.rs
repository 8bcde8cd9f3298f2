//! Tensors where they lie, layouts that cannot be, and shapes that are no scores.

use super::*;
use crate::io::file::Io;
use crate::scores::dtype::DType;

/// A file of a header and so many bytes of tensors.
fn written(header: &str, bytes: usize) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &vec![7; bytes]].concat()
}

/// A header of tensors: each with its type, its shape and its bytes.
fn header(tensors: &[(&str, &str, &str, [u64; 2])]) -> String {
    let tensor = |(name, kind, shape, [start, end]): &(&str, &str, &str, [u64; 2])| {
        format!(r#""{name}":{{"dtype":"{kind}","shape":{shape},"data_offsets":[{start},{end}]}}"#)
    };
    format!("{{{}}}", tensors.iter().map(tensor).collect::<Vec<_>>().join(","))
}

fn opened(bytes: &[u8], key: Option<&str>) -> Result<(Vec<Part>, Chosen)> {
    let path = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(path.path(), bytes).unwrap();
    let options = OpenOptions { key: key.map(str::to_owned), ..OpenOptions::default() };
    parts(&File::open(path.path(), Io::Pread).unwrap(), &options)
}

#[track_caller]
fn refused(bytes: &[u8], key: Option<&str>, said: &str) -> Error {
    let error = opened(bytes, key).map(drop).unwrap_err();
    assert!(error.to_string().contains(said), "{error}");
    error
}

#[test]
fn a_tensor_lies_where_its_offsets_say_whatever_the_order_of_the_header() {
    let tensors = [
        ("b", "F32", "[3,1]", [8, 20]),
        ("a", "I64", "[1]", [0, 8]),
        ("none", "F16", "[0]", [20, 20]),
        ("c", "U8", "[5]", [20, 25]),
        ("empty", "F64", "[0,1]", [8, 8]),
    ];
    let text = header(&tensors);
    let bytes = written(&text, 25);
    let data = 8 + text.len() as u64;
    for (key, offset, len, dtype) in [
        ("a", 0, 1, DType::I64),
        ("b", 8, 3, DType::F32),
        ("c", 20, 5, DType::U8),
        ("none", 20, 0, DType::F16),
        ("empty", 8, 0, DType::F64),
    ] {
        let (parts, chosen) = opened(&bytes, Some(key)).unwrap();
        let [part] = parts.as_slice() else { panic!("{} parts", parts.len()) };
        let expected = (data + offset, len, dtype, 1, false);
        assert_eq!((part.offset, part.len, part.dtype, part.stride, part.swapped), expected);
        assert_eq!(chosen, Chosen::default().of(Some(key.to_owned())));
    }
    refused(&bytes, None, "safetensors with 5 tensors: expected one tensor");
    refused(&bytes, Some("d"), "safetensors without key=\"d\"");
    refused(&written("{}", 0), None, "there is no tensor in it");
    let one = written(&header(&[("x", "F64", "[2]", [0, 16])]), 16);
    assert_eq!(opened(&one, None).unwrap().0[0].len, 2);
}

#[test]
fn every_byte_is_one_tensors() {
    let two = |a: [u64; 2], b: [u64; 2], bytes| {
        written(
            &header(&[
                ("a", "U8", &format!("[{}]", a[1] - a[0]), a),
                ("b", "U8", &format!("[{}]", b[1] - b[0]), b),
            ]),
            bytes,
        )
    };
    assert!(opened(&two([0, 4], [4, 9], 9), Some("a")).is_ok());
    refused(
        &two([0, 4], [3, 9], 9),
        Some("a"),
        "b: its data_offsets [3, 9] begin within another tensor, which ends at 4",
    );
    refused(&two([0, 9], [3, 4], 9), Some("a"), "b: its data_offsets [3, 4] begin within another tensor");
    refused(
        &two([0, 4], [5, 9], 9),
        Some("a"),
        "b: its data_offsets [5, 9] begin behind 1 bytes that are no tensor's",
    );
    refused(&two([1, 4], [4, 9], 9), Some("a"), "a: its data_offsets [1, 4] begin behind 1 bytes");
    let longer = refused(&two([0, 4], [4, 9], 10), Some("a"), "the tensors end here, and 1 bytes follow");
    assert!(matches!(longer, Error::Format(_)));
    let cut = refused(&two([0, 4], [4, 9], 8), Some("a"), "promises 9 bytes of tensors, and 8 follow it");
    assert!(matches!(cut, Error::Truncated(_)));
}

#[test]
fn tensors_have_the_bytes_that_their_shape_needs() {
    let one = |kind, shape: &str, offsets| written(&header(&[("a", kind, shape, offsets)]), 8);
    for (shape, offsets, said) in [
        ("[2]", [8, 0], "data_offsets [8, 0] end before they begin"),
        ("[3]", [0, 8], "are 8 bytes, and the shape (3,) of F32 needs 12"),
        ("[]", [0, 8], "are 8 bytes, and the shape () of F32 needs 4"),
        ("[1,1]", [0, 8], "the shape (1, 1) of F32 needs 4"),
        ("[9223372036854775807,4]", [0, 8], "is no whole number of bytes that a file can have"),
    ] {
        refused(&one("F32", shape, offsets), None, said);
    }
    assert_eq!((needed(&[], 8), needed(&[0, u64::MAX], 64), needed(&[3], 4)), (Some(1), Some(0), None));
    assert_eq!((needed(&[4], 4), needed(&[u64::MAX], 2), needed(&[u64::MAX, 2], 1)), (Some(2), None, None));
}

#[test]
fn one_score_per_row_is_needed() {
    for (shape, said) in [
        ("[]", "one number is no vector"),
        ("[1,2]", "save tensor.reshape(-1)"),
        ("[2,1,1]", "save tensor.reshape(-1)"),
        ("[2,2]", "choose one with column=0 to column=1"),
        ("[2,2,2]", "save one number for each row"),
        ("[1,2,1,2,1,2,1,2,1]", "(1, 2, 1, 2, 1, 2, 1, 2, …)"),
    ] {
        let count: u64 = shape.matches('2').map(|_| 2).product();
        let error = refused(
            &written(&header(&[("a", "U8", shape, [0, count])]), usize::try_from(count).unwrap()),
            None,
            said,
        );
        assert!(matches!(error, Error::Schema(_)));
    }
    let complex = written(&header(&[("a", "BOOL", "[4]", [0, 4])]), 4);
    refused(&complex, None, "dtype BOOL cannot be scores");
}

#[test]
fn a_header_lies_within_the_file() {
    let bytes = written(&header(&[("a", "U8", "[1]", [0, 1])]), 1);
    for end in 0..bytes.len() {
        let said = match end {
            0..8 => "begins with 8 that tell the length of its header",
            _ if end < bytes.len() - 1 => "the safetensors header needs",
            _ => "promises 1 bytes of tensors, and 0 follow it",
        };
        assert!(matches!(refused(&bytes[..end], None, said), Error::Truncated(_)), "{end}");
    }
    let long = [&(MAX_HEADER + 1).to_le_bytes()[..], b"{}"].concat();
    assert!(matches!(refused(&long, None, "at most 25000000 are read"), Error::Format(_)));
    let longest = [&MAX_HEADER.to_le_bytes()[..], b"{}"].concat();
    assert!(matches!(refused(&longest, None, "needs 25000008 bytes"), Error::Truncated(_)));
    refused(&written("[]", 0), None, "byte 8: the safetensors header cannot be read");
}
