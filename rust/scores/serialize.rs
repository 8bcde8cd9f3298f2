//! A vector as the files and operations that it is made by, to be made again elsewhere: what pickling needs.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Source;
use super::expr::{HeldVector, Node, Operand, Operator, Scores};
use super::options::OpenOptions;
use crate::checked;
use crate::error::{Error, Result};
use crate::exec::job::Job;
use crate::io::identity::{FileIdentity, Pinned};

/// One step of making a vector. Vectors that it needs are those of earlier steps, by their number.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum RebuildStep {
    /// Rows `start` to `end` of files.
    Open {
        files: Vec<Pinned>,
        options: OpenOptions,
        start: u64,
        end: u64,
    },
    /// Values in memory, by their number among those that go with the text.
    Held {
        number: usize,
        /// The row of the array with which they begin.
        #[serde(default, skip_serializing_if = "is_zero")]
        start: u64,
    },
    Binary {
        operator: Operator,
        left: RebuildInput,
        right: RebuildInput,
    },
    Negated {
        of: usize,
    },
    Widened {
        of: usize,
    },
    Standardized {
        of: usize,
        ddof: u64,
    },
    Slice {
        of: usize,
        start: u64,
        end: u64,
    },
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A vector by the number of its step, or a number by its bits, which no text rounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum RebuildInput {
    Step(usize),
    Number(u64),
}

/// What a vector is made by, as far as it is known.
#[derive(Default)]
struct Description {
    steps: Vec<RebuildStep>,
    held: Vec<HeldVector>,
    /// The number of the step that makes each part.
    known: HashMap<*const Node, usize>,
}

/// What opens a vector again.
#[derive(Debug, Clone)]
pub struct OpenedAs {
    /// The files in their order.
    pub files: Vec<PathBuf>,
    /// How they were opened.
    pub options: OpenOptions,
    /// The rows at the beginning that it is, if it is not all.
    pub rows: Option<u64>,
}

impl Scores {
    /// The files it is read from, as [`Scores::paths`] has them, as they were when they were opened.
    ///
    /// # Errors
    ///
    /// [`Error::SourceChanged`] for a file that changed since; what reading its ends fails with.
    pub fn identities(&self) -> Result<Vec<FileIdentity>> {
        let mut found = Vec::new();
        self.each_stored(&mut |stored| found.push(stored.identities()));
        let mut vectors: Vec<Vec<FileIdentity>> = Vec::new();
        for files in found {
            let files = files?;
            if !vectors.contains(&files) {
                vectors.push(files);
            }
        }
        Ok(vectors.concat())
    }

    /// How the vector was opened, if it is files and nothing else: from their first row on, and how many rows of them
    /// if it is not all.
    pub fn opened_as(&self) -> Option<OpenedAs> {
        // Proof: what is computed, and what begins at another row, is not files and nothing else.
        let Node::Stored(stored) = self.node() else { return None };
        // Proof: as above.
        let (options, 0) = stored.origin()? else { return None };
        let files = stored.files().iter().map(|file| file.path().to_owned()).collect();
        Some(OpenedAs {
            files,
            options: options.clone(),
            rows: (self.len() < stored.rows_of_files()).then(|| self.len()),
        })
    }

    /// How the vector is made, as text that [`Scores::rebuild`] makes it from with the vectors in memory that it is
    /// computed from.
    ///
    /// # Errors
    ///
    /// As [`Scores::identities`]; [`Error::Value`] for the path of a file that is not UTF-8.
    pub fn describe(&self) -> Result<(String, Vec<HeldVector>)> {
        let mut made = Description::default();
        self.add_steps(&mut made)?;
        let text = serde_json::to_string(&made.steps).map_err(|e| {
            Error::Value(format!("scores whose files have names that are not UTF-8 cannot be pickled: {e}"))
        })?;
        Ok((text, made.held))
    }

