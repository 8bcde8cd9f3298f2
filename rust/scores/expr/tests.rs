//! Expressions (`eval`, `shared`), held against their values computed one by one, and the moments of vectors (`moments`).

use std::ops::{Add, Div, Mul, Sub};
use std::path::{Path, PathBuf};

use half::f16;
use proptest::prelude::*;
use proptest::sample::Index;

use super::kernels::Moments;
use super::moments::moments;
use super::*;
use crate::exec::job::Job;
use crate::scores::dtype::{Scratch, Value, Values};
use crate::scores::{OpenOptions, RawType};

/// Rows of a vector: more than are computed at once, and no multiple of them.
const LEN: usize = 1300;

/// A vector in files of its own, each with some of the values.
fn stored_in<T: Value>(folder: &Path, files: &[&[T]]) -> Scores {
    let write = |(number, values): (usize, &&[T])| {
        let path = folder.join(format!("{}-{number}", T::DTYPE.name()));
        std::fs::write(&path, T::wrap(values).as_bytes()).unwrap();
        path
    };
    let paths: Vec<_> = files.iter().enumerate().map(write).collect();
    let dtype = Some(RawType { dtype: T::DTYPE, swapped: false });
    Scores::open(&paths, &OpenOptions { dtype, ..OpenOptions::default() }).unwrap()
}

/// Values in the type that arithmetic on them has.
#[derive(Debug, Clone)]
enum Numbers {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Numbers {
    fn in_f64(&self) -> Vec<f64> {
        match self {
            Self::F32(values) => values.iter().copied().map(f64::from).collect(),
            Self::F64(values) => values.clone(),
        }
    }

    fn len(&self) -> usize {
        self.in_f64().len()
    }

    /// The same number in every row, in the type that it has beside these values.
    #[allow(clippy::cast_possible_truncation)] // as documented
    fn all(&self, number: f64) -> Self {
        match self {
            Self::F32(values) => Self::F32(vec![number as f32; values.len()]),
            Self::F64(values) => Self::F64(vec![number; values.len()]),
        }
    }

    fn slice(&self, rows: Range<usize>) -> Self {
        match self {
            Self::F32(values) => Self::F32(values[rows].to_vec()),
            Self::F64(values) => Self::F64(values[rows].to_vec()),
        }
    }

    fn negated(&self) -> Self {
        match self {
            Self::F32(values) => Self::F32(values.iter().map(|value| -value).collect()),
            Self::F64(values) => Self::F64(values.iter().map(|value| -value).collect()),
        }
    }

    fn with(&self, operator: Operator, right: &Self) -> Self {
        match (self, right) {
            (Self::F32(left), Self::F32(right)) => Self::F32(by_value(operator, left, right)),
            _ => Self::F64(by_value(operator, &self.in_f64(), &right.in_f64())),
        }
    }

    /// Nothing where no row can be standardized: the deviation is 0, or no number.
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // as documented
    fn standardized(&self, ddof: u64) -> Option<Self> {
        let all = self.in_f64();
        let count = all.len() as f64;
        // Of the differences from the first one, and of what their mean was rounded by.
        let first = all.first().copied().unwrap_or_default();
        let about = all.iter().map(|value| value - first).sum::<f64>() / count;
        let gaps: Vec<f64> = all.iter().map(|value| (value - first) - about).collect();
        let rest: f64 = gaps.iter().fold(0.0, |sum, gap| sum + gap);
        let squares = gaps.iter().fold(0.0, |sum, gap| sum + gap * gap) - rest * (rest / count);
        let squares = if squares < 0.0 { 0.0 } else { squares };
        let (mean, std) = (first + (about + rest / count), (squares / (count - ddof as f64)).sqrt());
        let is_constant = all.windows(2).all(|pair| pair[0].total_cmp(&pair[1]).is_eq());
        if !std.is_finite() || squares < 1e-280 || is_constant {
            return None;
        }
        let all = all.iter().map(|value| (value - mean) / std);
        Some(match self {
            Self::F32(_) => Self::F32(all.map(|value| value as f32).collect()),
            Self::F64(_) => Self::F64(all.collect()),
        })
    }

