//! Vectors of `.npy` files, held against files that are put together here.

use super::*;
use crate::io::file::Io;

/// A file as numpy writes it: the header is padded with spaces, so that the values begin at a multiple of 64.
fn npy(version: u8, header: &str, values: &[u8]) -> Vec<u8> {
    let field = if version == 1 { 2 } else { 4 };
    let bare = 8 + field + header.len() + 1;
    let header = format!("{header}{}\n", " ".repeat(bare.next_multiple_of(64) - bare));
    let len = u32::try_from(header.len()).unwrap().to_le_bytes();
    [MAGIC, &[version, 0], &len[..field], header.as_bytes(), values].concat()
}

fn described(descr: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}")
}

/// The vector of all of a file.
fn vector(file: &File) -> Result<Vec<Part>> {
    parts(Window::all(file), &OpenOptions::default()).map(|(parts, _)| parts)
}

fn opened<T>(bytes: &[u8], read: impl Fn(&File) -> Result<T>) -> Result<T> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("f.npy");
    std::fs::write(&path, bytes).unwrap();
    read(&File::open(&path, Io::Pread).unwrap())
}

#[track_caller]
fn refused<T: std::fmt::Debug>(found: Result<T>, said: &str) {
    let error = found.unwrap_err().to_string();
    assert!(error.contains(said), "{error}");
}

#[test]
fn a_vector_lies_behind_its_header_in_every_type_order_and_version() {
    let codes = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8"];
    for (code, order, version) in codes
        .iter()
        .flat_map(|code| ["<", ">", "|", "="].map(|order| (code, order)))
        .flat_map(|(code, order)| [1, 2, 3].map(|version| (code, order, version)))
    {
        let size = usize::from(code.as_bytes()[1] - b'0');
        for shape in ["(3,)", "(3, 1)"] {
            let bytes = npy(version, &described(&format!("{order}{code}"), shape), &vec![7; 3 * size]);
            let found = opened(&bytes, vector).unwrap();
            let [part] = found.as_slice() else { panic!("{} parts", found.len()) };
            let kind = match code.as_bytes()[0] {
                b'f' => "float",
                b'i' => "int",
                _ => "uint",
            };
            assert_eq!(part.dtype.name(), format!("{kind}{}", 8 * size));
            assert_eq!((part.offset, part.len, part.stride), ((bytes.len() - 3 * size) as u64, 3, 1));
            let other = if cfg!(target_endian = "little") { ">" } else { "<" };
            assert_eq!(part.swapped, size > 1 && order == other, "{order}{code}");
        }
    }
    assert_eq!(opened(&npy(1, &described("<f4", "(0,)"), &[]), vector).unwrap()[0].len, 0);
}

#[test]
fn values_end_where_the_file_ends() {
    let bytes = npy(1, &described("<i4", "(5,)"), &[0; 20]);
    let data = bytes.len() - 20;
    let cut = opened(&bytes[..bytes.len() - 1], vector);
    assert!(matches!(cut, Err(Error::Truncated(_))));
    refused(cut, &format!("at byte {data}: the header promises 5 values of int32, and 19 bytes follow it"));
    let more = opened(&[&bytes[..], b"abc"].concat(), vector);
    refused(more, &format!("at byte {}: the 5 values of int32 end here, and 3 bytes follow", bytes.len()));
    let many = npy(1, &described("<i8", "(18446744073709551615,)"), &[0; 8]);
    refused(opened(&many, vector), "promises 18446744073709551615 values of int64, and 8 bytes follow it");
    for end in 0..data {
        assert!(opened(&bytes[..end], vector).is_err(), "cut to {end} bytes");
    }
}

#[test]
fn other_headers_are_refused_with_what_to_do() {
    let bytes = |version, descr: &str, shape: &str| npy(version, &described(descr, shape), &[0; 8]);
    let read = |bytes: Vec<u8>| opened(&bytes, vector);
    let mut newer = bytes(1, "<f8", "(1,)");
    newer[6] = 4;
    refused(read(newer), "at byte 6: this is .npy version 4.0; versions 1.0, 2.0 and 3.0 are read");
    // The longest that is read has 10,000 bytes.
    for (length, fits) in [(10_000_usize, true), (10_001, false)] {
        let mut header = described("<f8", "(1,)").into_bytes();
        header.resize(length - 1, b' ');
        header.push(b'\n');
        let field = u32::try_from(length).unwrap().to_le_bytes();
        let whole = [MAGIC, &[2, 0], &field, &header, &[0; 8]].concat();
        assert_eq!(read(whole).is_ok(), fits, "{length}");
    }
    let long = npy(2, &format!("{}{}", described("<f8", "(1,)"), " ".repeat(10_000)), &[0; 8]);
    let len = long.len() - 12 - 8;
    refused(read(long), &format!("at byte 8: the .npy header has {len} bytes; at most 10000 are read"));
    refused(read(npy(1, "{'descr': ", &[])), "the .npy header cannot be read: ");
    let pickled = read(bytes(1, "|O", "(1,)"));
    assert!(matches!(pickled, Err(Error::UnsafePickle(_))));
    refused(pickled, "dtype \"|O\" is Python objects, which are pickled; nothing was unpickled");
    for (descr, hint) in [
        ("|V2", "numpy does not say what its 2 bytes are (bfloat16 is saved so)"),
        ("|b1", "give booleans=True to read False and True as 0 and 1"),
        ("<c8", "save one number for each row as one of these"),
        ("<M8[ns]", "save one number for each row as one of these"),
        ("<f16", "convert with array.astype(\"float32\")"),
        (">i16", "convert with array.astype(\"float32\")"),
        ("f8", "save one number for each row"),
        ("", "save one number for each row"),
    ] {
        refused(read(bytes(1, descr, "(1,)")), &format!("descr: dtype {descr:?} is not read; "));
        refused(read(bytes(1, descr, "(1,)")), hint);
    }
    refused(read(bytes(1, "<f4", "(1, 2)")), "shape: the array has shape (1, 2); expected one score per row");
    refused(read(bytes(1, "<f4", "(1, 2)")), "if its one row is the scores, save array[0]");
    refused(read(bytes(1, "<f4", "(2, 3)")), "(n,) or (n, 1); choose one with column=0 to column=2");
    refused(read(bytes(1, "<f4", "()")), "the array has shape (); expected one score per row");
}

#[test]
fn row_numbers_are_one_list_of_integers_or_booleans() {
    let rows = |descr: &str, shape: &str| opened(&npy(1, &described(descr, shape), &[1; 8]), row_parts);
    let (parts, booleans) = rows("<i4", "(2,)").unwrap();
    assert_eq!((parts[0].dtype, parts[0].len, booleans), (DType::I32, 2, false));
    let (parts, booleans) = rows("|b1", "(8,)").unwrap();
    assert_eq!((parts[0].dtype, parts[0].len, booleans), (DType::U8, 8, true));
    refused(rows("<f8", "(1,)"), "descr: the array holds float64; row numbers are integers");
    refused(
        rows("<i4", "(2, 1)"),
        "shape: the array has shape (2, 1); one row number after the other is needed",
    );
    let none = npy(1, &described("<f8", "(0,)"), &[]);
    assert!(opened(&none, row_parts).is_ok(), "of no numbers, the type means nothing");
    for other in [&b""[..], b"\x93NUMP", b"1\n2\n3\n"] {
        refused(opened(other, row_parts), "at byte 0: this is no .npy file, which begins with \\x93NUMPY");
    }
}
