//! The names a pickled tensor may speak of. Each is an inert tag: nothing is imported, nothing is called.

use crate::scores::dtype::DType;

/// What a storage's or a tensor's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueType {
    /// A type that scores can have.
    Scores(DType),
    /// Bytes; the tensor says the type.
    Untyped,
    /// A type that torch has and scores cannot have.
    Other(&'static str),
}

/// A name on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Global {
    /// `torch._utils._rebuild_tensor_v2`
    TensorV2,
    /// `torch._utils._rebuild_tensor_v3`
    TensorV3,
    /// `torch._utils._rebuild_parameter`
    Parameter,
    /// `collections.OrderedDict`
    OrderedDict,
    /// `torch.FloatStorage` and its kin.
    Storage(ValueType),
    /// `torch.float32` and its kin.
    Type(ValueType),
}

/// What a name means to the reader.
pub(crate) enum Meaning {
    /// It is on the list.
    Allowed(Global),
    /// A tensor of a kind that is not a plain vector: its name, and how to save a plain one.
    Refused(&'static str, &'static str),
    /// Anything else.
    Unknown,
}

const PLAIN: &str = "save tensor.detach().clone() instead";

/// Looks a name up.
pub(crate) fn meaning(module: &str, name: &str) -> Meaning {
    let refused = |kind, fix| Meaning::Refused(kind, fix);
    match (module, name) {
        ("torch._utils", "_rebuild_tensor_v2") => Meaning::Allowed(Global::TensorV2),
        ("torch._utils", "_rebuild_tensor_v3") => Meaning::Allowed(Global::TensorV3),
        ("torch._utils", "_rebuild_parameter") => Meaning::Allowed(Global::Parameter),
        ("collections", "OrderedDict") => Meaning::Allowed(Global::OrderedDict),
        ("torch.storage", "UntypedStorage") => Meaning::Allowed(Global::Storage(ValueType::Untyped)),
        ("torch._utils", "_rebuild_sparse_tensor") => refused("sparse", "save tensor.to_dense() instead"),
        ("torch._utils", "_rebuild_qtensor") => refused("quantized", "save tensor.dequantize() instead"),
        ("torch._utils", "_rebuild_meta_tensor_no_storage") => {
            refused("meta (it has no values)", "save a tensor that was computed")
        }
        ("torch._utils", "_rebuild_nested_tensor") => refused("nested", "save one flat tensor instead"),
        ("torch._utils", "_rebuild_parameter_with_state") => refused("parameter with attributes", PLAIN),
        ("torch._tensor", "_rebuild_from_type_v2") => refused("subclassed or attributed", PLAIN),
        ("torch._utils", "_rebuild_wrapper_subclass") => refused("subclassed", PLAIN),
        ("torch._utils", "_rebuild_device_tensor_from_numpy" | "_rebuild_device_tensor_from_cpu_tensor") => {
            refused("device", "save tensor.cpu() instead")
        }
        ("torch", name) => torch(name),
        _ => Meaning::Unknown,
    }
}

fn torch(name: &str) -> Meaning {
    if let Some(kind) = name.strip_suffix("Storage") {
        if kind.starts_with('Q') {
            return Meaning::Refused("quantized", "save tensor.dequantize() instead");
        }
        return storage(kind).map_or(Meaning::Unknown, |kind| Meaning::Allowed(Global::Storage(kind)));
    }
    dtype(name).map_or(Meaning::Unknown, |kind| Meaning::Allowed(Global::Type(kind)))
}

fn storage(name: &str) -> Option<ValueType> {
    Some(match name {
        "Double" => ValueType::Scores(DType::F64),
        "Float" => ValueType::Scores(DType::F32),
        "Half" => ValueType::Scores(DType::F16),
        "BFloat16" => ValueType::Scores(DType::BF16),
        "Long" => ValueType::Scores(DType::I64),
        "Int" => ValueType::Scores(DType::I32),
        "Short" => ValueType::Scores(DType::I16),
        "Char" => ValueType::Scores(DType::I8),
        "Byte" => ValueType::Scores(DType::U8),
        "Bool" => ValueType::Other("bool"),
        "ComplexFloat" => ValueType::Other("complex64"),
        "ComplexDouble" => ValueType::Other("complex128"),
        _ => return None,
    })
}

fn dtype(name: &str) -> Option<ValueType> {
    const OTHERS: &[&str] = &[
        "bool",
        "complex32",
        "complex64",
        "complex128",
        "float8_e4m3fn",
        "float8_e4m3fnuz",
        "float8_e5m2",
        "float8_e5m2fnuz",
        "float8_e8m0fnu",
        "float4_e2m1fn_x2",
    ];
    let other = || OTHERS.iter().find(|other| **other == name).map(|other| ValueType::Other(other));
    DType::parse(name).map(ValueType::Scores).or_else(other)
}
