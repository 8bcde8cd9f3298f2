//! Tests of `rows_between`.

#![allow(clippy::cast_possible_wrap, clippy::cast_possible_truncation, clippy::cast_precision_loss)] // small numbers

use proptest::prelude::*;

use super::*;
use crate::scores::Values;
use crate::select::pass::TASK_ROWS;
use crate::select::{Between, Exclude, Nan, Number};

/// The oracle: every row by itself.
fn check(scores: &[f32], ends: (Option<f64>, Option<f64>), nan: Nan, mask: Option<&[u8]>, largest: bool) {
    let between = Between::new(ends.0.map(Number::Float), ends.1.map(Number::Float)).unwrap();
    let rows = scores.len() as u64;
    let exclude = mask.map_or(Exclude::Nothing, |mask| Exclude::mask(mask, rows).unwrap());
    let options = SelectOptions { nan, exclude, between, ..SelectOptions::default() };
    let counted = |score: f32| match nan {
        Nan::Largest if score.is_nan() => f32::INFINITY,
        Nan::Smallest if score.is_nan() => f32::NEG_INFINITY,
        _ => score,
    };
    let inside = |score: f32| {
        let open = match nan {
            Nan::Largest => ends.1.is_none(),
            Nan::Smallest => ends.0.is_none(),
            _ => false,
        };
        let number = f64::from(counted(score));
        (!score.is_nan() || open)
            && ends.0.is_none_or(|low| number >= low)
            && ends.1.is_none_or(|high| number <= high)
    };
    let allowed = |row: usize| mask.is_none_or(|mask| mask[row] == 0);
    let expected: Vec<usize> = (0..scores.len()).filter(|&row| allowed(row) && inside(scores[row])).collect();
    let is_nan = (0..scores.len()).any(|row| allowed(row) && scores[row].is_nan());
    for threads in [1, 2, 5] {
        let job = Job::new(threads);
        let found = rows_between(&Values::F32(scores), largest, &options, &job);
        if is_nan && nan == Nan::Raise {
            assert!(found.unwrap_err().to_string().contains("NaN"));
            continue;
        }
        let found = found.unwrap();
        let mut rows = vec![-1; expected.len()];
        found.fill(&mut rows, &job).unwrap();
        assert_eq!(rows, expected.iter().map(|&row| row as i64).collect::<Vec<_>>());
        // A NaN that counts as a number lies beyond the infinity.
        let rank = |row: usize| {
            let beyond = match nan {
                _ if !scores[row].is_nan() => 0,
                Nan::Largest => 1,
                _ => -1,
            };
            let (score, sign) = (f64::from(counted(scores[row])), if largest { -1 } else { 1 });
            (score * f64::from(sign) + 0.0, beyond * sign)
        };
        let worst = expected.iter().map(|&row| rank(row)).max_by(|a, b| a.partial_cmp(b).unwrap());
        let tied: Vec<usize> = expected.iter().copied().filter(|&row| Some(rank(row)) == worst).collect();
        let expected = tied.first().map(|&row| Worst { row: row as u64, tied: tied.len() as u64 });
        assert_eq!(found.worst(), expected);
        assert!(found.fill(&mut vec![0; rows.len() + 1], &job).is_err());
    }
}

fn score() -> impl Strategy<Value = f32> {
    prop_oneof![
        8 => (-20i16..20).prop_map(|n| f32::from(n) / 4.0),
        1 => prop_oneof![Just(f32::NAN), Just(-0.0), Just(f32::INFINITY), Just(f32::NEG_INFINITY)],
    ]
}

proptest! {
    #[test]
    fn rows_are_those_of_a_look_at_each(
        scores in proptest::collection::vec(score(), 0..700),
        low in proptest::option::of(-12i8..12), high in proptest::option::of(-12i8..12),
        nan in prop_oneof![Just(Nan::Raise), Just(Nan::Omit), Just(Nan::Largest), Just(Nan::Smallest)],
        excluded in proptest::option::of(any::<u64>()), largest: bool,
    ) {
        let mask = excluded.map(|bits| (0..scores.len()).map(|row| (bits >> (row % 64) & 1) as u8).collect::<Vec<_>>());
        let ends = (low.map(|low| f64::from(low) / 2.0), high.map(|high| f64::from(high) / 2.0));
        check(&scores, ends, nan, mask.as_deref(), largest);
    }
}

#[test]
fn rows_of_many_tasks_come_in_their_order() {
    let scores: Vec<f32> = (0..3 * TASK_ROWS + 77).map(|row| (row * 7919 % 4099) as f32).collect();
    for ends in
        [(Some(4000.0), None), (None, Some(99.0)), (Some(17.0), Some(17.0)), (None, None), (Some(5e3), None)]
    {
        check(&scores, ends, Nan::Raise, None, true);
        check(&scores, ends, Nan::Raise, None, false);
    }
}

#[test]
fn types_that_hold_no_number_between_the_bounds_give_no_rows() {
    let between = Between::new(Some(Number::Float(0.1)), Some(Number::Float(0.9))).unwrap();
    let options = SelectOptions { between, ..SelectOptions::default() };
    let found = rows_between(&Values::U8(&[0, 1, 2, 255]), true, &options, &Job::new(2)).unwrap();
    assert_eq!((found.len(), found.worst()), (0, None));
}
