//! How a column is named: by its own name, by the fields that lead to it in structs, and by a place in its lists.
//!
//! `meta.score` is the column of that name, or the field `score` of the struct `meta`; `scores[3]` is the fourth value of
//! each list of `scores`. Where that is not the same, `["meta.score"]` and `["meta"]["score"]` are: each name in its
//! brackets, as in JSON.

use std::fmt::Write;

use arrow::datatypes::{DataType, Fields, Schema};

/// A column, or a field of structs, by its positions; and a place in its lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Path {
    /// The position among the columns, and in each struct below.
    pub(crate) fields: Vec<usize>,
    /// The place in the lists, if one is named.
    pub(crate) place: Option<u64>,
}

/// All that a name can mean in a schema, each once.
pub(crate) fn meant(schema: &Schema, name: &str) -> Vec<Path> {
    let mut found: Vec<Path> =
        by_points(schema.fields(), name).map(|fields| Path { fields, place: None }).collect();
    if let Some((name, place)) = split_place(name) {
        found.extend(by_points(schema.fields(), name).map(|fields| Path { fields, place: Some(place) }));
    }
    if let Some((names, place)) = in_brackets(name) {
        found.extend(by_names(schema.fields(), &names).map(|fields| Path { fields, place }));
    }
    let mut each: Vec<Path> = Vec::new();
    for path in found {
        if !each.contains(&path) {
            each.push(path);
        }
    }
    each
}

/// All columns and fields of structs that a name can mean: the shortest text that means each, and the names that lead
/// to it.
pub fn fields_named(schema: &Schema, name: &str) -> Vec<(String, Vec<String>)> {
    let whole = meant(schema, name).into_iter().filter(|path| path.place.is_none());
    whole
        .map(|path| {
            (name_of(schema, &path), names(schema, &path.fields).into_iter().map(String::from).collect())
        })
        .collect()
}

/// The fields that a name is that of, with points between the names of structs and of their fields.
fn by_points(fields: &Fields, name: &str) -> impl Iterator<Item = Vec<usize>> + use<> {
    let (mut found, mut open) = (Vec::new(), vec![(Vec::new(), fields, name)]);
    while let Some((path, fields, rest)) = open.pop() {
        for (at, field) in fields.iter().enumerate() {
            let step = || path.iter().copied().chain([at]).collect::<Vec<_>>();
            if field.name() == rest {
                found.push(step());
            }
            let below = rest.strip_prefix(field.name().as_str()).and_then(|rest| rest.strip_prefix('.'));
            if let (DataType::Struct(inside), Some(below)) = (field.data_type(), below) {
                open.push((step(), inside, below));
            }
        }
    }
    found.sort_unstable();
    found.into_iter()
}

/// The fields that are found by these names one below the other.
fn by_names(fields: &Fields, names: &[String]) -> impl Iterator<Item = Vec<usize>> + use<> {
    let (mut found, mut open) = (Vec::new(), vec![(Vec::new(), fields)]);
    while let Some((path, fields)) = open.pop() {
        let name = names.get(path.len());
        for (at, field) in fields.iter().enumerate().filter(|(_, field)| Some(field.name()) == name) {
            let step: Vec<usize> = path.iter().copied().chain([at]).collect();
            match field.data_type() {
                _ if step.len() == names.len() => found.push(step),
                DataType::Struct(inside) => open.push((step, inside)),
                _ => {}
            }
        }
    }
    found.sort_unstable();
    found.into_iter()
}

/// A name and the place behind it in brackets.
fn split_place(name: &str) -> Option<(&str, u64)> {
    let (name, digits) = name.strip_suffix(']')?.rsplit_once('[')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let place = digits.parse().ok().filter(|_| is_number)?;
    (!name.is_empty()).then_some((name, place))
}

/// Names in brackets and quotes, one behind the other, and a place behind the last.
fn in_brackets(text: &str) -> Option<(Vec<String>, Option<u64>)> {
    let (mut names, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let inside = rest.strip_prefix('[')?;
        let mut texts = serde_json::Deserializer::from_str(inside).into_iter::<String>();
        match texts.next() {
            Some(Ok(name)) => {
                names.push(name);
                rest = inside.get(texts.byte_offset()..)?.strip_prefix(']')?;
            }
            _ if names.is_empty() => return None, // Proof: it is not of this form.
            _ => {
                let digits = inside.strip_suffix(']')?;
                let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
                return Some((names, Some(digits.parse().ok().filter(|_| is_number)?)));
            }
        }
    }
    (!names.is_empty()).then_some((names, None))
}

/// The names on the way to a field, from the column on.
pub(crate) fn names<'s>(schema: &'s Schema, fields: &[usize]) -> Vec<&'s str> {
    let (mut names, mut inside) = (Vec::new(), Some(schema.fields()));
    for &at in fields {
        let Some(field) = inside.and_then(|fields| fields.get(at)) else { break }; // Proof: paths are those of fields.
        names.push(field.name().as_str());
        inside = match field.data_type() {
            DataType::Struct(fields) => Some(fields),
            _ => None,
        };
    }
    names
}

