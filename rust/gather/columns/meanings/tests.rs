use std::sync::Arc;

use serde_json::json;

use super::*;

/// Puts a feature into another.
type Wrap = fn(Value) -> Value;

fn schema(features: &Value) -> Schema {
    let text = json!({"info": {"features": features}}).to_string();
    told(&text)
}

fn told(text: &str) -> Schema {
    let fields = vec![Field::new("l", DataType::Int64, true)];
    Schema::new_with_metadata(fields, [(FEATURES.to_owned(), text.to_owned())])
}

fn compared(first: &Schema, other: &Schema) -> std::result::Result<(), String> {
    Meant::new(Path::new("one"), first).add(Path::new("two"), other).map_err(|e| e.to_string())
}

fn label(names: &[&str]) -> Value {
    json!({"names": names, "_type": "ClassLabel"})
}

#[test]
fn names_differ_wherever_they_are() {
    let inside: [(Wrap, &str); 7] = [
        (|label| label, "\"l\""),
        (|label| json!([label]), "\"l\"[]"),
        (|label| json!({"feature": label, "length": -1, "_type": "List"}), "\"l\"[]"),
        (|label| json!({"feature": label, "_type": "LargeList"}), "\"l\"[]"),
        (|label| json!({"feature": label, "_type": "Sequence"}), "\"l\"[]"),
        (|label| json!({"feature": {"_type": label}, "_type": "Sequence"}), "\"l\"[\"_type\"][]"),
        (|label| json!({"a": [label]}), "\"l\"[\"a\"][]"),
    ];
    for (made, place) in inside {
        let of = |names: &[&str]| schema(&json!({"l": made(label(names))}));
        let said = compared(&of(&["a", "b"]), &of(&["b", "a"])).unwrap_err();
        let start = format!(
            "two: column {place}: its values are a ClassLabel with the names [\"b\", \"a\"] here and a ClassLabel with the names [\"a\", \"b\"] in one;"
        );
        assert!(said.starts_with(&start), "{said}");
        for plain in [schema(&json!({})), told("{"), told("[]"), told("")] {
            assert!(compared(&of(&["a"]), &plain).unwrap_err().contains("plain values without"));
            assert!(compared(&plain, &of(&["a"])).unwrap_err().contains("the names [\"a\"] here"));
        }
    }
}

#[test]
fn other_spellings_of_the_same_are_the_same() {
    let same = |one: Value, two: Value| compared(&schema(&json!({"l": one})), &schema(&json!({"l": two})));
    let named = label(&["a"]);
    let plain = json!({"dtype": "int64", "_type": "Value"});
    assert_eq!(same(plain.clone(), json!({"languages": ["de"], "_type": "Translation"})), Ok(()));
    for kind in ["Image", "Audio", "Video", "Pdf", "Nifti", "Mesh", "Json", "Registered"] {
        let read = json!({"_type": kind});
        let defaults = json!({"_type": kind, "id": null, "decode": true, "mode": null});
        assert_eq!(same(read.clone(), defaults), Ok(()), "{kind}");
        for other in [plain.clone(), json!({"_type": kind, "decode": false}), json!({"_type": "Other"})] {
            assert!(same(read.clone(), other.clone()).unwrap_err().contains("feature"), "{kind} {other}");
            assert!(same(other.clone(), read.clone()).unwrap_err().contains(kind), "{kind} {other}");
        }
    }
    assert_eq!(same(json!([named]), json!({"feature": named, "id": null, "_type": "Sequence"})), Ok(()));
    let dicts = json!({"feature": {"x": named}, "_type": "Sequence"});
    assert_eq!(same(dicts, json!({"x": {"feature": named, "_type": "List"}})), Ok(()));
    assert_eq!(same(label(&["0", "1"]), json!({"num_classes": 2, "_type": "ClassLabel"})), Ok(()));
    assert!(same(label(&["1", "0"]), json!({"num_classes": 2, "_type": "ClassLabel"})).is_err());
    assert_eq!(
        same(json!({"names": ["a"], "id": 1, "num_classes": 1, "_type": "ClassLabel"}), named),
        Ok(())
    );
}

#[test]
fn columns_that_are_not_read_do_not_count() {
    let of = |names: &[&str]| schema(&json!({"l": {"_type": "Value"}, "x": label(names)}));
    assert_eq!(compared(&of(&["a"]), &of(&["b"])), Ok(()));
}

#[test]
fn of_many_names_the_first_that_differs_is_told() {
    let many: Vec<String> = (0..100).map(|at| format!("c{at}")).collect();
    let mut many: Vec<&str> = many.iter().map(String::as_str).collect();
    let first = schema(&json!({"l": label(&many)}));
    many.swap(70, 71);
    let said = compared(&first, &schema(&json!({"l": label(&many)}))).unwrap_err();
    assert!(said.contains("with 100 names, of which 70 is \"c71\" here and"), "{said}");
    assert!(
        compared(&first, &schema(&json!({"l": label(&many[..50])}))).unwrap_err().contains("with 50 names")
    );
}

