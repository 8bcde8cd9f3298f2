//! Searches that are misled, that have little memory, and that are spread over parts.

use proptest::prelude::*;
use proptest::sample::Index;

use super::oracle_tests::{Given, Vector, codes, order, rank};
use crate::error::Result;
use crate::exec::job::Job;
use crate::scores::{ArrayPart, DType, Source, Values};
use crate::select::SelectOptions;
use crate::select::candidates::entry::Entry;
use crate::select::cut::goal::{Goal, Limits};
use crate::select::cut::lane::{Lane, Outcome};
use crate::select::cut::place::Rows;
use crate::select::cut::search::Search;
use crate::select::cut::weights::Weights;
use crate::select::cut::{Cut, KeyHistogram, NextStep, Ranked, cut_of, cut_of_weight, histogram_of};
use crate::select::pass::ranker::{Ranker, Visit};

/// A search that begins between entries that are no estimate.
struct Misled<'a>(Search<'a>, (Cut, Cut));

impl Visit for Misled<'_> {
    type Output = Option<Outcome>;

    fn visit<E: Entry>(&self, ranker: &dyn Ranker<E>) -> Result<Option<Outcome>> {
        let Self(search, between) = self;
        let (found, _) = search.narrowed(ranker, vec![Lane::new(search.goal.targets[0], *between)])?;
        Ok(found[0])
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn searches_end_right_wherever_they_begin_and_whatever_they_keep(
        codes in codes(20_000), rank in rank(), double: bool, k: Index, kept in 0..70_usize, bucket_bits in 1..15_u32,
        ends in (any::<Index>(), any::<Index>()), outside in 0..4_u8, weighted: bool, threads in 1..4_usize,
    ) {
        let given = Given::plain(codes.len());
        let vector = Vector::of(if double { DType::F64 } else { DType::F32 }, &codes);
        let source = vector.values();
        let sorted = order(source, 0, rank, &given);
        prop_assume!(!sorted.is_empty());
        let ranked = Ranked::Scores { source: &source, rank };
        let (job, options) = (Job::new(threads), SelectOptions { nan: crate::select::Nan::Omit, ..SelectOptions::default() });
        // Entries that there are, or may not be: before all, behind all, and any two.
        let entry = |index: Index| cut_of(&ranked, 1 + index.index(sorted.len()) as u64, &options, &job).unwrap().unwrap();
        let (one, other) = (entry(ends.0), entry(ends.1));
        let between = match outside {
            0 => (Cut::FIRST, Cut::FIRST),
            1 => (Cut::ALL, Cut::ALL),
            _ => (one.min(other), one.max(other)),
        };
        let lengths: Vec<u8> = (0..codes.len()).map(|row| (row % 3) as u8).collect();
        let rows = Rows { first: 0, len: codes.len() as u64 };
        let lengths = Values::U8(&lengths);
        let weights = Weights::new(&lengths, rows).unwrap();
        let target = 1 + k.index(sorted.len()) as u64;
        let goal = Goal {
            limits: Limits { bucket_bits, kept },
            ..Goal::new(&ranked, None, weighted.then_some(&weights), vec![target]).unwrap()
        };
        let search = Search { goal: &goal, ranked: &ranked, options: &options, job: &job };
        let found = ranked.visit(&options, &Misled(search, between), &job).unwrap().unwrap();
        let mut sum = 0;
        let mut expected = None;
        for (at, &row) in sorted.iter().enumerate() {
            let weight = if weighted { row as u64 % 3 } else { 1 };
            if sum + weight >= target {
                expected = Some((row as u64, weight, sum, at.checked_sub(1).map(|at| sorted[at] as u64)));
                break;
            }
            sum += weight;
        }
        match (found, expected) {
            (Outcome::Reached { cut, weight, before, previous }, Some(expected)) => {
                prop_assert_eq!((cut.row, weight, before), (expected.0, expected.1, expected.2));
                prop_assert!(!weighted || previous.map(|cut| cut.row) == expected.3);
            }
            (Outcome::NotReached { total, rows, last }, None) => {
                prop_assert_eq!((total, rows), (sum, sorted.len() as u64));
                prop_assert_eq!(last.map(|cut| cut.row), sorted.last().map(|&row| row as u64));
            }
            (found, expected) => prop_assert!(false, "{:?} {:?}", found, expected),
        }
    }

    #[test]
    fn histograms_of_parts_merge_to_the_cut_of_the_whole(
        codes in codes(20_000), rank in rank(), k: Index, cut: Index, bits in 1..12_u32, weighted: bool,
    ) {
        let vector = Vector::of(DType::F32, &codes);
        let whole = vector.values();
        let sorted = order(whole, 0, rank, &Given::plain(codes.len()));
        prop_assume!(!sorted.is_empty());
        let (job, options) = (Job::new(2), SelectOptions { nan: crate::select::Nan::Omit, ..SelectOptions::default() });
        let at = cut.index(codes.len() + 1);
        let lengths: Vec<u8> = (0..codes.len()).map(|row| 1 + (row % 3) as u8).collect();
        let parts = [0..at, at..codes.len()];
        let sources = parts.clone().map(|part| ArrayPart::new(whole.slice(part.clone()), part.start as u64).unwrap());
        let target = 1 + k.index(sorted.len()) as u64;
        let mut between = (Cut::FIRST, Cut::ALL);
        loop {
            let empty = KeyHistogram::new(between, codes.len() as u64, bits).unwrap();
            let mut all = empty.clone();
            for (source, part) in sources.iter().zip(&parts) {
                let lengths = Values::U8(&lengths[part.clone()]);
                let lengths: Option<&dyn Source> = if weighted { Some(&lengths) } else { None };
                let ranked = Ranked::Scores { source, rank };
                let counted = histogram_of(&ranked, lengths, &empty, &options, &job).unwrap();
                let text = serde_json::to_string(&counted).unwrap();
                all.merge(&serde_json::from_str(&text).unwrap()).unwrap();
            }
            prop_assert!(all.merge(&KeyHistogram::new((Cut::ALL, Cut::ALL), 1, bits).unwrap()).is_err());
            let NextStep::Within(low, high) = all.find(target).unwrap() else { panic!("{target}") };
            if low == high {
                between = (low, high);
                break;
            }
            between = (low, high);
        }
        let ranked = Ranked::Scores { source: &whole, rank };
        let expected = if weighted {
            cut_of_weight(&ranked, &Values::U8(&lengths), target, true, &options, &job).unwrap().0
        } else {
            cut_of(&ranked, target, &options, &job).unwrap()
        };
        prop_assert_eq!(Some(between.0), expected);
    }
}
