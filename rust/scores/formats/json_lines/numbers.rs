//! The numbers of lines as values of one type.

use std::path::Path;

use super::value::Found;
use crate::checked;
use crate::error::{At, Error, Result};
use crate::exec::memory::{check_bytes, reserved};
use crate::scores::dtype::DType;
use crate::scores::formats::booleans;

/// Integers up to this, and no others, have a float64 of their own.
const EXACT: u128 = 1 << 53;

/// The numbers of the lines so far.
pub(super) struct Numbers<'p> {
    path: &'p Path,
    /// The column that they are.
    name: &'p str,
    /// Whether they are to be booleans.
    booleans: bool,
    /// Their bytes: of integers until a line has another number, then of float64; of booleans one each.
    bytes: Vec<u8>,
    /// The line of the first number that is no integer.
    float: Option<u64>,
    /// The first integer that no float64 is, and those that int64 or uint64 alone have, with their lines.
    long: Option<(u64, i128)>,
    unsigned: Option<(u64, i128)>,
    negative: Option<(u64, i128)>,
    len: u64,
}

impl<'p> Numbers<'p> {
    /// Room for so many.
    pub(super) fn new(path: &'p Path, name: &'p str, booleans: bool, rows: u64) -> Result<Self> {
        let size = checked::mul(rows, if booleans { 1 } else { 8 })?;
        check_bytes(|| format!("{}: decoding column {name:?}", path.display()), size, 1)?;
        let bytes = reserved(checked::index(size)?, "bytes of scores")?;
        let (float, long, unsigned, negative) = (None, None, None, None);
        Ok(Self { path, name, booleans, bytes, float, long, unsigned, negative, len: 0 })
    }

    /// Adds the value of a line.
    pub(super) fn add(&mut self, line: u64, found: Found) -> Result<()> {
        match found {
            Found::Boolean(value) if self.booleans => self.bytes.push(u8::from(value)),
            Found::Boolean(_) => {
                return Err(
                    self.refuse(line, &format!("this is a boolean, which is no number; {}", booleans::ASK))
                );
            }
            _ if self.booleans => {
                return Err(self.refuse(line, "this is a number, and booleans=True is given; leave it out"));
            }
            Found::Whole(value) => self.whole(line, value)?,
            Found::Float(value) => {
                if self.float.is_none() {
                    self.widen(line)?;
                }
                self.bytes.extend(value.to_ne_bytes());
            }
        }
        self.len = checked::add(self.len, 1)?;
        Ok(())
    }

    fn whole(&mut self, line: u64, value: i128) -> Result<()> {
        let noted = Some((line, value));
        let is_long = value.unsigned_abs() > EXACT;
        self.long = self.long.or(noted.filter(|_| is_long));
        match self.float {
            Some(float) if is_long => return Err(self.mixed(line, value, float)),
            Some(_) => self.bytes.extend(as_float(value).to_ne_bytes()),
            None => {
                self.unsigned = self.unsigned.or(noted.filter(|_| value > i128::from(i64::MAX)));
                self.negative = self.negative.or(noted.filter(|_| value < 0));
                // The bytes of int64 and of uint64 are the same where both have a number.
                self.bytes.extend(low_bits(value)?.to_ne_bytes());
            }
        }
        Ok(())
    }

    /// Makes float64 of the integers so far, before the first number that is none.
    fn widen(&mut self, line: u64) -> Result<()> {
        if let Some((long, value)) = self.long {
            return Err(self.mixed(long, value, line));
        }
        self.float = Some(line);
        // Proof: nothing remains, as they are integers of eight bytes.
        for bytes in self.bytes.chunks_exact_mut(8) {
            if let Some(number) = bytes.first_chunk().map(|bytes| i64::from_ne_bytes(*bytes)) {
                bytes.copy_from_slice(&as_float(i128::from(number)).to_ne_bytes());
            }
        }
        Ok(())
    }

    fn mixed(&self, long: u64, value: i128, float: u64) -> Error {
        let message = format!(
            "the integer {value} stands beside the float of line {float}: as float64, which floats need, it could tie with its neighbors; write all as integers, or all as floats"
        );
        self.refuse(long, &message)
    }

    /// The error for the number of a line.
    pub(super) fn refuse(&self, line: u64, message: &str) -> Error {
        Error::schema(self.path, At::Line(line), format!("column {:?}: {message}", self.name))
    }

    /// The bytes, how many numbers there are, and their type.
    pub(super) fn end(self) -> Result<(Vec<u8>, u64, DType)> {
        let dtype = match (self.booleans, self.float, self.unsigned, self.negative) {
            (true, ..) => DType::U8,
            (_, Some(_), ..) => DType::F64,
            (_, _, Some((line, large)), Some((other, small))) => {
                let message = format!(
                    "the integer {large} is beyond int64, and line {other} has {small}, which uint64 has not; write all as floats, or none that large"
                );
                return Err(self.refuse(line, &message));
            }
            (_, _, Some(_), None) => DType::U64,
            _ => DType::I64,
        };
        Ok((self.bytes, self.len, dtype))
    }
}

/// The bits of an integer of int64 or of uint64.
fn low_bits(value: i128) -> Result<u64> {
    if value < 0 { Ok(checked::to::<i64, _>(value)?.cast_unsigned()) } else { checked::to(value) }
}

#[allow(clippy::cast_precision_loss)] // it is at most 2^53
fn as_float(value: i128) -> f64 {
    value as f64
}
