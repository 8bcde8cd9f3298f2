//! Natural logarithms in plain arithmetic, which give the same bits on every machine and become vector code.
//!
//! System logarithms differ in the last bit from machine to machine. A draw that used them would differ too.

/// Returns `-ln(1 - p)` for `p` in (0, 1 - 2^-53], to about one unit in the last place.
///
/// ```text
/// u = 1 - p, rounded
/// e = what the rounding took (exact)
/// -ln(1 - p) = -ln(u + e) = -(ln(u) + e / u)         (the next term, e^2, is below the precision)
/// ```
///
/// Where `p` is so small that `u` is 1, this is `p` itself.
#[inline(always)]
pub(super) fn exponential_quantile(p: f64) -> f64 {
    let u = 1.0 - p;
    let error = (1.0 - u) - p;
    -(ln(u) + error / u)
}

/// Returns `ln(x)` to about one unit in the last place, for positive `x` that is neither subnormal nor infinite.
///
/// ```text
/// x = 2^k * m with m in [sqrt(1/2), sqrt(2))
/// s = (m - 1) / (m + 1)                              (|s| <= 0.172)
/// ln(x) = k * ln(2) + 2 * atanh(s)
/// atanh(s) = s + s^3 / 3 + s^5 / 5 + ... + s^21 / 21 (what is left out is below half a unit)
/// ```
///
/// Libraries use a shorter polynomial with fitted coefficients. The plain series takes more multiplications and no
/// table: nobody has to trust its coefficients, and the error is easy to bound.
#[inline(always)]
#[allow(clippy::cast_precision_loss)] // exponents are short
pub(super) fn ln(x: f64) -> f64 {
    /// The bits of sqrt(1/2), the least `m`.
    const LOWEST: u64 = 0x3fe6_a09e_667f_3bcd;
    const MANTISSA: u64 = (1 << 52) - 1;
    /// `ln(2)` in two parts. The high part has so few bits that its product with any exponent is exact.
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    // Proof: the difference is meant as a signed number, and the sum below stays within the 52 bits of a mantissa.
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
