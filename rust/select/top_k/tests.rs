//! Tests of `top_k`.

use std::cmp::Ordering;

use half::{bf16, f16};
use proptest::prelude::*;

use super::*;
use crate::select::between::Between;
use crate::select::count::count_between;
use crate::select::number::Number;

/// What rows may be chosen: those that are not excluded, and whose score lies between two halves.
#[derive(Clone, Copy)]
struct Allowed<'a> {
    excluded: &'a [bool],
    halves: (Option<i8>, Option<i8>),
}

impl Allowed<'_> {
    fn between(&self) -> Between {
        let number = |halves: i8| match halves % 2 {
            0 => Number::Integer((halves / 2).into()),
            _ => Number::Float(f64::from(halves) / 2.0),
        };
        Between::new(self.halves.0.map(number), self.halves.1.map(number)).unwrap()
    }

    fn allows(&self, row: usize, score: f64, nan: Nan) -> bool {
        let between = match self.halves {
            _ if score.is_nan() && matches!(nan, Nan::Raise | Nan::Omit) => true,
            (min, max) if score.is_nan() => {
                if nan == Nan::Largest {
                    max.is_none()
                } else {
                    min.is_none()
                }
            }
            (min, max) => {
                min.is_none_or(|min| score >= f64::from(min) / 2.0)
                    && max.is_none_or(|max| score <= f64::from(max) / 2.0)
            }
        };
        between && !self.excluded[row]
    }
}

/// Returns the rows by comparing scores as float64, or `None` if one of them is a NaN that is an error.
fn sorted<T: Keyed>(values: &[T], largest: bool, nan: Nan, allowed: Allowed<'_>) -> Option<Vec<i64>> {
    let class = |score: f64| match nan {
        _ if !score.is_nan() => 1,
        Nan::Largest => 2,
        _ => 0,
    };
    let compare = |a: f64, b: f64| match class(a).cmp(&class(b)) {
        Ordering::Equal => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        other => other,
    };
    let scores: Vec<f64> = (0..values.len()).map(|row| T::wrap(values).to_f64(row)).collect();
    let mut rows: Vec<usize> =
        (0..values.len()).filter(|&row| allowed.allows(row, scores[row], nan)).collect();
    if nan == Nan::Raise && rows.iter().any(|&row| scores[row].is_nan()) {
        return None;
    }
    rows.retain(|&row| nan != Nan::Omit || !scores[row].is_nan());
    rows.sort_by(|&a, &b| {
        let ascending = compare(scores[a], scores[b]);
        if largest { ascending.reverse() } else { ascending }
    });
    Some(rows.into_iter().map(|row| i64::try_from(row).unwrap()).collect())
}

fn check<T: Keyed>(values: &[T], largest: bool, nan: Nan, allowed: Allowed<'_>, part: usize) {
    let Allowed { excluded, .. } = allowed;
    let mask: Vec<u8> = excluded.iter().map(|&excluded| u8::from(excluded)).collect();
    let rows: Vec<i64> = (0..).zip(excluded).filter(|&(_, &out)| out).map(|(row, _)| row).collect();
    let len = values.len() as u64;
    let expected = sorted(values, largest, nan, allowed);
    for exclude in [Exclude::rows(&rows, len).unwrap(), Exclude::mask(&mask, len).unwrap()] {
        for order in [Order::BestFirst, Order::BestLast, Order::Row] {
            let options = SelectOptions { order, nan, exclude: exclude.clone(), between: allowed.between() };
            let count = count_between(&T::wrap(values), &options, &Job::new(2));
            assert_eq!(count.ok(), expected.as_ref().map(|rows| rows.len() as u64));
            let mut found = vec![-1; expected.as_ref().map_or(1, Vec::len) * part / 100];
            let outcome = top_k(&T::wrap(values), &mut found, largest, &options, &Job::new(2));
            let Some(expected) = &expected else {
                assert!(outcome.is_err());
                continue;
            };
            outcome.unwrap();
            let mut expected = expected[..found.len()].to_vec();
            match order {
                Order::BestFirst => {}
                Order::BestLast => expected.reverse(),
                Order::Row => expected.sort_unstable(),
            }
            assert_eq!(found, expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn rows_are_those_of_a_sort_by_score(
        scores in proptest::collection::vec(prop_oneof![
            8 => -3i8..3,
            1 => prop_oneof![Just(i8::MIN), Just(i8::MAX), Just(i8::MAX - 1)],
        ], 1..300),
        nan in prop_oneof![Just(Nan::Raise), Just(Nan::Omit), Just(Nan::Largest), Just(Nan::Smallest)],
        excluded in proptest::collection::vec(prop::bool::weighted(0.1), 300),
        largest: bool,
        part in 0usize..=100,
        bounds in (proptest::option::of(-8i8..8), proptest::option::of(-8i8..8)),
    ) {
        let halves = if bounds.0 > bounds.1 && bounds.1.is_some() { (bounds.1, bounds.0) } else { bounds };
        let float = |score: i8| match score {
            i8::MIN => f32::NEG_INFINITY,
            i8::MAX => f32::INFINITY,
            126 => f32::NAN,
            0 => -0.0,
            score => f32::from(score).max(0.0),
        };
        let floats: Vec<f32> = scores.iter().map(|&score| float(score)).collect();
        let allowed = Allowed { excluded: &excluded[..scores.len()], halves };
        check(&floats, largest, nan, allowed, part);
        check(&floats.iter().map(|&score| f64::from(score)).collect::<Vec<_>>(), largest, nan, allowed, part);
        check(&floats.iter().map(|&score| f16::from_f32(score)).collect::<Vec<_>>(), largest, nan, allowed, part);
        check(&floats.iter().map(|&score| bf16::from_f32(score)).collect::<Vec<_>>(), largest, nan, allowed, part);
        check(&scores, largest, nan, allowed, part);
        check(&scores.iter().map(|&score| score.cast_unsigned()).collect::<Vec<_>>(), largest, nan, allowed, part);
        check(&scores.iter().map(|&score| i64::from(score)).collect::<Vec<_>>(), largest, nan, allowed, part);
    }
}

#[test]
fn vectors_that_are_sampled_give_the_rows_of_a_sort() {
    let scores: Vec<i32> = (0..100_000).map(|row| row * 7919 % 5003).collect();
    for part in [0, 1, 40, 100] {
        for halves in [(None, None), (Some(99), None), (None, Some(120)), (Some(-3), Some(101))] {
            let allowed = Allowed { excluded: &vec![false; scores.len()], halves };
            check(&scores, part != 1, Nan::Raise, allowed, part);
        }
    }
}
