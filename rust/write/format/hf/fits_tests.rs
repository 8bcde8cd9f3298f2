//! Which features stand for which Arrow types, in each way of telling them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};
use serde_json::{Value, json};

use super::fits::{fits, is_struct, kind_of, length_of};
use super::release::Release;
use crate::gather::columns::extension;

fn field(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, true)
}

fn list(item: DataType) -> DataType {
    DataType::List(Arc::new(field("item", item)))
}

fn fixed(item: DataType, length: i32) -> DataType {
    DataType::FixedSizeList(Arc::new(field("item", item)), length)
}

fn group(fields: &[(&str, DataType)]) -> DataType {
    DataType::Struct(fields.iter().map(|(name, inner)| field(name, inner.clone())).collect())
}

fn value(dtype: &str) -> Value {
    json!({"dtype": dtype, "_type": "Value"})
}

fn is_fit(feature: &Value, data_type: &DataType, release: Release) -> bool {
    fits(feature, &field("x", data_type.clone()), release)
}

#[track_caller]
fn fit(feature: &Value, data_type: &DataType) {
    assert!(is_fit(feature, data_type, Release::NEWEST), "{feature} {data_type}");
}

#[track_caller]
fn unfit(feature: &Value, data_type: &DataType) {
    assert!(!is_fit(feature, data_type, Release::NEWEST), "{feature} {data_type}");
}

