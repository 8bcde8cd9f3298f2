//! Natural logarithms in plain arithmetic: the same bits on every machine, and loops of them become vectors.
//!
//! A system's logarithm differs in its last bit from place to place, and so would a draw.

/// `-ln(1 - p)` for `p` in (0, 1 - 2^-53], to about one unit in the last place.
///
/// `1 - p` rounds to `u`; what the rounding took, `e`, is known exactly, and `ln(u + e)` is `ln(u) + e / u` to far
/// more digits than there are. For small `p`, where `u` is 1, that is `p` itself.
#[inline(always)]
pub(super) fn exponential_quantile(p: f64) -> f64 {
    let u = 1.0 - p;
    let error = (1.0 - u) - p;
    -(ln(u) + error / u)
}

/// `ln(x)` for a positive number that is not subnormal or infinite, to about one unit in the last place.
///
/// With `x = 2^k * m` and `m` between the square roots of 1/2 and 2, it is `k * ln(2) + 2 * atanh(s)` with
/// `s = (m - 1) / (m + 1)`, of at most 0.172: the series of atanh is below half a unit after ten terms.
#[inline(always)]
#[allow(clippy::cast_precision_loss)] // exponents are short
pub(super) fn ln(x: f64) -> f64 {
    /// The bits of the square root of 1/2, which becomes the lowest mantissa.
    const LOWEST: u64 = 0x3fe6_a09e_667f_3bcd;
    const MANTISSA: u64 = (1 << 52) - 1;
    /// `ln(2)` with so few bits that its product with an exponent is exact, and the rest.
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    // Proof: the difference is read as a number with a sign, and the mantissa has 52 bits: nothing is lost by wrapping.
    let above = x.to_bits().wrapping_sub(LOWEST);
    let exponent = (above.cast_signed() >> 52) as f64;
    // Proof: as above.
    let over_one = f64::from_bits((above & MANTISSA).wrapping_add(LOWEST)) - 1.0;
    let s = over_one / (2.0 + over_one);
    let square = s * s;
    let mut sum = 1.0 / 21.0;
    for odd in [19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
        sum = sum * square + 1.0 / odd;
    }
    exponent * LN2_HIGH + (2.0 * s + (2.0 * s * square * sum + exponent * LN2_LOW))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Units in the last place between two numbers.
    fn units(a: f64, b: f64) -> u64 {
        a.to_bits().abs_diff(b.to_bits())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn logarithms_are_those_of_the_math_library(
            x in prop_oneof![f64::MIN_POSITIVE..1e-10, 1e-10..0.5, 0.5..2.0, 2.0..50.0, 50.0..f64::MAX],
            p in prop_oneof![1e-20f64..1e-10, 1e-10..0.1, 0.1..1.0],
        ) {
            prop_assert!(units(ln(x), libm::log(x)) <= 2, "ln({x:e}) is {:e}, {:e}", ln(x), libm::log(x));
            let expected = -libm::log1p(-p);
            prop_assert!(units(exponential_quantile(p), expected) <= 2, "{p:e}: {:e}, {expected:e}", exponential_quantile(p));
        }
    }

    #[test]
    fn the_ends_are_exact() {
        assert_eq!(ln(1.0).to_bits(), 0.0f64.to_bits());
        assert_eq!(units(ln(2.0), std::f64::consts::LN_2), 0);
        assert_eq!(units(exponential_quantile(2f64.powi(-65)), 2f64.powi(-65)), 0);
        let last = 1.0 - f64::EPSILON / 2.0;
        assert!(units(exponential_quantile(last), -libm::log1p(-last)) <= 1);
    }
}
