//! The types a score can have: one enum at the edge, one macro that enters the generic code.

use std::fmt;
use std::ops::Range;

use half::{bf16, f16};

macro_rules! dtypes {
    ($($variant:ident $rust:ident $name:literal),* $(,)?) => {
        /// The type of a stored or computed score.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        #[allow(missing_docs)] // the names are the documentation
        pub enum DType {
            $($variant),*
        }

        impl DType {
            /// Every type there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name that numpy (or `ml_dtypes`, for bfloat16) has for it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// Bytes of one value.
            pub const fn size(self) -> usize {
                match self { $(Self::$variant => size_of::<$rust>()),* }
            }
        }

        /// A run of values of one type.
        #[derive(Debug, Clone, Copy)]
        #[allow(missing_docs)]
        pub enum Values<'a> {
            $($variant(&'a [$rust])),*
        }

        impl<'a> Values<'a> {
            /// How many values there are.
            pub const fn len(&self) -> usize {
                match self { $(Self::$variant(values) => values.len()),* }
            }

            /// Whether there are none.
            pub const fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Their type.
            pub const fn dtype(&self) -> DType {
                match self { $(Self::$variant(_) => DType::$variant),* }
            }

            /// A part of them.
            #[must_use]
            pub fn slice(&self, range: Range<usize>) -> Values<'a> {
                match self { $(Self::$variant(values) => Values::$variant(&values[range])),* }
            }

            /// Bytes as values in native byte order, if their address and their number allow it.
            pub fn from_bytes(dtype: DType, bytes: &'a [u8]) -> Option<Self> {
                match dtype {
                    // No values have no address that could be wrong.
                    $(DType::$variant if bytes.is_empty() => Some(Self::$variant(&[])),)*
                    $(DType::$variant => bytemuck::try_cast_slice(bytes).ok().map(Self::$variant)),*
                }
            }

            /// The values as bytes in native byte order.
            pub fn as_bytes(&self) -> &'a [u8] {
                match self { $(Self::$variant(values) => bytemuck::cast_slice(values)),* }
            }
        }

        $(
            impl Value for $rust {
                const DTYPE: DType = DType::$variant;

                fn values(values: Values<'_>) -> Option<&[Self]> {
                    match values {
                        Values::$variant(values) => Some(values),
                        _ => None,
                    }
                }

                fn wrap(values: &[Self]) -> Values<'_> {
                    Values::$variant(values)
                }
            }
        )*
    };
}

dtypes! {
    F16 f16 "float16",
    BF16 bf16 "bfloat16",
    F32 f32 "float32",
    F64 f64 "float64",
    I8 i8 "int8",
    I16 i16 "int16",
    I32 i32 "int32",
    I64 i64 "int64",
    U8 u8 "uint8",
    U16 u16 "uint16",
    U32 u32 "uint32",
    U64 u64 "uint64",
}

/// Runs an expression with a type alias bound to the Rust type of a [`DType`]: the one entry from the
/// types known at run time into generic code.
///
/// `with_dtype!(dtype, T => function::<T>(arguments))`
#[macro_export]
macro_rules! with_dtype {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            $crate::scores::DType::F16 => {
                type $T = half::f16;
                $body
            }
            $crate::scores::DType::BF16 => {
                type $T = half::bf16;
                $body
            }
            $crate::scores::DType::F32 => {
                type $T = f32;
                $body
            }
            $crate::scores::DType::F64 => {
                type $T = f64;
                $body
            }
            $crate::scores::DType::I8 => {
                type $T = i8;
                $body
            }
            $crate::scores::DType::I16 => {
                type $T = i16;
                $body
            }
            $crate::scores::DType::I32 => {
                type $T = i32;
                $body
            }
            $crate::scores::DType::I64 => {
                type $T = i64;
                $body
            }
            $crate::scores::DType::U8 => {
                type $T = u8;
                $body
            }
            $crate::scores::DType::U16 => {
                type $T = u16;
                $body
            }
            $crate::scores::DType::U32 => {
                type $T = u32;
                $body
            }
            $crate::scores::DType::U64 => {
                type $T = u64;
                $body
            }
        }
    };
}

/// Runs `$body` with `$slice` bound to the values of a [`Values`], whatever their type.
macro_rules! with_values {
    ($values:expr, $slice:ident => $body:expr) => {
        match $values {
            $crate::scores::Values::F16($slice) => $body,
            $crate::scores::Values::BF16($slice) => $body,
            $crate::scores::Values::F32($slice) => $body,
            $crate::scores::Values::F64($slice) => $body,
            $crate::scores::Values::I8($slice) => $body,
            $crate::scores::Values::I16($slice) => $body,
            $crate::scores::Values::I32($slice) => $body,
            $crate::scores::Values::I64($slice) => $body,
            $crate::scores::Values::U8($slice) => $body,
            $crate::scores::Values::U16($slice) => $body,
            $crate::scores::Values::U32($slice) => $body,
            $crate::scores::Values::U64($slice) => $body,
        }
    };
}
pub(crate) use with_values;

