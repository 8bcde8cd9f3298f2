//! A described tensor, held against the file: the run of values it is.

use super::archive::Archive;
use super::pickle::{Heap, PickleValue, Tensor, ValueType};
use crate::checked;
use crate::error::{At, Error, Result};
use crate::io::file::File;
use crate::scores::dtype::DType;
use crate::scores::formats::zip::ZipEntry;
use crate::scores::vector::part::Part;

/// A tensor's type, storage and shape, looked up and checked in that order.
pub(crate) struct PlacedTensor<'a> {
    pub(crate) part: Part,
    /// The storage's entry.
    pub(crate) entry: &'a ZipEntry,
}

/// Places the values of a tensor of one dimension in the file.
pub(crate) fn place<'a>(
    file: &File,
    archive: &'a Archive,
    heap: &Heap<'_>,
    tensor: Tensor<'_>,
    swapped: bool,
) -> Result<PlacedTensor<'a>> {
    let check = Check { file, tensor };
    place_as(&check, archive, heap, swapped, || check.shape(heap))
}

/// Places the value of a tensor that has one.
pub(crate) fn place_value<'a>(
    file: &File,
    archive: &'a Archive,
    heap: &Heap<'_>,
    tensor: Tensor<'_>,
    swapped: bool,
) -> Result<PlacedTensor<'a>> {
    let check = Check { file, tensor };
    place_as(&check, archive, heap, swapped, || check.dimensions(heap).map(|_| (1, 1)))
}

/// Whether a tensor has one value, by its shape: a number, or as many dimensions of 1 as there are.
pub(crate) fn is_one_value(heap: &Heap<'_>, tensor: &Tensor<'_>) -> Result<bool> {
    Ok(heap.list(tensor.size)?.iter().all(|size| *size == PickleValue::Int(1)))
}

/// Places the values of a tensor, of which `shape` tells the length and the stride.
fn place_as<'a>(
    check: &Check<'_, '_>,
    archive: &'a Archive,
    heap: &Heap<'_>,
    swapped: bool,
    shape: impl FnOnce() -> Result<(u64, u64)>,
) -> Result<PlacedTensor<'a>> {
    let Check { file, tensor } = check;
    check.metadata(heap)?;
    let dtype = check.dtype()?;
    let entry = check.entry(archive)?;
    let numel = check.numel(entry, dtype)?;
    let (len, stride) = shape()?;
    let first = check.count("storage offset", tensor.offset)?;
    check.bounds(first, len, stride, numel)?;
    let offset = checked::add(entry.payload, checked::mul(first, dtype.size() as u64)?)?;
    let part =
        Part { storage: file.storage(), offset, stride, len, dtype, swapped: swapped && dtype.size() > 1 };
    Ok(PlacedTensor { part, entry })
}

struct Check<'f, 'p> {
    file: &'f File,
    tensor: Tensor<'p>,
}

impl Check<'_, '_> {
    fn format(&self, message: String) -> Error {
        Error::format(self.file.path(), At::Byte(self.tensor.at), message)
    }

    fn schema(&self, message: String) -> Error {
        Error::schema(self.file.path(), At::Byte(self.tensor.at), message)
    }

    /// A tensor can say that its bytes are to be negated or conjugated when they are read.
    fn metadata(&self, heap: &Heap<'_>) -> Result<()> {
        let Some(place) = self.tensor.metadata else {
            return Ok(()); // Proof: nothing is said of the bytes.
        };
        let set = heap.dict(place)?.iter().find(|(_, value)| *value != PickleValue::Bool(false));
        let fix = match set {
            None => return Ok(()),
            Some((PickleValue::Str("neg"), _)) => {
                "neg: its bytes are not negated yet; save tensor.resolve_neg() instead"
            }
            Some((PickleValue::Str("conj"), _)) => {
                "conj: its bytes are not conjugated yet; save tensor.resolve_conj() instead"
            }
            Some(_) => "expected none, neg or conj; save tensor.detach().clone() instead",
        };
        Err(self.format(format!("the tensor has metadata {fix}")))
    }

    fn dtype(&self) -> Result<DType> {
        let kind = match (self.tensor.storage.kind, self.tensor.kind) {
            (ValueType::Untyped, Some(kind)) | (kind, None) => kind,
            (typed, Some(_)) => {
                return Err(
                    self.format(format!("a typed storage ({typed:?}) under a tensor with its own type"))
                );
            }
        };
        match kind {
            ValueType::Scores(dtype) => Ok(dtype),
            ValueType::Untyped => Err(self.format("neither the storage nor the tensor has a type".into())),
            ValueType::Other(name) => {
                let names: Vec<_> = DType::ALL.iter().map(|dtype| dtype.name()).collect();
                Err(self.schema(format!(
                    "dtype {name} cannot be scores: expected one of {}; save tensor.float() instead",
                    names.join(", ")
                )))
            }
        }
    }

