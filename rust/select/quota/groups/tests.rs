//! Tests of `groups`.

use proptest::prelude::*;

use super::*;
use crate::select::candidates::entry::{Key32Row32, Key64Row64};
use crate::select::pass::ranker::Workspace;

/// Ranks rows by given sort keys; rows without one cannot be chosen.
struct ByKeys(Vec<Option<u64>>);

impl<E: Entry> Ranker<E> for ByKeys {
    fn rows(&self) -> u64 {
        self.0.len() as u64
    }

    fn collect(
        &self,
        rows: Range<u64>,
        threshold: E,
        _work: &mut Workspace,
        found: &mut Vec<E>,
    ) -> Result<()> {
        let keys = &self.0[checked::span(&rows)?];
        let entries = keys.iter().zip(rows).filter_map(|(&key, row)| Some(E::new(key?, row)));
        found.extend(entries.filter(|&entry| entry <= threshold));
        Ok(())
    }
}

fn check<E: Entry>(keys: &[Option<u64>], of_rows: &[u32], quotas: &[u64], threads: usize) {
    let ranker = ByKeys(keys.to_vec());
    let groups = Groups::new(of_rows, quotas.len(), keys.len() as u64).unwrap();
    let job = Job::new(threads);
    let mut of_groups: Vec<Vec<(u64, u64)>> = vec![Vec::new(); quotas.len()];
    for ((row, key), &group) in (0..).zip(keys).zip(of_rows) {
        of_groups[group as usize].extend(key.map(|key| (key, row)));
    }
    let counts: Vec<u64> = of_groups.iter().map(|group| group.len() as u64).collect();
    assert_eq!(count::<E>(&ranker, &groups, &job).unwrap().0, counts);
    let mut expected = Vec::new();
    for (group, &quota) in of_groups.iter_mut().zip(quotas) {
        group.sort_unstable();
        expected.extend(group.iter().take(usize::try_from(quota).unwrap()));
    }
    expected.sort_unstable();
    for order in [Order::BestFirst, Order::BestLast, Order::Row] {
        let (entries, _) = collect::<E>(&ranker, &groups, quotas, &job).unwrap();
        let found = ordered(entries, keys.len() as u64, order, &job).unwrap();
        let mut rows: Vec<i64> = expected.iter().map(|&(_, row)| row.cast_signed()).collect();
        match order {
            Order::BestFirst => {}
            Order::BestLast => rows.reverse(),
            Order::Row => rows.sort_unstable(),
        }
        assert_eq!(found, rows, "{order:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn the_best_of_each_group_are_those_of_a_sort(
        rows in proptest::collection::vec((proptest::option::weighted(0.9, 0u64..30), 0u32..6), 0..2000),
        quotas in proptest::collection::vec(prop_oneof![Just(0u64), 0u64..9, 0u64..400, Just(u64::MAX)], 6),
        threads in 1usize..4,
    ) {
        let (keys, of_rows): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        check::<Key32Row32>(&keys, &of_rows, &quotas, threads);
        check::<Key64Row64>(&keys, &of_rows, &quotas, threads);
    }
}

#[test]
fn groups_of_many_tasks_are_cut_on_the_way() {
    let rows = 3 * TASK_ROWS + 77;
    let keys: Vec<_> = (0..rows).map(|row| Some(row * 7919 % 100_003)).collect();
    let of_rows: Vec<u32> = (0..rows).map(|row| u32::try_from(row * row % 5).unwrap()).collect();
    check::<Key64Row64>(&keys, &of_rows, &[1, 1000, 50_000, 9, 0], 2);
    let many: Vec<u32> = (0..rows).map(|row| u32::try_from(row % 9973).unwrap()).collect();
    check::<Key32Row32>(&keys, &many, &vec![3; 9973], 2);
}

#[test]
fn what_is_no_group_is_an_error() {
    assert!(Groups::new(&[0, 1], 2, 3).is_err());
    let groups = Groups::new(&[0, 2], 2, 2).unwrap();
    let ranker = ByKeys(vec![Some(1); 2]);
    let error = collect::<Key64Row64>(&ranker, &groups, &[1, 1], &Job::new(1)).unwrap_err();
    assert!(error.to_string().contains("row 1 is of group 2, and there are 2"), "{error}");
}
