//! Cuts, and the rows that they mean in any part of the scores.

use std::ops::Range;

use proptest::prelude::*;
use proptest::sample::Index;

use super::oracle_tests::{Given, Vector, codes, dtype, first_row, given, order, rank, sampled, whole};
use crate::error::Error;
use crate::exec::job::Job;
use crate::scores::{ArrayPart, DType, Source, Values};
use crate::select::cut::{
    Cut, Cuts, Piece, Ranked, counts_by_part, cut_of, cut_of_weight, cuts_of_group_weights, cuts_of_groups,
    rows_of,
};
use crate::select::{Between, Exclude, Groups, Nan, Noise, RankBy, SelectOptions, top_k};

/// Everything that a cut is looked at by.
#[derive(Debug, Clone)]
struct Case {
    codes: Vec<i32>,
    dtype: DType,
    rank: RankBy,
    given: Given,
    first: u64,
    threads: usize,
    cuts: Vec<Index>,
    k: Index,
}

impl Case {
    fn job(&self) -> Job<'static> {
        Job::new(self.threads)
    }

    /// The runs of rows that the whole is cut into.
    fn parts(&self) -> Vec<Range<usize>> {
        let len = self.codes.len();
        let mut ends: Vec<usize> = self.cuts.iter().map(|cut| cut.index(len + 1)).chain([0, len]).collect();
        ends.sort_unstable();
        ends.windows(2).map(|pair| pair[0]..pair[1]).collect()
    }

    /// Fails unless cuts mean these rows: of the whole, of each run of it, and of each part by its own scores.
    fn check(&self, vector: &Vector, cuts: Cuts<'_>, mut expected: Vec<usize>) {
        expected.sort_unstable();
        let rows_in = |part: &Range<usize>| -> Vec<i64> {
            let within = expected.iter().filter(|row| part.contains(row));
            within.map(|&row| (self.first + row as u64).cast_signed()).collect()
        };
        let source = ArrayPart::new(vector.values(), self.first).unwrap();
        let parts = self.parts();
        self.given.with(0..self.codes.len(), |options| {
            let piece = |ranked| Piece { ranked, options: options.clone(), cuts };
            let pieces = [piece(Ranked::Scores { source: &source, rank: self.rank })];
            for part in parts.iter().chain([&(0..self.codes.len())]) {
                let run = self.first + part.start as u64..self.first + part.end as u64;
                assert_eq!(rows_of(&pieces, &run, &self.job()).unwrap(), rows_in(part));
            }
            let ends: Vec<u64> = parts.iter().map(|part| self.first + part.end as u64).collect();
            let counts: Vec<u64> = parts.iter().map(|part| rows_in(part).len() as u64).collect();
            assert_eq!(counts_by_part(&pieces, &ends, &self.job()).unwrap(), counts);
        });
        for part in parts {
            let source =
                ArrayPart::new(vector.values().slice(part.clone()), self.first + part.start as u64).unwrap();
            self.given.with(part.clone(), |options| {
                let ranked = Ranked::Scores { source: &source, rank: self.rank };
                let cuts = match cuts {
                    Cuts::One(_) => cuts,
                    Cuts::OfGroups(groups, cuts) => Cuts::OfGroups(groups.within(part.clone()), cuts),
                };
                let found = rows_of(
                    &[Piece { ranked, options: options.clone(), cuts }],
                    &whole(&source),
                    &self.job(),
                );
                assert_eq!(found.unwrap(), rows_in(&part));
            });
        }
    }
}

fn case(most: usize) -> impl Strategy<Value = Case> {
    (
        codes(most),
        dtype(),
        rank(),
        first_row(),
        1..4_usize,
        prop::collection::vec(any::<Index>(), 0..4),
        any::<Index>(),
    )
        .prop_flat_map(|(codes, dtype, rank, first, threads, cuts, k)| {
            given(codes.len(), rank).prop_map(move |given| Case {
                codes: codes.clone(),
                dtype,
                rank,
                given,
                first,
                threads,
                cuts: cuts.clone(),
                k,
            })
        })
}

