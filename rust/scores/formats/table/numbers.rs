//! Which columns scores can be made of, and which may be them.

use arrow::datatypes::{DataType, Field, FieldRef, Schema};

use super::leaf::Leaf;
use super::path::{self, Path};
use crate::scores::options::OpenOptions;

/// The field metadata that names an extension type.
pub(in crate::scores::formats) const EXTENSION: &str = "ARROW:extension:name";

/// What the rows of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lists {
    /// No lists.
    None,
    /// Lists of so many values.
    Fixed(u64),
    /// Lists of any length, whose ends are numbers of so many bytes.
    Ends(usize),
}

/// Whether a column can be the scores without being named: lists of integers are what rows are made of (tokens).
pub(super) fn may_be_taken(field: &Field, options: &OpenOptions) -> bool {
    match numeric(field.data_type()) {
        None => false,
        Some((Leaf::Boolean, lists)) => options.booleans && lists == Lists::None,
        Some((leaf, Lists::Fixed(2..) | Lists::Ends(_))) => leaf.is_float(),
        Some(_) => true,
    }
}

/// Whether a column that is not plain numbers may be scores that are stored in another way, where a float stands
/// beside it. Text, times, flags and lists of integers (tokens) are what rows themselves are made of.
pub(super) fn may_hold_scores(field: &Field) -> bool {
    field.metadata().contains_key(EXTENSION) || type_may_hold_scores(field.data_type(), false)
}

fn type_may_hold_scores(data_type: &DataType, inside: bool) -> bool {
    match data_type {
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::ListView(item)
        | DataType::LargeListView(item)
        | DataType::FixedSizeList(item, _)
        | DataType::Map(item, _) => type_may_hold_scores(item.data_type(), true),
        DataType::Struct(fields) => fields.iter().any(|field| type_may_hold_scores(field.data_type(), true)),
        DataType::Union(fields, _) => {
            fields.iter().any(|(_, field)| type_may_hold_scores(field.data_type(), true))
        }
        DataType::Dictionary(_, values) => type_may_hold_scores(values, inside),
        DataType::RunEndEncoded(_, values) => type_may_hold_scores(values.data_type(), inside),
        plain if plain.is_integer() => !inside,
        plain => plain.is_numeric(),
    }
}

/// Columns that a message names; beyond these, their number is told.
const SHOWN: usize = 20;
/// Fields that are looked at for these.
const LOOKED_AT: usize = 10_000;

/// The columns that can be chosen, as they are to be given, as a phrase for errors; where none can, all there are.
pub(super) fn choices(schema: &Schema, options: &OpenOptions) -> String {
    let found = leaves(schema, options);
    let mut names: Vec<_> = found
        .iter()
        .take(SHOWN)
        .map(|fields| path::option_of(schema, &Path { fields: fields.clone(), place: None }))
        .collect();
    // Proof: there are no fewer than were shown.
    let more = found.len().saturating_sub(names.len());
    if more > 0 {
        names.push(format!("one of {more} more"));
    }
    if names.is_empty() { there_are(schema) } else { format!("choose with {}", names.join(" or ")) }
}

/// The columns, and the fields of structs, that hold numbers.
fn leaves(schema: &Schema, options: &OpenOptions) -> Vec<Vec<usize>> {
    let mut open: Vec<(Vec<usize>, &FieldRef)> =
        schema.fields().iter().enumerate().map(|(at, field)| (vec![at], field)).rev().collect();
    let (mut found, mut seen) = (Vec::new(), 0);
    while let Some((path, field)) = open.pop() {
        seen += 1;
        if may_be_taken(field, options) {
            found.push(path);
        } else if let (DataType::Struct(fields), true) = (field.data_type(), seen < LOOKED_AT) {
            let step = |at| path.iter().copied().chain([at]).collect::<Vec<_>>();
            open.extend(fields.iter().enumerate().map(|(at, field)| (step(at), field)).rev());
        }
    }
    found
}

/// The columns by name and type, as a phrase for errors.
fn there_are(schema: &Schema) -> String {
    let fields = schema.fields();
    let shown = fields.iter().take(SHOWN).map(|field| format!("{:?} ({})", field.name(), field.data_type()));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match fields.len() {
        0 => "the file has no columns".to_owned(),
        n if n > SHOWN => format!("the file has {shown} and {} more", n - SHOWN),
        _ => format!("the file has {shown}"),
    }
}

/// What the rows of a type are, if scores can be made of them.
pub(super) fn numeric(data_type: &DataType) -> Option<(Leaf, Lists)> {
    let (item, lists) = match data_type {
        DataType::FixedSizeList(item, width) => (item, Lists::Fixed(u64::try_from(*width).ok()?)),
        DataType::List(item) => (item, Lists::Ends(4)),
        DataType::LargeList(item) => (item, Lists::Ends(8)),
        plain => return Some((Leaf::of(plain)?, Lists::None)),
    };
    let is_plain = !item.metadata().contains_key(EXTENSION);
    Some((Leaf::of(item.data_type()).filter(|_| is_plain)?, lists))
}
