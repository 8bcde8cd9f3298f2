//! Tests of what vectors are like, each against the sorted values.

use half::{bf16, f16};
use proptest::prelude::*;

use super::*;
use crate::error::Error;
use crate::exec::job::Job;
use crate::scores::{Source, Value};
use crate::select::key::Keyed;
use crate::select::number::Number;

/// The numbers among values, ascending.
fn ascending<T: Keyed>(values: &[T]) -> Vec<Number> {
    let mut keys: Vec<u64> = values.iter().filter(|value| !value.is_nan()).map(|value| value.key()).collect();
    keys.sort_unstable();
    keys.into_iter().map(T::number_of).collect()
}

fn check<T: Keyed + Value>(values: &[T], edges: &[Number], threads: usize) {
    let (source, job) = (T::wrap(values), Job::new(threads));
    let source: &dyn Source = &source;
    let sorted = ascending(values);
    let places: Vec<u64> = (0..sorted.len() as u64).rev().collect();
    let mut found = scores_at(source, &places, &job).unwrap();
    found.reverse();
    assert_eq!(found, sorted);
    assert!(matches!(scores_at(source, &[sorted.len() as u64], &job), Err(Error::Value(_))));

    let moments = moments(source, &job).unwrap();
    assert_eq!(moments.count + moments.nan, values.len() as u64);
    assert_eq!(moments.count, sorted.len() as u64);
    assert_eq!(moments.first_nan, (0..).zip(values).find(|(_, value)| value.is_nan()).map(|(row, _)| row));
    assert_eq!(moments.extremes, sorted.first().copied().zip(sorted.last().copied()));

    let bins = histogram(source, edges, &job).unwrap();
    let at_least = |edge: Number| sorted.iter().filter(|one| one.compare(edge).is_ge()).count();
    let above = |edge: Number| sorted.iter().filter(|one| one.compare(edge).is_gt()).count();
    for (bin, count) in bins.counts.iter().enumerate() {
        let is_last = bin + 2 == edges.len();
        let end = if is_last { above(edges[bin + 1]) } else { at_least(edges[bin + 1]) };
        assert_eq!(*count, (at_least(edges[bin]) - end) as u64, "{bin} {edges:?}");
    }
    assert_eq!((bins.nan, bins.first_nan), (moments.nan, moments.first_nan));
}

fn of<T>(bits: &[u64], value: impl Fn(u64) -> T) -> Vec<T> {
    bits.iter().map(|&bits| value(bits)).collect()
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i8>().prop_map(|n| Number::Integer(n.into())),
        any::<i64>().prop_map(|n| Number::Integer(n.into())),
        any::<u64>().prop_map(|n| Number::Integer(n.into())),
        (-300i32..300).prop_map(|n| Number::Float(f64::from(n) / 7.0)),
        any::<f64>().prop_filter("a number", |n| !n.is_nan()).prop_map(Number::Float),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // random bits of every width
    fn places_extremes_and_bins_are_those_of_the_sorted_values(
        bits in prop::collection::vec(prop_oneof![any::<u64>(), 0..20u64], 0..200),
        mut edges in prop::collection::vec(number(), 2..40),
        threads in 1..4usize,
    ) {
        edges.sort_by(|a, b| a.compare(*b));
        check(&of(&bits, |bits| bits as i8), &edges, threads);
        check(&of(&bits, |bits| bits as u16), &edges, threads);
        check(&of(&bits, |bits| bits as i32), &edges, threads);
        check(&of(&bits, |bits| bits as i64), &edges, threads);
        check(&bits, &edges, threads);
        check(&of(&bits, |bits| f16::from_bits(bits as u16)), &edges, threads);
        check(&of(&bits, |bits| bf16::from_bits(bits as u16)), &edges, threads);
        check(&of(&bits, |bits| f32::from_bits(bits as u32)), &edges, threads);
        check(&of(&bits, f64::from_bits), &edges, threads);
    }
}

#[test]
#[allow(clippy::cast_precision_loss)] // sums of whole numbers that float64 holds
fn moments_are_those_of_all_rows_for_any_number_of_threads() {
    // Three tasks and a part of one; the first block of one is NaN alone, and the mean is far from 0.
    let task = crate::select::pass::TASK_ROWS;
    let values: Vec<f64> = (0..3 * task + 5)
        .map(|row| if (task..task + 20_000).contains(&row) { f64::NAN } else { 1e9 + (row % 1000) as f64 })
        .collect();
    let numbers: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    let mean = numbers.iter().map(|value| value - 1e9).sum::<f64>() / numbers.len() as f64;
    let squares: f64 = numbers.iter().map(|value| (value - 1e9 - mean).powi(2)).sum();
    let found: Vec<Moments> =
        (1..4).map(|threads| moments(&f64::wrap(&values), &Job::new(threads)).unwrap()).collect();
    assert_eq!((found[0].nan, found[0].first_nan), (20_000, Some(task)));
    assert_eq!(found[0].mean.to_bits(), (1e9 + mean).to_bits());
    assert!((found[0].std / (squares / numbers.len() as f64).sqrt() - 1.0).abs() < 1e-13);
    for other in &found[1..] {
        assert_eq!(other.mean.to_bits(), found[0].mean.to_bits());
        assert_eq!(other.std.to_bits(), found[0].std.to_bits());
    }
    // What each loses by rounding is as much as the mean.
    let long = [(1_i64 << 62) + 1, -(1 << 62), i64::MAX, -i64::MAX];
    assert_eq!(moments(&i64::wrap(&long), &Job::new(1)).unwrap().mean.to_bits(), 0.25_f64.to_bits());
    let infinite = moments(&f64::wrap(&[1.0, f64::INFINITY]), &Job::new(1)).unwrap();
    assert!(infinite.mean.is_infinite() && infinite.std.is_nan());
    let none = moments(&f64::wrap(&[f64::NAN]), &Job::new(1)).unwrap();
    assert!(none.mean.is_nan() && none.extremes.is_none() && none.nan == 1);
}

#[test]
fn edges_that_are_none_are_refused() {
    let job = Job::new(1);
    let of = |edges: &[f64]| {
        let edges: Vec<Number> = edges.iter().copied().map(Number::Float).collect();
        histogram(&f64::wrap(&[1.0]), &edges, &job)
    };
    for edges in [&[][..], &[1.0], &[1.0, 0.0], &[0.0, f64::NAN], &[f64::NAN, 0.0, 1.0]] {
        assert!(matches!(of(edges), Err(Error::Value(_))), "{edges:?}");
    }
    assert!(of(&vec![1.0; MOST_BINS + 2]).unwrap_err().to_string().contains("1048577 bins"));
    assert_eq!(of(&[1.0, 1.0]).unwrap().counts, [1]);
    assert_eq!(of(&[f64::NEG_INFINITY, 1.0, f64::INFINITY]).unwrap().counts, [0, 1]);
}
