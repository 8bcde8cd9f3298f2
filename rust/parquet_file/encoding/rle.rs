//! Parquet's hybrid of run-length and bit-packed numbers, decoded without expanding what is not wanted.
//!
//! Levels and dictionary indices are stored so. The layout is that of the Parquet format, "Run Length
//! Encoding / Bit-Packing Hybrid (RLE = 3)". Bytes that do not fit the layout give `None`.

use bytes::Bytes;

/// A decoder of numbers of one width.
#[derive(Debug, Clone)]
pub(crate) struct RleDecoder {
    bytes: Bytes,
    /// Where the next run begins.
    position: usize,
    width: usize,
    run: RleRun,
}

/// What is left of a run.
#[derive(Debug, Clone, Copy)]
enum RleRun {
    /// So many times the same number.
    Same { value: u32, left: usize },
    /// So many numbers from this bit on.
    Packed { bit: usize, left: usize },
}

impl RleDecoder {
    /// Numbers of `width` bits.
    pub(crate) fn new(bytes: Bytes, width: u8) -> Option<Self> {
        let run = RleRun::Same { value: 0, left: 0 };
        (width <= 32).then_some(Self { bytes, position: 0, width: usize::from(width), run })
    }

    /// The next number, and how often it follows on itself: at least once, at most `limit` times.
    ///
    /// It may go on after that: runs are looked at one by one.
    pub(crate) fn repeated(&mut self, limit: usize) -> Option<(u32, usize)> {
        self.begin()?;
        match &mut self.run {
            RleRun::Same { value, left } => {
                let count = limit.min(*left);
                *left -= count;
                Some((*value, count))
            }
            RleRun::Packed { bit, left } => {
                let most = limit.min(*left);
                let value = unpack(&self.bytes, *bit, self.width);
                let count = if self.width == 1 {
                    equal_bits(&self.bytes, *bit, most)
                } else {
                    let next = |&n: &usize| unpack(&self.bytes, *bit + n * self.width, self.width) != value;
                    (1..most).find(next).unwrap_or(most) // Proof: none is another, so all are the same.
                };
                *bit += count * self.width;
                *left -= count;
                Some((value, count))
            }
        }
    }

    /// How many of the next `count` numbers are 0.
    pub(crate) fn zeros(mut self, mut count: usize) -> Option<usize> {
        let mut zeros = 0;
        while count > 0 {
            self.begin()?;
            let times = match &mut self.run {
                RleRun::Packed { bit, left } if self.width == 1 => {
                    let times = count.min(*left);
                    zeros += zero_bits(&self.bytes, *bit, times);
                    *bit += times;
                    *left -= times;
                    times
                }
                _ => {
                    let (value, times) = self.repeated(count)?;
                    zeros += if value == 0 { times } else { 0 };
                    times
                }
            };
            count -= times;
        }
        Some(zeros)
    }

    /// Leaves out `count` numbers.
    pub(crate) fn skip(&mut self, mut count: usize) -> Option<()> {
        while count > 0 {
            self.begin()?;
            let width = self.width;
            let (left, bit) = match &mut self.run {
                RleRun::Same { left, .. } => (left, None),
                RleRun::Packed { bit, left } => (left, Some(bit)),
            };
            let step = count.min(*left);
            *left -= step;
            if let Some(bit) = bit {
                *bit += step * width;
            }
            count -= step;
        }
        Some(())
    }

    /// Fills `into` with what the next numbers stand for.
    pub(crate) fn look_up<T: Copy + Default>(&mut self, dictionary: &[T], mut into: &mut [T]) -> Option<()> {
        while !into.is_empty() {
            self.begin()?;
            let width = self.width;
            match &mut self.run {
                RleRun::Same { value, left } => {
                    let (here, rest) = into.split_at_mut((*left).min(into.len()));
                    here.fill(*dictionary.get(*value as usize)?);
                    *left -= here.len();
                    into = rest;
                }
                RleRun::Packed { bit, left } => {
                    let (here, rest) = into.split_at_mut((*left).min(into.len()));
                    look_up_packed(&self.bytes, *bit, width, dictionary, here)?;
                    *bit += here.len() * width;
                    *left -= here.len();
                    into = rest;
                }
            }
        }
        Some(())
    }

