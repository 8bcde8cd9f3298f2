//! What the values of a column are, and how those that scores do not have are made to such.

use arrow::datatypes::{DataType, i256};

use crate::checked::{self, impossible};
use crate::error::Result;
use crate::io::invalid_type::invalid_type;
use crate::scores::dtype::DType;

/// Decimal digits that every float64 keeps: decimals of so many are different and in order as float64 as well.
const DIGITS: u32 = 15;
/// The least number with more digits.
const TOO_LONG: u128 = 10_u128.pow(DIGITS);
/// The powers of ten that a float64 holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The values of a column, or of the lists in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// Numbers, as they are.
    Plain(DType),
    /// A bit each, which is 0 or 1 in a byte.
    Boolean,
    /// Integers of so many bytes, of which each is divided by ten as often as the scale says.
    Decimal { bytes: usize, scale: i8 },
}

impl Leaf {
    /// What a type of Arrow is, if scores can be made of it.
    pub(crate) fn of(data_type: &DataType) -> Option<Self> {
        if invalid_type(data_type).is_some() {
            return None;
        }
        Some(Self::Plain(match data_type {
            DataType::Float16 => DType::F16,
            DataType::Float32 => DType::F32,
            DataType::Float64 => DType::F64,
            DataType::Int8 => DType::I8,
            DataType::Int16 => DType::I16,
            DataType::Int32 => DType::I32,
            DataType::Int64 => DType::I64,
            DataType::UInt8 => DType::U8,
            DataType::UInt16 => DType::U16,
            DataType::UInt32 => DType::U32,
            DataType::UInt64 => DType::U64,
            DataType::Boolean => return Some(Self::Boolean),
            DataType::Decimal32(_, scale) => return Some(Self::Decimal { bytes: 4, scale: *scale }),
            DataType::Decimal64(_, scale) => return Some(Self::Decimal { bytes: 8, scale: *scale }),
            DataType::Decimal128(_, scale) => return Some(Self::Decimal { bytes: 16, scale: *scale }),
            DataType::Decimal256(_, scale) => return Some(Self::Decimal { bytes: 32, scale: *scale }),
            _ => return None,
        }))
    }

    /// The type that scores of it have.
    ///
    /// Decimals without digits behind the point are int64, so that all of them are exact; others float64.
    pub(crate) fn dtype(self) -> DType {
        match self {
            Self::Plain(dtype) => dtype,
            Self::Boolean => DType::U8,
            Self::Decimal { scale, .. } if scale <= 0 => DType::I64,
            Self::Decimal { .. } => DType::F64,
        }
    }

    /// Whether they are floats as they are stored.
    pub(crate) fn is_float(self) -> bool {
        matches!(self, Self::Plain(dtype) if dtype.is_float())
    }

    /// The bytes that the first so many values take.
    pub(crate) fn nbytes(self, values: u64) -> Result<u64> {
        match self {
            Self::Plain(dtype) => checked::mul(values, dtype.size() as u64),
            Self::Boolean => Ok(values.div_ceil(8)),
            Self::Decimal { bytes, .. } => checked::mul(values, bytes as u64),
        }
    }