/// Groups of rows: of few, and none at times.
fn groups_of(rows: usize, count: usize) -> Vec<u32> {
    (0..rows).map(|row| (row * 7 % 13 % count) as u32).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    #[test]
    fn a_cut_means_the_k_best_rows(case in case(40_000)) {
        let vector = Vector::of(case.dtype, &case.codes);
        let sorted = order(vector.values(), case.first, case.rank, &case.given);
        let source = ArrayPart::new(vector.values(), case.first).unwrap();
        let ranked = Ranked::Scores { source: &source, rank: case.rank };
        for k in [case.k.index(sorted.len() + 1), sorted.len(), 0] {
            let cut = case.given.with(0..case.codes.len(), |options| {
                cut_of(&ranked, k as u64, options, &case.job()).unwrap()
            });
            let last = k.checked_sub(1).map(|last| case.first + sorted[last] as u64);
            prop_assert_eq!(cut.map(|cut| cut.row), last);
            case.check(&vector, Cuts::One(cut), sorted[..k].to_vec());
        }
        case.check(&vector, Cuts::One(Some(Cut::ALL)), sorted.clone());
        let more = sorted.len() as u64 + 1;
        case.given.with(0..case.codes.len(), |options| {
            assert!(matches!(cut_of(&ranked, more, options, &case.job()), Err(Error::Value(_))));
        });
    }

    #[test]
    fn a_cut_of_a_budget_means_the_first_rows_that_it_has_room_for(
        case in case(20_000), budget in prop_oneof![0..40_u64, 0..100_000_u64], at_least: bool, short: bool, in_dtype in prop::sample::select(vec![DType::U8, DType::I64, DType::U64, DType::I16]),
    ) {
        let vector = Vector::of(case.dtype, &case.codes);
        let sorted = order(vector.values(), case.first, case.rank, &case.given);
        let all: Vec<i32> = (0..case.codes.len()).map(|row| if short { 0 } else { (row * 7919 % 37) as i32 - 5 }.max(0)).collect();
        let lengths = Vector::of(in_dtype, &all);
        let source = ArrayPart::new(vector.values(), case.first).unwrap();
        let ranked = Ranked::Scores { source: &source, rank: case.rank };
        let found = case.given.with(0..all.len(), |options| {
            cut_of_weight(&ranked, &lengths.values(), budget, at_least, options, &case.job())
        });
        match within(&sorted, &all, budget, at_least) {
            None => prop_assert!(matches!(found, Err(Error::Value(message)) if message.contains("ask for no more"))),
            Some((taken, total)) => {
                let (cut, sum) = found.unwrap();
                prop_assert_eq!(sum, total);
                let last = taken.checked_sub(1).map(|last| case.first + sorted[last] as u64);
                prop_assert_eq!(cut.map(|cut| cut.row), last);
                case.check(&vector, Cuts::One(cut), sorted[..taken].to_vec());
            }
        }
    }

    #[test]
    fn cuts_of_groups_mean_the_best_rows_of_each(
        case in case(20_000), count in 1..7_usize, quotas in prop::collection::vec(any::<Index>(), 7), at_least: bool,
    ) {
        let vector = Vector::of(case.dtype, &case.codes);
        let sorted = order(vector.values(), case.first, case.rank, &case.given);
        let of_rows = groups_of(case.codes.len(), count);
        let groups = Groups::new(&of_rows, count, of_rows.len() as u64).unwrap();
        let source = ArrayPart::new(vector.values(), case.first).unwrap();
        let ranked = Ranked::Scores { source: &source, rank: case.rank };
        let of_group = |group: usize| -> Vec<usize> {
            sorted.iter().copied().filter(|&row| of_rows[row] as usize == group).collect()
        };
        let quotas: Vec<u64> =
            (0..count).map(|group| quotas[group].index(of_group(group).len() + 1) as u64).collect();
        case.given.with(0..of_rows.len(), |options| {
            let cuts = cuts_of_groups(&ranked, &groups, &quotas, options, &case.job()).unwrap();
            let best = (0..count).flat_map(|group| of_group(group)[..quotas[group] as usize].to_vec());
            case.check(&vector, Cuts::OfGroups(groups, &cuts), best.collect());
            let more: Vec<u64> = (0..count).map(|group| of_group(group).len() as u64 + u64::from(group == 0)).collect();
            let refused = cuts_of_groups(&ranked, &groups, &more, options, &case.job());
            assert!(matches!(refused, Err(Error::Value(message)) if message.contains("of group 0")));
            // Budgets of groups: what the quotas have, of rows of one length in each.
            let all: Vec<i32> = of_rows.iter().map(|&group| group as i32).collect();
            let lengths = Vector::of(DType::U32, &all);
            let budgets: Vec<u64> = quotas.iter().zip(0..).map(|(quota, group)| quota * group).collect();
            let found =
                cuts_of_group_weights(&ranked, &groups, &lengths.values(), &budgets, at_least, options, &case.job()).unwrap();
            for (group, (cut, total)) in found.iter().enumerate() {
                let (taken, sum) = within(&of_group(group), &all, budgets[group], at_least).unwrap();
                assert_eq!(*total, sum);
                let last = taken.checked_sub(1).map(|last| case.first + of_group(group)[last] as u64);
                assert_eq!(cut.map(|cut| cut.row), last);
            }
        });
    }

    #[test]
    fn a_cut_of_a_sample_means_its_rows(case in case(40_000), seed: u64) {
        let rows = case.first..case.first + case.codes.len() as u64;
        let sorted = sampled(case.codes.len(), case.first, seed, &case.given);
        let k = case.k.index(sorted.len() + 1);
        let plain = Given { min: None, max: None, ..case.given.clone() };
        plain.with(0..case.codes.len(), |options| {
            let ranked = Ranked::Population { rows: &rows, seed };
            let cut = cut_of(&ranked, k as u64, options, &case.job()).unwrap();
            let pieces = [Piece { ranked, options: options.clone(), cuts: Cuts::One(cut) }];
            for part in case.parts() {
                let run = case.first + part.start as u64..case.first + part.end as u64;
                let mut expected: Vec<i64> = sorted[..k].iter().filter(|row| part.contains(row))
                    .map(|&row| (case.first + row as u64).cast_signed()).collect();
                expected.sort_unstable();
                assert_eq!(rows_of(&pieces, &run, &case.job()).unwrap(), expected);
            }
        });
    }
}

