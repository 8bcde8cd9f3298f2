//! Philox: random bits by counter.

use super::bits::{BlockBits, join};
use crate::exec::simd::{Kernel, dispatch};

/// Philox4x32-10 (Salmon et al. 2011): a block cipher of a counter. The bits of a row depend on the seed and the row
/// alone, so threads and blocks may take rows in any order.
///
/// The seed is the key. One block of 128 bits serves two rows:
///
/// ```text
/// group, place = row / GROUP, row % GROUP
/// block = encrypt(key = seed, counter = group * HALF_GROUP + place % HALF_GROUP)
/// bits = the first 64 bits of block if place < HALF_GROUP else the last 64
/// ```
///
/// The two rows of a block lie [`HALF_GROUP`] apart, and not side by side, so that vector code can compute consecutive
/// blocks and store each half to consecutive rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Philox {
    key: [u32; 2],
    domain: u32,
}

/// Rows that use the same half of consecutive blocks.
const HALF_GROUP: u64 = 1024;
/// Rows that share their blocks.
const GROUP: u64 = 2 * HALF_GROUP;

impl Philox {
    /// The domain of the Gumbel noise of `gumbel_top_k`.
    pub(crate) const GUMBEL: u32 = 1;
    /// The domain of the random bits of `sample`.
    pub(crate) const SAMPLE: u32 = 2;
    /// The domain of the places that thresholds are estimated from.
    pub(crate) const THRESHOLD: u32 = 3;

    /// Makes the generator of a seed. Domains keep the bits of different purposes apart.
    #[allow(clippy::cast_possible_truncation)] // halves
    pub(crate) fn new(seed: u64, domain: u32) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32], domain }
    }

    /// Returns the 64 bits of one row.
    pub(crate) fn bits(self, row: u64) -> u64 {
        let [first, second, third, fourth] = self.block(Self::counter(row));
        if row % GROUP < HALF_GROUP { join(first, second) } else { join(third, fourth) }
    }

    /// Fills `bits` with those of the rows from `start` on.
    pub(crate) fn fill(self, start: u64, bits: &mut BlockBits) {
        dispatch(Fill { philox: self, start, bits });
    }

    /// Returns the number of the block that a row uses half of.
    #[inline(always)]
    fn counter(row: u64) -> u64 {
        row / GROUP * HALF_GROUP + row % HALF_GROUP
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation)] // halves
    fn block(self, counter: u64) -> [u32; 4] {
        philox4x32_10(self.key, [counter as u32, (counter >> 32) as u32, self.domain, 0])
    }
}

struct Fill<'a> {
    philox: Philox,
    start: u64,
    bits: &'a mut BlockBits,
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
            let run =
                if whole { GROUP } else { HALF_GROUP - row % HALF_GROUP }.min(high.len() as u64) as usize;
            let (high_here, low_here);
            (high_here, high) = high.split_at_mut(run);
            (low_here, low) = low.split_at_mut(run);
            if whole {
                fill_group(philox, row, high_here, low_here);
            } else if row % GROUP < HALF_GROUP {
                fill_half::<0>(philox, row, high_here, low_here);
            } else {
                fill_half::<2>(philox, row, high_here, low_here);
            }
            row += run as u64;
        }
    }
}

/// Fills the bits of a whole group. The loop becomes vector code over blocks.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // a constant
fn fill_group(philox: Philox, row: u64, high: &mut [u32], low: &mut [u32]) {
    let (high, later_high) = high.split_at_mut(HALF_GROUP as usize);
    let (low, later_low) = low.split_at_mut(HALF_GROUP as usize);
    // Proof: halves of a group, each of `HALF_GROUP` rows.
    let first = high.iter_mut().zip(low);
    let second = later_high.iter_mut().zip(later_low); // Proof: as above.
    // Proof: as above.
    for (((high, low), (later_high, later_low)), counter) in first.zip(second).zip(Philox::counter(row)..) {
        [*low, *high, *later_low, *later_high] = philox.block(counter);
    }
}

/// Fills the bits of rows in one half of a group. Theirs begin at word `WORD` of a block.
#[inline(always)]
fn fill_half<const WORD: usize>(philox: Philox, row: u64, high: &mut [u32], low: &mut [u32]) {
    // Proof: the caller cut both to the same length.
    for ((high, low), counter) in high.iter_mut().zip(low).zip(Philox::counter(row)..) {
        let block = philox.block(counter);
        (*low, *high) = (block[WORD], block[WORD + 1]);
    }
}

/// Encrypts one counter in ten rounds, as the paper defines them:
///
/// ```text
/// for each of 10 rounds:
///     (h0, l0) = c[0] * 0xD2511F53,  (h1, l1) = c[2] * 0xCD9E8D57
///     c = [h1 ^ c[1] ^ key[0], l1, h0 ^ c[3] ^ key[1], l0]
///     key += (0x9E3779B9, 0xBB67AE85)
/// ```
///
/// One deviation: words are kept in 64 bits, with the upper half left as it comes. Vector multiplications read the
/// lower half alone, so masking happens there for free and no instruction has to move the halves of a product.
///
/// Words are named one by one: `map` of arrays is a call of its own where a build does not optimize across crates.
#[inline(always)]
#[allow(clippy::cast_possible_truncation)] // lower halves
fn philox4x32_10(mut key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    const LOW: u64 = u32::MAX as u64;
    let [first, second, third, fourth] = counter;
    let mut block = [u64::from(first), u64::from(second), u64::from(third), u64::from(fourth)];
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
    [block[0] as u32, block[1] as u32, block[2] as u32, block[3] as u32]
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
            assert_eq!(philox4x32_10(key, counter), expected);
        }
    }

    #[test]
    fn filled_bits_are_the_bits_of_each_row() {
        let philox = Philox::new(0x1234_5678_9abc_def0, Philox::GUMBEL);
        for start in [0, 1, 1023, 1024, 2047, 2048, (1 << 33) - 3, u64::MAX / 2] {
            for len in [0, 1, 2, 33, 1023, 1025, 2048, 5000] {
                let mut bits = BlockBits::default();
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
}
