//! The cut and the sort, against the library's sort of the same entries.

use proptest::prelude::*;

use super::buckets::Buckets;
use super::entry::{Entry, Key32Row32, Key64Row32, Key64Row64};
use super::{Candidates, radix_sort};
use crate::exec::job::Job;
use crate::select::noise::philox::Philox;

/// One entry per sort key, for ascending rows.
fn entries<E: Entry>(sort_keys: &[u64]) -> Vec<E> {
    sort_keys.iter().zip(0..).map(|(&sort_key, row)| E::new(sort_key, row)).collect()
}

/// The sort keys that a [`Key32Row32`] can hold.
fn low_halves(sort_keys: &[u64]) -> Vec<u64> {
    sort_keys.iter().map(|sort_key| sort_key & u64::from(u32::MAX)).collect()
}

fn check_cut<E: Entry>(sort_keys: &[u64], run_len: usize, k: usize) {
    let entries: Vec<E> = entries(sort_keys);
    let mut best = entries.clone();
    best.sort_unstable();
    best.truncate(k);
    let worst = best.last().copied().unwrap_or(E::WORST);
    for threads in [1, 2, 7] {
        let buckets = Buckets::new::<E>(1, u64::from(u32::MAX), 1 << 30);
        let mut candidates = Candidates::of_runs(entries.chunks(run_len), buckets).unwrap();
        candidates.cut(k, &Job::new(threads)).unwrap();
        assert_eq!(candidates.worst(&Job::new(threads)).unwrap(), worst);
        let mut kept = candidates.by_row().iter().map(|task| task.entries).collect::<Vec<_>>().concat();
        kept.sort_unstable();
        assert_eq!(kept, best);
    }
}

fn check_sort<E: Entry>(sort_keys: &[u64], run_len: usize, k: usize) {
    let (low, high) = (
        sort_keys.iter().min().map_or(0, |low| low.saturating_add(10)),
        sort_keys.iter().max().map_or(0, |&high| high),
    );
    let entries: Vec<E> = entries(sort_keys);
    let mut best = entries.clone();
    best.sort_unstable();
    let mut best: Vec<i64> = best.iter().map(|entry| entry.row().cast_signed()).take(k).collect();
    for best_last in [false, true] {
        for threads in [1, 2, 7] {
            let buckets = if threads == 1 { Buckets::ONE } else { Buckets::new::<E>(low, high, 1 << 20) };
            let candidates = Candidates::of_runs(entries.chunks(run_len), buckets).unwrap();
            let mut rows = vec![0; best.len()];
            radix_sort::fill(&candidates, &mut rows, best_last, None, &Job::new(threads)).unwrap();
            assert_eq!(rows, best);
        }
        best.reverse();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]
    #[test]
    fn a_cut_keeps_the_best(
        sort_keys in proptest::collection::vec(
            prop_oneof![0u64..4, any::<u64>(), u64::MAX - 3.., (0u32..64).prop_map(|bit| !0 << bit)],
            0..200,
        ),
        run_len in 1usize..50,
        k in 0usize..220,
    ) {
        check_cut::<Key64Row64>(&sort_keys, run_len, k);
        check_cut::<Key64Row32>(&sort_keys, run_len, k);
        check_cut::<Key32Row32>(&low_halves(&sort_keys), run_len, k);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]
    #[test]
    fn rows_come_as_a_sort_gives_them(
        seed: u64,
        bits in 0u32..64,
        low in prop_oneof![Just(0u64), any::<u64>()],
        len in prop_oneof![0usize..600, 20_000usize..30_000],
        run_len in 1_000usize..12_000,
    ) {
        let mask = (1u64 << bits) - 1;
        let philox = Philox::new(seed, 9);
        let sort_keys: Vec<u64> = (0..len as u64).map(|row| (low & !mask) + (philox.bits(row) & mask)).collect();
        check_sort::<Key64Row64>(&sort_keys, run_len, len * 3 / 4);
        check_sort::<Key64Row32>(&sort_keys, run_len, len * 3 / 4);
        check_sort::<Key32Row32>(&low_halves(&sort_keys), run_len, len * 3 / 4);
    }
}

#[test]
fn a_tie_break_orders_equal_keys() {
    let sort_keys: Vec<u64> = (0..1000).map(|row| row / 400).collect();
    let entries: Vec<Key32Row32> = entries(&sort_keys);
    let candidates = Candidates::of_runs(entries.chunks(300), Buckets::ONE).unwrap();
    let tie_break = |row: u64| 1000 - row;
    let mut found = vec![0; 900];
    radix_sort::fill(&candidates, &mut found, false, Some(&tie_break), &Job::new(2)).unwrap();
    let expected: Vec<i64> = (0..400).rev().chain((400..800).rev()).chain((800..1000).rev()).collect();
    assert_eq!(found, expected[..900]);
}