    fn entry<'a>(&self, archive: &'a Archive) -> Result<&'a ZipEntry> {
        let storage = self.tensor.storage;
        if storage.location == "meta" {
            return Err(
                self.format("a meta tensor (it has no values): expected one that was computed".into())
            );
        }
        let name = format!("data/{}", storage.key);
        archive.get(&name).ok_or_else(|| {
            self.format(format!(
                "the zip has no entry {:?} for the storage",
                format!("{}/{name}", archive.prefix)
            ))
        })
    }

    /// Values in the storage, whose bytes must be exactly theirs.
    fn numel(&self, entry: &ZipEntry, dtype: DType) -> Result<u64> {
        let declared = self.count("storage size", self.tensor.storage.numel)?;
        let width = dtype.size() as u64;
        let unit = if self.tensor.storage.kind == ValueType::Untyped { 1 } else { width };
        let bytes = declared.checked_mul(unit);
        if bytes != Some(entry.size) {
            return Err(self.format(format!(
                "the pickle declares {declared} values of {unit} bytes ({dtype}) and entry {:?} has {} bytes",
                entry.name, entry.size
            )));
        }
        Ok(entry.size / width)
    }

    /// The shape and the strides, of which there must be as many.
    fn dimensions<'h, 'p>(
        &self,
        heap: &'h Heap<'p>,
    ) -> Result<(&'h [PickleValue<'p>], &'h [PickleValue<'p>])> {
        let (size, stride) = (heap.list(self.tensor.size)?, heap.list(self.tensor.stride)?);
        if size.len() == stride.len() {
            return Ok((size, stride));
        }
        Err(self.format(format!("the shape has {} entries and the strides {}", size.len(), stride.len())))
    }

    /// Length and stride of the one dimension there is, or of the first where the second is 1.
    fn shape(&self, heap: &Heap<'_>) -> Result<(u64, u64)> {
        let (size, stride) = self.dimensions(heap)?;
        let (
            [PickleValue::Int(len)] | [PickleValue::Int(len), PickleValue::Int(1)],
            Some(PickleValue::Int(step)),
        ) = (size, stride.first())
        else {
            return Err(self.schema(format!(
                "the tensor has the shape {}: expected one score per row, (n,) or (n, 1); {}",
                shape_text(size),
                as_vector(size)
            )));
        };
        let len = self.count("size", *len)?;
        match self.count("stride", *step)? {
            _ if len <= 1 => Ok((len, 1)),
            0 => Err(self.format(format!(
                "stride 0: one value expanded to {len} rows; save tensor.contiguous() instead"
            ))),
            step => Ok((len, step)),
        }
    }

    fn bounds(&self, first: u64, len: u64, stride: u64, numel: u64) -> Result<()> {
        let span = match len.checked_sub(1) {
            None => Some(0),
            Some(steps) => steps.checked_mul(stride).and_then(|span| span.checked_add(1)),
        };
        let end = span.and_then(|span| first.checked_add(span));
        if end.is_some_and(|end| end <= numel) {
            return Ok(());
        }
        Err(self.format(format!(
            "{len} values from offset {first} with stride {stride} reach past the bound of the storage, {numel} values"
        )))
    }

    fn count(&self, name: &str, value: i64) -> Result<u64> {
        u64::try_from(value).map_err(|_| self.format(format!("{name} {value}: expected 0 or more")))
    }
}

/// How to make a vector of a tensor of another shape.
fn as_vector(size: &[PickleValue<'_>]) -> &'static str {
    let ones = size.iter().filter(|&&value| value == PickleValue::Int(1)).count();
    match size {
        [] => "one number is no vector: save those of all rows, as torch.stack(list)",
        _ if ones + 1 >= size.len() => "save tensor.reshape(-1), which has the same values in one dimension",
        [_, _] => {
            "save the column that is the score, as tensor[:, 0].clone(), or what is made of all of them, as tensor.mean(dim=1)"
        }
        _ => "save one number for each row, as tensor.flatten(1).mean(dim=1)",
    }
}

fn shape_text(size: &[PickleValue<'_>]) -> String {
    let mut items: Vec<_> = size
        .iter()
        .take(8)
        .map(|value| match value {
            PickleValue::Int(value) => value.to_string(),
            other => other.kind().to_owned(),
        })
        .collect();
    if size.len() > items.len() {
        items.push("…".into());
    }
    format!("({})", items.join(", "))
}
