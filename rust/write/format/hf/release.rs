//! The releases of `datasets`, which differ in the types and features that they have.

use crate::error::{Error, Result};

/// A release of `datasets` that is to open what is written, by its first two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release(pub u32, pub u32);

impl Release {
    /// One that has all that any has.
    pub const NEWEST: Self = Self(u32::MAX, 0);

    /// A release by its version, such as `5.2.0` or `3.0.0.dev0`.
    ///
    /// # Errors
    /// A version that does not begin with two numbers.
    pub fn of(version: &str) -> Result<Self> {
        let mut numbers = version.split('.').map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Ok(Self(major, minor)),
            _ => Err(Error::Value(format!("{version:?} is not a version of datasets, such as 5.2.0"))),
        }
    }

    /// Whether texts of JSON have a feature of their own.
    pub(crate) fn has_json(self) -> bool {
        self >= Self(4, 7)
    }

    /// Whether there is a type of values of so many bytes.
    pub(crate) fn has_fixed_size_binary(self) -> bool {
        self >= Self(5, 1)
    }

    /// Whether there is a feature of files, which are stored as their bytes and their path.
    pub(crate) fn has_media(self, kind: &str) -> bool {
        let since = match kind {
            "Image" | "Audio" => Self(0, 0),
            "Video" => Self(3, 1),
            "Pdf" => Self(3, 5),
            "Nifti" => Self(4, 4),
            "Mesh" => Self(5, 0),
            "BioSequence" | "BioStructure" => Self(5, 1),
            _ => return false,
        };
        self >= since
    }
}
