//! How score files are opened.

use super::dtype::DType;
use crate::error::{Error, Result};
use crate::io::file::Io;

/// How score files are opened.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub struct OpenOptions {
    /// The tensor of a torch file that holds a dict or a list, or of a safetensors file; the array of an .npz archive.
    pub key: Option<String>,
    /// The column of an Arrow or Parquet table.
    pub column: Option<String>,
    /// The type of raw values; what files of other formats must have.
    pub dtype: Option<RawType>,
    /// How the bytes are read.
    pub io: Io,
    /// Whether checksums are computed, where the format has them, and hashes kept for [`Scores::check`].
    pub verify: bool,
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