    /// Adds some values of a buffer to `out` as scores: so many from one on. Fails with the number of a value that cannot
    /// be one, and why.
    pub(crate) fn append(
        self,
        buffer: &[u8],
        from: usize,
        count: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<(usize, String)>> {
        match self {
            Self::Plain(dtype) => {
                let size = dtype.size();
                let span = checked::mul(from, size)?..checked::mul(checked::add(from, count)?, size)?;
                out.extend_from_slice(checked::get(buffer, span)?);
            }
            Self::Boolean => {
                for bit in from..checked::add(from, count)? {
                    out.push((checked::get(buffer, bit / 8)? >> (bit % 8)) & 1);
                }
            }
            Self::Decimal { bytes, scale } => {
                let span = checked::mul(from, bytes)?..checked::mul(checked::add(from, count)?, bytes)?;
                // Proof: nothing remains, as they are whole values.
                for (number, value) in checked::get(buffer, span)?.chunks_exact(bytes).enumerate() {
                    let value = integer(value)?;
                    let made = if scale > 0 { float(value, scale) } else { whole(value, scale) };
                    match made {
                        Some(made) => out.extend(made),
                        None => return Ok(Some((number, refused(value, scale)))),
                    }
                }
            }
        }
        Ok(None)
    }
}

/// The integer of a decimal, in this machine's byte order.
fn integer(bytes: &[u8]) -> Result<i256> {
    let broken = || impossible(format_args!("a decimal of {} bytes", bytes.len()));
    Ok(match bytes.len() {
        4 => i256::from(i32::from_ne_bytes(bytes.try_into().map_err(|_| broken())?)),
        8 => i256::from(i64::from_ne_bytes(bytes.try_into().map_err(|_| broken())?)),
        16 => i256::from_i128(i128::from_ne_bytes(bytes.try_into().map_err(|_| broken())?)),
        32 if cfg!(target_endian = "little") => i256::from_le_bytes(bytes.try_into().map_err(|_| broken())?),
        32 => i256::from_be_bytes(bytes.try_into().map_err(|_| broken())?),
        _ => return Err(broken()),
    })
}

/// A decimal of few enough digits as the float64 next to it.
fn float(value: i256, scale: i8) -> Option<[u8; 8]> {
    let (mut value, mut scale) = (value, usize::from(scale.unsigned_abs()));
    let is_short = |value: i256| value.to_i128().is_some_and(|value| value.unsigned_abs() < TOO_LONG);
    let ten = i256::from(10_i64);
    // Zeros at the end are no digits that a float64 would have to keep.
    while !is_short(value) && scale > 0 && value.checked_rem(ten)? == i256::ZERO {
        (value, scale) = (value.checked_div(ten)?, scale - 1);
    }
    // Integers are exact up to 2^53, beyond what has fewer digits.
    let exact = if scale == 0 { 1 << 53 } else { TOO_LONG - 1 };
    let value = value.to_i128().filter(|value| value.unsigned_abs() <= exact)?;
    let float = match POWERS.get(scale) {
        // One division of two numbers that are exact is rounded once.
        #[allow(clippy::cast_precision_loss)] // it is below 2^53
        Some(power) => value as f64 / power,
        None => format!("{value}e-{scale}").parse().ok()?,
    };
    Some(float.to_ne_bytes())
}

/// A decimal without digits behind the point as int64.
fn whole(value: i256, scale: i8) -> Option<[u8; 8]> {
    let power = i256::from(10_i64).checked_pow(u32::from(scale.unsigned_abs()))?;
    let value = value.checked_mul(power)?.to_i128()?;
    Some(i64::try_from(value).ok()?.to_ne_bytes())
}

fn refused(value: i256, scale: i8) -> String {
    if scale > 0 {
        return format!(
            "the decimal {value}e-{scale} has more than {DIGITS} digits, which float64 does not keep, so that others would tie with it or come before it; round the column to {DIGITS} digits, or cast it to float64 where that does not matter"
        );
    }
    let scale = scale.unsigned_abs();
    format!(
        "the decimal {value}e{scale} is beyond int64, as which decimals without digits behind the point are read; cast the column to float64"
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn made(leaf: Leaf, values: &[i128]) -> std::result::Result<Vec<[u8; 8]>, (usize, String)> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_ne_bytes()).collect();
        let mut out = Vec::new();
        match leaf.append(&bytes, 0, values.len(), &mut out).unwrap() {
            None => Ok(out.chunks_exact(8).map(|value| value.try_into().unwrap()).collect()),
            Some(refused) => Err(refused),
        }
    }

