//! Rows in the order of a ranking, by looking at each and sorting all.

use std::cmp::Ordering;

use half::{bf16, f16};
use proptest::prelude::*;

use crate::scores::{DType, Source, Values};
use crate::select::noise::gumbel::NoiseSource;
use crate::select::noise::philox::Philox;
use crate::select::{Between, Exclude, Nan, Noise, Number, RankBy, SelectOptions};

/// The codes of what is no small number.
const NAN: i32 = 100;
const INFINITE: i32 = 101;
const LEAST: i32 = 102;
const MINUS_ZERO: i32 = 103;
const SUBNORMAL: i32 = 104;

/// Values of any type, in memory that suits all of them.
pub(super) struct Vector {
    words: Vec<u64>,
    len: usize,
    dtype: DType,
}

impl Vector {
    /// Makes numbers of small ones, and special ones by their codes.
    pub(super) fn of(dtype: DType, codes: &[i32]) -> Self {
        let float = |code: i32, subnormal: f64| match code {
            NAN => f64::NAN,
            INFINITE => f64::INFINITY,
            LEAST => f64::NEG_INFINITY,
            MINUS_ZERO => -0.0,
            SUBNORMAL => subnormal,
            _ => f64::from(code) / 4.0,
        };
        let integer = |code: i32, least: i128, most: i128| match code {
            INFINITE => most,
            LEAST => least,
            _ => i128::from(code % 100).clamp(least, most),
        };
        let mut bytes = Vec::new();
        for &code in codes {
            macro_rules! push {
                ($number:expr) => {
                    bytes.extend_from_slice(&$number.to_ne_bytes())
                };
            }
            macro_rules! whole {
                ($int:ident) => {
                    push!((integer(code, $int::MIN.into(), $int::MAX.into()) as $int))
                };
            }
            match dtype {
                DType::F16 => push!(f16::from_f64(float(code, 6e-8))),
                DType::BF16 => push!(bf16::from_f64(float(code, 1e-39))),
                DType::F32 => push!((float(code, 1e-45) as f32)),
                DType::F64 => push!(float(code, 5e-324)),
                DType::I8 => whole!(i8),
                DType::I16 => whole!(i16),
                DType::I32 => whole!(i32),
                DType::I64 => whole!(i64),
                DType::U8 => whole!(u8),
                DType::U16 => whole!(u16),
                DType::U32 => whole!(u32),
                DType::U64 => whole!(u64),
            }
        }
        let mut words = vec![0_u64; bytes.len().div_ceil(8)];
        bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..bytes.len()].copy_from_slice(&bytes);
        Self { words, len: bytes.len(), dtype }
    }

    pub(super) fn values(&self) -> Values<'_> {
        Values::from_bytes(self.dtype, &bytemuck::cast_slice(&self.words)[..self.len]).unwrap()
    }
}

/// A number, or `None` for NaN.
fn number(values: Values<'_>, at: usize) -> Option<Number> {
    match values {
        Values::I64(values) => Some(Number::Integer(values[at].into())),
        Values::U64(values) => Some(Number::Integer(values[at].into())),
        _ => Some(values.to_f64(at)).filter(|float| !float.is_nan()).map(Number::Float),
    }
}

/// What options are made of, so that they can be made for any part of the rows.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) nan: Nan,
    /// Whether each row of the whole is excluded, and whether that is told by a mask.
    pub(super) excluded: Vec<bool>,
    pub(super) by_mask: bool,
    pub(super) min: Option<Number>,
    pub(super) max: Option<Number>,
}

impl Given {
    pub(super) fn plain(rows: usize) -> Self {
        Self { nan: Nan::Omit, excluded: vec![false; rows], by_mask: false, min: None, max: None }
    }

