//! Comparisons (`compare`), held against those of single numbers that are exact, or rounded as documented.

use std::cmp::Ordering;

use super::*;
use crate::scores::BLOCK;
use crate::scores::dtype::Value;
use crate::with_dtype;

const ALL: [Comparison; 6] = [
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];

/// Bit patterns at which types have their ends, their zeros and what is no number, and those beside them.
fn patterns() -> Vec<u64> {
    let powers = (0..64).map(|power| 1_u64 << power);
    let at = powers.flat_map(|at| [at.wrapping_sub(1), at, at.wrapping_add(1), !at, at.wrapping_neg()]);
    let floats = [0.0, -0.0, 1.5, -1.5, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, 0.1];
    at.chain(floats.into_iter().flat_map(|float: f64| {
        #[allow(clippy::cast_possible_truncation)] // as near as it is
        let (single, half) = (float as f32, half::f16::from_f64(float));
        let short = half::bf16::from_f64(float);
        [float.to_bits(), single.to_bits().into(), half.to_bits().into(), short.to_bits().into()]
    }))
    .collect()
}

/// All patterns as values of a type, by their low bytes.
fn bytes_of(dtype: DType) -> Vec<u64> {
    let mut words = Vec::new();
    with_dtype!(dtype, T => {
        let cut = patterns().into_iter().map(|bits| bytemuck::pod_read_unaligned::<T>(&bits.to_le_bytes()[..size_of::<T>()]));
        let values: Vec<T> = cut.collect();
        words.resize((values.len() * size_of::<T>()).div_ceil(8), 0);
        let room: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
        room[..values.len() * size_of::<T>()].copy_from_slice(T::wrap(&values).as_bytes());
    });
    words
}

fn values_of(dtype: DType, words: &[u64]) -> Values<'_> {
    let bytes: &[u8] = bytemuck::cast_slice(words);
    Values::from_bytes(dtype, &bytes[..patterns().len() * dtype.size()]).unwrap()
}

fn whole(values: &Values<'_>, at: usize) -> Option<i128> {
    Some(match values {
        Values::I8(values) => values[at].into(),
        Values::I16(values) => values[at].into(),
        Values::I32(values) => values[at].into(),
        Values::I64(values) => values[at].into(),
        Values::U8(values) => values[at].into(),
        Values::U16(values) => values[at].into(),
        Values::U32(values) => values[at].into(),
        Values::U64(values) => values[at].into(),
        _ => return None,
    })
}

fn holds(how: Comparison, order: Option<Ordering>) -> u8 {
    u8::from(match how {
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::NotEqual => order != Some(Ordering::Equal),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    })
}

#[test]
fn vectors_of_any_two_types_compare_as_their_numbers() {
    let job = Job::new(1);
    for &own in DType::ALL {
        let words = bytes_of(own);
        let left = values_of(own, &words);
        for &other in DType::ALL {
            let words = bytes_of(other);
            // Every pair that lies so far apart.
            for shift in (0..patterns().len()).step_by(17) {
                let mut turned: Vec<u64> = vec![0; words.len()];
                let size = other.size();
                let all = values_of(other, &words).as_bytes();
                let room: &mut [u8] = bytemuck::cast_slice_mut(&mut turned);
                let (head, tail) = all.split_at(shift * size);
                room[..tail.len()].copy_from_slice(tail);
                room[tail.len()..all.len()].copy_from_slice(head);
                let right = values_of(other, &turned);
                for how in ALL {
                    let mut into = vec![9; left.len()];
                    compare(&left, how, &right, &mut into, &job).unwrap();
                    let expected = (0..left.len()).map(|at| {
                        let order = match (whole(&left, at), whole(&right, at)) {
                            (Some(left), Some(right)) => Some(left.cmp(&right)),
                            _ => left.to_f64(at).partial_cmp(&right.to_f64(at)),
                        };
                        holds(how, order)
                    });
                    assert_eq!(into, expected.collect::<Vec<_>>(), "{own} {how:?} {other}, {shift} apart");
                }
            }
        }
    }
}

