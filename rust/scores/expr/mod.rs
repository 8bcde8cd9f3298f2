//! One vector of scores, stored or computed: what opening files gives, and arithmetic on it.
//!
//! An expression is computed a block at a time and never stored.

mod eval;
mod exact;
mod first_row;
mod held;
mod kernels;
mod leaves;
mod moments;
mod shared;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use self::first_row::FirstRow;
pub use self::held::HeldVector;
pub use self::kernels::Operator;
use self::moments::LazyMoments;
use crate::checked;
use crate::error::{Error, Result};
use crate::scores::Source;
use crate::scores::dtype::DType;
use crate::scores::vector::stored::StoredVector;

/// Operations that one expression may have, each counted once; reading recurses so deep.
pub(crate) const MAX_OPERATIONS: u32 = 200;

/// One score per row: a vector in files or in memory, or an expression over vectors that is computed when read.
///
/// A clone is another handle of the same vector.
#[derive(Debug, Clone)]
pub struct Scores {
    node: Arc<Node>,
    len: u64,
    dtype: DType,
    operations: Operations,
    first_row: FirstRow,
}

impl Scores {
    /// A vector in files.
    pub(crate) fn stored(stored: StoredVector) -> Self {
        let (len, dtype) = (stored.len(), Source::dtype(&stored));
        let first_row = FirstRow::of_files(stored.first_row());
        Self {
            node: Arc::new(Node::Stored(stored)),
            len,
            dtype,
            operations: Operations::default(),
            first_row,
        }
    }

    /// A vector in memory.
    pub fn of_held(held: HeldVector) -> Self {
        let (len, dtype) = (held.len(), held.dtype());
        let first_row = FirstRow::of_array(held.start());
        Self { node: Arc::new(Node::Held(held)), len, dtype, operations: Operations::default(), first_row }
    }

    fn computed(node: Node, len: u64, dtype: DType) -> Result<Self> {
        let operations = Operations::of(&node, MAX_OPERATIONS);
        if operations.count > MAX_OPERATIONS {
            return Err(Error::Value(format!(
                "an expression of more than {MAX_OPERATIONS} operations over scores; compute a part of it and store it"
            )));
        }
        let first_row = match &node {
            Node::Slice { of, start } => of.first_row.behind(*start)?,
            _ => FirstRow::shared(node.operands().map(|scores| scores.first_row)),
        };
        Ok(Self { node: Arc::new(node), len, dtype, operations, first_row })
    }

