//! The random bits of a block of rows.

/// 64 random bits per row, stored as halves: the filter that rules rows out reads the upper half alone.
#[derive(Debug, Default)]
pub(crate) struct BlockBits {
    pub(crate) high: Vec<u32>,
    pub(crate) low: Vec<u32>,
}

impl BlockBits {
    /// Makes room for `len` rows; their bits are unspecified.
    pub(crate) fn resize(&mut self, len: usize) {
        self.high.resize(len, 0);
        self.low.resize(len, 0);
    }

    /// Returns the bits of one row.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> u64 {
        join(self.low[at], self.high[at])
    }

    /// Sets the bits of one row.
    #[inline]
    pub(crate) fn set(&mut self, at: usize, bits: u64) {
        (self.low[at], self.high[at]) = halves(bits);
    }
}

/// Returns the lower and the upper half.
#[inline]
#[allow(clippy::cast_possible_truncation)] // halves
pub(super) fn halves(bits: u64) -> (u32, u32) {
    (bits as u32, (bits >> 32) as u32)
}

#[inline]
pub(super) fn join(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_kept_as_halves() {
        let mut bits = BlockBits::default();
        bits.resize(3);
        bits.set(1, 0x0123_4567_89ab_cdef);
        assert_eq!(bits.get(1), 0x0123_4567_89ab_cdef);
        assert_eq!((bits.high[1], bits.low[1]), (0x0123_4567, 0x89ab_cdef));
        assert_eq!((bits.get(0), bits.get(2)), (0, 0));
    }
}