#[test]
#[allow(clippy::cast_possible_wrap)] // any bits
fn vectors_of_any_type_compare_with_numbers_also_beyond_it() {
    let job = Job::new(1);
    let whole_numbers = patterns().into_iter().flat_map(|bits| [i128::from(bits as i64), i128::from(bits)]);
    let whole_numbers: Vec<i128> = whole_numbers.chain([i128::MIN, i128::MAX, 1 << 100]).collect();
    let floats: Vec<f64> = patterns()
        .into_iter()
        .flat_map(|bits| {
            let low = u32::try_from(bits & u64::from(u32::MAX)).unwrap();
            [f64::from_bits(bits), f64::from(f32::from_bits(low))]
        })
        .collect();
    for &own in DType::ALL {
        let words = bytes_of(own);
        let left = values_of(own, &words);
        let mut into = vec![9; left.len()];
        for how in ALL {
            for &number in whole_numbers.iter().filter(|_| !own.is_float()) {
                compare_with_number(&left, how, Threshold::Integer(number), &mut into, &job).unwrap();
                let expected =
                    (0..left.len()).map(|at| holds(how, whole(&left, at).map(|one| one.cmp(&number))));
                assert_eq!(into, expected.collect::<Vec<_>>(), "{own} {how:?} {number}");
            }
            for &number in &floats {
                compare_with_number(&left, how, Threshold::Float(number), &mut into, &job).unwrap();
                let expected = (0..left.len()).map(|at| holds(how, left.to_f64(at).partial_cmp(&number)));
                assert_eq!(into, expected.collect::<Vec<_>>(), "{own} {how:?} {number:e}");
            }
        }
        if own.is_float() {
            let number = Threshold::Integer(1);
            let found = compare_with_number(&left, Comparison::Less, number, &mut into, &Job::new(1));
            assert!(matches!(found, Err(Error::Internal(_))));
        }
    }
}

#[test]
fn rows_of_many_blocks_are_in_their_order_on_any_threads() {
    for len in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7] {
        let left: Vec<u32> = (0..len).map(|row| u32::try_from(row * 7919 % 1000).unwrap()).collect();
        let right: Vec<f32> =
            (0..len).map(|row| f32::from(u16::try_from(row * 31 % 1000).unwrap())).collect();
        for threads in [1, 2, 5] {
            let job = Job::new(threads);
            let mut into = vec![9; len];
            let number = Threshold::Integer(500);
            compare_with_number(&u32::wrap(&left), Comparison::Less, number, &mut into, &job).unwrap();
            assert!(into.iter().zip(&left).all(|(&mask, &value)| mask == u8::from(value < 500)));
            compare(&u32::wrap(&left), Comparison::Greater, &f32::wrap(&right), &mut into, &job).unwrap();
            let expected =
                left.iter().zip(&right).map(|(&left, &right)| u8::from(f64::from(left) > f64::from(right)));
            assert_eq!(into, expected.collect::<Vec<_>>());
        }
    }
}

#[test]
fn other_lengths_are_refused_and_no_room_is_a_defect() {
    let job = Job::new(1);
    let (three, two) = (Values::F32(&[1.0; 3]), Values::F32(&[1.0; 2]));
    let said = compare(&three, Comparison::Less, &two, &mut [0; 3], &job).unwrap_err();
    assert!(matches!(said, Error::Value(_)), "{said}");
    for room in [0, 2, 4] {
        let mut into = vec![0; room];
        let number = Threshold::Float(1.0);
        let with_number = compare_with_number(&three, Comparison::Less, number, &mut into, &job);
        assert!(matches!(with_number, Err(Error::Internal(_))));
        assert!(matches!(
            compare(&three, Comparison::Less, &three, &mut into, &job),
            Err(Error::Internal(_))
        ));
    }
}
