//! `.safetensors`: the length of a header, the header, and the bytes of all tensors with nothing between them.
//!
//! The format: <https://huggingface.co/docs/safetensors>. What is checked is what its own reader checks; that no key is
//! there twice and no field unknown, beyond it.

pub(crate) mod header;

use std::borrow::Cow;

use super::booleans;
use super::choices::choose_with;
use super::matrix::Matrix;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::io::file::File;
use crate::scores::dtype::DType;
use crate::scores::options::OpenOptions;
use crate::scores::vector::chosen::Chosen;
use crate::scores::vector::part::Part;
use header::{Tensor, ValueType, parse_header};

/// The longest header that is read. A tensor takes about a hundred bytes of it; the reader of the format takes 100 MB.
const MAX_HEADER: u64 = 25_000_000;
/// The type of booleans, of a byte each.
const BOOLEANS: &str = "BOOL";
/// Bytes of the length of the header.
const LENGTH: u64 = 8;

/// The values of the only tensor, or of the one that the key names, and its name.
pub(crate) fn parts(file: &File, options: &OpenOptions) -> Result<(Vec<Part>, Chosen)> {
    let (text, data) = header_text(file)?;
    let tensors = parse_header(&text).map_err(|(at, message)| {
        let place = At::Byte(LENGTH.saturating_add(at as u64)); // Proof: a place in messages.
        Error::format(file.path(), place, format!("the safetensors header cannot be read: {message}"))
    })?;
    check_layout(file, &tensors, data)?;
    let tensor = choose(file, &tensors, options.key.as_deref())?;
    let (part, chosen) = part(file, tensor, data, options)?;
    Ok((vec![part], chosen.of(Some(tensor.name.clone()))))
}

/// The bytes of the header, and the byte after it.
fn header_text(file: &File) -> Result<(Cow<'_, [u8]>, u64)> {
    let size = file.size();
    if size < LENGTH {
        let message = format!(
            "it has {size} bytes, and a safetensors file begins with {LENGTH} that tell the length of its header; the file is cut: get it again"
        );
        return Err(Error::truncated(file.path(), At::File, message));
    }
    let start = file.read(0, checked::index(LENGTH)?)?;
    let len = start.first_chunk().map(|length| u64::from_le_bytes(*length));
    let len = len.ok_or_else(|| checked::impossible("8 bytes were read and are not there"))?;
    if len > MAX_HEADER {
        let message = format!(
            "the safetensors header has {len} bytes; at most {MAX_HEADER} are read: save the scores as a tensor of a file of their own"
        );
        return Err(Error::format(file.path(), At::Byte(0), message));
    }
    let data = checked::add(LENGTH, len)?;
    if data > size {
        let message = format!(
            "the safetensors header needs {data} bytes with its length, and the file has {size}; it is cut: get it again"
        );
        return Err(Error::truncated(file.path(), At::Byte(LENGTH), message));
    }
    Ok((file.read(LENGTH, checked::index(len)?)?, data))
}

/// Fails unless every tensor has the bytes that its shape needs, and all together the bytes behind the header: each
/// byte one tensor's.
fn check_layout(file: &File, tensors: &[Tensor], data: u64) -> Result<()> {
    let refuse = |tensor: &Tensor, message: String| {
        Err(Error::format(file.path(), At::Field(tensor.name.clone()), message))
    };
    let mut order: Vec<_> = tensors.iter().collect();
    order.sort_by_key(|tensor| tensor.data_offsets);
    let mut next = 0;
    for tensor in order {
        let (start, end) = tensor.data_offsets;
        let ValueType { name, bits, .. } = tensor.kind;
        let shape = shape_text(&tensor.shape);
        let Some(found) = end.checked_sub(start) else {
            // Proof: an error.
            return refuse(tensor, format!("its data_offsets [{start}, {end}] end before they begin"));
        };
        match needed(&tensor.shape, bits) {
            None => {
                return refuse(
                    tensor,
                    format!("the shape {shape} of {name} is no whole number of bytes that a file can have"),
                );
            }
            Some(needed) if needed != found => {
                return refuse(
                    tensor,
                    format!(
                        "its data_offsets [{start}, {end}] are {found} bytes, and the shape {shape} of {name} needs {needed}"
                    ),
                );
            }
            Some(_) => {}
        }
        if start < next {
            return refuse(
                tensor,
                format!(
                    "its data_offsets [{start}, {end}] begin within another tensor, which ends at {next}"
                ),
            );
        }
        if start > next {
            return refuse(
                tensor,
                format!(
                    "its data_offsets [{start}, {end}] begin behind {} bytes that are no tensor's",
                    start - next
                ),
            );
        }
        next = end;
    }
    check_end(file, data, next)
}

