//! A list whose items are one value each, which is one vector in the order of the list.
//!
//! Each of them lies in a storage of its own, or in the pickle: they are read into memory.

use std::collections::HashSet;

use bytes::Bytes;

use super::archive::Archive;
use super::pickle::{Heap, PickleValue, Tensor};
use super::tensor::{is_one_value, place_value};
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::job::check_here;
use crate::exec::memory::reserved;
use crate::io::file::{File, Storage};
use crate::scores::dtype::DType;
use crate::scores::formats::zip::checksum;
use crate::scores::vector::part::Part;

/// Values that are read before it is asked whether to stop.
const AT_ONCE: usize = 1 << 10;

/// The vector that a list is; nothing for one whose items are no single values, or of several kinds.
///
/// A list of one tensor of one dimension is that tensor, which can be read where it lies.
pub(crate) fn vector(
    file: &File,
    archive: &Archive,
    heap: &Heap<'_>,
    root: PickleValue<'_>,
    swapped: bool,
    verify: bool,
) -> Result<Option<Part>> {
    let PickleValue::List(place) = root else {
        return Ok(None); // Proof: it is no list.
    };
    let items = heap.list(place)?;
    if let Some(part) = numbers(file, items)? {
        return Ok(Some(part));
    }
    let mut tensors: Vec<Tensor<'_>> = reserved(items.len(), "items of a list")?;
    for item in items {
        let PickleValue::Tensor(place) = *item else {
            return Ok(None); // Proof: what else is in it, `choose` tells.
        };
        let tensor = *checked::get(&heap.tensors, place)?;
        if !is_one_value(heap, &tensor)? {
            return Ok(None); // Proof: it is a list of vectors, of which `key=` names one.
        }
        tensors.push(tensor);
    }
    match tensors.as_slice() {
        [] => Ok(None),
        [only] if !heap.list(only.size)?.is_empty() => Ok(None),
        all => stacked(file, archive, heap, all, swapped, verify).map(Some),
    }
}

/// The vector of a list of Python's floats, or of its ints.
fn numbers(file: &File, items: &[PickleValue<'_>]) -> Result<Option<Part>> {
    let mut bytes: Vec<u8> = Vec::new();
    let (mut floats, mut ints) = (0_u64, 0_u64);
    for item in items {
        let value = match item {
            PickleValue::Float(value) => {
                floats += 1;
                value.to_ne_bytes()
            }
            PickleValue::Int(value) => {
                ints += 1;
                value.to_ne_bytes()
            }
            _ => return Ok(None), // Proof: other items are looked at by others.
        };
        bytes.extend(value);
    }
    match (floats, ints) {
        (0, 0) => Ok(None),
        (_, 0) => Ok(Some(part(bytes, floats, DType::F64, false))),
        (0, _) => Ok(Some(part(bytes, ints, DType::I64, false))),
        _ => Err(Error::schema(
            file.path(),
            At::Field("root of the pickle".into()),
            format!(
                "a list of {floats} floats and {ints} ints: expected one type; save them as torch.tensor(scores, dtype=torch.float64)"
            ),
        )),
    }
}

/// The values of tensors that have one each.
fn stacked(
    file: &File,
    archive: &Archive,
    heap: &Heap<'_>,
    tensors: &[Tensor<'_>],
    swapped: bool,
    verify: bool,
) -> Result<Part> {
    let mut first: Option<DType> = None;
    let mut bytes =
        reserved(checked::mul(tensors.len(), size_of::<u64>())?, "bytes of the values of a list")?;
    let mut verified = HashSet::new();
    for (number, tensor) in tensors.iter().enumerate() {
        let placed = place_value(file, archive, heap, *tensor, swapped)?;
        let (dtype, offset) = (placed.part.dtype, placed.part.offset);
        let expected = *first.get_or_insert(dtype);
        if dtype != expected {
            return Err(Error::schema(
                file.path(),
                At::Byte(tensor.at),
                format!(
                    "item {number} of the list is {dtype}, and those before it are {expected}; one vector has one type: save torch.stack of tensors of one type"
                ),
            ));
        }
        if verify && verified.insert(&placed.entry.name) {
            checksum(file, placed.entry)?;
        }
        bytes.extend_from_slice(&file.read(offset, dtype.size())?);
        if number % AT_ONCE == 0 {
            check_here()?;
        }
    }
    let dtype = first.ok_or_else(|| checked::impossible("a list without items is no vector"))?;
    Ok(part(bytes, tensors.len() as u64, dtype, swapped && dtype.size() > 1))
}

fn part(bytes: Vec<u8>, len: u64, dtype: DType, swapped: bool) -> Part {
    Part {
        storage: Storage::Memory(Bytes::from(bytes)),
        offset: 0,
        stride: 1,
        len,
        dtype,
        swapped,
        reduced: None,
    }
}
