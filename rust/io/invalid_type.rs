//! Types of Arrow that no writer writes, and that other libraries fail at: where one stands, a schema is damaged.

use arrow::datatypes::DataType;

/// What is invalid in a type, if anything is. Fields within it are looked at by themselves.
pub(crate) fn invalid_type(data_type: &DataType) -> Option<String> {
    match data_type {
        DataType::Dictionary(_, values) => invalid_type(values),
        DataType::Timestamp(_, Some(zone)) if zone.contains('\0') => {
            Some(format!("the time zone {zone:?} has a NUL in it"))
        }
        DataType::FixedSizeBinary(length) if *length < 0 => Some(format!("values have {length} bytes each")),
        DataType::FixedSizeList(_, length) if *length < 0 => Some(format!("a list has the length {length}")),
        DataType::Decimal32(digits, scale) => invalid_decimal(*digits, *scale, 9),
        DataType::Decimal64(digits, scale) => invalid_decimal(*digits, *scale, 18),
        DataType::Decimal128(digits, scale) => invalid_decimal(*digits, *scale, 38),
        DataType::Decimal256(digits, scale) => invalid_decimal(*digits, *scale, 76),
        _ => None,
    }
}

/// What is invalid in a decimal of a type that has at most so many digits.
fn invalid_decimal(digits: u8, scale: i8, most: u8) -> Option<String> {
    let is_valid = (1..=most).contains(&digits);
    (!is_valid).then(|| format!("a decimal has {digits} digits, {scale} of them after the point"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_have_at_least_one_digit_and_as_many_as_their_type_holds() {
        for digits in 0..=u8::MAX {
            for (decimal, most) in [
                (DataType::Decimal32(digits, 3), 9),
                (DataType::Decimal64(digits, 3), 18),
                (DataType::Decimal128(digits, 3), 38),
                (DataType::Decimal256(digits, 3), 76),
            ] {
                let found = invalid_type(&decimal);
                assert_eq!(found.is_none(), (1..=most).contains(&digits), "{decimal}: {found:?}");
                let inside = DataType::Dictionary(Box::new(DataType::Int8), Box::new(decimal));
                assert_eq!(found, invalid_type(&inside));
            }
        }
        assert_eq!(invalid_type(&DataType::Int64), None);
    }
}
