//! Fields of structs that some types of a column lack: filled with nulls, or named in a message.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};

/// Schemas of as many columns each, whose structs have the fields that those of the same column have in any of them.
pub(crate) fn filled_schemas(schemas: &[&Schema]) -> Vec<Schema> {
    let mut made: Vec<Vec<Field>> = vec![Vec::new(); schemas.len()];
    // Proof: of no schemas, there is no column.
    let columns = schemas.iter().map(|schema| schema.fields().len()).max().unwrap_or(0);
    for place in 0..columns {
        // Files have few types, and each is looked at once.
        let own = schemas.iter().filter_map(|schema| schema.fields().get(place)); // Proof: all have as many.
        let mut distinct: Vec<&Field> = Vec::new();
        for field in own.clone() {
            if !distinct.iter().any(|known| known.data_type() == field.data_type()) {
                distinct.push(field);
            }
        }
        let whole = filled(&distinct);
        // Proof: a field of each schema.
        for (field, made) in own.zip(&mut made) {
            // Proof: one for each of them, and each field has the type of one.
            let same = distinct.iter().zip(&whole).find(|(known, _)| known.data_type() == field.data_type());
            let kind = same.map_or(field.data_type(), |(_, whole)| whole.data_type());
            made.push(field.as_ref().clone().with_data_type(kind.clone()));
        }
    }
    // Proof: as many.
    let whole = made.into_iter().zip(schemas);
    whole.map(|(fields, schema)| Schema::new_with_metadata(fields, schema.metadata().clone())).collect()
}

/// The fields of one column in several files, each with the fields of structs that any of them has, at any depth. Those
/// that it lacks are null, and stand behind its own in the order in which they are first seen.
///
/// Structs with a name that is there twice stay as they are: it is not known which of them is meant.
pub(crate) fn filled(fields: &[&Field]) -> Vec<Field> {
    let mut made: Vec<Field> = fields.iter().map(|field| (*field).clone()).collect();
    fill_items(&mut made);
    fill_structs(&mut made);
    made
}

/// Fills the items of lists.
fn fill_items(fields: &mut [Field]) {
    // Proof: what is no list has no items.
    let lists =
        fields.iter_mut().filter_map(|field| item(field.data_type()).cloned().map(|item| (field, item)));
    let (lists, items): (Vec<&mut Field>, Vec<FieldRef>) = lists.unzip();
    if items.len() < 2 {
        return; // Proof: nothing is missing.
    }
    let items = filled(&items.iter().map(AsRef::as_ref).collect::<Vec<&Field>>());
    // Proof: as many items as lists.
    for (field, item) in lists.into_iter().zip(items) {
        let item = Arc::new(item);
        let made = match field.data_type() {
            DataType::List(_) => DataType::List(item),
            DataType::LargeList(_) => DataType::LargeList(item),
            DataType::FixedSizeList(_, length) => DataType::FixedSizeList(item, *length),
            other => other.clone(),
        };
        field.set_data_type(made);
    }
}

/// Fills the structs.
fn fill_structs(fields: &mut [Field]) {
    let own =
        |field: &Field| if let DataType::Struct(own) = field.data_type() { Some(own.clone()) } else { None };
    let structs: Vec<(usize, Fields)> =
        fields.iter().enumerate().filter_map(|(at, field)| Some((at, own(field)?))).collect(); // Proof: structs alone.
    if structs.len() < 2 || !structs.iter().all(|(_, own)| names_differ(own)) {
        return; // Proof: nothing is missing, or it is not known what.
    }
    let mut names: Vec<&str> = Vec::new();
    let mut by_name: HashMap<&str, Vec<(usize, &Field)>> = HashMap::new();
    for (at, own) in &structs {
        for field in own {
            let there = by_name.entry(field.name()).or_default();
            if there.is_empty() {
                names.push(field.name());
            }
            there.push((*at, field));
        }
    }
    let mut made: HashMap<(usize, &str), Field> = HashMap::new();
    for (name, there) in &by_name {
        let whole = filled(&there.iter().map(|(_, field)| *field).collect::<Vec<_>>());
        // Proof: as many come back.
        made.extend(there.iter().zip(whole).map(|((at, _), field)| ((*at, *name), field)));
    }
    for (at, own) in &structs {
        let here = own.iter().filter_map(|field| made.remove(&(*at, field.name().as_str()))); // Proof: each was made.
        let mut whole: Vec<Field> = here.collect();
        let there: HashSet<&str> = own.iter().map(|field| field.name().as_str()).collect();
        let missing = names.iter().filter(|name| !there.contains(**name));
        whole.extend(missing.map(|name| Field::new(*name, DataType::Null, true)));
        if let Some(field) = fields.get_mut(*at) {
            field.set_data_type(DataType::Struct(whole.into()));
        }
    }
}

/// What to say of two files of which one lacks a field of structs in a column, if that is how they differ.
pub(crate) fn lacking(
    column: &str,
    (here, one): (&Path, &DataType),
    (there, other): (&Path, &DataType),
) -> Option<String> {
    let (way, is_here) = missing_field(one, other)?;
    let (has, lacks) = if is_here { (here, there) } else { (there, here) };
    Some(format!(
        "the field {:?} of its structs is missing in {} and present in {}; shards must have the same fields, or schema=\"union\" reads what is missing as null",
        format!("{column}{way}"),
        lacks.display(),
        has.display()
    ))
}

/// The first field of structs that one type of a column has and the other lacks: the names that lead to it, and whether
/// the first has it.
fn missing_field(one: &DataType, other: &DataType) -> Option<(String, bool)> {
    if let (Some(one), Some(other)) = (item(one), item(other)) {
        return missing_field(one.data_type(), other.data_type())
            .map(|(way, first)| (format!("[]{way}"), first));
    }
    let (DataType::Struct(one), DataType::Struct(other)) = (one, other) else { return None }; // Proof: no fields.
    if !names_differ(one) || !names_differ(other) {
        return None; // Proof: it is not known which of two is meant.
    }
    let has = |fields: &Fields, name: &str| fields.find(name).is_some();
    if let Some(field) = one.iter().find(|field| !has(other, field.name())) {
        return Some((format!(".{}", field.name()), true));
    }
    if let Some(field) = other.iter().find(|field| !has(one, field.name())) {
        return Some((format!(".{}", field.name()), false));
    }
    one.iter().find_map(|field| {
        let (_, theirs) = other.find(field.name())?;
        let (way, first) = missing_field(field.data_type(), theirs.data_type())?;
        Some((format!(".{}{way}", field.name()), first))
    })
}

/// The item of a list.
fn item(data_type: &DataType) -> Option<&FieldRef> {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => Some(item),
        _ => None,
    }
}

/// Whether no name is there twice.
pub(super) fn names_differ(fields: &[FieldRef]) -> bool {
    let mut names = HashSet::new();
    fields.iter().all(|field| names.insert(field.name()))
}