    /// Adds what makes this vector, each part of it once, and gives the number of the last step.
    fn add_steps(&self, made: &mut Description) -> Result<usize> {
        // The handles of an expression live as long as this call, so that no address is used twice.
        let address: *const Node = self.node();
        if let Some(&step) = made.known.get(&address) {
            return Ok(step);
        }
        let mut input = |operand: &Operand| match operand {
            Operand::Scores(scores) => scores.add_steps(made).map(RebuildInput::Step),
            Operand::Number(number) => Ok(RebuildInput::Number(number.to_bits())),
        };
        let step = match self.node() {
            Node::Stored(stored) => {
                let (options, start) = stored
                    .origin()
                    .ok_or_else(|| Error::Internal("a vector does not know how it was opened".to_owned()))?;
                let end = checked::add(start, self.len())?;
                let mut files = stored.identities()?;
                for file in &mut files {
                    file.path = std::path::absolute(&file.path)
                        .map_err(|e| Error::io(&file.path, "finding its whole path", e))?;
                }
                RebuildStep::Open { files: Pinned::all(files), options: options.clone(), start, end }
            }
            Node::Held(held) => {
                made.held.push(held.clone());
                RebuildStep::Held { number: made.held.len() - 1, start: held.start() }
            }
            Node::Binary { operator, left, right } => {
                let left = input(left)?;
                RebuildStep::Binary { operator: *operator, left, right: input(right)? }
            }
            Node::Negated(of) => RebuildStep::Negated { of: of.add_steps(made)? },
            Node::Widened(of) => RebuildStep::Widened { of: of.add_steps(made)? },
            Node::Standardized { of, ddof, .. } => {
                RebuildStep::Standardized { of: of.add_steps(made)?, ddof: *ddof }
            }
            Node::Slice { of, start } => {
                let end = checked::add(*start, self.len())?;
                RebuildStep::Slice { of: of.add_steps(made)?, start: *start, end }
            }
        };
        made.steps.push(step);
        made.known.insert(address, made.steps.len() - 1);
        Ok(made.steps.len() - 1)
    }

    /// The vector that [`Scores::describe`] told of, from the same files and the values in memory that went with it.
    ///
    /// # Errors
    ///
    /// [`Error::SourceChanged`] for a file that is no longer what it was; what opening files fails with;
    /// [`Error::Value`] for a text of another origin.
    pub fn rebuild(text: &str, held: &[HeldVector], job: &Job<'_>) -> Result<Self> {
        let steps: Vec<RebuildStep> = serde_json::from_str(text)
            .map_err(|e| Error::Value(format!("this does not tell how scores are made: {e}")))?;
        let mut made: Vec<Self> = Vec::with_capacity(steps.len());
        for step in steps {
            let next = step.make(&made, held, job)?;
            made.push(next);
        }
        made.pop().ok_or_else(|| Error::Value("this tells of no scores".to_owned()))
    }
}

