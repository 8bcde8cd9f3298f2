//! Random bits by counter and by stream.

use super::scan::{Kernel, dispatch};

/// Philox4x32-10 (Salmon et al. 2011): a block cipher of a counter, so that the bits of a row depend on
/// nothing but the seed and the row.
///
/// The key is the seed. The counter is `(row / 2, domain)`; each block gives the bits of two rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Philox {
    key: [u32; 2],
    domain: u32,
}

/// Counters that are encrypted side by side.
const LANES: usize = 16;

impl Philox {
    /// Domain of the Gumbel noise of `gumbel_top_k`.
    pub(super) const GUMBEL: u32 = 1;
    /// Domain of the keys of `sample`.
    pub(super) const SAMPLE: u32 = 2;
    /// Domain of the positions that limits are estimated at.
    pub(super) const SAMPLING: u32 = 3;

    /// The generator of a seed, for one purpose.
    #[allow(clippy::cast_possible_truncation)]
    pub(super) fn new(seed: u64, domain: u32) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], domain }
    }

    /// The 64 bits of one row.
    pub(super) fn bits(self, row: u64) -> u64 {
        let counter = self.counter(row / 2);
        let block = encrypt(self.key, counter.map(|word| [word]));
        word(block, 0, row % 2 == 1)
    }

    /// The 64 bits of each row from `start` on.
    pub(super) fn fill(self, start: u64, bits: &mut [u64]) {
        dispatch(Fill { philox: self, start, bits });
    }

    #[allow(clippy::cast_possible_truncation)]
    fn counter(self, pair: u64) -> [u32; 4] {
        [pair as u32, (pair >> 32) as u32, self.domain, 0]
    }
}

struct Fill<'a> {
    philox: Philox,
    start: u64,
    bits: &'a mut [u64],
}

impl Kernel for Fill<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(clippy::needless_range_loop)] // a loop over lanes becomes vectors
    fn run(self) {
        let Self { philox, start, bits } = self;
        // An odd first row is the second half of its block.
        let (first, bits) = bits.split_at_mut(bits.len().min((start % 2) as usize));
        first.fill(philox.bits(start));
        let start = start + first.len() as u64;
        for (rows, first) in bits.chunks_mut(2 * LANES).zip((start / 2..).step_by(LANES)) {
            let mut counters = [[0; LANES]; 4];
            for lane in 0..LANES {
                let counter = philox.counter(first.wrapping_add(lane as u64));
                for word in 0..4 {
                    counters[word][lane] = counter[word];
                }
            }
            let blocks = encrypt(philox.key, counters);
            for (pair, lane) in rows.chunks_mut(2).zip(0..) {
                for (bits, odd) in pair.iter_mut().zip([false, true]) {
                    *bits = word(blocks, lane, odd);
                }
            }
        }
    }
}

/// One half of a lane's block.
#[inline(always)]
fn word<const N: usize>(blocks: [[u32; N]; 4], lane: usize, odd: bool) -> u64 {
    let half = 2 * usize::from(odd);
    u64::from(blocks[half][lane]) | u64::from(blocks[half + 1][lane]) << 32
}

/// Ten rounds over `N` counters side by side.
#[inline(always)]
#[allow(clippy::cast_possible_truncation, clippy::needless_range_loop)] // a loop over lanes becomes vectors
fn encrypt<const N: usize>(mut key: [u32; 2], mut block: [[u32; N]; 4]) -> [[u32; N]; 4] {
    for _ in 0..10 {
        for lane in 0..N {
            let first = u64::from(block[0][lane]) * 0xD251_1F53;
            let second = u64::from(block[2][lane]) * 0xCD9E_8D57;
            block[0][lane] = (second >> 32) as u32 ^ block[1][lane] ^ key[0];
            block[1][lane] = second as u32;
            block[2][lane] = (first >> 32) as u32 ^ block[3][lane] ^ key[1];
            block[3][lane] = first as u32;
        }
        key[0] = key[0].wrapping_add(0x9E37_79B9);
        key[1] = key[1].wrapping_add(0xBB67_AE85);
    }
    block
}

/// PCG64 (XSL-RR 128/64) as numpy's `default_rng` has it, from the state that numpy's seeding gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pcg64 {
    state: u128,
    increment: u128,
}

impl Pcg64 {
    const MULTIPLIER: u128 = 0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645;

    /// From the state and increment that `numpy.random.PCG64(seed).state` shows.
    pub(super) fn new(state: u128, increment: u128) -> Self {
        Self { state, increment }
    }

    /// The generator `steps` draws later (Brown 1994: the step is an affine map, raised by squaring).
    #[must_use]
    pub(super) fn advanced(self, mut steps: u64) -> Self {
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

    /// The next 64 bits.
    #[inline]
    #[allow(clippy::cast_possible_truncation)]
    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_mul(Self::MULTIPLIER).wrapping_add(self.increment);
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known answers that the authors publish with Random123 (`kat_vectors`, philox4x32 10).
    #[test]
    fn philox_gives_the_known_answers() {
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(encrypt(key, counter.map(|word| [word])).concat(), expected);
        }
    }

    #[test]
    fn filled_bits_are_the_bits_of_each_row() {
        let philox = Philox::new(0x1234_5678_9abc_def0, Philox::GUMBEL);
        for start in [0, 1, 7, 31, (1 << 33) - 3, u64::MAX / 2] {
            for len in [0, 1, 2, 31, 32, 33, 100] {
                let mut bits = vec![0; len];
                philox.fill(start, &mut bits);
                let expected: Vec<u64> = (0..len as u64).map(|i| philox.bits(start + i)).collect();
                assert_eq!(bits, expected, "from {start}, {len} rows");
            }
        }
    }

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
