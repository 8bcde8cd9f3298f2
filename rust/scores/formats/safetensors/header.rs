//! The header of a `.safetensors` file: one JSON object that names each tensor, with its type, its shape and its bytes.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::scores::dtype::DType;

/// The key of what is said of the file as a whole, which is no tensor.
const METADATA: &str = "__metadata__";

/// The types that the format has, with the bits of a value; those that scores can have, as these.
const TYPES: &[(&str, u64, Option<DType>)] = &[
    ("F16", 16, Some(DType::F16)),
    ("BF16", 16, Some(DType::BF16)),
    ("F32", 32, Some(DType::F32)),
    ("F64", 64, Some(DType::F64)),
    ("I8", 8, Some(DType::I8)),
    ("I16", 16, Some(DType::I16)),
    ("I32", 32, Some(DType::I32)),
    ("I64", 64, Some(DType::I64)),
    ("U8", 8, Some(DType::U8)),
    ("U16", 16, Some(DType::U16)),
    ("U32", 32, Some(DType::U32)),
    ("U64", 64, Some(DType::U64)),
    ("BOOL", 8, None),
    ("C64", 64, None),
    ("F4", 4, None),
    ("F6_E2M3", 6, None),
    ("F6_E3M2", 6, None),
    ("F8_E4M3", 8, None),
    ("F8_E4M3FNUZ", 8, None),
    ("F8_E5M2", 8, None),
    ("F8_E5M2FNUZ", 8, None),
    ("F8_E8M0", 8, None),
];

/// What a tensor's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ValueType {
    /// The name that the format has for it.
    pub(crate) name: &'static str,
    /// Bits of a value.
    pub(crate) bits: u64,
    /// The type of scores, if they can have it.
    pub(crate) dtype: Option<DType>,
}

impl ValueType {
    fn parse(name: &str) -> Option<Self> {
        let (name, bits, dtype) = *TYPES.iter().find(|(known, ..)| *known == name)?;
        Some(Self { name, bits, dtype })
    }

    /// The names of all types that scores can have.
    pub(crate) fn of_scores() -> String {
        let names = TYPES.iter().filter(|(.., dtype)| dtype.is_some()).map(|(name, ..)| *name);
        names.collect::<Vec<_>>().join(", ")
    }
}

impl<'de> Deserialize<'de> for ValueType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = || TYPES.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(", ");
        Self::parse(&name).ok_or_else(|| {
            serde::de::Error::custom(format_args!(
                "dtype {:?} is none of the format, which has {}",
                name.chars().take(100).collect::<String>(),
                known()
            ))
        })
    }
}

/// What the header says of a tensor. Nothing of it is checked against the file yet.
///
/// A field more could give the bytes another meaning: it is refused.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tensor {
    /// The key in the header.
    #[serde(skip)]
    pub(crate) name: String,
    #[serde(rename = "dtype")]
    pub(crate) kind: ValueType,
    pub(crate) shape: Vec<u64>,
    /// The first byte and the one after the last, from the end of the header on.
    pub(crate) data_offsets: (u64, u64),
}

/// The tensors in the order in which the header names them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header(pub(crate) Vec<Tensor>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object that names each tensor")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let (mut tensors, mut seen) = (Vec::new(), std::collections::HashSet::new());
        while let Some(name) = map.next_key::<String>()? {
            if !seen.insert(name.clone()) {
                let name: String = name.chars().take(100).collect();
                return Err(serde::de::Error::custom(format_args!("the key {name:?} is there twice")));
            }
            if name == METADATA {
                // Texts that say nothing of the values; they must be texts nevertheless.
                map.next_value::<Option<std::collections::BTreeMap<String, String>>>()?;
                continue;
            }
            tensors.push(Tensor { name, ..map.next_value()? });
        }
        Ok(Header(tensors))
    }
}

