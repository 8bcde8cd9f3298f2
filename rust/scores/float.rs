//! The two types that scores are computed in, and how values of every other type are converted to them.

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::dtype::{Value, Values, with_values};
use crate::checked;
use crate::error::Result;
use crate::exec::simd::{Kernel, dispatch};

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

impl Values<'_> {
    /// All values as float32, rounded to nearest; `out` has room for just as many.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::Internal`], if it has not.
    pub fn round_to_f32(&self, out: &mut [f32]) -> Result<()> {
        checked::equal("room for values", out.len(), self.len())?;
        match self {
            // Short floats have conversions of whole slices by instructions of their own.
            Self::F16(values) => values.convert_to_f32_slice(out),
            Self::BF16(values) => values.convert_to_f32_slice(out),
            _ => convert(*self, out)?,
        }
        Ok(())
    }

    /// Those at some offsets as float64, each as [`Values::to_f64`] has it.
    pub fn pick_f64(&self, offsets: &[u32], out: &mut Vec<f64>) {
        out.clear();
        with_values!(self, values => out.extend(offsets.iter().map(|&at| values[at as usize].to_f64())));
    }

    /// One value as float64, rounded to nearest where an integer is longer.
    #[inline]
    pub fn to_f64(&self, at: usize) -> f64 {
        with_values!(self, values => values[at].to_f64())
    }
}

/// The values in the type of `out`.
pub(crate) fn convert<F: Float>(values: Values<'_>, out: &mut [F]) -> Result<()> {
    checked::equal("room for values", out.len(), values.len())?;
    if let Some(same) = F::values(values) {
        out.copy_from_slice(same);
        return Ok(());
    }
    with_values!(values, values => {
        // Proof: the lengths were just compared.
        dispatch(Convert { values: out.iter_mut().zip(values), set: |(out, &value): (&mut F, &_)| *out = F::of(value) });
    });
    Ok(())
}

struct Convert<I, S> {
    values: I,
    set: S,
}

impl<I: Iterator, S: FnMut(I::Item)> Kernel for Convert<I, S> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        self.values.for_each(self.set);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_for_more_or_fewer_values_is_a_defect() {
        let mut out = [0_f32; 3];
        for len in [0, 2, 4] {
            assert!(convert(Values::F32(&vec![1.0; len]), &mut out).is_err());
            assert!(convert(Values::I8(&vec![1; len]), &mut out).is_err());
            assert!(Values::F16(&vec![f16::ONE; len]).round_to_f32(&mut out).is_err());
        }
    }

    #[test]
    fn values_are_rounded_to_nearest() {
        let long = (1_i64 << 53) + 1;
        assert_eq!(Values::I64(&[long]).to_f64(0).to_bits(), (9_007_199_254_740_992_f64).to_bits());
        let mut out = [0_f32; 2];
        Values::F64(&[0.1, f64::MAX]).round_to_f32(&mut out).unwrap();
        assert_eq!(out.map(f32::to_bits), [0.1_f32, f32::INFINITY].map(f32::to_bits));
        Values::BF16(&[bf16::from_f32(1.5), bf16::NEG_INFINITY]).round_to_f32(&mut out).unwrap();
        assert_eq!(out.map(f32::to_bits), [1.5_f32, f32::NEG_INFINITY].map(f32::to_bits));
        let mut picked = vec![9.0];
        Values::U8(&[5, 6, 7]).pick_f64(&[2, 0, 2], &mut picked);
        assert_eq!(
            picked.iter().map(|value| value.to_bits()).collect::<Vec<_>>(),
            [7.0_f64, 5.0, 7.0].map(f64::to_bits)
        );
    }
}
