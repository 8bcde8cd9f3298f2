//! The random bits of a block of rows.

/// 64 random bits for each of some rows, the halves apart: what rules a row out needs the upper one alone.
#[derive(Debug, Default)]
pub(crate) struct BlockBits {
    pub(crate) high: Vec<u32>,
    pub(crate) low: Vec<u32>,
}

impl BlockBits {
    /// Room for `len` rows, of any content.
    pub(crate) fn resize(&mut self, len: usize) {
        self.high.resize(len, 0);
        self.low.resize(len, 0);
    }

    /// The bits of one row.
    #[inline]
    pub(crate) fn get(&self, at: usize) -> u64 {
        join(self.low[at], self.high[at])
    }

    /// Sets the bits of one row.
    #[inline]
    #[allow(clippy::cast_possible_truncation)] // halves
    pub(crate) fn set(&mut self, at: usize, bits: u64) {
        (self.low[at], self.high[at]) = (bits as u32, (bits >> 32) as u32);
    }
}

#[inline]
pub(super) fn join(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}
