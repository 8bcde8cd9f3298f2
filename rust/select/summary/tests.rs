//! Tests of what vectors are like, each against the sorted values.

use half::{bf16, f16};
use proptest::prelude::*;

use super::*;
use crate::error::Error;
use crate::exec::job::Job;
use crate::scores::{Source, Value};
use crate::select::between::Between;
use crate::select::candidates::entry::Entry;
use crate::select::exclude::Exclude;
use crate::select::key::Keyed;
use crate::select::number::{Nan, Number};
use crate::select::options::SelectOptions;
use crate::select::pass::ranker::{Ranker, Visit};
use crate::select::pass::threshold;
use crate::select::top_k;

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

/// The oracle: the scores at the places of a share among all that may be chosen, sorted.
fn ends_of(sorted: &[Number], digits: u64, decimals: u32) -> (Number, Number) {
    let one = 10_u128.pow(decimals);
    let product = u128::from(digits) * (sorted.len() as u128 - 1);
    let at = |place: u128| sorted[usize::try_from(place).unwrap()];
    (at(product / one), at(product.div_ceil(one)))
}

fn check_shares<T: Keyed + Value>(values: &[T], excluded: &[bool], between: Between, shares: &[(u64, u32)]) {
    let mask: Vec<u8> = excluded.iter().map(|&is| u8::from(is)).collect();
    let exclude = if excluded.contains(&true) {
        Exclude::mask(&mask, values.len() as u64).unwrap()
    } else {
        Exclude::Nothing
    };
    let mut options = SelectOptions { exclude, between, nan: Nan::Omit, ..SelectOptions::default() };
    let keys = between.keys::<T>();
    let allowed = |&at: &usize| {
        !values[at].is_nan()
            && !excluded[at]
            && keys.as_ref().is_some_and(|keys| keys.contains(&values[at].key()))
    };
    let mut sorted: Vec<u64> = (0..values.len()).filter(allowed).map(|at| values[at].key()).collect();
    sorted.sort_unstable();
    let sorted: Vec<Number> = sorted.into_iter().map(T::number_of).collect();
    let asked: Vec<Share> =
        shares.iter().map(|&(digits, decimals)| Share::new(digits, decimals).unwrap()).collect();
    let source = T::wrap(values);
    for threads in [1, 3] {
        let found = scores_at_shares(&source, &asked, &options, &Job::new(threads)).unwrap();
        assert_eq!(found.count, sorted.len() as u64);
        let expected: Vec<_> = if sorted.is_empty() {
            Vec::new()
        } else {
            shares.iter().map(|&(digits, decimals)| ends_of(&sorted, digits, decimals)).collect()
        };
        assert_eq!(found.ends, expected, "{shares:?}");
    }
    options.nan = Nan::Raise;
    let any_nan = values.iter().zip(excluded).any(|(value, excluded)| value.is_nan() && !excluded);
    assert_eq!(scores_at_shares(&source, &asked, &options, &Job::new(2)).is_err(), any_nan);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_precision_loss)] // random bits
    fn scores_at_shares_are_those_of_a_sort(
        len in prop_oneof![0..300usize, 16_000..17_000usize, 60_000..70_000usize],
        seed: u64, spread in 0u32..64, every in 0usize..5, ascends: bool,
        bounds in proptest::option::of((-90i32..50, 0i32..90)),
        shares in prop::collection::vec(prop_oneof![
            (0..=1000u64, Just(3u32)), (0..=10u64.pow(17), Just(17u32)), (1..99u64, 18..30u32), Just((1, 0)), Just((0, 1)),
        ], 0..4),
    ) {
        let bits = |row: usize| (row as u64 + 1).wrapping_mul(seed | 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut whole: Vec<i64> = (0..len).map(|row| bits(row) as i64 >> spread).collect();
        if ascends {
            // Runs of a sample are no independent rows then.
            whole.sort_unstable();
        }
        let excluded: Vec<bool> = (0..len).map(|row| every > 1 && row % every == 0).collect();
        let between = bounds.map_or_else(Between::default, |(low, more)| {
            Between::new(Some(Number::Integer(low.into())), Some(Number::Integer((low + more).into()))).unwrap()
        });
        let floats: Vec<f32> = whole.iter().map(|&n| if n % 97 == 5 { f32::NAN } else { n as f32 / 4.0 }).collect();
        check_shares(&whole, &excluded, between, &shares);
        check_shares(&of(&whole.iter().map(|&n| n.cast_unsigned()).collect::<Vec<_>>(), |n| n as i8), &excluded, between, &shares);
        check_shares(&floats, &excluded, between, &shares);
        check_shares(&floats.iter().map(|&n| f16::from_f32(n)).collect::<Vec<_>>(), &excluded, between, &shares);
        check_shares(&whole.iter().map(|&n| f64::from_bits(n.cast_unsigned())).collect::<Vec<_>>(), &excluded, between, &shares);
    }
}