/// The shortest text that means a path and nothing else.
pub(crate) fn name_of(schema: &Schema, path: &Path) -> String {
    let place = path.place.map_or(String::new(), |place| format!("[{place}]")); // Proof: so it is where none is named.
    let names = names(schema, &path.fields);
    let short = format!("{}{place}", names.join("."));
    if meant(schema, &short).as_slice() == [path.clone()] {
        return short;
    }
    let mut long = String::new();
    for name in names {
        let _ = write!(long, "[{}]", serde_json::Value::from(name));
    }
    long + &place
}

/// The option that names a path, as it is to be given.
pub(crate) fn option_of(schema: &Schema, path: &Path) -> String {
    let name = name_of(schema, path);
    if name.contains('"') && !name.contains('\'') {
        format!("column='{name}'")
    } else {
        format!("column={name:?}")
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;

    use super::*;

    fn of(name: &str, inside: Vec<Field>) -> Field {
        Field::new(name, DataType::Struct(inside.into()), true)
    }

    fn leaf(name: &str) -> Field {
        Field::new(name, DataType::Float32, true)
    }

    fn found(schema: &Schema, name: &str) -> Vec<(Vec<usize>, Option<u64>)> {
        meant(schema, name).into_iter().map(|path| (path.fields, path.place)).collect()
    }

    #[test]
    fn fields_are_told_by_a_text_that_means_each_alone() {
        let schema = Schema::new(vec![leaf("m.a"), of("m", vec![leaf("a"), of("b", vec![leaf("c")])])]);
        let told = |name| fields_named(&schema, name);
        let path = |names: &[&str]| names.iter().copied().map(String::from).collect::<Vec<_>>();
        assert_eq!(
            told("m.a"),
            [(r#"["m.a"]"#.into(), path(&["m.a"])), (r#"["m"]["a"]"#.into(), path(&["m", "a"]))]
        );
        assert_eq!(told("m.b.c"), [("m.b.c".into(), path(&["m", "b", "c"]))]);
        assert_eq!((told("m.b.c[0]"), told("c")), (vec![], vec![]));
    }

    #[test]
    fn names_lead_to_fields_by_all_ways() {
        let meta = of(
            "meta",
            vec![leaf("text"), leaf("score"), of("a.b", vec![leaf("c")]), of("a", vec![leaf("b.c")])],
        );
        let schema = Schema::new(vec![leaf("x"), meta, leaf("v[3]"), leaf("v"), leaf("[\"v\"]")]);
        for (name, expected) in [
            ("x", vec![(vec![0], None)]),
            ("meta", vec![(vec![1], None)]),
            ("meta.score", vec![(vec![1, 1], None)]),
            ("meta.score[2]", vec![(vec![1, 1], Some(2))]),
            ("meta.a.b.c", vec![(vec![1, 2, 0], None), (vec![1, 3, 0], None)]),
            ("[\"meta\"][\"a\"][\"b.c\"]", vec![(vec![1, 3, 0], None)]),
            ("[\"meta\"][\"a.b\"][\"c\"][7]", vec![(vec![1, 2, 0], Some(7))]),
            ("v[3]", vec![(vec![2], None), (vec![3], Some(3))]),
            ("[\"v\"]", vec![(vec![4], None), (vec![3], None)]),
            ("[\"[\\\"v\\\"]\"]", vec![(vec![4], None)]),
        ] {
            assert_eq!(found(&schema, name), expected, "{name}");
        }
        for name in [
            "",
            ".",
            "meta.",
            ".score",
            "score",
            "x.y",
            "[3]",
            "v[]",
            "v[-1]",
            "[\"x\"",
            "[\"x\"]y",
            "[\"x\"][1][2]",
            "x[99999999999999999999]",
        ] {
            assert_eq!(found(&schema, name), [], "{name}");
        }
    }

    #[test]
    fn a_path_has_a_name_that_means_it_alone() {
        let meta = of("meta", vec![leaf("score"), leaf("it's \"quoted\"")]);
        let schema = Schema::new(vec![meta, leaf("meta.score"), leaf("v[3]"), leaf("v")]);
        for (fields, place, expected) in [
            (vec![0, 0], None, "column='[\"meta\"][\"score\"]'"),
            (vec![1], None, "column='[\"meta.score\"]'"),
            (vec![1], Some(2), "column='[\"meta.score\"][2]'"),
            (vec![2], None, "column='[\"v[3]\"]'"),
            (vec![3], Some(3), "column='[\"v\"][3]'"),
            (vec![3], Some(4), "column=\"v[4]\""),
            (vec![0, 1], None, "column=\"meta.it's \\\"quoted\\\"\""),
        ] {
            let path = Path { fields, place };
            assert_eq!(option_of(&schema, &path), expected);
            assert_eq!(meant(&schema, &name_of(&schema, &path)), [path]);
        }
    }
}
