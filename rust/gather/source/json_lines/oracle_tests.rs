//! What `serde_json` makes of lines, and of a line that has a name twice.

use super::*;

/// The lines of a text as serde_json reads them, without the blank ones.
pub(super) fn lines_of(text: &[u8]) -> Vec<Value> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let lines = text.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

/// The names of some objects in the order in which they first appear, each with its values.
pub(super) fn of_column<'v>(objects: &[&'v Value]) -> Vec<(String, Vec<&'v Value>)> {
    let mut found: Vec<(String, Vec<&Value>)> = Vec::new();
    for (name, value) in objects.iter().flat_map(|value| value.as_object().unwrap()) {
        match found.iter_mut().find(|(other, _)| other == name) {
            Some((_, values)) => values.push(value),
            None => found.push((name.clone(), vec![value])),
        }
    }
    found
}

/// The type that holds all of some values as they are, if there is one.
pub(super) fn known_type(values: &[&Value]) -> Option<DataType> {
    let values: Vec<&Value> = values.iter().copied().filter(|value| !value.is_null()).collect();
    let all = |is: fn(&Value) -> bool| values.iter().all(|value| is(value));
    if values.is_empty() {
        Some(DataType::Null)
    } else if all(Value::is_boolean) {
        Some(DataType::Boolean)
    } else if all(Value::is_string) {
        Some(DataType::Utf8)
    } else if all(Value::is_array) {
        let items: Vec<&Value> = values.iter().flat_map(|value| value.as_array().unwrap()).collect();
        Some(DataType::List(Arc::new(Field::new("item", known_type(&items)?, true))))
    } else if all(Value::is_object) {
        let fields = of_column(&values).into_iter();
        let fields = fields.map(|(name, values)| Some(Field::new(name, known_type(&values)?, true)));
        Some(DataType::Struct(fields.collect::<Option<Vec<_>>>()?.into()))
    } else if all(Value::is_number) {
        number_type(&values.iter().map(ToString::to_string).collect::<Vec<_>>())
    } else {
        None
    }
}

pub(super) fn number_type(numbers: &[String]) -> Option<DataType> {
    let is_float = |number: &&String| number.contains(['.', 'e', 'E']);
    let integers: Vec<Option<i128>> =
        numbers.iter().filter(|number| !is_float(number)).map(|number| number.parse().ok()).collect();
    let all = |from: i128, to: i128| integers.iter().all(|n| n.is_some_and(|n| (from..=to).contains(&n)));
    if numbers.iter().any(|number| is_float(&number)) {
        let finite = numbers.iter().all(|number| number.parse::<f64>().unwrap().is_finite());
        return (finite && all(-(1 << 53), 1 << 53)).then_some(DataType::Float64);
    }
    if all(i64::MIN.into(), i64::MAX.into()) {
        return Some(DataType::Int64);
    }
    all(0, u64::MAX.into()).then_some(DataType::UInt64)
}

/// A value in which no object has a name twice.
pub(super) struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> std::result::Result<Self, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> std::result::Result<Self, A::Error> {
        while items.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    /// Numbers come so as well, since serde_json keeps them as they are written.
    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> std::result::Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some((name, Self)) = fields.next_entry::<String, Self>()? {
            if !names.insert(name) {
                return Err(serde::de::Error::custom("a name is there twice"));
            }
        }
        Ok(self)
    }
}

pub(super) fn unique(bytes: &[u8]) -> bool {
    serde_json::from_slice::<Unique>(bytes).is_ok()
}