#[test]
fn a_value_stands_for_the_type_of_its_name() {
    let types = [
        ("int8", DataType::Int8),
        ("uint64", DataType::UInt64),
        ("float16", DataType::Float16),
        ("float64", DataType::Float64),
        ("bool", DataType::Boolean),
        ("string", DataType::Utf8),
        ("large_string", DataType::LargeUtf8),
        ("binary", DataType::Binary),
        ("date32", DataType::Date32),
        ("timestamp[us, tz=UTC]", DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
        ("decimal128(9, 2)", DataType::Decimal128(9, 2)),
    ];
    for (name, _) in &types {
        for (other, data_type) in &types {
            assert_eq!(is_fit(&value(name), data_type, Release::NEWEST), name == other, "{name} {other}");
        }
    }
    for none in [json!(null), json!("int8"), json!({"_type": "Value"}), json!({"dtype": 8, "_type": "Value"})]
    {
        unfit(&none, &DataType::Int8);
    }
    unfit(&json!({"dtype": "int8", "_type": 1}), &DataType::Int8);
    unfit(&json!({"dtype": "int8", "_type": "Unheard"}), &DataType::Int8);
}

#[test]
fn labels_are_numbers_of_64_bits_with_names_that_differ() {
    let label = |names: Value| json!({"names": names, "_type": "ClassLabel"});
    fit(&label(json!(["a", "b"])), &DataType::Int64);
    fit(&label(json!([])), &DataType::Int64);
    unfit(&label(json!(["a", "b"])), &DataType::Int32);
    for names in [json!(["a", "a"]), json!(["a", 1]), json!("ab"), json!(null)] {
        unfit(&label(names), &DataType::Int64);
    }
    unfit(&json!({"num_classes": 2, "_type": "ClassLabel"}), &DataType::Int64);
}

#[test]
fn lists_have_their_item_and_their_length() {
    let of = |kind: &str, length: i64| json!({"feature": value("int8"), "length": length, "_type": kind});
    for kind in ["List", "Sequence"] {
        fit(&of(kind, -1), &list(DataType::Int8));
        fit(&json!({"feature": value("int8"), "_type": kind}), &list(DataType::Int8));
        fit(&of(kind, 3), &fixed(DataType::Int8, 3));
        for other in [list(DataType::Int16), fixed(DataType::Int8, 3), DataType::Int8] {
            unfit(&of(kind, -1), &other);
        }
        for other in [list(DataType::Int8), fixed(DataType::Int8, 2), fixed(DataType::Int16, 3)] {
            unfit(&of(kind, 3), &other);
        }
        unfit(&of(kind, -2), &list(DataType::Int8));
        unfit(&json!({"length": -1, "_type": kind}), &list(DataType::Int8));
        unfit(&json!({"feature": value("int8"), "length": "3", "_type": kind}), &fixed(DataType::Int8, 3));
    }
    fit(&json!([value("int8")]), &list(DataType::Int8));
    fit(&json!([[value("int8")]]), &list(list(DataType::Int8)));
    unfit(&json!([value("int8"), value("int8")]), &list(DataType::Int8));
    unfit(&json!([]), &list(DataType::Int8));
    let large = DataType::LargeList(Arc::new(field("item", DataType::Int8)));
    fit(&json!({"feature": value("int8"), "_type": "LargeList"}), &large);
    unfit(&json!({"feature": value("int8"), "_type": "LargeList"}), &list(DataType::Int8));
    unfit(&json!({"feature": value("int8"), "_type": "List"}), &large);
}

#[test]
fn a_struct_has_the_same_fields_in_the_same_order() {
    let feature = json!({"b": value("int8"), "a": [value("string")]});
    let fields = [("b", DataType::Int8), ("a", list(DataType::Utf8))];
    fit(&feature, &group(&fields));
    fit(&json!({}), &group(&[]));
    fit(&json!({"_type": value("int8")}), &group(&[("_type", DataType::Int8)]));
    for other in [
        group(&fields[..1]),
        group(&[fields[1].clone(), fields[0].clone()]),
        group(&[("b", DataType::Int8), ("a", DataType::Utf8)]),
        group(&[("b", DataType::Int8), ("c", list(DataType::Utf8))]),
        DataType::Int8,
    ] {
        unfit(&feature, &other);
    }
}

#[test]
fn a_sequence_of_a_struct_is_a_struct_of_lists() {
    let of = |inner: Value, length: i64| json!({"feature": inner, "length": length, "_type": "Sequence"});
    let inner = json!({"a": value("int8"), "b": value("string")});
    fit(&of(inner.clone(), -1), &group(&[("a", list(DataType::Int8)), ("b", list(DataType::Utf8))]));
    fit(&of(inner.clone(), 2), &group(&[("a", fixed(DataType::Int8, 2)), ("b", fixed(DataType::Utf8, 2))]));
    unfit(&of(inner.clone(), -1), &list(group(&[("a", DataType::Int8), ("b", DataType::Utf8)])));
    unfit(&of(inner.clone(), -1), &group(&[("a", list(DataType::Int8))]));
    unfit(&of(inner, -1), &group(&[("a", list(DataType::Int8)), ("c", list(DataType::Utf8))]));
    // Of lists alone, or of nothing, releases make different things.
    unfit(&of(json!({"a": [value("int8")]}), -1), &group(&[("a", list(list(DataType::Int8)))]));
    unfit(&of(json!({}), -1), &group(&[]));
    let named = field("a", list(DataType::Int8)).with_metadata([("k".to_owned(), "v".to_owned())]);
    let named = DataType::Struct(vec![named].into());
    unfit(&of(json!({"a": value("int8")}), -1), &named);
}

#[test]
fn translations_have_their_languages() {
    let of = |languages: Value| json!({"languages": languages, "_type": "Translation"});
    let fields = group(&[("de", DataType::Utf8), ("en", DataType::Utf8)]);
    fit(&of(json!(["de", "en"])), &fields);
    fit(&of(json!(["en", "de"])), &fields);
    for languages in [json!(["de"]), json!(["de", "fr"]), json!(["de", 1]), json!(null)] {
        unfit(&of(languages), &fields);
    }
    unfit(&of(json!(["de", "en"])), &group(&[("en", DataType::Utf8), ("de", DataType::Utf8)]));
    unfit(&of(json!(["de"])), &group(&[("de", DataType::LargeUtf8)]));
    let variable =
        |languages: Value| json!({"languages": languages, "_type": "TranslationVariableLanguages"});
    let lists = |second: &str| group(&[("language", list(DataType::Utf8)), (second, list(DataType::Utf8))]);
    for languages in [json!(null), json!(["de"]), json!([])] {
        fit(&variable(languages), &lists("translation"));
    }
    unfit(&variable(json!([1])), &lists("translation"));
    unfit(&variable(json!("de")), &lists("translation"));
    unfit(&variable(json!(null)), &lists("translations"));
    unfit(&variable(json!(null)), &group(&[("language", list(DataType::Utf8))]));
}

#[test]
fn media_are_bytes_and_a_path_in_the_releases_that_have_them() {
    let stored = group(&[("bytes", DataType::Binary), ("path", DataType::Utf8)]);
    let of = |kind: &str| json!({"decode": true, "_type": kind});
    for (kind, since) in [("Video", Release(3, 1)), ("Pdf", Release(3, 5)), ("Mesh", Release(5, 0))] {
        assert!(is_fit(&of(kind), &stored, since), "{kind}");
        let before = if since.1 == 0 { Release(since.0 - 1, 99) } else { Release(since.0, since.1 - 1) };
        assert!(!is_fit(&of(kind), &stored, before), "{kind}");
    }
    for other in [
        group(&[("path", DataType::Utf8), ("bytes", DataType::Binary)]),
        group(&[("bytes", DataType::Binary)]),
        group(&[("bytes", DataType::LargeBinary), ("path", DataType::Utf8)]),
        DataType::Binary,
    ] {
        fit(&of("Image"), &stored);
        unfit(&of("Image"), &other);
    }
    let structure = |format: Value| json!({"format": format, "_type": "BioStructure"});
    fit(&of("BioStructure"), &stored);
    fit(&structure(json!("pdb")), &stored);
    unfit(&structure(json!("cif")), &stored);
    unfit(&structure(json!(null)), &stored);
}

#[test]
fn extension_types_have_features_of_their_own() {
    let named = |data_type: DataType, name: &str, data: &str| {
        let told = [(extension::NAME, name), (extension::DATA, data)];
        let told = told.map(|(key, value)| (key.to_owned(), value.to_owned()));
        field("x", data_type).with_metadata(told)
    };
    let json_field = named(DataType::Utf8, "arrow.json", "");
    let json_feature = json!({"decode": true, "_type": "Json"});
    assert!(fits(&json_feature, &json_field, Release(4, 7)));
    assert!(!fits(&json_feature, &json_field, Release(4, 6)));
    assert!(!fits(&value("string"), &json_field, Release::NEWEST));
    assert!(!fits(&value("large_string"), &named(DataType::LargeUtf8, "arrow.json", ""), Release::NEWEST));
    let name = "datasets.features.features.Array2DExtensionType";
    let array = named(list(list(DataType::Int32)), name, "[[2, 3], \"int32\"]");
    let of = |shape: Value, dtype: &str| json!({"shape": shape, "dtype": dtype, "_type": "Array2D"});
    assert!(fits(&of(json!([2, 3]), "int32"), &array, Release(2, 0)));
    for other in [
        of(json!([3, 2]), "int32"),
        of(json!([2, 3]), "int64"),
        json!({"shape": [2, 3], "dtype": "int32", "_type": "Array3D"}),
        json!([[value("int32")]]),
    ] {
        assert!(!fits(&other, &array, Release::NEWEST), "{other}");
    }
    // A type that nobody knows is no feature's, whatever it stores.
    assert!(!fits(&value("int8"), &named(DataType::Int8, "my.type", ""), Release::NEWEST));
    assert!(!fits(
        &json!([value("int8")]),
        &field("x", DataType::List(Arc::new(named(DataType::Int8, "my.type", "")))),
        Release::NEWEST
    ));
}

#[test]
fn what_a_feature_says_of_itself() {
    assert_eq!(kind_of(&value("int8")), Some("Value"));
    assert_eq!(kind_of(&json!([1])), None);
    let object = |value: Value| value.as_object().unwrap().clone();
    assert!(is_struct(&object(json!({}))) && is_struct(&object(json!({"_type": {}}))));
    assert!(!is_struct(&object(value("int8"))));
    for (told, length) in
        [(json!({}), Some(-1)), (json!({"length": 0}), Some(0)), (json!({"length": -1}), Some(-1))]
    {
        assert_eq!(length_of(&object(told)), length);
    }
    for wrong in [json!(-2), json!(1.5), json!("3"), json!(null), json!(u64::MAX)] {
        assert_eq!(length_of(&object(json!({"length": wrong}))), None);
    }
}
