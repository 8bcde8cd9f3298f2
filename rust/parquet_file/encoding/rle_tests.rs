//! Runs as a writer stores them, decoded in any steps, against the numbers that were written.

use proptest::prelude::*;

use super::rle::RleDecoder;

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
            numbers.extend(values.iter().copied().chain(std::iter::repeat_n(0, groups * 8 - values.len())));
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
        let mut decoder = RleDecoder::new(bytes.into(), byte(width)).unwrap();
        let mut at = 0;
        for (count, what) in steps {
            let count = count.min(numbers.len() - at);
            let here = &numbers[at..at + count];
            match what {
                0 => decoder.skip(count).unwrap(),
                1 => {
                    let mut found = vec![0; count];
                    decoder.look_up(&dictionary, &mut found).unwrap();
                    prop_assert!(found.iter().eq(here.iter().map(|&n| &dictionary[n as usize])));
                }
                _ => {
                    let mut found = Vec::new();
                    while found.len() < count {
                        let (value, times) = decoder.repeated(count - found.len()).unwrap();
                        prop_assert!(times > 0);
                        found.extend(std::iter::repeat_n(value, times));
                    }
                    prop_assert_eq!(&found, here);
                }
            }
            at += count;
        }
        decoder.skip(numbers.len() - at).unwrap();
        prop_assert!(decoder.skip(1).is_none());
    }

    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..60), width in 0u8..40) {
        let Some(mut decoder) = RleDecoder::new(bytes.into(), width) else { return Ok(()) };
        for _ in 0..100 {
            if decoder.repeated(7).is_none() || decoder.look_up(&[1u8; 9], &mut [0; 5]).is_none() {
                break;
            }
        }
        let _ = decoder.skip(1000);
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
        let decoder = RleDecoder::new(bytes.into(), byte(width)).unwrap();
        let part = part.min(numbers.len());
        let mut behind = decoder.clone();
        behind.skip(part).unwrap();
        let zeros = |numbers: &[u32]| numbers.iter().filter(|&&number| number == 0).count();
        prop_assert_eq!(decoder.clone().zeros(part), Some(zeros(&numbers[..part])));
        prop_assert_eq!(behind.zeros(numbers.len() - part), Some(zeros(&numbers[part..])));
        prop_assert_eq!(decoder.zeros(numbers.len() + 1), None);
    }
}

#[test]
fn a_number_outside_of_the_dictionary_gives_nothing() {
    for runs in [vec![(true, vec![0, 1, 2, 3])], vec![(false, vec![3; 4])]] {
        let (bytes, _) = encode(&runs, 2);
        let mut decoder = RleDecoder::new(bytes.into(), 2).unwrap();
        assert!(decoder.look_up(&[7u16, 8, 9], &mut [0; 4]).is_none());
    }
}