/// Where the rows of the sample are not like the others, and where more different scores lie in a window than are held.
#[test]
fn a_sample_that_misleads_costs_no_score() {
    let rows = 200_000_u64;
    let scramble = |row: u64| row.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut scores: Vec<u64> = (0..rows).map(scramble).collect();
    for share in [250, 500, 999] {
        check_shares(&scores, &vec![false; scores.len()], Between::default(), &[(share, 3), (share - 1, 3)]);
    }
    // All that a sample sees: one score; and most others are smaller.
    let all = scores.clone();
    let is_sampled = sampled_rows(rows);
    for (row, score) in scores.iter_mut().enumerate() {
        *score = if is_sampled[row] { u64::MAX } else { all[row] >> 1 };
    }
    for share in [1, 100, 500, 900] {
        check_shares(
            &scores,
            &vec![false; scores.len()],
            Between::default(),
            &[(share, 3), (1000 - share, 3)],
        );
    }
}

/// Which rows of so many a sample looks at: those whose scores it tells.
fn sampled_rows(rows: u64) -> Vec<bool> {
    struct Sampled;
    impl Visit for Sampled {
        type Output = Vec<u64>;
        fn visit<E: Entry>(&self, ranker: &dyn Ranker<E>) -> crate::error::Result<Vec<u64>> {
            threshold::sampled(ranker, &Job::new(1))
        }
    }
    let numbers: Vec<u64> = (0..rows).collect();
    let seen = top_k::visit(&u64::wrap(&numbers), false, &SelectOptions::default(), &Sampled).unwrap();
    let mut is_sampled = vec![false; numbers.len()];
    for row in seen {
        is_sampled[usize::try_from(row).unwrap()] = true;
    }
    assert!(is_sampled.contains(&true) && is_sampled.contains(&false));
    is_sampled
}

#[test]
fn shares_that_are_none_are_refused() {
    assert!(Share::new(2, 0).is_err());
    assert!(Share::new(10_000_001, 7).is_err());
    let job = Job::new(1);
    let of = |shares: &[Share], nan| {
        let options = SelectOptions { nan, ..SelectOptions::default() };
        scores_at_shares(&f64::wrap(&[1.0]), shares, &options, &job)
    };
    let half = Share::new(5, 1).unwrap();
    let one = (Number::Float(1.0), Number::Float(1.0));
    assert_eq!(of(&[half; 64], Nan::Raise).unwrap(), AtShares { count: 1, ends: vec![one; 64] });
    assert!(of(&[half; 65], Nan::Raise).unwrap_err().to_string().contains("at most 64"));
    assert!(of(&[half], Nan::Largest).unwrap_err().to_string().contains("beside all quantiles"));
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
    for (values, mean) in [
        (vec![f64::INFINITY, f64::MAX, f64::MAX], f64::INFINITY),
        (vec![f64::MAX, f64::MAX, f64::NEG_INFINITY], f64::NEG_INFINITY),
    ] {
        let found = moments(&f64::wrap(&values), &Job::new(1)).unwrap();
        assert!(found.mean.to_bits() == mean.to_bits() && found.std.is_nan());
    }
    let none = moments(&f64::wrap(&[f64::NAN]), &Job::new(1)).unwrap();
    assert!(none.mean.is_nan() && none.extremes.is_none() && none.nan == 1);
}

#[test]
fn moments_of_the_largest_numbers_have_room() {
    let task = usize::try_from(crate::select::pass::TASK_ROWS).unwrap();
    for large in [f64::MAX, 1.7e308, 1e200, f64::from_bits((1023 + 448) << 52)] {
        for rows in [1, 2, 3, 7, 8, 9, task + 3] {
            let values: Vec<f64> = (0..rows).map(|row| if row % 2 == 0 { large } else { -large }).collect();
            let odd = rows % 2;
            let found: Vec<Moments> =
                (1..4).map(|threads| moments(&f64::wrap(&values), &Job::new(threads)).unwrap()).collect();
            #[allow(clippy::cast_precision_loss)] // few rows
            let mean = if odd == 0 { 0.0 } else { large / rows as f64 };
            assert!(
                (found[0].mean - mean).abs() <= mean * 4.0 * f64::EPSILON,
                "{large} {rows} {}",
                found[0].mean
            );
            #[allow(clippy::cast_precision_loss)]
            let std = if odd == 0 { 1.0 } else { (1.0 - (1.0 / rows as f64).powi(2)).sqrt() };
            assert!((found[0].std / large - std).abs() < 1e-13, "{large} {rows} {}", found[0].std);
            assert!(found.iter().all(|other| other.mean.to_bits() == found[0].mean.to_bits()));
            assert!(found.iter().all(|other| other.std.to_bits() == found[0].std.to_bits()));
            let same = moments(&f64::wrap(&vec![large; rows]), &Job::new(2)).unwrap();
            assert!(same.mean.to_bits() == large.to_bits() && same.std < large * 1e-15);
        }
    }
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
