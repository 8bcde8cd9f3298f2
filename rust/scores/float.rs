//! The two types that scores are computed in, and how every other type becomes one of them.

use half::{bf16, f16};

use super::Value;

/// A value as float32 and as float64, rounded to nearest where it must be.
pub(super) trait ToFloat: Value {
    /// As float32.
    fn to_f32(self) -> f32;
    /// As float64.
    fn to_f64(self) -> f64;
}

macro_rules! to_float {
    ($($rust:ty),*) => {$(
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_lossless)] // as documented
        impl ToFloat for $rust {
            #[inline]
            fn to_f32(self) -> f32 {
                self as f32
            }

            #[inline]
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )*};
}

to_float!(f32, f64, i8, i16, i32, i64, u8, u16, u32, u64);

macro_rules! half_to_float {
    ($($rust:ty),*) => {$(
        impl ToFloat for $rust {
            #[inline]
            fn to_f32(self) -> f32 {
                self.to_f32()
            }

            #[inline]
            fn to_f64(self) -> f64 {
                self.to_f64()
            }
        }
    )*};
}

half_to_float!(f16, bf16);

/// A type that scores are computed in.
pub(super) trait Float:
    ToFloat
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::Neg<Output = Self>
{
    /// A value of any type, rounded to nearest.
    fn of<T: ToFloat>(value: T) -> Self;

    /// A number, rounded to nearest.
    fn of_f64(number: f64) -> Self {
        Self::of(number)
    }
}

impl Float for f32 {
    #[inline]
    fn of<T: ToFloat>(value: T) -> Self {
        value.to_f32()
    }
}

impl Float for f64 {
    #[inline]
    fn of<T: ToFloat>(value: T) -> Self {
        value.to_f64()
    }
}
