//! The one type that holds the values of columns of several types, each as it is.
//!
//! It follows from the types that there are, whatever their order: all of them are looked at together, as the type of
//! some of them would tell too little of that of all. Nothing is rounded, cut or read in another way: where no type
//! holds all values there is none. The values of 64-bit integers beside floats are looked at when they are converted.

mod fields;

use std::sync::Arc;

use arrow::datatypes::{
    DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, FieldRef, TimeUnit,
};

use super::types::same_layout;
use fields::names_differ;
pub(crate) use fields::{filled_schemas, lacking};

/// The field that holds the values of some fields; none if there is no such type.
///
/// What is told beside the type is told by the first field that has it.
pub(crate) fn common_field(fields: &[&Field]) -> Option<Field> {
    let first = fields.first()?;
    let data_type = common_type(fields)?;
    let told = fields.iter().find(|field| same_layout(field.data_type(), &data_type));
    // Proof: what is told of a type that no field has is told of other values.
    let metadata = told.map(|field| field.metadata().clone()).unwrap_or_default();
    Some(Field::new(first.name(), data_type, true).with_metadata(metadata))
}

fn common_type(fields: &[&Field]) -> Option<DataType> {
    let types = fields.iter().map(|field| field.data_type()).filter(|one| !one.is_null());
    let types: Vec<&DataType> = types.collect();
    let Some(first) = types.first() else { return Some(DataType::Null) }; // Proof: there are nulls alone.
    match first {
        DataType::List(_) | DataType::LargeList(_) => {
            let items = types.iter().map(|one| match one {
                DataType::List(item) | DataType::LargeList(item) => Some(item),
                _ => None,
            });
            let item = common_item(items)?;
            let large = types.iter().any(|one| matches!(one, DataType::LargeList(_)));
            Some(if large { DataType::LargeList(item) } else { DataType::List(item) })
        }
        DataType::FixedSizeList(_, length) => {
            let items = types.iter().map(|one| match one {
                DataType::FixedSizeList(item, own) if own == length => Some(item),
                _ => None,
            });
            Some(DataType::FixedSizeList(common_item(items)?, *length))
        }
        DataType::Struct(fields) => common_struct(fields, &types),
        plain if types.iter().all(|one| one == plain) => Some((*plain).clone()),
        _ => common_number(&types).or_else(|| common_other(&types)),
    }
}

fn common_item<'f>(items: impl Iterator<Item = Option<&'f FieldRef>>) -> Option<FieldRef> {
    let items: Vec<&Field> = items.map(|item| item.map(AsRef::as_ref)).collect::<Option<_>>()?;
    common_field(&items).map(Arc::new)
}

/// Structs of the same names have one type, in the order of the first.
fn common_struct(first: &[FieldRef], types: &[&DataType]) -> Option<DataType> {
    let structs = types.iter().map(|one| match one {
        DataType::Struct(fields) => Some(fields),
        _ => None,
    });
    let structs: Vec<_> = structs.collect::<Option<_>>()?;
    let mut fields = Vec::with_capacity(first.len());
    for (place, field) in first.iter().enumerate() {
        let same = |others: &&arrow::datatypes::Fields| {
            let by_place = others.get(place).filter(|one| one.name() == field.name());
            by_place.or_else(|| others.iter().find(|one| one.name() == field.name())).cloned()
        };
        let found: Vec<FieldRef> = structs.iter().map(same).collect::<Option<_>>()?;
        fields.push(common_field(&found.iter().map(AsRef::as_ref).collect::<Vec<&Field>>())?);
    }
    let common = DataType::Struct(fields.into());
    // Of a name that is there twice, it is not known which field is meant.
    let by_name = structs.iter().all(|one| one.len() == first.len() && names_differ(one));
    (by_name || types.iter().all(|one| same_layout(one, &common))).then_some(common)
}

/// The bits of an integer, and whether it has a sign.
fn integer(data_type: &DataType) -> Option<(usize, bool)> {
    let bits = data_type.primitive_width().filter(|_| data_type.is_integer())? * 8;
    Some((bits, data_type.is_signed_integer()))
}