    pub(crate) fn operations(&self) -> &Operations {
        &self.operations
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    /// The type that arithmetic on it has: float32 for floats of up to 4 bytes, else float64.
    pub(crate) fn computed_dtype(&self) -> DType {
        match self.dtype {
            DType::F16 | DType::BF16 | DType::F32 => DType::F32,
            _ => DType::F64,
        }
    }

    /// `left operator right`, value by value, computed when read.
    ///
    /// Float16, bfloat16 and float32 are computed in float32, with numbers rounded to float32; anything with
    /// float64 or integers in float64.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] if two vectors differ in length, or if there is no vector.
    pub fn binary(operator: Operator, left: Operand, right: Operand) -> Result<Self> {
        // Proof: what is no vector is a number, which has no length.
        let vectors: Vec<&Self> = [&left, &right].into_iter().filter_map(Operand::scores).collect();
        let Some(&first) = vectors.first() else {
            return Err(Error::Value("an expression over scores needs at least one vector".into()));
        };
        vectors.iter().try_for_each(|other| first.check_length(other))?;
        let float32 = vectors.iter().all(|scores| scores.computed_dtype() == DType::F32);
        let dtype = if float32 { DType::F32 } else { DType::F64 };
        let len = first.len;
        Self::computed(Node::Binary { operator, left, right }, len, dtype)
    }

    /// Fails unless another vector has as many rows.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] with both numbers.
    pub fn check_length(&self, other: &Self) -> Result<()> {
        if self.len == other.len {
            return Ok(());
        }
        Err(Error::Value(format!(
            "the vectors have different lengths: {} rows in {} and {} rows in {}; scores of the same rows are needed",
            self.len,
            self.describe_leaves(),
            other.len,
            other.describe_leaves()
        )))
    }

    /// Every value with the other sign, in the type that arithmetic has.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for an expression of too many operations.
    pub fn negated(&self) -> Result<Self> {
        Self::computed(Node::Negated(self.clone()), self.len, self.computed_dtype())
    }

    /// The values in float32 or float64, whichever holds them: what bfloat16 is shown as.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] for an expression of too many operations.
    pub fn widened(&self) -> Result<Self> {
        if self.dtype == self.computed_dtype() {
            return Ok(self.clone());
        }
        Self::computed(Node::Widened(self.clone()), self.len, self.computed_dtype())
    }

    /// The values less their mean, divided by their standard deviation, both over all rows and in float64.
    ///
    /// `ddof` is what is taken from the number of rows before dividing the sum of squares by it. The moments
    /// are computed once, by [`Source::prepare`] or when a value is first read.
    ///
    /// # Errors
    ///
    /// [`Error::Value`] if there are no more than `ddof` rows; when computed, if the deviation is 0 or NaN.
    pub fn zscore(&self, ddof: u64) -> Result<Self> {
        if self.len <= ddof {
            return Err(Error::Value(format!(
                "zscore of {} rows with ddof={ddof}; more than {ddof} rows are needed",
                self.len
            )));
        }
        let node = Node::Standardized { of: self.clone(), ddof, moments: Arc::default() };
        Self::computed(node, self.len, self.computed_dtype())
    }

    /// The rows `rows` as a vector, which knows that it begins with the first of them; nothing is read.
    ///
    /// # Errors
    ///
    /// [`Error::Index`] if they do not lie within the vector.
    pub fn slice(&self, rows: Range<u64>) -> Result<Self> {
        if rows.start > rows.end || rows.end > self.len {
            return Err(Error::Index(format!(
                "rows {} to {} of a vector of {} rows",
                rows.start, rows.end, self.len
            )));
        }
        let len = rows.end - rows.start;
        match self.node() {
            _ if len == self.len => Ok(self.clone()),
            Node::Stored(stored) => Ok(Self::stored(stored.cut(&rows)?)),
            Node::Held(held) => Ok(Self::of_held(held.cut(&rows)?)),
            Node::Slice { of, start } => {
                let start = checked::add(*start, rows.start)?;
                Self::computed(Node::Slice { of: of.clone(), start }, len, self.dtype)
            }
            _ => {
                let node = Node::Slice { of: self.clone(), start: rows.start };
                Self::computed(node, len, self.dtype)
            }
        }
    }

    /// Whether it is an expression rather than values as they lie, in files or in memory.
    pub fn is_computed(&self) -> bool {
        !matches!(self.node(), Node::Stored(_) | Node::Held(_))
    }
}

/// A vector or a number.
#[derive(Debug, Clone)]
pub enum Operand {
    /// One value per row.
    Scores(Scores),
    /// The same for every row.
    Number(f64),
}

impl Operand {
    pub(crate) fn scores(&self) -> Option<&Scores> {
        match self {
            Self::Scores(scores) => Some(scores),
            Self::Number(_) => None,
        }
    }
}

/// How the values of a vector come about.
#[derive(Debug)]
pub(crate) enum Node {
    /// They lie in files.
    Stored(StoredVector),
    /// They lie in memory.
    Held(HeldVector),
    /// By an operation.
    Binary { operator: Operator, left: Operand, right: Operand },
    /// With the other sign.
    Negated(Scores),
    /// In float32 or float64.
    Widened(Scores),
    /// Less the mean, divided by the standard deviation.
    Standardized { of: Scores, ddof: u64, moments: Arc<LazyMoments> },
    /// From row `start` on.
    Slice { of: Scores, start: u64 },
}

impl Node {
    /// The vectors that it is computed from.
    pub(crate) fn operands(&self) -> impl Iterator<Item = &Scores> {
        let (first, second) = match self {
            Self::Stored(_) | Self::Held(_) => (None, None),
            Self::Binary { left, right, .. } => (left.scores(), right.scores()),
            Self::Negated(of)
            | Self::Widened(of)
            | Self::Standardized { of, .. }
            | Self::Slice { of, .. } => (Some(of), None),
        };
        first.into_iter().chain(second)
    }
}

/// What an expression is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Operations {
    /// How many there are, each counted once.
    pub(crate) count: u32,
    /// The addresses of those that are used more than once, which live as long as the expression.
    pub(super) shared: Arc<HashSet<usize>>,
}

impl Operations {
    /// The operations of an expression, up to one more than `most`.
    pub(crate) fn of(root: &Node, most: u32) -> Self {
        let (mut seen, mut shared, mut ahead) = (HashSet::new(), HashSet::new(), vec![root]);
        let mut count = 1;
        while let Some(node) = ahead.pop() {
            for operand in node.operands().filter(|operand| operand.is_computed()) {
                if !seen.insert(address(operand)) {
                    shared.insert(address(operand));
                } else if count <= most {
                    count += 1;
                    ahead.push(operand.node());
                }
            }
        }
        Self { count, shared: Arc::new(shared) }
    }

    /// Whether some are used more than once.
    pub(crate) fn are_shared(&self) -> bool {
        !self.shared.is_empty()
    }
}

pub(crate) fn address(scores: &Scores) -> usize {
    std::ptr::from_ref(scores.node()).addr()
}