impl DType {
    /// The type of a name that [`DType::name`] gives.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|dtype| dtype.name() == name)
    }

    /// Whether its values can be NaN, infinite or -0.0.
    pub const fn is_float(self) -> bool {
        matches!(self, Self::F16 | Self::BF16 | Self::F32 | Self::F64)
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A Rust type that a score can have.
pub trait Value: bytemuck::Pod + PartialOrd + Send + Sync + fmt::Debug {
    /// Its name at run time.
    const DTYPE: DType;

    /// The slice in `values`, if that is its type.
    fn values(values: Values<'_>) -> Option<&[Self]>;

    /// A slice as values.
    fn wrap(values: &[Self]) -> Values<'_>;
}

/// Memory that a source may use to compute or copy a run of values; reused from run to run.
#[derive(Debug, Default)]
pub struct Scratch {
    /// Words rather than bytes, so that every type is aligned.
    words: Vec<u64>,
    /// Scratch of the operands of an expression.
    operands: Vec<Scratch>,
}

impl Scratch {
    /// Room for `len` values of type `T`, of any content.
    pub fn values<T: Value>(&mut self, len: usize) -> &mut [T] {
        self.split(len, 0).0
    }

    /// Room for `len` values beside the scratch of `operands` operands.
    pub fn split<T: Value>(&mut self, len: usize, operands: usize) -> (&mut [T], &mut [Scratch]) {
        if self.operands.len() < operands {
            self.operands.resize_with(operands, Self::default);
        }
        let words = (len * size_of::<T>()).div_ceil(8);
        if self.words.len() < words {
            self.words.resize(words, 0);
        }
        let values = &mut bytemuck::cast_slice_mut(&mut self.words)[..len];
        (values, &mut self.operands[..operands])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that are all different, at an address that suits every type.
    const WORDS: [u64; 3] = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908, 0x1716_1514_1312_1110];

    #[test]
    fn a_name_tells_the_size_and_whether_it_is_a_float() {
        for &dtype in DType::ALL {
            let name = dtype.name();
            let bits: usize = name.trim_start_matches(char::is_alphabetic).parse().unwrap();
            assert_eq!(dtype.size() * 8, bits, "{name}");
            assert_eq!(dtype.is_float(), name.contains("float"), "{name}");
            assert_eq!((DType::parse(name), dtype.to_string().as_str()), (Some(dtype), name));
            assert_eq!(with_dtype!(dtype, T => (T::DTYPE, size_of::<T>())), (dtype, bits / 8));
        }
        for name in ["", "float", "Float32", "<float32", " int8", "int08", "bool", "float128"] {
            assert_eq!(DType::parse(name), None, "{name:?}");
        }
    }

    #[test]
    fn bytes_are_values_where_they_lie() {
        let bytes: &[u8] = bytemuck::cast_slice(&WORDS);
        for &dtype in DType::ALL {
            let size = dtype.size();
            let values = Values::from_bytes(dtype, bytes).unwrap();
            assert_eq!((values.dtype(), values.len(), values.as_bytes()), (dtype, 24 / size, bytes));
            assert_eq!(with_values!(values, values => size_of_val(values)), 24, "{dtype}");
            let second = values.slice(1..2);
            assert_eq!((second.dtype(), second.as_bytes()), (dtype, &bytes[size..2 * size]));
            assert!(values.slice(3..3).is_empty() && !second.is_empty());
            // At an odd address, and with a part of a value at the end.
            assert_eq!(Values::from_bytes(dtype, &bytes[1..=size]).is_some(), size == 1, "{dtype}");
            assert_eq!(Values::from_bytes(dtype, &bytes[..=size]).is_some(), size == 1, "{dtype}");
            assert!(Values::from_bytes(dtype, &bytes[1..1]).unwrap().is_empty(), "{dtype}");
        }
    }

    #[test]
    fn values_are_had_as_their_own_type_alone() {
        let bytes: &[u8] = bytemuck::cast_slice(&WORDS);
        for &dtype in DType::ALL {
            let values = Values::from_bytes(dtype, bytes).unwrap();
            for &other in DType::ALL {
                let found = with_dtype!(other, T => {
                    T::values(values).map(|values| T::wrap(values).as_bytes().to_vec())
                });
                assert_eq!(found, (other == dtype).then(|| bytes.to_vec()), "{dtype} as {other}");
            }
        }
    }

    #[test]
    fn scratch_has_room_for_any_type_and_keeps_operands_apart() {
        let mut scratch = Scratch::default();
        for &dtype in DType::ALL {
            for len in [0, 1, 3, 7, 1000, 5] {
                assert_eq!(with_dtype!(dtype, T => scratch.values::<T>(len).len()), len, "{dtype}");
            }
        }
        let (values, operands) = scratch.split::<f64>(2, 2);
        values.fill(1.0);
        let [first, second] = operands else { panic!("{} operands", operands.len()) };
        first.values::<u16>(3).fill(7);
        second.values::<u16>(3).fill(9);
        assert_eq!(values.iter().sum::<f64>().to_bits(), 2.0_f64.to_bits());
        // With fewer operands, those that are left are the same.
        let (_, operands) = scratch.split::<i8>(1, 1);
        assert_eq!(operands.len(), 1);
        assert_eq!(operands[0].values::<u16>(3), [7; 3]);
        assert_eq!(scratch.split::<i8>(1, 2).1[1].values::<u16>(3), [9; 3]);
    }
}