/// The type of integers and floats. Floats have room for integers of half their bits.
fn common_number(types: &[&DataType]) -> Option<DataType> {
    let floats = types.iter().filter(|one| one.is_floating());
    let floats: Vec<usize> = floats.map(|one| Some(one.primitive_width()? * 8)).collect::<Option<_>>()?;
    let integers = types.iter().filter(|one| !one.is_floating()).map(|one| integer(one));
    let integers: Vec<(usize, bool)> = integers.collect::<Option<_>>()?;
    if !floats.is_empty() {
        let for_integers = integers.iter().map(|&(bits, _)| (bits * 2).min(64));
        return match floats.iter().copied().chain(for_integers).max()? {
            16 => Some(DataType::Float16),
            32 => Some(DataType::Float32),
            _ => Some(DataType::Float64),
        };
    }
    let widest = |signed: bool| integers.iter().filter(|one| one.1 == signed).map(|one| one.0).max();
    let (signed, bits) = match (widest(true), widest(false)) {
        (Some(signed), Some(unsigned)) => (true, signed.max(unsigned * 2)),
        (Some(signed), None) => (true, signed),
        (None, unsigned) => (false, unsigned?),
    };
    Some(match (signed, bits) {
        (true, 8) => DataType::Int8,
        (true, 16) => DataType::Int16,
        (true, 32) => DataType::Int32,
        (true, 64) => DataType::Int64,
        (false, 8) => DataType::UInt8,
        (false, 16) => DataType::UInt16,
        (false, 32) => DataType::UInt32,
        (false, 64) => DataType::UInt64,
        _ => return None, // Proof: no type has so many bits.
    })
}

/// The type of texts, bytes, times or decimals that differ.
fn common_other(types: &[&DataType]) -> Option<DataType> {
    let all = |is: fn(&DataType) -> bool| types.iter().all(|one| is(one));
    if all(|one| matches!(one, DataType::Utf8 | DataType::LargeUtf8)) {
        return Some(DataType::LargeUtf8);
    }
    if all(|one| matches!(one, DataType::Binary | DataType::LargeBinary)) {
        return Some(DataType::LargeBinary);
    }
    common_time(types).or_else(|| common_decimal(types))
}

/// Times of the finest unit, if they are of one kind and zone.
fn common_time(types: &[&DataType]) -> Option<DataType> {
    let units = types.iter().map(|one| match one {
        DataType::Timestamp(unit, _)
        | DataType::Duration(unit)
        | DataType::Time32(unit)
        | DataType::Time64(unit) => Some(*unit),
        _ => None,
    });
    let units: Vec<TimeUnit> = units.collect::<Option<_>>()?;
    let finest = units.into_iter().max()?;
    let in_finest = |data_type: &DataType| match data_type {
        DataType::Timestamp(_, zone) => DataType::Timestamp(finest, zone.clone()),
        DataType::Duration(_) => DataType::Duration(finest),
        _ if matches!(finest, TimeUnit::Second | TimeUnit::Millisecond) => DataType::Time32(finest),
        _ => DataType::Time64(finest),
    };
    let first = in_finest(types.first()?);
    types.iter().all(|one| in_finest(one) == first).then_some(first)
}

