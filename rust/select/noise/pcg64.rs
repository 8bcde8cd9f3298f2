//! PCG64, bit for bit as numpy has it.

use super::bits::{BlockBits, halves};

/// PCG64 (XSL-RR 128/64) as in numpy's `default_rng`, from the state that numpy's seeding produces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pcg64 {
    state: u128,
    increment: u128,
}

/// Proof: the generator is defined modulo 2^128.
impl Pcg64 {
    const MULTIPLIER: u128 = 0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645;

    /// Takes the state and increment that `numpy.random.PCG64(seed).state` shows.
    pub(crate) fn new(state: u128, increment: u128) -> Self {
        Self { state, increment }
    }

    /// Returns the generator `steps` draws later. One step is an affine map, so squaring it skips ahead (Brown 1994).
    #[must_use]
    pub(crate) fn advanced(self, mut steps: u64) -> Self {
        let (mut multiplier, mut increment) = (Self::MULTIPLIER, self.increment);
        let (mut all_multiplier, mut all_increment) = (1u128, 0u128);
        while steps > 0 {
            if steps % 2 == 1 {
                all_multiplier = all_multiplier.wrapping_mul(multiplier);
                all_increment = all_increment.wrapping_mul(multiplier).wrapping_add(increment);
            }
            increment = multiplier.wrapping_add(1).wrapping_mul(increment);
            multiplier = multiplier.wrapping_mul(multiplier);
            steps /= 2;
        }
        let state = all_multiplier.wrapping_mul(self.state).wrapping_add(all_increment);
        Self { state, ..self }
    }

    /// Returns the next 64 bits.
    #[inline]
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_mul(Self::MULTIPLIER).wrapping_add(self.increment);
        Self::output(self.state)
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)] // halves
    fn output(state: u128) -> u64 {
        let folded = (state >> 64) as u64 ^ state as u64;
        folded.rotate_right((state >> 122) as u32)
    }

    /// Fills `bits` with the next draws.
    ///
    /// A step waits for the one before it, and the processor has room for two: so two states take two steps at once.
    pub(crate) fn fill(mut self, bits: &mut BlockBits) {
        let multiplier = Self::MULTIPLIER.wrapping_mul(Self::MULTIPLIER);
        let increment = self.increment.wrapping_mul(Self::MULTIPLIER.wrapping_add(1));
        let step = |state: u128| state.wrapping_mul(multiplier).wrapping_add(increment);
        let (high, last_high) = bits.high.as_chunks_mut::<2>();
        let (low, last_low) = bits.low.as_chunks_mut::<2>();
        let mut first = self.advanced(1).state;
        let mut second = self.advanced(2).state;
        self = self.advanced(2 * high.len() as u64);
        // Proof: both halves of the bits have one length.
        for (high, low) in high.iter_mut().zip(low) {
            (low[0], high[0]) = halves(Self::output(first));
            (low[1], high[1]) = halves(Self::output(second));
            (first, second) = (step(first), step(second));
        }
        // Proof: as above.
        for (high, low) in last_high.iter_mut().zip(last_low) {
            (*low, *high) = halves(self.next());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.random.PCG64(42).random_raw(3)`.
    #[test]
    fn pcg64_gives_what_numpy_gives() {
        let mut pcg = Pcg64::new(
            274_674_114_334_540_486_603_088_602_300_644_985_544,
            332_724_090_758_049_132_448_979_897_138_935_081_983,
        );
        let drawn: Vec<u64> = (0..3).map(|_| pcg.next()).collect();
        assert_eq!(
            drawn,
            [14_276_969_152_011_380_360, 8_095_878_257_575_067_585, 15_838_336_090_824_644_132]
        );
    }

    #[test]
    fn a_block_is_filled_with_the_draws_in_their_order() {
        let start = Pcg64::new(1 << 90, 12_345);
        for len in [0, 1, 2, 3, 64, 1001] {
            let (mut bits, mut stream) = (BlockBits::default(), start);
            bits.resize(len);
            start.fill(&mut bits);
            let expected: Vec<u64> = (0..len).map(|_| stream.next()).collect();
            assert_eq!((0..len).map(|at| bits.get(at)).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn advancing_is_drawing() {
        let start = Pcg64::new(1 << 100, 12_345 * 2 + 1);
        for steps in [0, 1, 2, 3, 1000, 4097] {
            let mut drawn = start;
            for _ in 0..steps {
                drawn.next();
            }
            assert_eq!(drawn.state, start.advanced(steps).state);
        }
    }
}
