//! A described tensor, held against the file: the run of values it is.

use super::archive::Archive;
use super::pickle::{Heap, PickleValue, Tensor, ValueType};
use crate::checked;
use crate::error::{At, Error, Result};
use crate::io::file::File;
use crate::scores::dtype::DType;
use crate::scores::formats::booleans;
use crate::scores::formats::matrix::Matrix;
use crate::scores::formats::zip::ZipEntry;
use crate::scores::options::OpenOptions;
use crate::scores::vector::chosen::Chosen;
use crate::scores::vector::part::Part;

/// The name that torch has for booleans, of a byte each.
const BOOLEANS: &str = "bool";

/// A tensor's type, storage and shape, looked up and checked in that order.
pub(crate) struct PlacedTensor<'a> {
    pub(crate) part: Part,
    /// The storage's entry.
    pub(crate) entry: &'a ZipEntry,
}

/// Places the values of a tensor of one dimension in the file, or of a matrix what the options mean.
pub(crate) fn place<'a>(
    file: &File,
    archive: &'a Archive,
    heap: &Heap<'_>,
    tensor: Tensor<'_>,
    swapped: bool,
    options: &OpenOptions,
) -> Result<(PlacedTensor<'a>, Chosen)> {
    let check = Check { file, tensor, booleans: options.booleans };
    let (placed, shape) = place_as(&check, archive, heap, swapped, || check.shape(heap))?;
    let booleans = check.is_boolean();
    if booleans {
        booleans::check(
            file,
            &(placed.entry.payload..checked::add(placed.entry.payload, placed.entry.size)?),
        )?;
    }
    let Some((width, step)) = shape.columns else {
        return Ok((placed, Chosen { booleans, ..Chosen::default() })); // Proof: it is a vector.
    };
    let (size, _) = check.dimensions(heap)?;
    let refuse = |message: String| check.of_shape(size, &message);
    let (part, chosen) = Matrix { first: placed.part, width, step }.vector(options, refuse)?;
    Ok((PlacedTensor { part, ..placed }, Chosen { booleans, ..chosen }))
}

/// Places the value of a tensor that has one.
pub(crate) fn place_value<'a>(
    file: &File,
    archive: &'a Archive,
    heap: &Heap<'_>,
    tensor: Tensor<'_>,
    swapped: bool,
) -> Result<PlacedTensor<'a>> {
    let check = Check { file, tensor, booleans: false };
    let one = || check.dimensions(heap).map(|_| Shape { len: 1, stride: 1, columns: None });
    place_as(&check, archive, heap, swapped, one).map(|(placed, _)| placed)
}

/// Whether a tensor has one value, by its shape: a number, or as many dimensions of 1 as there are.
pub(crate) fn is_one_value(heap: &Heap<'_>, tensor: &Tensor<'_>) -> Result<bool> {
    Ok(heap.list(tensor.size)?.iter().all(|size| *size == PickleValue::Int(1)))
}

/// How the values of a tensor lie in its storage.
struct Shape {
    len: u64,
    stride: u64,
    /// Of a matrix, its columns, and from one of them to the next.
    columns: Option<(u64, u64)>,
}

/// Places the values of a tensor, of which `shape` tells how they lie.
fn place_as<'a>(
    check: &Check<'_, '_>,
    archive: &'a Archive,
    heap: &Heap<'_>,
    swapped: bool,
    shape: impl FnOnce() -> Result<Shape>,
) -> Result<(PlacedTensor<'a>, Shape)> {
    let Check { file, tensor, .. } = check;
    check.metadata(heap)?;
    let dtype = check.dtype()?;
    let entry = check.entry(archive)?;
    let numel = check.numel(entry, dtype)?;
    let shape = shape()?;
    let first = check.count("storage offset", tensor.offset)?;
    check.bounds(first, &shape, numel)?;
    let offset = checked::add(entry.payload, checked::mul(first, dtype.size() as u64)?)?;
    let Shape { len, stride, .. } = shape;
    let swapped = swapped && dtype.size() > 1;
    let part = Part { storage: file.storage(), offset, stride, len, dtype, swapped, reduced: None };
    Ok((PlacedTensor { part, entry }, shape))
}

struct Check<'f, 'p> {
    file: &'f File,
    tensor: Tensor<'p>,
    /// Whether booleans are read, as 0 and 1.
    booleans: bool,
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

    /// Whether its values are booleans.
    fn is_boolean(&self) -> bool {
        let kind = self.tensor.kind.unwrap_or(self.tensor.storage.kind); // Proof: what the storage says, if it is alone.
        kind == ValueType::Other(BOOLEANS)
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
            ValueType::Other(BOOLEANS) if self.booleans => Ok(DType::U8),
            ValueType::Other(BOOLEANS) => {
                Err(self.schema(format!("dtype {BOOLEANS} cannot be scores; {}", booleans::ASK)))
            }
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

    /// Length and stride of the one dimension there is, or of the two.
    fn shape(&self, heap: &Heap<'_>) -> Result<Shape> {
        let (size, stride) = self.dimensions(heap)?;
        let axis = |at: usize| match (size.get(at), stride.get(at)) {
            (Some(PickleValue::Int(len)), Some(PickleValue::Int(step))) => self.axis(*len, *step).map(Some),
            _ => Ok(None),
        };
        let (rows, columns) = (axis(0)?, axis(1)?);
        match (rows, size.len()) {
            (Some((len, stride)), 1) => Ok(Shape { len, stride, columns: None }),
            (Some((len, stride)), 2) if columns.is_some() => Ok(Shape { len, stride, columns }),
            _ => {
                let needed = "expected one score per row, (n,) or (n, 1)";
                Err(self.of_shape(size, &format!("{needed}; {}", as_vector(size))))
            }
        }
    }

    /// The length and the stride of a dimension.
    fn axis(&self, len: i64, step: i64) -> Result<(u64, u64)> {
        let len = self.count("size", len)?;
        match self.count("stride", step)? {
            _ if len <= 1 => Ok((len, 1)),
            0 => Err(self
                .format(format!("stride 0: one value expanded to {len}; save tensor.contiguous() instead"))),
            step => Ok((len, step)),
        }
    }

    /// The error for a shape that is no vector.
    fn of_shape(&self, size: &[PickleValue<'_>], message: &str) -> Error {
        self.schema(format!(
            "the tensor has the shape {}: {message}{}",
            shape_text(size),
            match size {
                [PickleValue::Int(1), PickleValue::Int(columns)] if *columns > 1 =>
                    "; if its one row is the scores, save tensor.reshape(-1)",
                _ => "",
            }
        ))
    }

    fn bounds(&self, first: u64, shape: &Shape, numel: u64) -> Result<()> {
        let &Shape { len, stride, columns } = shape;
        // Proof: a vector has one value in each row.
        let (width, step) = columns.unwrap_or((1, 1));
        let span = match (len.checked_sub(1), width.checked_sub(1)) {
            (Some(rows), Some(steps)) => {
                let last = rows.checked_mul(stride);
                let along = steps.checked_mul(step);
                last.and_then(|last| last.checked_add(along?)?.checked_add(1))
            }
            _ => Some(0),
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
