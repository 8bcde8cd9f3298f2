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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn types_have_the_names_of_datasets() {
        let zone = |zone: &str| Some(Arc::from(zone));
        let names = [
            (DataType::Null, "null"),
            (DataType::Boolean, "bool"),
            (DataType::Int8, "int8"),
            (DataType::UInt64, "uint64"),
            (DataType::Float16, "float16"),
            (DataType::Float32, "float32"),
            (DataType::Utf8, "string"),
            (DataType::LargeUtf8, "large_string"),
            (DataType::Binary, "binary"),
            (DataType::LargeBinary, "large_binary"),
            (DataType::FixedSizeBinary(16), "fixed_size_binary[16]"),
            (DataType::Date32, "date32"),
            (DataType::Date64, "date64"),
            (DataType::Time32(TimeUnit::Second), "time32[s]"),
            (DataType::Time64(TimeUnit::Nanosecond), "time64[ns]"),
            (DataType::Duration(TimeUnit::Millisecond), "duration[ms]"),
            (DataType::Timestamp(TimeUnit::Microsecond, None), "timestamp[us]"),
            (DataType::Timestamp(TimeUnit::Second, zone("Europe/Paris")), "timestamp[s, tz=Europe/Paris]"),
            (DataType::Decimal128(38, -2), "decimal128(38, -2)"),
            (DataType::Decimal256(76, 10), "decimal256(76, 10)"),
        ];
        for (data_type, name) in &names {
            assert_eq!(value_name(data_type).as_deref(), Some(*name));
            for (other, of) in &names {
                assert_eq!(is_name_of(name, other), name == of, "{name} {of}");
            }
        }
        let item = Arc::new(Field::new("item", DataType::Int8, true));
        for other in
            [DataType::List(item), DataType::Utf8View, DataType::Decimal64(9, 2), DataType::Struct([].into())]
        {
            assert_eq!(value_name(&other), None, "{other}");
            assert!(!is_name_of("", &other) && !is_name_of("string", &other), "{other}");
        }
    }

    #[test]
    fn old_names_and_other_spaces_are_the_same() {
        for (name, data_type) in [
            ("float", DataType::Float32),
            ("double", DataType::Float64),
            ("utf8", DataType::Utf8),
            ("large_utf8", DataType::LargeUtf8),
            ("bool_", DataType::Boolean),
            ("decimal128(9,2)", DataType::Decimal128(9, 2)),
            ("timestamp[s,tz=UTC]", DataType::Timestamp(TimeUnit::Second, Some("UTC".into()))),
        ] {
            assert!(is_name_of(name, &data_type), "{name}");
            assert!(!is_name_of(&name.to_uppercase(), &data_type), "{name}");
            assert!(!is_name_of(name, &DataType::Int8), "{name}");
        }
    }
}
