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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_begins_with_two_numbers() {
        for (version, release) in [
            ("5.2.0", Release(5, 2)),
            ("3.0.0.dev0", Release(3, 0)),
            ("2.14", Release(2, 14)),
            ("10.0.1", Release(10, 0)),
        ] {
            assert_eq!(Release::of(version).unwrap(), release);
            assert!(release < Release::NEWEST);
        }
        for wrong in ["", "5", "5.", ".5", "5.x", "v5.2", "5,2", "-1.2", "5.2dev", "99999999999.0"] {
            let said = Release::of(wrong).unwrap_err().to_string();
            assert_eq!(said, format!("{wrong:?} is not a version of datasets, such as 5.2.0"));
        }
    }

    #[test]
    fn a_feature_is_there_from_its_release_on() {
        type Has = fn(Release) -> bool;
        let since: [(Has, Release); 8] = [
            (Release::has_json, Release(4, 7)),
            (Release::has_fixed_size_binary, Release(5, 1)),
            (|release| release.has_media("Video"), Release(3, 1)),
            (|release| release.has_media("Pdf"), Release(3, 5)),
            (|release| release.has_media("Nifti"), Release(4, 4)),
            (|release| release.has_media("Mesh"), Release(5, 0)),
            (|release| release.has_media("BioSequence"), Release(5, 1)),
            (|release| release.has_media("BioStructure"), Release(5, 1)),
        ];
        let all = (1..7).flat_map(|major| (0..20).map(move |minor| Release(major, minor)));
        for release in all.chain([Release::NEWEST]) {
            for (has, first) in since {
                // By the major number, and of equal ones by the minor.
                let is_later = release.0 > first.0 || (release.0 == first.0 && release.1 >= first.1);
                assert_eq!(has(release), is_later, "{release:?} {first:?}");
            }
            assert!(release.has_media("Image") && release.has_media("Audio"));
            assert!(!release.has_media("Value") && !release.has_media(""));
        }
    }
}