    /// Goes to the next run that is not empty, if this one is.
    fn begin(&mut self) -> Option<()> {
        loop {
            let (RleRun::Same { left, .. } | RleRun::Packed { left, .. }) = self.run;
            if left > 0 {
                return Some(());
            }
            let header = self.header()?;
            // No writer begins a run of nothing.
            let count = usize::try_from(header >> 1).ok().filter(|&count| count > 0)?;
            if header & 1 == 0 {
                let bytes = self.width.div_ceil(8);
                let end = self.position.checked_add(bytes)?;
                let stored = self.bytes.get(self.position..end)?;
                let value = stored.iter().rev().fold(0u32, |value, &byte| value << 8 | u32::from(byte));
                self.run = RleRun::Same { value, left: count };
                self.position = end;
            } else {
                // Groups of eight, the last of which may be cut off where its numbers end.
                let bytes = count.checked_mul(self.width)?;
                let there = bytes.min(self.bytes.len() - self.position);
                if there < bytes && (there == 0 || bytes - there >= self.width) {
                    return None;
                }
                let stored = (there * 8).checked_div(self.width).unwrap_or(usize::MAX); // Proof: of no width, all.
                self.run = RleRun::Packed { bit: self.position * 8, left: count.checked_mul(8)?.min(stored) };
                self.position += there;
            }
        }
    }

    /// The header of a run, a number in steps of seven bits.
    fn header(&mut self) -> Option<u64> {
        let mut header = 0;
        for shift in (0..35).step_by(7) {
            let byte = *self.bytes.get(self.position)?;
            self.position += 1;
            header |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(header);
            }
        }
        None
    }
}

/// The eight bytes from `start`, zeros behind the end.
fn word(bytes: &[u8], start: usize) -> u64 {
    if let Some(word) = bytes.get(start..).and_then(|rest| rest.first_chunk::<8>()) {
        return u64::from_le_bytes(*word);
    }
    let rest = bytes.get(start..).unwrap_or_default(); // Proof: zeros behind the end, as told above.
    rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))
}

/// The number of `width` bits, at most 32, at a bit.
#[allow(clippy::cast_possible_truncation)] // masked to 32 bits
fn unpack(bytes: &[u8], bit: usize, width: usize) -> u32 {
    ((word(bytes, bit / 8) >> (bit % 8)) & mask(width)) as u32
}

fn mask(width: usize) -> u64 {
    (1 << width) - 1
}

/// How many of the next `most` bits are as the first.
fn equal_bits(bytes: &[u8], bit: usize, most: usize) -> usize {
    let first = unpack(bytes, bit, 1);
    let mut count = 0;
    while count < most {
        let (start, shift) = ((bit + count) / 8, (bit + count) % 8);
        let word = word(bytes, start) >> shift;
        let same = if first == 0 { word.trailing_zeros() } else { word.trailing_ones() } as usize;
        // Behind these bits are zeros that the shift brought in.
        let known = 64 - shift;
        count += same.min(known);
        if same < known {
            break;
        }
    }
    count.min(most)
}

/// How many of some bits are 0.
fn zero_bits(bytes: &[u8], bit: usize, count: usize) -> usize {
    let (mut zeros, mut done) = (0, 0);
    while done < count {
        let (start, shift) = ((bit + done) / 8, (bit + done) % 8);
        let here = (64 - shift).min(count - done);
        // The bits behind these are ones, which are not counted.
        let others = if here < 64 { u64::MAX << here } else { 0 };
        zeros += ((word(bytes, start) >> shift) | others).count_zeros() as usize;
        done += here;
    }
    zeros
}

/// Looks up packed numbers, eight at once where they have 16 bits at most: two words hold them then.
fn look_up_packed<T: Copy + Default>(
    bytes: &[u8],
    mut bit: usize,
    width: usize,
    dictionary: &[T],
    into: &mut [T],
) -> Option<()> {
    let mut outside = false;
    let mut value = |index: u64| {
        let found = usize::try_from(index).ok().and_then(|index| dictionary.get(index));
        outside |= found.is_none();
        found.copied().unwrap_or_default() // Proof: `outside` then tells that nothing is given.
    };
    let mut rest = into;
    if width <= 16 && bit.is_multiple_of(8) {
        let mut groups = rest.chunks_exact_mut(8);
        let mut start = bit / 8;
        for group in &mut groups {
            let low = word(bytes, start);
            let high = word(bytes, start + width / 2) >> (4 * (width % 2));
            for (place, into) in group.iter_mut().enumerate() {
                let word = if place < 4 { low } else { high };
                *into = value((word >> (place % 4 * width)) & mask(width));
            }
            start += width;
        }
        bit = start * 8;
        rest = groups.into_remainder();
    }
    for into in rest {
        *into = value(u64::from(unpack(bytes, bit, width)));
        bit += width;
    }
    (!outside).then_some(())
}