/// Fails unless the last tensor ends where the file ends.
fn check_end(file: &File, data: u64, end: u64) -> Result<()> {
    let size = file.size();
    match data.checked_add(end) {
        Some(stop) if stop == size => Ok(()),
        Some(stop) if stop < size => Err(Error::format(
            file.path(),
            At::Byte(stop),
            format!(
                "the tensors end here, and {} bytes follow: the header needs a file of {stop} bytes, and this has {size}",
                size - stop
            ),
        )),
        _ => Err(Error::truncated(
            file.path(),
            At::Byte(data),
            format!(
                "the header promises {end} bytes of tensors, and {} follow it; the file is cut: get it again",
                size - data
            ),
        )),
    }
}

/// The bytes that a shape needs, if that is a number of them.
fn needed(shape: &[u64], bits: u64) -> Option<u64> {
    let values = shape.iter().try_fold(1_u64, |product, &size| product.checked_mul(size))?;
    let bits = values.checked_mul(bits)?;
    bits.is_multiple_of(8).then_some(bits / 8)
}

/// The tensor that a key names, or the only one.
fn choose<'t>(file: &File, tensors: &'t [Tensor], key: Option<&str>) -> Result<&'t Tensor> {
    let named = || choose_with(tensors.iter().map(|tensor| tensor.name.clone()));
    let choices = || named().unwrap_or_else(|| "there is no tensor in it".to_owned()); // Proof: a phrase in messages.
    let refuse = |message: String| Error::format(file.path(), At::Field("header".into()), message);
    match (key, tensors) {
        (Some(key), _) => {
            let found = tensors.iter().find(|tensor| tensor.name == key);
            found.ok_or_else(|| refuse(format!("safetensors without key={key:?}: {}", choices())))
        }
        (None, [tensor]) => Ok(tensor),
        (None, _) => Err(refuse(format!(
            "safetensors with {} tensors: expected one tensor; {}",
            tensors.len(),
            choices()
        ))),
    }
}

/// The run of values that a tensor of one score per row is; of a matrix, what the options mean.
fn part(file: &File, tensor: &Tensor, data: u64, options: &OpenOptions) -> Result<(Part, Chosen)> {
    let refuse = |message: String| Error::schema(file.path(), At::Field(tensor.name.clone()), message);
    let one_row = match *tensor.shape.as_slice() {
        [1, columns] if columns > 1 => "; if its one row is the scores, save tensor.reshape(-1)",
        _ => "",
    };
    let shaped = |message: String| {
        refuse(format!("the tensor has the shape {}: {message}{one_row}", shape_text(&tensor.shape)))
    };
    let ([len] | [len, _]) = *tensor.shape.as_slice() else {
        let needed = "expected one score per row, (n,) or (n, 1)";
        return Err(shaped(format!("{needed}; {}", as_vector(&tensor.shape))));
    };
    let is_boolean = tensor.kind.name == BOOLEANS;
    let as_bytes = (is_boolean && options.booleans).then_some(DType::U8);
    let dtype = tensor.kind.dtype.or(as_bytes).ok_or_else(|| {
        if is_boolean {
            return refuse(format!("dtype {BOOLEANS} cannot be scores; {}", booleans::ASK));
        }

        refuse(format!(
            "dtype {} cannot be scores: expected one of {}; save tensor.float() instead",
            tensor.kind.name,
            ValueType::of_scores()
        ))
    })?;
    let swapped = cfg!(target_endian = "big") && dtype.size() > 1;
    let offset = checked::add(data, tensor.data_offsets.0)?;
    let vector = Part { storage: file.storage(), offset, stride: 1, len, dtype, swapped, reduced: None };
    if is_boolean {
        booleans::check(file, &(offset..checked::add(data, tensor.data_offsets.1)?))?;
    }
    let (part, chosen) = match *tensor.shape.as_slice() {
        [_, width] => {
            Matrix { first: Part { stride: width, ..vector }, width, step: 1 }.vector(options, shaped)?
        }
        _ => (vector, Chosen::default()),
    };
    Ok((part, Chosen { booleans: is_boolean, ..chosen }))
}

/// How to make a vector of a tensor of another shape.
fn as_vector(shape: &[u64]) -> &'static str {
    let ones = shape.iter().filter(|&&size| size == 1).count();
    match shape {
        [] => "one number is no vector: save those of all rows, as torch.stack(list)",
        _ if ones + 1 >= shape.len() => "save tensor.reshape(-1), which has the same values in one dimension",
        _ => "save one number for each row",
    }
}

fn shape_text(shape: &[u64]) -> String {
    let mut sizes: Vec<_> = shape.iter().take(8).map(u64::to_string).collect();
    if shape.len() > sizes.len() {
        sizes.push("…".into());
    }
    match sizes.as_slice() {
        [one] => format!("({one},)"),
        _ => format!("({})", sizes.join(", ")),
    }
}

#[cfg(test)]
mod tests;