/// The first rows that a budget has room for, one after the other, and what they add up to.
fn within(sorted: &[usize], lengths: &[i32], budget: u64, at_least: bool) -> Option<(usize, u64)> {
    let mut sum = 0;
    for (taken, &row) in sorted.iter().enumerate() {
        if at_least && sum >= budget {
            return Some((taken, sum));
        }
        let more = sum + lengths[row] as u64;
        if !at_least && more > budget {
            return Some((taken, sum));
        }
        sum = more;
    }
    (!at_least || sum >= budget).then_some((sorted.len(), sum))
}

#[test]
fn pieces_of_one_selection_come_ascending_and_have_no_row_in_common() {
    let scores: Vec<f32> = (0..50_000).map(|row| (row * 7919 % 23) as f32).collect();
    let (source, job) = (Values::F32(&scores), Job::new(2));
    // The best rows, of which those that tie at the cut are drawn.
    let better = Between::new(Some(crate::select::Number::Float(20.0)), None).unwrap();
    let at_cut =
        Between::new(Some(crate::select::Number::Float(19.0)), Some(crate::select::Number::Float(19.0)))
            .unwrap();
    let best = Ranked::Scores { source: &source, rank: RankBy::Score { largest: true } };
    let draw = RankBy::Draw { noise: Noise::Philox { seed: 4 }, temperature: 19.0 };
    let drawn = Ranked::Scores { source: &source, rank: draw };
    let options = |between| SelectOptions { between, ..SelectOptions::default() };
    let cut = cut_of(&drawn, 700, &options(at_cut), &job).unwrap();
    let piece = |ranked, between, cut| Piece { ranked, options: options(between), cuts: Cuts::One(cut) };
    let pieces = [piece(best, better, Some(Cut::ALL)), piece(drawn, at_cut, cut)];
    let found = rows_of(&pieces, &(0..50_000), &job).unwrap();
    let mut tied = order(
        source,
        0,
        draw,
        &Given {
            min: Some(crate::select::Number::Float(19.0)),
            max: Some(crate::select::Number::Float(19.0)),
            ..Given::plain(50_000)
        },
    );
    tied.truncate(700);
    let mut expected: Vec<i64> = (0..50_000).filter(|&row| scores[row as usize] > 19.0).collect();
    expected.extend(tied.iter().map(|&row| row as i64));
    expected.sort_unstable();
    assert_eq!(found, expected);
    let count: u64 = counts_by_part(&pieces, &[10, 20_000, 20_000, 50_000], &job).unwrap().iter().sum();
    assert_eq!(count, expected.len() as u64);
    let twice = [piece(best, better, Some(Cut::ALL)), piece(best, better, Some(Cut::ALL))];
    let error = rows_of(&twice, &(0..50_000), &job).unwrap_err();
    assert!(error.to_string().contains("is in two pieces of one selection"), "{error}");
}

