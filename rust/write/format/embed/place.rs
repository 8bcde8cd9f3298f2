//! Where in a column files are named, as the features of `datasets` tell it.

use serde_json::Value;

use crate::write::format::hf::fits::{is_struct, kind_of};
use crate::write::format::hf::release::Release;

/// Where in a column files are named.
#[derive(Debug, Clone)]
pub(super) enum MediaPath {
    Here,
    Fields(Vec<Option<MediaPath>>),
    Items(Box<MediaPath>),
}

impl MediaPath {
    pub(super) fn of(feature: &Value) -> Option<Self> {
        match feature {
            Value::Array(items) => Self::of(items.first()?).map(Self::in_items),
            Value::Object(object) if is_struct(object) => Self::of_fields(object.values().map(Self::of)),
            Value::Object(object) => match (kind_of(feature)?, object.get("feature")) {
                ("Sequence", Some(Value::Object(inner))) if is_struct(inner) => {
                    Self::of_fields(inner.values().map(|inner| Self::of(inner).map(Self::in_items)))
                }
                ("List" | "LargeList" | "Sequence", Some(inner)) => Self::of(inner).map(Self::in_items),
                (kind, _) => Release::NEWEST.has_media(kind).then_some(Self::Here),
            },
            _ => None,
        }
    }

    fn in_items(self) -> Self {
        Self::Items(Box::new(self))
    }

    fn of_fields(fields: impl Iterator<Item = Option<Self>>) -> Option<Self> {
        let fields: Vec<_> = fields.collect();
        fields.iter().any(Option::is_some).then_some(Self::Fields(fields))
    }
}
