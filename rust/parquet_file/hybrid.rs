//! Parquet's hybrid of run-length and bit-packed numbers, walked without expanding what is not wanted.
//!
//! Levels and dictionary indices are stored so. The layout is that of the Parquet format, "Run Length
//! Encoding / Bit-Packing Hybrid (RLE = 3)". Bytes that do not fit the layout give nothing.

use bytes::Bytes;

/// Numbers of one width, of which some are left.
#[derive(Debug, Clone)]
pub(crate) struct Hybrid {
    bytes: Bytes,
    /// Where the next run begins.
    position: usize,
    width: usize,
    run: Run,
}

/// What is left of a run.
#[derive(Debug, Clone, Copy)]
enum Run {
    /// So many times the same number.
    Same { value: u32, left: usize },
    /// So many numbers from this bit on.
    Packed { bit: usize, left: usize },
}

impl Hybrid {
    /// Numbers of `width` bits.
    pub(crate) fn new(bytes: Bytes, width: u8) -> Option<Self> {
        let run = Run::Same { value: 0, left: 0 };
        (width <= 32).then_some(Self { bytes, position: 0, width: usize::from(width), run })
    }

    /// The next number, and how often it follows on itself: at least once, at most `limit` times.
    ///
    /// It may go on after that: runs are looked at one by one.
    pub(crate) fn repeated(&mut self, limit: usize) -> Option<(u32, usize)> {
        self.begin()?;
        match &mut self.run {
            Run::Same { value, left } => {
                let count = limit.min(*left);
                *left -= count;
                Some((*value, count))
            }
            Run::Packed { bit, left } => {
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
                Run::Packed { bit, left } if self.width == 1 => {
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
                Run::Same { left, .. } => (left, None),
                Run::Packed { bit, left } => (left, Some(bit)),
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
                Run::Same { value, left } => {
                    let (here, rest) = into.split_at_mut((*left).min(into.len()));
                    here.fill(*dictionary.get(*value as usize)?);
                    *left -= here.len();
                    into = rest;
                }
                Run::Packed { bit, left } => {
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
            let (Run::Same { left, .. } | Run::Packed { left, .. }) = self.run;
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
                self.run = Run::Same { value, left: count };
                self.position = end;
            } else {
                // Groups of eight, the last of which may be cut off where its numbers end.
                let bytes = count.checked_mul(self.width)?;
                let there = bytes.min(self.bytes.len() - self.position);
                if there < bytes && (there == 0 || bytes - there >= self.width) {
                    return None;
                }
                let stored = (there * 8).checked_div(self.width).unwrap_or(usize::MAX); // Proof: of no width, all.
                self.run = Run::Packed { bit: self.position * 8, left: count.checked_mul(8)?.min(stored) };
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn byte(number: usize) -> u8 {
        u8::try_from(number & 0xff).unwrap()
    }

    /// Runs as a writer would store them: `true` packs eight numbers at once, `false` repeats the first.
    fn encode(runs: &[(bool, Vec<u32>)], width: usize) -> (Vec<u8>, Vec<u32>) {
        let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
        let header = |bytes: &mut Vec<u8>, mut header: usize| {
            while header > 0x7f {
                bytes.push(byte(header | 0x80));
                header >>= 7;
            }
            bytes.push(byte(header));
        };
        for (packed, values) in runs {
            if *packed {
                let groups = values.len().div_ceil(8);
                header(&mut bytes, groups << 1 | 1);
                let mut bits = vec![false; groups * 8 * width];
                for (i, value) in values.iter().enumerate() {
                    (0..width).for_each(|bit| bits[i * width + bit] = value >> bit & 1 == 1);
                }
                bytes.extend(
                    bits.chunks(8)
                        .map(|byte| byte.iter().rev().fold(0u8, |byte, &bit| byte << 1 | u8::from(bit))),
                );
                numbers
                    .extend(values.iter().copied().chain(std::iter::repeat_n(0, groups * 8 - values.len())));
            } else {
                header(&mut bytes, values.len() << 1);
                bytes.extend(&values[0].to_le_bytes()[..width.div_ceil(8)]);
                numbers.extend(std::iter::repeat_n(values[0], values.len()));
            }
        }
        (bytes, numbers)
    }

    /// A width, and runs of numbers of that width.
    fn runs() -> impl Strategy<Value = (usize, Vec<(bool, Vec<u32>)>)> {
        (0usize..=20).prop_flat_map(|width| {
            let numbers = prop::collection::vec(0u32..1 << width, 1..200);
            (Just(width), prop::collection::vec((any::<bool>(), numbers), 0..6))
        })
    }

    proptest! {
        #[test]
        fn numbers_come_out_whatever_is_skipped((width, runs) in runs(), steps in prop::collection::vec((0usize..90, 0usize..3), 0..40)) {
            let (bytes, numbers) = encode(&runs, width);
            let dictionary: Vec<u32> = (0..1u32 << width).map(|n| n.wrapping_mul(0x9e37_79b9)).collect();
            let mut hybrid = Hybrid::new(bytes.into(), byte(width)).unwrap();
            let mut at = 0;
            for (count, what) in steps {
                let count = count.min(numbers.len() - at);
                let here = &numbers[at..at + count];
                match what {
                    0 => hybrid.skip(count).unwrap(),
                    1 => {
                        let mut found = vec![0; count];
                        hybrid.look_up(&dictionary, &mut found).unwrap();
                        prop_assert!(found.iter().eq(here.iter().map(|&n| &dictionary[n as usize])));
                    }
                    _ => {
                        let mut found = Vec::new();
                        while found.len() < count {
                            let (value, times) = hybrid.repeated(count - found.len()).unwrap();
                            prop_assert!(times > 0);
                            found.extend(std::iter::repeat_n(value, times));
                        }
                        prop_assert_eq!(&found, here);
                    }
                }
                at += count;
            }
            hybrid.skip(numbers.len() - at).unwrap();
            prop_assert!(hybrid.skip(1).is_none());
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..60), width in 0u8..40) {
            let Some(mut hybrid) = Hybrid::new(bytes.into(), width) else { return Ok(()) };
            for _ in 0..100 {
                if hybrid.repeated(7).is_none() || hybrid.look_up(&[1u8; 9], &mut [0; 5]).is_none() {
                    break;
                }
            }
            let _ = hybrid.skip(1000);
        }
    }

    proptest! {
        #[test]
        fn zeros_are_counted_as_numbers_are((width, runs) in runs(), narrow in any::<bool>(), part in 0usize..1000) {
            let (width, runs) = if narrow {
                let bits = |numbers: &Vec<u32>| numbers.iter().map(|number| number & 1).collect();
                (1, runs.iter().map(|(packed, numbers)| (*packed, bits(numbers))).collect())
            } else {
                (width, runs)
            };
            let (bytes, numbers) = encode(&runs, width);
            let hybrid = Hybrid::new(bytes.into(), byte(width)).unwrap();
            let part = part.min(numbers.len());
            let mut behind = hybrid.clone();
            behind.skip(part).unwrap();
            let zeros = |numbers: &[u32]| numbers.iter().filter(|&&number| number == 0).count();
            prop_assert_eq!(hybrid.clone().zeros(part), Some(zeros(&numbers[..part])));
            prop_assert_eq!(behind.zeros(numbers.len() - part), Some(zeros(&numbers[part..])));
            prop_assert_eq!(hybrid.zeros(numbers.len() + 1), None);
        }
    }

    #[test]
    fn a_number_outside_of_the_dictionary_gives_nothing() {
        for runs in [vec![(true, vec![0, 1, 2, 3])], vec![(false, vec![3; 4])]] {
            let (bytes, _) = encode(&runs, 2);
            let mut hybrid = Hybrid::new(bytes.into(), 2).unwrap();
            assert!(hybrid.look_up(&[7u16, 8, 9], &mut [0; 4]).is_none());
        }
    }
}