#[test]
fn arrays_differ_in_shape_and_type_by_features_or_extension_type() {
    let array = |shape: &[u8], dtype: &str| json!({"shape": shape, "dtype": dtype, "_type": "Array2D"});
    let of = |shape: &[u8], dtype: &str| schema(&json!({"l": array(shape, dtype)}));
    let said = compared(&of(&[3, 2], "int32"), &of(&[2, 3], "int32")).unwrap_err();
    assert!(
        said.contains("are Array2D of shape [2,3] and type \"int32\" here and Array2D of shape [3,2]"),
        "{said}"
    );
    assert!(compared(&of(&[3, 2], "int32"), &of(&[3, 2], "int64")).is_err());
    let stored = |data: &str| {
        let name = "datasets.features.features.Array2DExtensionType";
        let metadata = [(NAME, name), (DATA, data)].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let list = |kind| DataType::List(Arc::new(Field::new("item", kind, true)));
        let inner = Field::new("item", list(list(DataType::Int32)), true).with_metadata(metadata);
        Schema::new(vec![Field::new("l", DataType::List(Arc::new(inner)), true)])
    };
    let said = compared(&stored("[[3, 2], \"int32\"]"), &stored("[[2, 3], \"int32\"]")).unwrap_err();
    assert!(said.contains("column \"l\"[]: its values are Array2D of shape [2,3]"), "{said}");
    assert_eq!(compared(&stored("[[3, 2], \"int32\"]"), &stored("[[3,2],\"int32\"]")), Ok(()));
}

/// A column whose values have an extension type, or none.
fn stored_as(data_type: DataType, name: &str, data: &str) -> Schema {
    let metadata = [(NAME, name), (DATA, data)].into_iter().filter(|_| !name.is_empty());
    let metadata: std::collections::HashMap<_, _> =
        metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    Schema::new(vec![Field::new("l", data_type, true).with_metadata(metadata)])
}

#[test]
fn tensors_differ_in_shape_and_order_of_dimensions_and_not_in_names() {
    let list = || DataType::FixedSizeList(Arc::new(Field::new("item", DataType::Int32, true)), 6);
    let tensor = |data: &str| stored_as(list(), "arrow.fixed_shape_tensor", data);
    let first = tensor(r#"{"shape": [2, 3]}"#);
    for same in [r#"{"shape":[2,3],"permutation":[0,1]}"#, r#"{"dim_names": ["a", "b"], "shape": [2, 3]}"#] {
        assert_eq!(compared(&first, &tensor(same)), Ok(()), "{same}");
    }
    for other in [r#"{"shape":[3,2]}"#, r#"{"shape":[6]}"#, r#"{"shape":[2,3],"permutation":[1,0]}"#] {
        let said = compared(&first, &tensor(other)).unwrap_err();
        assert!(said.contains("of the extension type arrow.fixed_shape_tensor with {"), "{said}");
    }
    let plain = stored_as(list(), "", "");
    assert!(compared(&first, &plain).unwrap_err().contains("plain values"));
    assert!(compared(&plain, &first).unwrap_err().contains("plain values"));
}

#[test]
fn an_extension_type_differs_from_another_and_from_none() {
    let bytes = |name: &str| stored_as(DataType::FixedSizeBinary(16), name, "");
    assert!(compared(&bytes("arrow.uuid"), &bytes("")).unwrap_err().contains("plain values"));
    assert!(compared(&bytes(""), &bytes("arrow.uuid")).unwrap_err().contains("plain values"));
    assert!(
        compared(&bytes("arrow.uuid"), &bytes("my.hash"))
            .unwrap_err()
            .contains("of the extension type my.hash here")
    );
    let numbers = |name: &str| stored_as(DataType::Int8, name, "");
    assert!(compared(&numbers("arrow.bool8"), &numbers("")).is_err(), "5 is true");
    let opaque = |of: &str| {
        stored_as(DataType::Binary, "arrow.opaque", &json!({"type_name": of, "vendor_name": "v"}).to_string())
    };
    assert!(compared(&opaque("a"), &opaque("b")).is_err());
    assert_eq!(compared(&opaque("a"), &opaque("a")), Ok(()));
}

#[test]
fn a_feature_and_an_extension_type_are_each_compared() {
    let labels = |names: &[&str], name: &str, data: &str| {
        let text = json!({"info": {"features": {"l": label(names)}}}).to_string();
        stored_as(DataType::Int8, name, data).with_metadata([(FEATURES.to_owned(), text)])
    };
    let (one, two) = (["a", "b"], ["b", "a"]);
    let own = labels(&one, "my.type", "");
    assert_eq!(compared(&own, &own), Ok(()));
    let said = compared(&own, &labels(&two, "my.type", "")).unwrap_err();
    let here =
        "its values are a ClassLabel with the names [\"b\", \"a\"] of the extension type my.type here and";
    assert!(said.contains(here), "{said}");
    assert!(
        compared(&own, &labels(&one, "other.type", ""))
            .unwrap_err()
            .contains("of the extension type other.type")
    );
    assert!(compared(&own, &stored_as(DataType::Int8, "my.type", "")).is_err(), "it has no names");
    // Without an extension type that is no other than what is stored, the names decide.
    for (names, is_same) in [(one, true), (two, false)] {
        assert_eq!(compared(&own, &labels(&names, "", "")).is_ok(), is_same);
        assert_eq!(compared(&labels(&names, "", ""), &own).is_ok(), is_same);
    }
    let true_or_false = labels(&one, "arrow.bool8", "");
    assert!(compared(&true_or_false, &labels(&one, "", "")).is_err(), "5 is true");
    let plain = stored_as(DataType::Int8, "", "");
    assert!(compared(&own, &plain).unwrap_err().contains("plain values without"));
}