#[test]
fn what_is_wrong_is_told_with_rows_of_the_whole() {
    let scores = [1.0_f32, f32::NAN, 3.0, 4.0];
    let source = ArrayPart::new(Values::F32(&scores), 100).unwrap();
    let (job, raise) = (Job::new(1), SelectOptions::default());
    let best = Ranked::Scores { source: &source, rank: RankBy::Score { largest: true } };
    let said = |error: Error| error.to_string();
    let error = said(cut_of(&best, 2, &raise, &job).unwrap_err());
    assert!(error.contains("1 of the scores is NaN, the first at row 101"), "{error}");
    let all = |options: &SelectOptions<'static>, cut| Piece {
        ranked: best,
        options: options.clone(),
        cuts: Cuts::One(cut),
    };
    let error = said(rows_of(&[all(&raise, Some(Cut::ALL))], &(100..104), &job).unwrap_err());
    assert!(error.contains("the first at row 101"), "{error}");
    assert_eq!(rows_of(&[all(&raise, Some(Cut::ALL))], &(102..104), &job).unwrap(), [102, 103]);
    for (start, end) in [(99, 101), (100, 105), (103, 102)] {
        let run = start..end;
        let error = said(rows_of(&[all(&raise, None)], &run, &job).unwrap_err());
        assert!(error.contains("the scores are those of rows 100 to 104"), "{error}");
    }
    let other = Some(Cut { sort_key: 1 << 32, row: 101 });
    let error = said(rows_of(&[all(&raise, other)], &(102..104), &job).unwrap_err());
    assert!(error.contains("it is a cut of scores of another type"), "{error}");
    for ends in [vec![99, 104], vec![103, 101], vec![105]] {
        assert!(matches!(counts_by_part(&[all(&raise, None)], &ends, &job), Err(Error::Index(_))));
    }
    let omit = SelectOptions { nan: Nan::Omit, ..SelectOptions::default() };
    let lengths = [5_i64, 6, -1, i64::MAX];
    let error =
        said(cut_of_weight(&best, &Values::I64(&lengths), i64::MAX as u64, false, &omit, &job).unwrap_err());
    assert!(error.contains("lengths[102] is -1; a length is at least 0 and below 2^63"), "{error}");
    // The row of a length that is none comes behind the budget.
    let (cut, total) = cut_of_weight(&best, &Values::I64(&lengths), 9, true, &omit, &job).unwrap();
    assert_eq!((cut.map(|cut| cut.row), total), (Some(103), i64::MAX as u64));
    let floats = cut_of_weight(&best, &Values::F32(&scores), 9, true, &omit, &job);
    assert!(matches!(floats, Err(Error::Type(_))));
    let few = cut_of_weight(&best, &Values::I64(&lengths[..2]), 9, true, &omit, &job);
    assert!(matches!(few, Err(Error::Value(_))));
    let numpy = RankBy::Draw { noise: Noise::Numpy { state: 1, increment: 1 }, temperature: 1.0 };
    let error = said(cut_of(&Ranked::Scores { source: &source, rank: numpy }, 1, &omit, &job).unwrap_err());
    assert!(error.contains("draw with noise=\"philox\""), "{error}");
    let large = RankBy::Draw { noise: Noise::Philox { seed: 1 }, temperature: 1e-310 };
    let error = said(cut_of(&Ranked::Scores { source: &source, rank: large }, 1, &omit, &job).unwrap_err());
    assert!(error.contains("the score of row 100 divided by"), "{error}");
}

#[test]
fn too_many_rows_are_the_error_of_top_k() {
    let scores = [1.0_f32, f32::NAN, 3.0, 4.0];
    let (source, job) = (Values::F32(&scores), Job::new(1));
    let best = Ranked::Scores { source: &source, rank: RankBy::Score { largest: true } };
    for exclude in [Exclude::Nothing, Exclude::rows(&[0], 4).unwrap()] {
        let options = SelectOptions { nan: Nan::Omit, exclude, ..SelectOptions::default() };
        for k in 3..6 {
            let expected = top_k(&source, &mut vec![0; k], true, &options, &job).err().map(|e| e.to_string());
            assert_eq!(cut_of(&best, k as u64, &options, &job).err().map(|e| e.to_string()), expected);
        }
    }
    let nothing = Values::F32(&[]);
    let none = Ranked::Scores { source: &nothing, rank: RankBy::Score { largest: true } };
    assert_eq!(cut_of(&none, 0, &SelectOptions::default(), &job).unwrap(), None);
    assert_eq!(whole(&nothing), 0..Source::len(&nothing));
}
