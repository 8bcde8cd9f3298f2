//! The names that `datasets` has for Arrow types.

use arrow::datatypes::{DataType, TimeUnit};

/// Whether a `dtype` is a name that `datasets` has for a type.
pub(crate) fn is_name_of(own: &str, data_type: &DataType) -> bool {
    let Some(name) = value_name(data_type) else { return false }; // Proof: it has none that this could be.
    let plain = |name: &str| name.replace(", ", ",");
    let own = match own {
        "float" => "float32",
        "double" => "float64",
        "utf8" => "string",
        "large_utf8" => "large_string",
        "bool_" => "bool",
        other => other,
    };
    plain(own) == plain(&name)
}

/// The name that `datasets` has for a type without items; nothing if it has none.
pub(crate) fn value_name(data_type: &DataType) -> Option<String> {
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    };
    Some(match data_type {
        DataType::Boolean => "bool".to_owned(),
        DataType::Utf8 => "string".to_owned(),
        DataType::LargeUtf8 => "large_string".to_owned(),
        DataType::LargeBinary => "large_binary".to_owned(),
        DataType::FixedSizeBinary(width) => format!("fixed_size_binary[{width}]"),
        DataType::Timestamp(u, None) => format!("timestamp[{}]", unit(u)),
        DataType::Timestamp(u, Some(zone)) => format!("timestamp[{}, tz={zone}]", unit(u)),
        DataType::Time32(u) => format!("time32[{}]", unit(u)),
        DataType::Time64(u) => format!("time64[{}]", unit(u)),
        DataType::Duration(u) => format!("duration[{}]", unit(u)),
        DataType::Decimal128(precision, scale) => format!("decimal128({precision}, {scale})"),
        DataType::Decimal256(precision, scale) => format!("decimal256({precision}, {scale})"),
        DataType::Null | DataType::Binary | DataType::Date32 | DataType::Date64 => {
            data_type.to_string().to_lowercase()
        }
        plain if plain.is_integer() || plain.is_floating() => plain.to_string().to_lowercase(),
        _ => return None,
    })
}
