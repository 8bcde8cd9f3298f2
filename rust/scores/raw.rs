//! Values and nothing else: the type is told by the caller.

use super::DType;
use super::stored::Part;
use crate::error::{At, Error, Result};
use crate::io::file::File;

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
}

/// The whole file as one vector.
pub(crate) fn parts(file: &File, raw: RawType) -> Result<Vec<Part>> {
    let RawType { dtype, swapped } = raw;
    let size = dtype.size() as u64;
    let (len, remainder) = (file.size() / size, file.size() % size);
    if remainder != 0 {
        return Err(Error::format(
            file.path(),
            At::File,
            format!(
                "{} bytes are {len} values of {dtype} and a remainder of {remainder} bytes; the file is cut, or its dtype is another",
                file.size()
            ),
        ));
    }
    Ok(vec![Part { storage: file.storage(), offset: 0, stride: 1, len, dtype, swapped }])
}