/// The decimals that have as many digits before the point and behind it as any.
fn common_decimal(types: &[&DataType]) -> Option<DataType> {
    let digits = types.iter().map(|one| match one {
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            Some((i16::from(*precision) - i16::from(*scale), *scale))
        }
        _ => None,
    });
    let digits: Vec<(i16, i8)> = digits.collect::<Option<_>>()?;
    let scale = digits.iter().map(|one| one.1).max()?;
    let before = digits.iter().map(|one| one.0).max()?;
    let precision = u8::try_from(before + i16::from(scale)).ok()?;
    let is_long = types.iter().any(|one| matches!(one, DataType::Decimal256(..)));
    match precision {
        1..=DECIMAL128_MAX_PRECISION if !is_long => Some(DataType::Decimal128(precision, scale)),
        1..=DECIMAL256_MAX_PRECISION => Some(DataType::Decimal256(precision, scale)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(data_type: &DataType) -> Field {
        Field::new("c", data_type.clone(), true)
    }

    fn common(types: &[DataType]) -> Option<DataType> {
        let fields: Vec<Field> = types.iter().map(field).collect();
        common_field(&fields.iter().collect::<Vec<_>>()).map(|field| field.data_type().clone())
    }

    fn item(data_type: &DataType) -> FieldRef {
        Arc::new(Field::new("item", data_type.clone(), true))
    }

    fn plain() -> Vec<DataType> {
        use DataType::{
            Binary, Boolean, Date32, Date64, Decimal128, Decimal256, Duration, Float16, Float32, Float64,
            Int8, Int16, Int32, Int64, LargeUtf8, Null, Time32, Time64, Timestamp, UInt8, UInt16, UInt32,
            UInt64, Utf8,
        };
        use TimeUnit::{Microsecond, Nanosecond, Second};
        let zone = |unit| Timestamp(unit, Some("UTC".into()));
        vec![
            Null,
            Boolean,
            Int8,
            Int16,
            Int32,
            Int64,
            UInt8,
            UInt16,
            UInt32,
            UInt64,
            Float16,
            Float32,
            Float64,
            Utf8,
            LargeUtf8,
            Binary,
            Date32,
            Date64,
            Time32(Second),
            Time64(Microsecond),
            Timestamp(Second, None),
            Timestamp(Nanosecond, None),
            zone(Second),
            zone(Nanosecond),
            Duration(Second),
            Duration(Nanosecond),
            Decimal128(5, 2),
            Decimal128(38, 0),
            Decimal256(76, 0),
        ]
    }

    #[test]
    fn the_type_does_not_depend_on_the_order_and_is_its_own() {
        let types = plain();
        for one in &types {
            assert_eq!(common(&[one.clone(), one.clone()]).as_ref(), Some(one));
            for two in &types {
                let found = common(&[one.clone(), two.clone()]);
                assert_eq!(found, common(&[two.clone(), one.clone()]), "{one} {two}");
                // With what it was made of, it stays what it is.
                if let Some(found) = &found {
                    assert_eq!(common(&[found.clone(), one.clone(), two.clone()]).as_ref(), Some(found));
                }
                for three in &types {
                    let [one, two, three] = [one, two, three].map(Clone::clone);
                    let found = common(&[one.clone(), two.clone(), three.clone()]);
                    assert_eq!(found, common(&[three.clone(), one.clone(), two.clone()]));
                    assert_eq!(found, common(&[two, three, one]));
                }
            }
        }
    }

    #[test]
    fn types_within_others_have_the_same_in_common() {
        let types = plain();
        for (one, two) in types.iter().flat_map(|one| types.iter().map(move |two| (one, two))) {
            let inner = common(&[one.clone(), two.clone()]);
            let lists = common(&[DataType::List(item(one)), DataType::LargeList(item(two))]);
            assert_eq!(lists, inner.as_ref().map(|inner| DataType::LargeList(item(inner))));
            let fixed = |data_type| DataType::FixedSizeList(item(data_type), 2);
            assert_eq!(common(&[fixed(one), fixed(two)]), inner.as_ref().map(fixed));
            let group = |names: [&str; 2], types: [&DataType; 2]| {
                let fields = names.iter().zip(types).map(|(name, one)| Field::new(*name, one.clone(), true));
                DataType::Struct(fields.collect())
            };
            let found = common(&[group(["a", "b"], [one, two]), group(["b", "a"], [two, two])]);
            assert_eq!(found, inner.as_ref().map(|inner| group(["a", "b"], [inner, two])));
            assert_eq!(common(&[group(["a", "b"], [one, two]), group(["a", "c"], [one, two])]), None);
            // Of a name that is there twice, places must be of the same types.
            let twice = |types| group(["a", "a"], types);
            assert_eq!(common(&[twice([one, two]), twice([one, two])]), Some(twice([one, two])));
            assert_eq!(common(&[twice([one, two]), twice([two, one])]).is_some(), one == two);
        }
    }

    #[test]
    fn only_what_holds_all_values_is_in_common() {
        use DataType::{
            Decimal128, Decimal256, Float16, Float32, Float64, Int8, Int64, UInt8, UInt32, UInt64,
        };
        for (types, expected) in [
            (vec![Int8, UInt8], Some(DataType::Int16)),
            (vec![Int8, UInt32], Some(Int64)),
            (vec![Int8, UInt64], None),
            (vec![UInt8, Int8, Float16], Some(Float16)),
            (vec![DataType::UInt16, Int8, Float16], Some(Float32)),
            (vec![DataType::Int32, Float32], Some(Float64)),
            (vec![Int64, UInt64, Float16], Some(Float64)),
            (vec![Decimal128(5, 2), Decimal128(38, 0)], Some(Decimal256(40, 2))),
            (vec![Decimal128(5, 2), Decimal128(4, -3)], Some(Decimal128(9, 2))),
            (vec![Decimal256(76, 0), Decimal128(5, 1)], None),
            (vec![Decimal128(5, 2), Int8], None),
            (vec![DataType::Date32, DataType::Date64], None),
            (vec![DataType::Utf8, DataType::Binary], None),
        ] {
            assert_eq!(common(&types), expected, "{types:?}");
        }
        assert_eq!(common(&[]), None);
    }
}
