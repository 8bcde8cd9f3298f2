//! What stands in the way of a type, or of a line, is named with its place.

use super::*;

#[test]
fn numbers_have_the_type_that_holds_each_or_none() {
    let edges = [
        "0",
        "-0",
        "-1",
        "9007199254740992",
        "9007199254740993",
        "-9007199254740992",
        "-9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "-9223372036854775808",
        "-9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "0.0",
        "-0.0",
        "1.5",
        "1e2",
        "5e-324",
        "1e-999",
        "1.7976931348623157e308",
        "1.7976931348623159e308",
        "1e999",
        "-1E+999",
        "null",
    ];
    let long = format!("{}.0", "9".repeat(309));
    for first in edges.into_iter().chain([long.as_str()]) {
        for second in edges {
            let text = format!("{{\"n\":{first}}}\n{{\"n\":{second}}}\n");
            let values = lines_of(text.as_bytes());
            let column: Vec<&Value> = values.iter().map(|line| &line["n"]).collect();
            match (open(&[text.as_bytes()], 1, None), known_type(&column)) {
                (Ok(table), Some(known)) => {
                    let part = table.parts[0].as_ref();
                    assert_eq!(part.schema().field(0).data_type(), &known, "{text}");
                    assert_eq!(read(part, &[0, 1]), oracle(part, &values, &[0, 1]), "{text}");
                }
                (Err(error), None) => assert!(error.to_string().contains("column \"n\": "), "{error}"),
                (found, known) => panic!("{text}: {known:?}, and opened: {}", found.is_ok()),
            }
        }
    }
}

#[test]
fn what_stands_in_the_way_of_a_type_is_named_with_its_place() {
    for (lines, said) in [
        ("{\"a\":1}\n\n{\"a\":\"x\"}\n", "0: at line 3: column \"a\": text is here, and a number at line 1;"),
        (
            "{\"a\":null}\n{\"a\":[]}\n{\"a\":{}}\n",
            "0: at line 3: column \"a\": an object is here, and a list at line 2;",
        ),
        (
            "{\"a\":[{\"b\":true}]}\n{\"a\":[null,{\"b\":2}]}\n",
            "0: at line 2: column \"a[].b\": a number is here, and true or false at line 1;",
        ),
        (
            "{\"a\":1.5}\n{\"a\":9007199254740993}\n",
            "0: at line 2: column \"a\": an integer beyond 2^53 is here, and a number with a point or an exponent at line 1;",
        ),
        (
            "{\"a\":-1}\n{\"a\":9223372036854775808}\n",
            "0: at line 2: column \"a\": an integer beyond those of int64 is here, and one below zero at line 1;",
        ),
        (
            "{\"a\":18446744073709551616}\n",
            "0: at line 1: column \"a\": an integer is here that neither int64 nor uint64 has a place for;",
        ),
        (
            "{\"a\":1}\n{\"a\":1e400}\n",
            "0: at line 2: column \"a\": a number is here that is beyond those of float64;",
        ),
    ] {
        let found = refused(&[lines.as_bytes()], 2);
        assert!(found.starts_with(said), "{found}");
    }
    // In another file, that file is named.
    let found = refused(&[b"{\"a\":1}\n", b"{\"b\":1}\n{\"a\":true}\n"], 2);
    assert!(
        found.starts_with("1: at line 2: column \"a\": true or false is here, and a number at line 1 of "),
        "{found}"
    );
}

#[test]
fn a_line_that_is_no_object_is_told_what_it_is() {
    let deep = |depth: usize| format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    for (line, said) in [
        ("[{\"a\":1}]", "a list is here, and each line must be an object"),
        ("7", "each line must be an object, such as {\"text\": \"…\"}, and this one begins with b\"7\""),
        (
            "{\"a\":1} {\"a\":2}",
            "one object is on each line, and behind this one there is b\"{\\\"a\\\":2}\"",
        ),
        ("{\"a\":1,\"b\":{\"c\":1,\"c\":2}}", "column \"b.c\": the field is there twice in one object"),
        ("{\"a\":1,\"\\u0061\":2}", "column \"a\": the field is there twice in one object"),
        ("{\"a\":[NaN]}", "column \"a[]\": NaN and Infinity are no JSON"),
        ("{\"a\":-Infinity}", "column \"a\": NaN and Infinity are no JSON"),
        ("{\"a\":\"\\ud83d\"}", "column \"a\": this is no JSON at byte "),
        ("{\"a\":\"\\udc00\\ud83d\"}", "column \"a\": this is no JSON at byte "),
        ("{\"a\":01}", "column \"a\": this is no JSON at byte "),
        ("{\"a\":1,}", "this is no JSON at byte 7 of the line"),
        ("{\"a\":[1", "column \"a\": this is no JSON at byte 7 of the line"),
        (&deep(65), "lists and objects lie deeper in each other than 64"),
    ] {
        // Lines before, blank ones among them, are counted.
        let text = format!("{{\"a\":null}}\n \r\n{line}\n{{\n");
        let found = refused(&[text.as_bytes()], 2);
        let what = found.strip_prefix("0: at line 3: ").unwrap_or(&found);
        assert!(what.contains(said) && found.starts_with("0: at line 3: "), "{found}");
    }
    assert!(open(&[deep(63).as_bytes()], 1, None).is_ok());
}

#[test]
fn names_without_end_are_refused_wherever_they_are() {
    let object = |from: usize, to: usize| {
        let names: Vec<String> = (from..to).map(|name| format!("\"{name}\":0")).collect();
        format!("{{{}}}\n", names.join(","))
    };
    let (all, more) = (object(0, 10_000), object(0, 10_001));
    assert_eq!(open(&[all.as_bytes()], 1, None).unwrap().parts[0].schema().fields().len(), 10_000);
    let found = refused(&[more.as_bytes()], 1);
    assert!(found.starts_with("0: at line 1: there are more than 10000 fields"), "{found}");
    let (first, second) = (object(0, 6_000), object(6_000, 12_000));
    let found = refused(&[first.as_bytes(), second.as_bytes()], 2);
    assert!(found.starts_with("0: there are more than 10000 fields"), "{found}");
    let found = refused(&[format!("{first}{second}").as_bytes()], 2);
    assert!(found.starts_with("0: at line 2: there are more than 10000 fields"), "{found}");
}

#[test]
fn a_file_of_blank_lines_has_no_columns() {
    for text in [&b"\n"[..], b" \t\r\n\n", b"\xef\xbb\xbf\n"] {
        for stored in [text.to_vec(), gzip(text)] {
            let found = refused(&[b"{\"a\":1}", &stored], 2);
            assert!(found.starts_with("1: it has no lines, and so no columns;"), "{found}");
        }
    }
}