/// The tensors that a header names.
///
/// # Errors
///
/// The byte of the header at which it is none, and why.
pub(crate) fn parse_header(text: &[u8]) -> Result<Vec<Tensor>, (usize, String)> {
    if !text.starts_with(b"{") {
        let start = text[..text.len().min(16)].escape_ascii();
        return Err((0, format!("it begins with \"{start}\", and a JSON object with {{")));
    }
    crate::io::json::check(text).map_err(|message| (0, message))?;
    let read: Result<Header, _> = serde_json::from_slice(text);
    read.map(|Header(tensors)| tensors).map_err(|error| {
        let before = text.split_inclusive(|&byte| byte == b'\n').take(error.line().max(1) - 1);
        let column = error.column().max(1) - 1;
        (before.map(<[u8]>::len).sum::<usize>() + column, error.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Result<Vec<String>, String> {
        let read = parse_header(text.as_bytes());
        read.map(|all| all.into_iter().map(|tensor| tensor.name).collect()).map_err(|(_, message)| message)
    }

    #[test]
    fn tensors_come_in_the_order_of_the_header() {
        let text = r#"{"b":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}, "__metadata__":{"a":"x"},
            "a" : {"data_offsets":[8,8],"shape":[0],"dtype":"BF16"}}   "#;
        let found = parse_header(text.as_bytes()).unwrap();
        let kind = |name| ValueType::parse(name).unwrap();
        let of = |name: &str, dtype, shape: &[u64], data_offsets| Tensor {
            name: name.to_owned(),
            kind: kind(dtype),
            shape: shape.to_vec(),
            data_offsets,
        };
        assert_eq!(found, [of("b", "F32", &[2, 1], (0, 8)), of("a", "BF16", &[0], (8, 8))]);
        assert_eq!(names("{}"), Ok(vec![]));
        assert_eq!(names(r#"{"__metadata__":null}"#), Ok(vec![]));
    }

    #[test]
    fn what_is_no_header_is_told_with_its_byte() {
        let tensor = |fields: &str| format!(r#"{{"a":{{{fields}}}}}"#);
        let whole = r#""dtype":"F32","shape":[2],"data_offsets":[0,8]"#;
        assert_eq!(names(&tensor(whole)), Ok(vec!["a".to_owned()]));
        for (text, expected) in [
            (" {}".to_owned(), "begins with \" {}\""),
            ("[]".to_owned(), "begins with \"[]\""),
            ("{".to_owned(), "EOF"),
            ("{} x".to_owned(), "trailing characters"),
            (tensor(""), "missing field `dtype`"),
            (tensor(r#""dtype":"F32","shape":[2]"#), "missing field `data_offsets`"),
            (tensor(&format!(r#"{whole},"strides":[1]"#)), "unknown field `strides`"),
            (tensor(&format!(r#"{whole},"dtype":"F32""#)), "duplicate field `dtype`"),
            (
                tensor(&whole.replace("F32", "F31")),
                "dtype \"F31\" is none of the format, which has F16, BF16",
            ),
            (tensor(&whole.replace("[2]", "[-2]")), "invalid value"),
            (tensor(&whole.replace("[2]", "[2.0]")), "invalid type: floating point"),
            (tensor(&whole.replace("[2]", "[18446744073709551616]")), "invalid type: floating point"),
            (tensor(&whole.replace("[0,8]", "[0]")), "invalid length 1"),
            (tensor(&whole.replace("[0,8]", "[0,8,8]")), "trailing characters"),
            (format!(r#"{{"a":{{{whole}}},"a":{{{whole}}}}}"#), "the key \"a\" is there twice"),
            (r#"{"__metadata__":{"a":1}}"#.to_owned(), "invalid type"),
            (
                r#"{"__metadata__":{},"__metadata__":{}}"#.to_owned(),
                "the key \"__metadata__\" is there twice",
            ),
            (format!("{{\"a\":{}", "[".repeat(200)), "deeper"),
        ] {
            let said = names(&text).unwrap_err();
            assert!(said.contains(expected), "{text}: {said}");
        }
        assert_eq!(parse_header(b"{\n  \"a\" 1}").map_err(|(at, _)| at), Err(8));
    }

    #[test]
    fn every_type_of_scores_has_a_name() {
        let found: Vec<_> = TYPES.iter().filter_map(|(.., dtype)| *dtype).collect();
        assert_eq!(found, DType::ALL);
        for (name, bits, dtype) in TYPES {
            assert!(dtype.is_none_or(|dtype| dtype.size() as u64 * 8 == *bits), "{name}");
        }
    }
}