    /// What tells values apart: their type and bits. All NaN are the same.
    fn bits(&self) -> (bool, Vec<u64>) {
        let bits = |value: &f64| if value.is_nan() { u64::MAX } else { value.to_bits() };
        (matches!(self, Self::F32(_)), self.in_f64().iter().map(bits).collect())
    }
}

fn by_value<T>(operator: Operator, left: &[T], right: &[T]) -> Vec<T>
where
    T: Copy + Add<Output = T> + Sub<Output = T> + Mul<Output = T> + Div<Output = T>,
{
    let one = |row: usize| match operator {
        Operator::Add => left[row] + right[row],
        Operator::Subtract => left[row] - right[row],
        Operator::Multiply => left[row] * right[row],
        Operator::Divide => left[row] / right[row],
    };
    (0..left.len()).map(one).collect()
}

/// What is read from some rows, in the type that arithmetic has.
fn read(scores: &Scores, rows: Range<usize>) -> Numbers {
    let mut scratch = Scratch::default();
    let scores = scores.widened().unwrap();
    match scores.read(rows.start as u64..rows.end as u64, &mut scratch).unwrap() {
        Values::F32(values) => Numbers::F32(values.to_vec()),
        Values::F64(values) => Numbers::F64(values.to_vec()),
        other => panic!("{}", other.dtype()),
    }
}

/// A step of making an expression out of earlier ones.
#[derive(Debug, Clone)]
enum Step {
    Vectors(Operator, Index, Index),
    Right(Operator, Index, f64),
    Left(Operator, f64, Index),
    Negated(Index),
    Standardized(Index, u64),
    /// Without so many rows at the beginning and at the end.
    Sliced(Index, usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let operator = || {
        prop::sample::select(vec![Operator::Add, Operator::Subtract, Operator::Multiply, Operator::Divide])
    };
    let number = || prop::sample::select(vec![0.0, -1.5, 0.1, 3.0, 1e30]);
    let one = any::<Index>;
    prop_oneof![
        4 => (operator(), one(), one()).prop_map(|(operator, a, b)| Step::Vectors(operator, a, b)),
        2 => (operator(), one(), number()).prop_map(|(operator, a, number)| Step::Right(operator, a, number)),
        2 => (operator(), number(), one()).prop_map(|(operator, number, a)| Step::Left(operator, number, a)),
        1 => one().prop_map(Step::Negated),
        1 => (one(), 0..2_u64).prop_map(|(a, ddof)| Step::Standardized(a, ddof)),
        1 => (one(), 0..3_usize, 0..3_usize).prop_map(|(a, start, end)| Step::Sliced(a, start, end)),
    ]
}

/// Makes the next expression and its values, if there is one.
fn made(step: &Step, known: &[(Scores, Numbers)]) -> Option<(Scores, Numbers)> {
    let vector = |scores: &Scores| Operand::Scores(scores.clone());
    match step {
        Step::Vectors(operator, a, b) => {
            let ((a, left), (b, right)) = (a.get(known), b.get(known));
            let found = Scores::binary(*operator, vector(a), vector(b));
            if left.len() != right.len() {
                assert!(found.unwrap_err().to_string().contains("the vectors have different lengths"));
                return None;
            }
            Some((found.unwrap(), left.with(*operator, right)))
        }
        Step::Right(operator, a, number) => {
            let (a, left) = a.get(known);
            let scores = Scores::binary(*operator, vector(a), Operand::Number(*number)).unwrap();
            Some((scores, left.with(*operator, &left.all(*number))))
        }
        Step::Left(operator, number, a) => {
            let (a, right) = a.get(known);
            let scores = Scores::binary(*operator, Operand::Number(*number), vector(a)).unwrap();
            Some((scores, right.all(*number).with(*operator, right)))
        }
        Step::Negated(a) => {
            let (a, values) = a.get(known);
            Some((a.negated().unwrap(), values.negated()))
        }
        Step::Standardized(a, ddof) => {
            let (a, values) = a.get(known);
            let scores = a.zscore(*ddof).unwrap();
            let expected = values.standardized(*ddof);
            let prepared = scores.prepare(&Job::new(2));
            assert_eq!(prepared.is_ok(), expected.is_some(), "{prepared:?}");
            expected.map(|expected| (scores, expected))
        }
        Step::Sliced(a, start, end) => {
            let (a, values) = a.get(known);
            let rows = *start..values.len() - end;
            let scores = a.slice(rows.start as u64..rows.end as u64).unwrap();
            Some((scores, values.slice(rows)))
        }
    }
}

/// Values that someone else holds.
fn held<T: Value>(values: &[T]) -> Scores {
    let bytes = T::wrap(values).as_bytes();
    Scores::of_held(HeldVector::new(bytes.to_vec().into(), T::DTYPE, None).unwrap())
}

/// Vectors of four types, in files and in memory, with the values that arithmetic on them has.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // small numbers
fn vectors(folder: &Path) -> Vec<(Scores, Numbers)> {
    let number = |row: usize, step: usize| ((row * step) % 613) as f32 / 7.0 - 40.0;
    let single: Vec<f32> = (0..LEN).map(|row| number(row, 7919)).collect();
    let double: Vec<f64> = (0..LEN).map(|row| f64::from(number(row, 104_729)) / 3.0).collect();
    let half: Vec<f16> = (0..LEN).map(|row| f16::from_f32(number(row, 15_485_863))).collect();
    let whole: Vec<i32> = (0..LEN).map(|row| (row * 31 % 11) as i32 - 5).collect();
    vec![
        (stored_in(folder, &[&single[..500], &single[500..]]), Numbers::F32(single.clone())),
        (stored_in(folder, &[&double]), Numbers::F64(double.clone())),
        (stored_in(folder, &[&half]), Numbers::F32(half.iter().map(|value| value.to_f32()).collect())),
        (stored_in(folder, &[&whole]), Numbers::F64(whole.iter().copied().map(f64::from).collect())),
        (held(&single), Numbers::F32(single)),
        (held(&whole), Numbers::F64(whole.into_iter().map(f64::from).collect())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn values_are_those_computed_one_by_one(steps in prop::collection::vec(step(), 1..14), from in 0..LEN) {
        let folder = tempfile::tempdir().unwrap();
        let mut known = vectors(folder.path());
        for step in &steps {
            known.extend(made(step, &known));
        }
        for (scores, values) in &known {
            let len = values.len();
            prop_assert_eq!(scores.len(), len as u64);
            for rows in [0..len, from.min(len)..len, len / 2..(len / 2 + 300).min(len), len..len] {
                prop_assert_eq!(read(scores, rows.clone()).bits(), values.slice(rows).bits());
            }
        }
    }
}

#[test]
fn rows_that_a_vector_does_not_have_are_neither_cut_nor_read() {
    let folder = tempfile::tempdir().unwrap();
    let scores = stored_in(folder.path(), &[&[1_f32, 2.0, 3.0]]).negated().unwrap();
    let mut scratch = Scratch::default();
    assert!(matches!(scores.read(1..4, &mut scratch), Err(Error::Internal(_))));
    for rows in [0..4, 4..4, u64::MAX - 1..u64::MAX] {
        let said = scores.slice(rows.clone()).unwrap_err().to_string();
        assert_eq!(said, format!("rows {} to {} of a vector of 3 rows", rows.start, rows.end));
    }
    let number = || Operand::Number(1.0);
    let said = Scores::binary(Operator::Add, number(), number()).unwrap_err().to_string();
    assert_eq!(said, "an expression over scores needs at least one vector");
}

#[test]
fn values_in_memory_are_read_where_they_lie_and_told_by_what_was_given() {
    let folder = tempfile::tempdir().unwrap();
    let values: Vec<i64> = (0..10).collect();
    let given = HeldVector::new(i64::wrap(&values).as_bytes().to_vec().into(), DType::I64, None).unwrap();
    let at = given.values().unwrap().as_bytes().as_ptr();
    let scores = Scores::of_held(given);
    let cut = scores.slice(2..9).unwrap().slice(1..3).unwrap();
    assert_eq!(cut.borrow_all().unwrap().as_bytes().as_ptr(), at.wrapping_add(3 * 8));
    assert_eq!(cut.place_of(1).unwrap(), (PathBuf::new(), 4));
    assert!(!scores.is_computed() && !scores.is_mapped() && scores.paths().is_empty());
    let file = stored_in(folder.path(), &[&values[..]]);
    let both = Scores::binary(Operator::Add, Operand::Scores(file), Operand::Scores(scores.clone())).unwrap();
    assert!(!both.is_mapped() && both.is_computed());
    assert_eq!((both.paths().len(), both.held().len()), (1, 1));
    assert!(both.describe_leaves().ends_with(" and an array in memory"), "{}", both.describe_leaves());
    // Bytes that are no whole values are a defect, and rows that are not there too.
    assert!(matches!(HeldVector::new(vec![0; 9].into(), DType::I64, None), Err(Error::Internal(_))));
    assert!(scores.read(5..11, &mut Scratch::default()).is_err());
    assert!(matches!(scores.slice(5..11), Err(Error::Index(_))));
}

#[test]
fn an_operation_is_counted_once_and_not_more_than_two_hundred_are_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut doubled = stored_in(folder.path(), &[&[1_f64, -0.5]]);
    for power in 1..=MAX_OPERATIONS {
        let operand = || Operand::Scores(doubled.clone());
        doubled = Scores::binary(Operator::Add, operand(), operand()).unwrap();
        if power % 50 == 0 {
            let power = i32::try_from(power).unwrap();
            let expected = Numbers::F64(vec![2_f64.powi(power), -(2_f64.powi(power - 1))]);
            assert_eq!(read(&doubled, 0..2).bits(), expected.bits());
        }
    }
    let said = doubled.negated().unwrap_err().to_string();
    assert!(said.starts_with("an expression of more than 200 operations over scores"), "{said}");
}

#[test]
fn integers_that_are_not_floats_are_refused_by_their_file_and_row() {
    let folder = tempfile::tempdir().unwrap();
    let beyond = (1_i64 << 53) + 1;
    let scores = stored_in(folder.path(), &[&[1, 2, 3][..], &[4, beyond, -beyond]]);
    let cut = scores.slice(2..6).unwrap();
    let add =
        |left: &Scores, right: Operand| Scores::binary(Operator::Add, Operand::Scores(left.clone()), right);
    let double = add(&cut, Operand::Number(0.0)).unwrap();
    for computed in [
        double.clone(),
        add(&double, Operand::Scores(double.clone())).unwrap(),
        add(&double, Operand::Scores(cut.clone())).unwrap(),
        double.slice(1..4).unwrap(),
    ] {
        let said = computed.read(0..computed.len(), &mut Scratch::default()).unwrap_err().to_string();
        let place = format!("int64-1: at row 1: the score {beyond} is not exactly a float64");
        assert!(said.contains(&place), "{said}");
    }
    assert_eq!(read(&double, 0..2).in_f64().len(), 2, "the rows before it are computed");
    assert!(cut.read(0..4, &mut Scratch::default()).is_ok(), "as they are, they are read");
}

#[test]
fn an_expression_knows_its_files_and_where_a_row_lies() {
    let folder = tempfile::tempdir().unwrap();
    let single = stored_in(folder.path(), &[&[1_f32, 2.0][..], &[3.0]]);
    let double = stored_in(folder.path(), &[&[1_f64, 2.0, 3.0]]);
    let both = Scores::binary(
        Operator::Subtract,
        Operand::Scores(single.negated().unwrap()),
        Operand::Scores(double.clone()),
    );
    let both =
        Scores::binary(Operator::Divide, Operand::Scores(both.unwrap()), Operand::Scores(single.clone()));
    let both = both.unwrap();
    let names: Vec<_> = both.paths().iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names, ["float32-0", "float32-1", "float64-0"], "each once, in the order of the expression");
    assert!(both.is_computed() && both.is_mapped() && !single.is_computed());
    assert_eq!(both.dtype(), DType::F64);
    let place = |scores: &Scores, row| {
        let (path, row) = scores.place_of(row).unwrap();
        (path.file_name().unwrap().to_owned(), row)
    };
    assert_eq!(place(&single, 1), ("float32-0".into(), 1));
    assert_eq!(place(&single, 2), ("float32-1".into(), 0));
    assert_eq!(place(&single.slice(1..3).unwrap(), 1), ("float32-1".into(), 0));
    assert_eq!(place(&both, 2), ("float32-0".into(), 2), "a row of several files is that of the expression");
    let other = stored_in(folder.path(), &[&[1_i8, 2]]);
    let said = Scores::binary(Operator::Add, Operand::Scores(both), Operand::Scores(other));
    let said = said.unwrap_err().to_string();
    assert!(said.contains("float32-0 and 2 more and 2 rows in"), "{said}");
    assert!(said.contains("int8-0; scores of the same rows are needed"), "{said}");
}

#[test]
#[allow(clippy::cast_precision_loss)] // sums that float64 holds exactly
fn moments_of_many_blocks_do_not_depend_on_threads() {
    let number = |row: u32| f64::from(row * 7919 % 1009) - 300.0;
    let values: Vec<f64> = (0..100_000).map(number).collect();
    let source = Values::F64(&values);
    let found = moments(&source, 1, &Job::new(1)).unwrap();
    for threads in 2..=4 {
        let again = moments(&source, 1, &Job::new(threads)).unwrap();
        let bits = |moments: Moments| (moments.mean.to_bits(), moments.std.to_bits());
        assert_eq!(bits(again), bits(found), "{threads} threads");
    }
    // All sums are whole numbers: those of the definition are exact.
    let (sum, squares) = values.iter().fold((0.0, 0.0), |(sum, squares), v| (sum + v, squares + v * v));
    let count = values.len() as f64;
    let std = ((squares - sum * sum / count) / (count - 1.0)).sqrt();
    assert!((found.mean / (sum / count) - 1.0).abs() < 1e-12, "{}", found.mean);
    assert!((found.std / std - 1.0).abs() < 1e-12, "{}", found.std);
}

#[test]
fn rows_without_a_deviation_are_refused_with_why() {
    let refused = |values: &[f64], said: &str| {
        let found = moments(&Values::F64(values), 0, &Job::new(1)).unwrap_err().to_string();
        assert!(found.contains(said), "{found}");
    };
    // The mean of tenths is rounded, so that none of them is the mean.
    refused(&[0.1; 3], "zscore of 3 rows that are all 0.1: the standard deviation is 0");
    let mut values = vec![1.0; 70_000];
    values[66_000] = f64::NAN;
    values[69_000] = f64::INFINITY;
    refused(
        &values,
        "the standard deviation is NaN, because a score is NaN or infinite, the first at row 66000",
    );
    refused(&[f64::NEG_INFINITY; 2], "the first at row 0");
    refused(&[1e200, -1e200], "they lie so far apart");
    refused(&[1e-200, 2e-200], "they differ so little");
    refused(&[], "zscore of no rows");
    let folder = tempfile::tempdir().unwrap();
    let two = stored_in(folder.path(), &[&[1_f32, 2.0]]);
    let said = two.zscore(2).unwrap_err().to_string();
    assert_eq!(said, "zscore of 2 rows with ddof=2; more than 2 rows are needed");
    assert_eq!(two.zscore(1).unwrap().dtype(), DType::F32);
}
