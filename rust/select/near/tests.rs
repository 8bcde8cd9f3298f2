//! Tests of `nearest`: each against a sort by the ranks of all rows, which have tests of their own.

use half::f16;
use proptest::prelude::*;

use super::*;
use crate::scores::Value;
use crate::select::between::Between;
use crate::select::exclude::Exclude;

/// The oracle: every row that may be chosen, by its rank and its number.
fn sorted<T: Keyed>(values: &[T], value: Number, options: &SelectOptions<'_>, excluded: &[bool]) -> Vec<i64> {
    let nearness = Nearness::new::<T>(value);
    let keys = options.between.keys::<T>();
    let allowed = |at: &usize| {
        let value = values[*at];
        !excluded[*at] && !value.is_nan() && keys.as_ref().is_some_and(|keys| keys.contains(&value.key()))
    };
    let mut rows: Vec<usize> = (0..values.len()).filter(allowed).collect();
    rows.sort_by_key(|&row| nearness.rank::<T>(values[row].key()));
    rows.into_iter().map(|row| i64::try_from(row).unwrap()).collect()
}

fn check<T: Keyed>(values: &[T], value: Number, between: Between, excluded: &[bool], part: usize) {
    let mask: Vec<u8> = excluded.iter().map(|&is| u8::from(is)).collect();
    let exclude = Exclude::mask(&mask, values.len() as u64).unwrap();
    let exclude = if excluded.contains(&true) { exclude } else { Exclude::Nothing };
    let mut options = SelectOptions { exclude, between, nan: Nan::Omit, ..SelectOptions::default() };
    let expected = sorted(values, value, &options, excluded);
    for threads in [1, 2] {
        let (source, job) = (T::wrap(values), Job::new(threads));
        let mut rows = vec![0; expected.len() * part / 100];
        for order in [Order::BestFirst, Order::BestLast, Order::Row] {
            options.order = order;
            nearest(&source, &mut rows, value, &options, &job).unwrap();
            let mut best = expected[..rows.len()].to_vec();
            match order {
                Order::BestFirst => {}
                Order::BestLast => best.reverse(),
                Order::Row => best.sort_unstable(),
            }
            assert_eq!(rows, best, "{value} {order:?}");
        }
        rows.resize(expected.len() + 1, 0);
        assert!(matches!(nearest(&source, &mut rows, value, &options, &job), Err(Error::Value(_))));
        options.nan = Nan::Raise;
        rows.truncate(expected.len() * part / 100);
        let any_nan = values.iter().zip(excluded).any(|(value, excluded)| value.is_nan() && !excluded);
        assert_eq!(nearest(&source, &mut rows, value, &options, &job).is_err(), any_nan);
        options.nan = Nan::Omit;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_precision_loss, clippy::cast_sign_loss)] // random bits
    fn the_nearest_are_those_of_a_sort(
        len in prop_oneof![0..300usize, 16_000..17_000usize, 60_000..70_000usize],
        seed: u64, spread in 0u32..64, value in -300i32..300, bounds in proptest::option::of((-90i32..50, 0i32..90)),
        every in 0usize..5, part in 0usize..=100,
    ) {
        let bits = |row: usize| (row as u64 + 1).wrapping_mul(seed | 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let whole: Vec<i64> = (0..len).map(|row| bits(row) as i64 >> spread).collect();
        let floats: Vec<f32> = whole.iter().map(|&n| if n % 97 == 5 { f32::NAN } else { n as f32 / 4.0 }).collect();
        let halves: Vec<f16> = floats.iter().map(|&n| f16::from_f32(n)).collect();
        let doubles: Vec<f64> = (0..len).map(|row| f64::from_bits(bits(row))).collect();
        let excluded: Vec<bool> = (0..len).map(|row| every > 1 && row % every == 0).collect();
        let number = |n: i32| if n % 2 == 0 { Number::Integer(n.into()) } else { Number::Float(f64::from(n) / 2.0) };
        let between = match bounds {
            None => Between::default(),
            Some((low, more)) => Between::new(Some(number(low)), Some(number(low + more))).unwrap(),
        };
        let value = number(value);
        check(&whole, value, between, &excluded, part);
        check(&whole.iter().map(|&n| n as u8).collect::<Vec<_>>(), value, between, &excluded, part);
        check(&floats, value, between, &excluded, part);
        check(&halves, value, between, &excluded, part);
        check(&doubles, value, between, &excluded, part);
    }
}

#[test]
fn values_that_have_no_distance_are_refused() {
    let (source, job) = (f64::wrap(&[1.0, 2.0]), Job::new(1));
    for nan in [Nan::Largest, Nan::Smallest] {
        let options = SelectOptions { nan, ..SelectOptions::default() };
        let error = nearest(&source, &mut [0], Number::Integer(1), &options, &job).unwrap_err();
        assert!(error.to_string().contains("a NaN has no distance"), "{error}");
    }
    for value in [f64::NAN, f64::INFINITY] {
        let options = SelectOptions::default();
        let error = nearest(&source, &mut [0], Number::Float(value), &options, &job).unwrap_err();
        assert!(error.to_string().contains("a finite number is needed"), "{error}");
    }
}
