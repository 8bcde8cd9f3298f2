//! Expressions in which an operation is used more than once: it is computed once for a run of rows.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::exact::check_exact;
use super::kernels::{Base, Step, compute};
use super::{Node, Operand, Scores, address};
use crate::checked;
use crate::error::Result;
use crate::exec::job::Job;
use crate::scores::Source;
use crate::scores::dtype::{DType, Scratch, Values};
use crate::scores::float::{Float, convert};

/// Rows that are computed at once: what is kept of all operations then takes a megabyte or two.
const ROWS: usize = 1024;

/// Computes `rows` of an expression.
pub(crate) fn read<F: Float>(scores: &Scores, rows: &Range<u64>, out: &mut [F]) -> Result<()> {
    let mut start = rows.start;
    for out in out.chunks_mut(ROWS) {
        let end = checked::add(start, out.len() as u64)?;
        let mut run =
            RunEvaluation { rows: start..end, shared: &scores.operations().shared, done: HashMap::new() };
        run.fill(scores, 0, out)?;
        start = end;
    }
    Ok(())
}

/// A run of rows.
struct RunEvaluation<'e> {
    rows: Range<u64>,
    shared: &'e HashSet<usize>,
    /// The values of what is used more than once, by its address, how far its rows lie ahead, and the bytes of a value.
    done: HashMap<(usize, u64, usize), Vec<u8>>,
}

impl RunEvaluation<'_> {
    /// The values of a vector, whose rows lie so far ahead of those of the run.
    fn fill<F: Float>(&mut self, scores: &Scores, ahead: u64, out: &mut [F]) -> Result<()> {
        if !self.shared.contains(&address(scores)) {
            return self.compute(scores, ahead, out);
        }
        let key = (address(scores), ahead, size_of::<F>());
        if let Some(known) = self.done.get(&key) {
            checked::equal("bytes of values", known.len(), size_of_val(out))?;
            bytemuck::cast_slice_mut(out).copy_from_slice(known);
            return Ok(());
        }
        self.compute(scores, ahead, out)?;
        self.done.insert(key, bytemuck::cast_slice(out).to_vec());
        Ok(())
    }

    fn compute<F: Float>(&mut self, scores: &Scores, ahead: u64, out: &mut [F]) -> Result<()> {
        let same = scores.dtype() == F::DTYPE;
        match scores.node() {
            Node::Stored(_) | Node::Held(_) => {
                let rows = checked::add(self.rows.start, ahead)?..checked::add(self.rows.end, ahead)?;
                let mut scratch = Scratch::default();
                let values = scores.read(rows.clone(), &mut scratch)?;
                check_exact(scores, &rows, values)?;
                convert(values, out)
            }
            Node::Slice { of, start } => self.fill(of, checked::add(ahead, *start)?, out),
            Node::Widened(of) if same => self.fill(of, ahead, out),
            Node::Negated(of) if same => {
                self.fill(of, ahead, out)?;
                compute(out, &Base::InPlace, &[Step::Negate])
            }
            Node::Standardized { of, ddof, moments } if same => {
                self.fill(of, ahead, out)?;
                let moments = moments.get_or_compute(of, *ddof, &Job::new(1))?;
                compute(out, &Base::InPlace, &[Step::Standardize(moments)])
            }
            Node::Binary { operator, left, right } if same => {
                let base = match left {
                    Operand::Number(number) => Base::Number(F::of_f64(*number)),
                    Operand::Scores(left) => {
                        self.fill(left, ahead, out)?;
                        Base::InPlace
                    }
                };
                match right {
                    Operand::Number(number) => {
                        compute(out, &base, &[Step::Number(*operator, F::of_f64(*number))])
                    }
                    Operand::Scores(right) => {
                        let mut values = vec![F::of_f64(0.0); out.len()];
                        self.fill(right, ahead, &mut values)?;
                        compute(out, &base, &[Step::Values(*operator, &values)])
                    }
                }
            }
            // Of the other type, in which it is computed before it is converted.
            _ if scores.dtype() == DType::F32 => {
                let mut values = vec![0_f32; out.len()];
                self.fill(scores, ahead, &mut values)?;
                convert(Values::F32(&values), out)
            }
            _ => {
                let mut values = vec![0_f64; out.len()];
                self.fill(scores, ahead, &mut values)?;
                convert(Values::F64(&values), out)
            }
        }
    }
}
