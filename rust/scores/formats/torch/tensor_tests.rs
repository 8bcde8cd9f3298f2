//! Tensors, held against the file that they are described in.

use std::fs::write;

use proptest::prelude::*;

use super::archive::Archive;
use super::pickle::{Heap, PickleValue, Tensor, TorchStorage, ValueType};
use super::tensor::place;
use super::tests::zip;
use crate::error::Result;
use crate::io::file::{File, Io};
use crate::scores::dtype::DType;
use crate::scores::options::OpenOptions;

/// Bytes of the storage.
const BYTES: usize = 48;

/// A tensor of float32 over all of the storage, but for its shape.
const TENSOR: Tensor<'static> = Tensor {
    storage: TorchStorage { kind: ValueType::Scores(DType::F32), key: "0", location: "cpu", numel: 12 },
    offset: 0,
    size: 0,
    stride: 1,
    kind: None,
    metadata: None,
    at: 77,
};

/// What a tensor of this shape is placed as, in a file with one storage.
fn placed(
    tensor: Tensor<'_>,
    [size, stride]: [&[PickleValue<'static>]; 2],
    flags: &[(PickleValue<'static>, PickleValue<'static>)],
) -> Result<(u64, u64, u64, DType)> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f.pt");
    let payload = [7; BYTES];
    write(&path, zip(&[("a/data.pkl", b"."), ("a/data/0", &payload)])).unwrap();
    let file = File::open(&path, Io::Pread).unwrap();
    let archive = Archive::open(&file).unwrap();
    let heap = Heap {
        lists: vec![size.to_vec(), stride.to_vec()],
        dicts: vec![flags.to_vec()],
        tensors: Vec::new(),
    };
    let (found, chosen) = place(&file, &archive, &heap, tensor, false, &OpenOptions::default())?;
    assert!(chosen.is_all());
    assert_eq!(found.entry.name, "a/data/0");
    let part = found.part;
    Ok((part.offset - found.entry.payload, part.len, part.stride, part.dtype))
}

/// A tensor of one dimension.
fn vector(tensor: Tensor<'_>, len: i64, stride: i64) -> Result<(u64, u64, u64, DType)> {
    placed(tensor, [&[PickleValue::Int(len)], &[PickleValue::Int(stride)]], &[])
}

#[track_caller]
fn refused<T: std::fmt::Debug>(found: Result<T>, said: &str) {
    let error = found.unwrap_err().to_string();
    assert!(error.contains("f.pt: at byte 77: "), "{error}");
    assert!(error.contains(said), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_vector_is_placed_if_each_of_its_values_lies_in_the_storage(
        offset in -1_i64..15, len in -1_i64..15, stride in -1_i64..15,
    ) {
        let found = vector(Tensor { offset, ..TENSOR }, len, stride);
        // One value of more has no stride, and none needs no room but for where it begins.
        let last = if len <= 1 { offset } else { offset + (len - 1) * stride };
        let end = if len == 0 { last } else { last + 1 };
        let is_good = offset >= 0 && len >= 0 && stride >= 0 && end <= 12 && (stride > 0 || len <= 1);
        if is_good {
            let stride = if len <= 1 { 1 } else { stride };
            let expected = [4 * offset, len, stride].map(|number| u64::try_from(number).unwrap());
            let (offset, len, stride, dtype) = found.unwrap();
            prop_assert_eq!(([offset, len, stride], dtype), (expected, DType::F32));
        } else {
            prop_assert!(found.is_err(), "{:?}", found);
        }
    }
}

#[test]
fn what_cannot_be_says_so() {
    refused(
        vector(TENSOR, 13, 1),
        "13 values from offset 0 with stride 1 reach past the bound of the storage, 12",
    );
    refused(vector(TENSOR, i64::MAX, i64::MAX), "reach past the bound of the storage");
    refused(vector(Tensor { offset: i64::MAX, ..TENSOR }, i64::MAX, 1), "reach past the bound");
    refused(vector(Tensor { offset: -1, ..TENSOR }, 1, 1), "storage offset -1: expected 0 or more");
    refused(vector(TENSOR, -3, 1), "size -3: expected 0 or more");
    refused(vector(TENSOR, 3, -1), "stride -1: expected 0 or more");
    refused(vector(TENSOR, 3, 0), "stride 0: one value expanded to 3; save tensor.contiguous() instead");
}

#[test]
fn a_storage_is_there_and_has_the_bytes_that_it_says() {
    let of = |storage| vector(Tensor { storage, ..TENSOR }, 1, 1);
    let storage = TENSOR.storage;
    refused(of(TorchStorage { key: "1", ..storage }), "the zip has no entry \"a/data/1\" for the storage");
    refused(of(TorchStorage { location: "meta", ..storage }), "a meta tensor (it has no values)");
    for numel in [11, 13, i64::MAX] {
        let said =
            format!("declares {numel} values of 4 bytes (float32) and entry \"a/data/0\" has 48 bytes");
        refused(of(TorchStorage { numel, ..storage }), &said);
    }
    refused(of(TorchStorage { numel: -1, ..storage }), "storage size -1: expected 0 or more");
    let double = TorchStorage { kind: ValueType::Scores(DType::F64), numel: 6, ..storage };
    assert_eq!(
        vector(Tensor { storage: double, offset: 2, ..TENSOR }, 2, 3).unwrap(),
        (16, 2, 3, DType::F64)
    );
}

#[test]
fn the_storage_or_the_tensor_tells_the_type() {
    let untyped = TorchStorage { kind: ValueType::Untyped, numel: 48, ..TENSOR.storage };
    let of = |kind| vector(Tensor { storage: untyped, kind, ..TENSOR }, 3, 5);
    assert_eq!(of(Some(ValueType::Scores(DType::BF16))).unwrap(), (0, 3, 5, DType::BF16));
    refused(of(None), "neither the storage nor the tensor has a type");
    refused(of(Some(ValueType::Untyped)), "neither the storage nor the tensor has a type");
    refused(
        of(Some(ValueType::Other("complex64"))),
        "dtype complex64 cannot be scores: expected one of float16,",
    );
    let typed = Tensor { kind: Some(ValueType::Scores(DType::F32)), ..TENSOR };
    refused(vector(typed, 1, 1), "under a tensor with its own type");
    // Values that no storage of whole ones has: 48 bytes are 6 of 8, and 49 would be 6 and a part.
    let odd = TorchStorage { numel: 49, ..untyped };
    let kind = Some(ValueType::Scores(DType::F64));
    refused(vector(Tensor { storage: odd, kind, ..TENSOR }, 1, 1), "declares 49 values of 1 bytes (float64)");
}

#[test]
fn a_second_dimension_of_one_is_none_and_others_say_how_to_save_a_vector() {
    let one = PickleValue::Int(1);
    let shaped = |size: &[i64]| {
        let size: Vec<_> = size.iter().map(|&size| PickleValue::Int(size)).collect();
        placed(TENSOR, [&size, &vec![one; size.len()]], &[])
    };
    assert_eq!(shaped(&[12, 1]).unwrap(), (0, 12, 1, DType::F32));
    refused(shaped(&[]), "the shape (): expected one score per row, (n,) or (n, 1); one number is no vector");
    refused(
        shaped(&[1, 12]),
        "the shape (1, 12): expected one score per row, (n,) or (n, 1); choose one with column=0 to column=11,",
    );
    refused(shaped(&[1, 12]), "; if its one row is the scores, save tensor.reshape(-1)");
    refused(
        shaped(&[1, 1, 12]),
        "the shape (1, 1, 12): expected one score per row, (n,) or (n, 1); save tensor.reshape(-1)",
    );
    refused(
        shaped(&[3, 4]),
        "choose one with column=0 to column=3, or what is made of each row with reduce=\"mean\"",
    );
    refused(shaped(&[2, 3, 2]), "save one number for each row, as tensor.flatten(1).mean(dim=1)");
    refused(shaped(&[1; 9]), "the shape (1, 1, 1, 1, 1, 1, 1, 1, …): expected");
    refused(placed(TENSOR, [&[one, one], &[one]], &[]), "the shape has 2 entries and the strides 1");
    refused(placed(TENSOR, [&[PickleValue::None], &[one]], &[]), "the shape (None): expected");
}

#[test]
fn bytes_that_are_to_be_changed_when_read_are_refused() {
    let one: &[PickleValue<'_>] = &[PickleValue::Int(1)];
    let of = |flags: &[(PickleValue<'static>, PickleValue<'static>)]| {
        placed(Tensor { metadata: Some(0), ..TENSOR }, [one, one], flags)
    };
    let flag = |name, value| (PickleValue::Str(name), PickleValue::Bool(value));
    assert!(of(&[]).is_ok() && of(&[flag("neg", false), flag("conj", false)]).is_ok());
    refused(of(&[flag("conj", false), flag("neg", true)]), "metadata neg: its bytes are not negated yet");
    refused(of(&[flag("conj", true)]), "metadata conj: its bytes are not conjugated yet");
    refused(of(&[flag("other", true)]), "metadata expected none, neg or conj");
    refused(of(&[(PickleValue::Str("neg"), PickleValue::None)]), "metadata neg");
}
