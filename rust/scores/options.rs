//! How score files are opened.

use super::dtype::DType;
use crate::error::{Error, Result};
use crate::io::file::Io;

/// How score files are opened.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct OpenOptions {
    /// The tensor of a torch file that holds a dict or a list, or of a safetensors file; the array of an .npz archive.
    pub key: Option<String>,
    /// The column of an Arrow or Parquet table or of JSON lines; of a matrix, its number as [`place`] reads it.
    pub column: Option<String>,
    /// What becomes of the values of a row that has several.
    #[serde(default)]
    pub reduce: Option<Reduce>,
    /// Whether a matrix has its rows in its second dimension.
    #[serde(default)]
    pub transpose: bool,
    /// Whether booleans are read, as 0 and 1.
    #[serde(default)]
    pub booleans: bool,
    /// The rows and columns of raw values, if they are a matrix or their number is told.
    #[serde(default)]
    pub shape: Option<RawShape>,
    /// The type of raw values; what files of other formats must have.
    pub dtype: Option<RawType>,
    /// How the bytes are read.
    pub io: Io,
    /// Whether checksums are computed, where the format has them, and hashes kept for [`Scores::check`].
    pub verify: bool,
}

/// What one value is made of several.
///
/// The largest and the smallest keep the type of the values. Sums are taken in float64, value by value in the order of
/// the columns, each value rounded to float64 where it is a longer integer; a mean is such a sum divided by the number
/// of columns. A NaN among the values gives NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Reduce {
    /// Their mean.
    Mean,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// Their sum.
    Sum,
}

impl Reduce {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Mean, Self::Max, Self::Min, Self::Sum];

    /// The name that numpy has for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Max => "max",
            Self::Min => "min",
            Self::Sum => "sum",
        }
    }

    /// The one of a name that [`Reduce::name`] gives.
    pub fn parse(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|reduce| reduce.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|reduce| format!("{:?}", reduce.name())).collect();
            Error::Value(format!("reduce is {name:?}; it is one of {}", names.join(", ")))
        })
    }

    /// The type of what it makes of values of a type.
    pub const fn dtype(self, of: DType) -> DType {
        match self {
            Self::Mean | Self::Sum => DType::F64,
            Self::Max | Self::Min => of,
        }
    }
}

/// The rows and the columns of raw values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RawShape {
    /// The rows; as many as there are, if nothing is said.
    pub rows: Option<u64>,
    /// The columns of a matrix; none of a vector.
    pub columns: Option<u64>,
}

/// The number of a column, or of a place in a list, as `[3]`.
pub(crate) fn place(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('[')?.strip_suffix(']')?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// The type of the values of a raw file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RawType {
    /// The type of each value.
    pub dtype: DType,
    /// Whether its bytes are in the other order than this machine's.
    pub swapped: bool,
}

impl RawType {
    /// The type of a name that [`DType::name`] gives, after `<` or `>` where the byte order is told.
    pub fn parse(name: &str) -> Result<Self> {
        let (swapped, plain) = match name.split_at_checked(1) {
            Some(("<", rest)) => (cfg!(target_endian = "big"), rest),
            Some((">", rest)) => (cfg!(target_endian = "little"), rest),
            _ => (false, name),
        };
        let dtype = DType::parse(plain).ok_or_else(|| {
            let names: Vec<_> = DType::ALL.iter().map(|dtype| dtype.name()).collect();
            Error::Type(format!("dtype is {name:?}; scores are one of {}", names.join(", ")))
        })?;
        Ok(Self { dtype, swapped: swapped && dtype.size() > 1 })
    }

    /// The name that [`RawType::parse`] takes.
    pub fn name(self) -> String {
        let other = if cfg!(target_endian = "big") { '<' } else { '>' };
        if self.swapped { format!("{other}{}", self.dtype.name()) } else { self.dtype.name().to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_named_as_numpy_does() {
        let parse = |name: &str| RawType::parse(name).map(|raw| (raw.dtype, raw.swapped));
        let little = cfg!(target_endian = "little");
        assert_eq!(parse("float32").unwrap(), (DType::F32, false));
        assert_eq!(parse("<float32").unwrap(), (DType::F32, !little));
        assert_eq!(parse(">bfloat16").unwrap(), (DType::BF16, little));
        assert_eq!(parse(">uint8").unwrap(), (DType::U8, false), "one byte has no order");
        for name in ["", "<", "f4", "float8", "=float32", "Float32"] {
            let error = RawType::parse(name).unwrap_err();
            assert!(
                matches!(&error, Error::Type(message) if message.contains("float16, bfloat16")),
                "{error}"
            );
        }
        for name in ["float32", "<float64", ">float64", "<bfloat16", ">uint8", "int16"] {
            let raw = RawType::parse(name).unwrap();
            assert_eq!(RawType::parse(&raw.name()).unwrap(), raw, "{name}");
        }
    }
}
