//! Numbers in plain encoding.

use arrow::datatypes::ArrowNativeType;

/// A number as the plain encoding stores it: those of 8 and 16 bits take four bytes, as small ones do.
pub(super) trait Plain: ArrowNativeType {
    /// Bytes of a number as it is stored.
    const BYTES: usize;

    /// Reads as many numbers as there is room for. Nothing if there are fewer, or one that the type cannot have.
    fn read(bytes: &[u8], into: &mut [Self]) -> Option<()>;
}

macro_rules! plain {
    ($($native:ty as $stored:ty),*) => {$(
        impl Plain for $native {
            const BYTES: usize = size_of::<$stored>();

            #[allow(trivial_numeric_casts, clippy::cast_possible_truncation)] // stored wider than it is
            #[allow(clippy::unnecessary_cast)]
            fn read(bytes: &[u8], into: &mut [Self]) -> Option<()> {
                let stored = bytes.chunks_exact(Self::BYTES);
                if stored.len() < into.len() {
                    return None;
                }
                let mut cut = false;
                // Proof: at least as many are stored, which was just compared.
                for (into, stored) in into.iter_mut().zip(stored) {
                    let bytes: [u8; Self::BYTES] = stored.try_into().ok()?;
                    *into = <$stored>::from_le_bytes(bytes) as $native;
                    // Nothing is compared for those that are stored as they are.
                    cut |= Self::BYTES > size_of::<$native>() && (*into as $stored).to_le_bytes() != bytes;
                }
                (!cut).then_some(())
            }
        }
    )*};
}
plain!(u8 as u32, i8 as i32, u16 as u32, i16 as i32, u32 as u32, i32 as i32);
plain!(u64 as u64, i64 as i64, f32 as f32, f64 as f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_that_are_stored() {
        let mut small = [0i8; 2];
        assert_eq!(i8::read(&[0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 9], &mut small), Some(()));
        assert_eq!(small, [-1, 127]);
        let mut wide = [0u64; 1];
        assert_eq!(u64::read(&0x0102_0304_0506_0708u64.to_le_bytes(), &mut wide), Some(()));
        assert_eq!(wide, [0x0102_0304_0506_0708]);
        let mut float = [0f32; 1];
        assert_eq!(f32::read(&1.5f32.to_le_bytes(), &mut float), Some(()));
        assert_eq!(float.map(f32::to_bits), [1.5f32.to_bits()]);
    }

    #[test]
    fn numbers_that_are_missing_or_too_large_are_nothing() {
        assert_eq!(u16::read(&[1, 0, 0], &mut [0; 1]), None);
        assert_eq!(u16::read(&65_536u32.to_le_bytes(), &mut [0; 1]), None);
        assert_eq!(i8::read(&128i32.to_le_bytes(), &mut [0; 1]), None);
        assert_eq!(i8::read(&(-129i32).to_le_bytes(), &mut [0; 1]), None);
        assert_eq!(u8::read(&[], &mut []), Some(()));
    }
}
