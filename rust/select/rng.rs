//! Random bits by counter and by stream.

use crate::simd::{Kernel, dispatch};

/// 64 random bits for each of some rows, the halves apart: what rules a row out needs the upper one alone.
#[derive(Debug, Default)]
pub(super) struct Bits {
    pub(super) high: Vec<u32>,
    pub(super) low: Vec<u32>,
}

impl Bits {
    /// Room for `len` rows, of any content.
    pub(super) fn resize(&mut self, len: usize) {
        self.high.resize(len, 0);
        self.low.resize(len, 0);
    }

    /// The bits of one row.
    #[inline]
    pub(super) fn get(&self, at: usize) -> u64 {
        join(self.low[at], self.high[at])
    }

    /// Sets the bits of one row.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // halves
    pub(super) fn set(&mut self, at: usize, bits: u64) {
        (self.low[at], self.high[at]) = (bits as u32, (bits >> 32) as u32);
    }
}

fn join(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// Philox4x32-10 (Salmon et al. 2011): a block cipher of a counter, so that the bits of a row depend on
/// nothing but the seed and the row.
///
/// The key is the seed. A block of 128 bits serves two rows, which lie [`HALF`] apart so that the blocks of
/// consecutive rows can be made side by side: of every [`GROUP`] rows, the first half has the first 64 bits of
/// the blocks `group * HALF..`, and the second half the other 64 bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Philox {
    key: [u32; 2],
    domain: u32,
}

/// Rows that use the same halves of consecutive blocks.
const HALF: u64 = 1024;
/// Rows that share blocks.
const GROUP: u64 = 2 * HALF;

impl Philox {
    /// Domain of the Gumbel noise of `gumbel_top_k`.
    pub(super) const GUMBEL: u32 = 1;
    /// Domain of the keys of `sample`.
    pub(super) const SAMPLE: u32 = 2;
    /// Domain of the positions that limits are estimated at.
    pub(super) const SAMPLING: u32 = 3;

    /// The generator of a seed, for one purpose.
    #[allow(clippy::cast_possible_truncation)] // halves
    pub(super) fn new(seed: u64, domain: u32) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], domain }
    }

    /// The 64 bits of one row.
    pub(super) fn bits(self, row: u64) -> u64 {
        let [first, second, third, fourth] = self.block(Self::counter(row));
        if row % GROUP < HALF { join(first, second) } else { join(third, fourth) }
    }

    /// The 64 bits of each row from `start` on.
    pub(super) fn fill(self, start: u64, bits: &mut Bits) {
        dispatch(Fill { philox: self, start, bits });
    }

    /// The number of the block that a row has a half of.
    #[inline(always)]
    fn counter(row: u64) -> u64 {
        row / GROUP * HALF + row % HALF
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // halves
    fn block(self, counter: u64) -> [u32; 4] {
        encrypt(self.key, [counter as u32, (counter >> 32) as u32, self.domain, 0])
    }
}

struct Fill<'a> {
    philox: Philox,
    start: u64,
    bits: &'a mut Bits,
}

impl Kernel for Fill<'_> {
    type Output = ();

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // runs within a group
    fn run(self) {
        let Self { philox, start, bits } = self;
        let (mut high, mut low) = (bits.high.as_mut_slice(), bits.low.as_mut_slice());
        let mut row = start;
        while !high.is_empty() {
            let whole = row % GROUP == 0 && high.len() as u64 >= GROUP;
            let run = if whole { GROUP } else { HALF - row % HALF }.min(high.len() as u64) as usize;
            let (high_here, low_here);
            (high_here, high) = high.split_at_mut(run);
            (low_here, low) = low.split_at_mut(run);
            if whole {
                both_halves(philox, row, high_here, low_here);
            } else if row % GROUP < HALF {
                one_half::<0>(philox, row, high_here, low_here);
            } else {
                one_half::<2>(philox, row, high_here, low_here);
            }
            row += run as u64;
        }
    }
}

/// The bits of a group of rows. The loop becomes vectors of blocks.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // a constant
fn both_halves(philox: Philox, row: u64, high: &mut [u32], low: &mut [u32]) {
    let (high, later_high) = high.split_at_mut(HALF as usize);
    let (low, later_low) = low.split_at_mut(HALF as usize);
    // Proof: halves of a group, each of `HALF` rows.
    let first = high.iter_mut().zip(low);
    let second = later_high.iter_mut().zip(later_low); // Proof: as above.
    // Proof: as above.
    for (((high, low), (later_high, later_low)), counter) in first.zip(second).zip(Philox::counter(row)..) {
        [*low, *high, *later_low, *later_high] = philox.block(counter);
    }
}

/// The bits of rows of one half of a group, which begin at word `WORD` of their blocks.
#[inline(always)]
fn one_half<const WORD: usize>(philox: Philox, row: u64, high: &mut [u32], low: &mut [u32]) {
    // Proof: both were cut off after as many rows.
    for ((high, low), counter) in high.iter_mut().zip(low).zip(Philox::counter(row)..) {
        let block = philox.block(counter);
        (*low, *high) = (block[WORD], block[WORD + 1]);
    }
}

/// Ten rounds. Words are kept in 64 bits, of which multiplications read the lower half alone: the product's
/// halves then need no move.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // lower halves
fn encrypt(mut key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    const LOW: u64 = u32::MAX as u64;
    let mut block = counter.map(u64::from);
    for _ in 0..10 {
        let first = (block[0] & LOW) * 0xD251_1F53;
        let second = (block[2] & LOW) * 0xCD9E_8D57;
        block = [
            (second >> 32) ^ block[1] ^ u64::from(key[0]),
            second,
            (first >> 32) ^ block[3] ^ u64::from(key[1]),
            first,
        ];
        // Proof: Philox adds modulo 2^32.
        let added = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
        key = added;
    }
    block.map(|word| word as u32)
}

/// PCG64 (XSL-RR 128/64) as numpy's `default_rng` has it, from the state that numpy's seeding gives.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pcg64 {
    state: u128,
    increment: u128,
}

/// Proof: all its arithmetic is modulo 2^128, as the generator has it.
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
            assert_eq!(encrypt(key, counter), expected);
        }
    }

    #[test]
    fn filled_bits_are_the_bits_of_each_row() {
        let philox = Philox::new(0x1234_5678_9abc_def0, Philox::GUMBEL);
        for start in [0, 1, 1023, 1024, 2047, 2048, (1 << 33) - 3, u64::MAX / 2] {
            for len in [0, 1, 2, 33, 1023, 1025, 2048, 5000] {
                let mut bits = Bits::default();
                bits.resize(len);
                philox.fill(start, &mut bits);
                for (at, row) in (0..len).zip(start..) {
                    assert_eq!(bits.get(at), philox.bits(row), "row {row} of {len} from {start}");
                }
            }
        }
    }

    #[test]
    fn no_two_rows_share_bits() {
        let philox = Philox::new(1, Philox::SAMPLE);
        let mut bits: Vec<u64> = (0..10_000).map(|row| philox.bits(row)).collect();
        bits.sort_unstable();
        bits.dedup();
        assert_eq!(bits.len(), 10_000);
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