    proptest! {
        #[test]
        fn decimals_are_in_order_as_floats_and_tie_only_with_their_equals(
            values in prop::collection::vec(-(10_i128.pow(15) - 1)..10_i128.pow(15), 2..20), scale in 1..60_i8,
            step in prop::sample::select(vec![1_i128, 3, 10]),
        ) {
            // Some that are next to each other.
            let near = values.iter().map(|value| (value + step).min(10_i128.pow(15) - 1));
            let all: Vec<i128> = values.iter().copied().chain(near).collect();
            let floats: Vec<f64> = made(Leaf::Decimal { bytes: 16, scale }, &all).unwrap().into_iter().map(f64::from_ne_bytes).collect();
            for (a, x) in all.iter().zip(&floats) {
                prop_assert_eq!(x.to_bits(), format!("{a}e-{scale}").parse::<f64>().unwrap().to_bits());
                for (b, y) in all.iter().zip(&floats) {
                    prop_assert_eq!(a.cmp(b), x.partial_cmp(y).unwrap(), "{} and {}", a, b);
                }
            }
        }
    }

    #[test]
    fn decimals_that_are_not_exact_are_refused_by_their_number() {
        let two = Leaf::Decimal { bytes: 16, scale: 2 };
        let whole = Leaf::Decimal { bytes: 16, scale: 0 };
        let long = 10_i128.pow(15);
        let (number, said) = made(two, &[1, long + 1]).unwrap_err();
        assert_eq!(number, 1);
        assert!(said.contains("the decimal 1000000000000001e-2 has more than 15 digits"), "{said}");
        let zeros = made(two, &[long, 12_300, -5, 0, 100 << 53]).unwrap();
        assert_eq!(zeros, [1e13, 123.0, -0.05, 0.0, 2_f64.powi(53)].map(f64::to_ne_bytes));
        assert!(made(two, &[(100 << 53) + 100]).is_err());
        let most = i128::from(i64::MAX);
        assert_eq!(
            made(whole, &[most, -most - 1]).unwrap(),
            [i64::MAX.to_ne_bytes(), i64::MIN.to_ne_bytes()]
        );
        let (number, said) = made(whole, &[0, 0, most + 1]).unwrap_err();
        assert!(number == 2 && said.contains("is beyond int64"), "{said}");
        let hundreds = Leaf::Decimal { bytes: 16, scale: -2 };
        assert_eq!(made(hundreds, &[7]).unwrap(), [700_i64.to_ne_bytes()]);
        assert!(made(hundreds, &[most / 99]).is_err());
    }

    #[test]
    fn decimals_of_damaged_types_are_no_scores() {
        for (digits, is_taken) in [(0, false), (1, true), (38, true), (39, false)] {
            assert_eq!(Leaf::of(&DataType::Decimal128(digits, 0)).is_some(), is_taken, "{digits}");
        }
    }

    #[test]
    fn bits_are_bytes_from_any_bit_on() {
        let buffer = [0b1010_0110, 0b0000_0001];
        for from in 0..9 {
            for count in 0..9 - from {
                let mut out = Vec::new();
                assert_eq!(Leaf::Boolean.append(&buffer, from, count, &mut out).unwrap(), None);
                let bits = |bit: usize| (buffer[bit / 8] >> (bit % 8)) & 1;
                assert_eq!(out, (from..from + count).map(bits).collect::<Vec<_>>());
            }
        }
        assert!(Leaf::Boolean.append(&buffer, 8, 9, &mut Vec::new()).is_err());
    }

    #[test]
    fn wide_decimals_are_read_whole() {
        let leaf = Leaf::Decimal { bytes: 32, scale: 50 };
        let value = i256::from_i128(15).checked_mul(i256::from_i128(10).checked_pow(49).unwrap()).unwrap();
        let mut out = Vec::new();
        assert_eq!(leaf.append(&value.to_le_bytes(), 0, 1, &mut out).unwrap(), None);
        assert_eq!(out, 1.5_f64.to_ne_bytes());
        for (bytes, value) in [(4, (-125_i32).to_ne_bytes().to_vec()), (8, (-125_i64).to_ne_bytes().to_vec())]
        {
            let mut out = Vec::new();
            assert_eq!(Leaf::Decimal { bytes, scale: 1 }.append(&value, 0, 1, &mut out).unwrap(), None);
            assert_eq!(out, (-12.5_f64).to_ne_bytes());
        }
    }
}
