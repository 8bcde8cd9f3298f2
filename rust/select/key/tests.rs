//! Keys and bounds against comparison.

use proptest::prelude::*;

use super::*;

fn passes<T: Keyed, const LARGEST: bool>(value: T, bound: T::Bound) -> bool {
    if T::nothing_passes(bound) { value.is_nan() } else { value.passes::<LARGEST>(bound) }
}

/// Keys order as the values do, and the bound of a key passes exactly the values that reach it.
fn check<T: Keyed>(a: T, b: T) {
    if a.is_nan() || b.is_nan() {
        assert!(!a.is_nan() || passes::<T, true>(a, T::bound::<true>(b.key_with(Nan::Largest))));
        return;
    }
    assert_eq!(a.partial_cmp(&b), a.key().partial_cmp(&b.key()), "{a:?} {b:?}");
    assert_eq!(passes::<T, true>(a, T::bound::<true>(b.key())), a >= b, "{a:?} >= {b:?}");
    assert_eq!(passes::<T, false>(a, T::bound::<false>(b.key())), a <= b, "{a:?} <= {b:?}");
    assert_eq!(passes::<T, true>(a, T::bound::<true>(b.key() + 1)), a.key() > b.key());
    if let Some(below) = b.key().checked_sub(1) {
        assert_eq!(passes::<T, false>(a, T::bound::<false>(below)), a.key() <= below);
    }
    assert!(a.key() >> (T::KEY_BITS - 1) <= 1);
}

proptest! {
    #[test]
    fn keys_and_bounds_agree_with_comparison(a: u64, b: u64, near in -2i64..=2, same in any::<bool>()) {
        let b = if same { a.wrapping_add_signed(near) } else { b };
        check(f64::from_bits(a), f64::from_bits(b));
        check(f32::from_bits(a as u32), f32::from_bits(b as u32));
        check(f16::from_bits(a as u16), f16::from_bits(b as u16));
        check(bf16::from_bits(a as u16), bf16::from_bits(b as u16));
        check(a as i8, b as i8);
        check(a as i16, b as i16);
        check(a as i32, b as i32);
        check(a as i64 >> 1, b as i64 >> 1);
        check(a as u8, b as u8);
        check(a as u16, b as u16);
        check(a as u32, b as u32);
        check(a >> 1, b >> 1);
    }
}

#[test]
fn zeros_and_infinities_rank_as_numbers() {
    let f32s =
        [f32::NEG_INFINITY, f32::MIN, -1.0, -f32::MIN_POSITIVE, -0.0, 0.0, 1.0, f32::MAX, f32::INFINITY];
    for a in f32s {
        for b in f32s {
            check(a, b);
            check(f64::from(a), f64::from(b));
            check(f16::from_f32(a), f16::from_f32(b));
            check(bf16::from_f32(a), bf16::from_f32(b));
        }
    }
}