impl RebuildStep {
    fn make(self, made: &[Scores], held: &[HeldVector], job: &Job<'_>) -> Result<Scores> {
        let of = |step: usize| {
            let found = made.get(step);
            found.ok_or_else(|| Error::Value("this does not tell how scores are made".to_owned()))
        };
        let input = |input: RebuildInput| match input {
            RebuildInput::Step(step) => of(step).cloned().map(Operand::Scores),
            RebuildInput::Number(bits) => Ok(Operand::Number(f64::from_bits(bits))),
        };
        match self {
            Self::Open { files, options, start, end } => {
                job.run_one(|| Pinned::check_all(&files))?;
                let paths: Vec<_> = files.into_iter().map(Pinned::into_path).collect();
                Scores::open_in(job, &paths, &options)?.slice(start..end)
            }
            Self::Held { number, start } => {
                let found = held.get(number).cloned().map(|held| held.starting_at(start));
                let absent =
                    || Error::Value("values in memory that this tells of are not with it".to_owned());
                found.map(Scores::of_held).ok_or_else(absent)
            }
            Self::Binary { operator, left, right } => Scores::binary(operator, input(left)?, input(right)?),
            Self::Negated { of: step } => of(step)?.negated(),
            Self::Widened { of: step } => of(step)?.widened(),
            Self::Standardized { of: step, ddof } => of(step)?.zscore(ddof),
            Self::Slice { of: step, start, end } => of(step)?.slice(start..end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dtype::{DType, Scratch, Value};
    use super::super::options::RawType;
    use super::*;

    fn opened<T: Value>(folder: &std::path::Path, values: &[T]) -> Scores {
        let path = folder.join(T::DTYPE.name());
        std::fs::write(&path, T::wrap(values).as_bytes()).unwrap();
        let dtype = Some(RawType { dtype: T::DTYPE, swapped: false });
        Scores::open(&[path], &OpenOptions { dtype, ..OpenOptions::default() }).unwrap()
    }

    fn bytes(scores: &Scores) -> (DType, Vec<u8>) {
        let mut scratch = Scratch::default();
        (scores.dtype(), scores.read(0..scores.len(), &mut scratch).unwrap().as_bytes().to_vec())
    }

    #[test]
    fn what_was_described_is_made_again_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let single = opened(folder.path(), &[1.5_f32, -0.0, 3.25, 1e30, 7.0]);
        let double = opened(folder.path(), &[0.1_f64, 2.0, -3.0, 1e-300, 0.7]);
        let with = |operator, left: &Scores, right: &Scores| {
            Scores::binary(operator, Operand::Scores(left.clone()), Operand::Scores(right.clone())).unwrap()
        };
        let number = |operator, number, right: &Scores| {
            Scores::binary(operator, Operand::Number(number), Operand::Scores(right.clone())).unwrap()
        };
        let sum = with(Operator::Add, &single, &double);
        let values = bytemuck::cast_slice(&[0.25_f32, -1.0, f32::INFINITY, 3.0, -0.0]).to_vec();
        let held = Scores::of_held(HeldVector::new(values.into(), DType::F32, None).unwrap());
        let shared = with(Operator::Multiply, &held, &single);
        let all = [
            held.slice(2..4).unwrap(),
            with(Operator::Add, &single.slice(1..3).unwrap(), &held.slice(2..4).unwrap()),
            single.zscore(0).unwrap().slice(2..4).unwrap(),
            with(Operator::Add, &shared, &with(Operator::Subtract, &shared, &held.slice(0..5).unwrap())),
            single.clone(),
            single.slice(1..4).unwrap(),
            single.slice(1..4).unwrap().slice(1..2).unwrap(),
            single.negated().unwrap(),
            double.zscore(1).unwrap(),
            number(Operator::Multiply, 0.1 + 0.2, &double),
            number(Operator::Add, -0.0, &single),
            number(Operator::Subtract, f64::NAN, &single),
            with(Operator::Divide, &sum, &sum.negated().unwrap()),
            sum.slice(2..5).unwrap(),
            opened(folder.path(), &[half::bf16::from_f32(2.5)]).widened().unwrap(),
        ];
        for scores in all {
            let (text, held) = scores.describe().unwrap();
            let again = Scores::rebuild(&text, &held, &Job::new(1)).unwrap();
            assert_eq!(bytes(&again), bytes(&scores), "{text}");
            assert_eq!(again.first_row(), scores.first_row(), "{text}");
            let (same, values) = again.describe().unwrap();
            assert_eq!((same, values.len()), (text, held.len()));
        }
    }

    #[test]
    fn what_is_used_twice_is_described_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut doubled = opened(folder.path(), &[1_f32]);
        for _ in 0..100 {
            let operand = || Operand::Scores(doubled.clone());
            doubled = Scores::binary(Operator::Add, operand(), operand()).unwrap();
        }
        let steps: Vec<RebuildStep> = serde_json::from_str(&doubled.describe().unwrap().0).unwrap();
        assert_eq!(steps.len(), 101);
        assert_eq!(doubled.identities().unwrap().len(), 1);
    }

    #[test]
    fn texts_of_another_origin_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (text, _) = opened(folder.path(), &[1_f32]).negated().unwrap().describe().unwrap();
        // Its first step is named by 0: one that comes later, or itself, is not made yet.
        let later = text.replace("{\"of\":0}", "{\"of\":1}");
        assert_ne!(later, text);
        for (wrong, said) in [
            ("", "this does not tell how scores are made: EOF"),
            ("{}", "this does not tell how scores are made: invalid type"),
            ("[{\"Sum\":{}}]", "this does not tell how scores are made: unknown variant"),
            ("[]", "this tells of no scores"),
            ("[{\"Held\":{\"number\":0}}]", "values in memory that this tells of are not with it"),
            (later.as_str(), "this does not tell how scores are made"),
        ] {
            let error = Scores::rebuild(wrong, &[], &Job::new(1)).unwrap_err();
            assert!(matches!(error, Error::Value(_)) && error.to_string().starts_with(said), "{error}");
        }
        // The file is another one by now.
        let path = folder.path().join("float32");
        std::fs::write(&path, [0; 8]).unwrap();
        let error = Scores::rebuild(&text, &[], &Job::new(1)).unwrap_err();
        assert!(matches!(error, Error::SourceChanged(_)), "{error}");
    }
}