    /// Calls `then` with the options for some of the rows.
    pub(super) fn with<R>(
        &self,
        rows: std::ops::Range<usize>,
        then: impl FnOnce(&SelectOptions<'_>) -> R,
    ) -> R {
        let len = rows.len() as u64;
        let mask: Vec<u8> = self.excluded[rows].iter().map(|&is| u8::from(is)).collect();
        let ids: Vec<i64> = (0..).zip(&mask).filter(|(_, is)| **is != 0).map(|(row, _)| row).collect();
        let exclude = match (ids.is_empty(), self.by_mask) {
            (true, false) => Exclude::Nothing,
            (_, true) => Exclude::mask(&mask, len).unwrap(),
            (_, false) => Exclude::rows(&ids, len).unwrap(),
        };
        let between = Between::new(self.min, self.max).unwrap();
        then(&SelectOptions { nan: self.nan, exclude, between, ..SelectOptions::default() })
    }

    fn allows(&self, score: Option<Number>) -> bool {
        match (score, self.nan) {
            (None, Nan::Largest) => self.max.is_none(),
            (None, Nan::Smallest) => self.min.is_none(),
            (None, Nan::Raise | Nan::Omit) => false,
            (Some(score), _) => {
                self.min.is_none_or(|min| score.compare(min) != Ordering::Less)
                    && self.max.is_none_or(|max| score.compare(max) != Ordering::Greater)
            }
        }
    }
}

/// Rows that may be chosen, best first, as numbers within the whole that begins with row `first`.
pub(super) fn order(values: Values<'_>, first: u64, rank: RankBy, given: &Given) -> Vec<usize> {
    let rows = (0..values.len()).filter(|&row| !given.excluded[row] && given.allows(number(values, row)));
    let mut rows: Vec<usize> = rows.collect();
    match rank {
        RankBy::Score { largest } => {
            let last = if given.nan == Nan::Largest { Ordering::Greater } else { Ordering::Less };
            rows.sort_by(|&a, &b| {
                let ascending = match (number(values, a), number(values, b)) {
                    (None, None) => Ordering::Equal,
                    (None, _) => last,
                    (_, None) => last.reverse(),
                    (Some(a), Some(b)) => a.compare(b),
                };
                if largest { ascending.reverse() } else { ascending }
            });
        }
        RankBy::Near { value } => rows
            .sort_by(|&a, &b| distance(number(values, a), value).compare(distance(number(values, b), value))),
        RankBy::Draw { noise: Noise::Philox { seed }, temperature } => {
            let philox = Philox::new(seed, Philox::GUMBEL);
            let bits: Vec<u64> = (first..first + values.len() as u64).map(|row| philox.bits(row)).collect();
            let mut noise = vec![0.0; bits.len()];
            philox.gumbel(&bits, &mut noise);
            let of_nan = if given.nan == Nan::Largest { f64::INFINITY } else { f64::NEG_INFINITY };
            let key = |row: usize| match values.to_f64(row) {
                score if score.is_nan() => of_nan,
                score => score / temperature + noise[row],
            };
            rows.retain(|&row| key(row) > f64::NEG_INFINITY);
            rows.sort_by(|&a, &b| key(b).partial_cmp(&key(a)).unwrap());
        }
        RankBy::Draw { noise: Noise::Numpy { .. }, .. } => unreachable!(),
    }
    rows
}

/// How far a number of few bits, or an infinite one, is from a quarter of a whole one.
fn distance(number: Option<Number>, value: Number) -> Number {
    let Number::Float(value) = value else { unreachable!() };
    match number.unwrap() {
        Number::Float(score) => Number::Float((score - value).abs()),
        Number::Integer(score) => Number::Integer((4 * score - (4.0 * value) as i128).abs()),
    }
}

/// Rows of a sample, in its order.
pub(super) fn sampled(rows: usize, first: u64, seed: u64, given: &Given) -> Vec<usize> {
    let philox = Philox::new(seed, Philox::SAMPLE);
    let mut rows: Vec<usize> = (0..rows).filter(|&row| !given.excluded[row]).collect();
    rows.sort_by_key(|&row| philox.bits(first + row as u64));
    rows
}

/// Scores with ties, as codes.
pub(super) fn codes(most: usize) -> impl Strategy<Value = Vec<i32>> {
    let one = prop_oneof![
        8 => -6..7,
        2 => -60..60,
        1 => prop::sample::select(vec![NAN, INFINITE, LEAST, MINUS_ZERO, SUBNORMAL])
    ];
    // Around the blocks and tasks of a pass, and fewer rows.
    let len = prop_oneof![
        9 => 0..=most.min(300),
        1 => prop::sample::select(vec![16_383_usize, 16_384, 16_385, 40_000]).prop_map(move |len| len.min(most)),
    ];
    (prop::collection::vec(one, 1..500), len, any::<u32>()).prop_map(|(some, len, step)| {
        // Many rows have the scores of some, in another order.
        (0..len).map(|row| some[(row * (1 + 2 * (step as usize % 5000)) + row / 977) % some.len()]).collect()
    })
}

pub(super) fn dtype() -> impl Strategy<Value = DType> {
    prop::sample::select(DType::ALL.to_vec())
}

pub(super) fn rank() -> impl Strategy<Value = RankBy> {
    prop_oneof![
        any::<bool>().prop_map(|largest| RankBy::Score { largest }),
        Just(RankBy::Near { value: Number::Float(0.0) }),
        (any::<u64>(), prop_oneof![Just(0.01), Just(1.0), Just(30.0)])
            .prop_map(|(seed, temperature)| RankBy::Draw { noise: Noise::Philox { seed }, temperature }),
    ]
}

/// What may be chosen of so many rows, and from which row on their numbers count.
pub(super) fn given(rows: usize, rank: RankBy) -> impl Strategy<Value = Given> {
    let nan = match rank {
        RankBy::Near { .. } => vec![Nan::Omit],
        _ => vec![Nan::Omit, Nan::Largest, Nan::Smallest],
    };
    let bound = || prop::option::weighted(0.2, (-8..9).prop_map(|n| Number::Float(f64::from(n) / 4.0)));
    let excluded = prop_oneof![Just(0_usize), 2..9_usize];
    (prop::sample::select(nan), excluded, any::<bool>(), bound(), bound()).prop_map(
        move |(nan, every, by_mask, min, max)| {
            let excluded = (0..rows).map(|row| every > 0 && (row * 31 % 101).is_multiple_of(every)).collect();
            Given { nan, excluded, by_mask, min, max }
        },
    )
}

pub(super) fn first_row() -> impl Strategy<Value = u64> {
    prop::sample::select(vec![0_u64, 0, 7, 1023, (1 << 33) + 5])
}

/// The whole of a source's rows.
pub(super) fn whole(source: &dyn Source) -> std::ops::Range<u64> {
    source.first_row()..source.first_row() + source.len()
}
