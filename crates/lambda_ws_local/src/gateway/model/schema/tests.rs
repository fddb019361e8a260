//! Tests of schemas. `jsonschema` is the reference.

use super::*;
use serde_json::json;

fn schema(schema: Value) -> Schema {
    Schema::compile(&schema).unwrap_or_else(|error| panic!("{error}: {schema}"))
}

fn is_valid(schema: &Schema, value: &Value) -> bool {
    schema.validate(value).is_ok()
}

/// Returns the place and the reason of a value that does not match.
#[track_caller]
fn misfit(of: Value, value: Value) -> String {
    let misfit = schema(of).validate(&value).expect_err("it does not match");
    format!("{} {}", misfit.path, misfit.reason)
}

#[test]
fn each_keyword_means_what_the_reference_says() {
    let schemas = [
        json!({}),
        json!({"type": "null"}),
        json!({"type": "boolean"}),
        json!({"type": "integer"}),
        json!({"type": "number"}),
        json!({"type": "string"}),
        json!({"type": "array"}),
        json!({"type": "object"}),
        json!({"type": ["string", "integer"]}),
        json!({"enum": [1, "a", [2.0], {"a": 1, "b": [null]}]}),
        json!({"enum": [1.0, true]}),
        json!({"multipleOf": 2}),
        json!({"multipleOf": 0.1}),
        json!({"multipleOf": 1e3}),
        json!({"minimum": 1}),
        json!({"minimum": 1, "exclusiveMinimum": true}),
        json!({"minimum": 1.5, "exclusiveMinimum": false}),
        json!({"maximum": 1}),
        json!({"maximum": 3, "exclusiveMaximum": true}),
        json!({"maximum": 9007199254740993_u64}),
        json!({"minLength": 2}),
        json!({"maxLength": 2}),
        json!({"pattern": "a"}),
        json!({"pattern": "^[a-z]+$"}),
        json!({"pattern": r"^\d{2,}$"}),
        json!({"pattern": r"^(?!\s*$).+"}),
        json!({"pattern": r"^(?=.*\d)(?=.*[(a-z]).{3,}$"}),
        json!({"minItems": 2}),
        json!({"maxItems": 1}),
        json!({"uniqueItems": true}),
        json!({"uniqueItems": false}),
        json!({"items": {"type": "integer"}}),
        json!({"items": [{"type": "integer"}, {"type": "string"}]}),
        json!({"items": [{"type": "integer"}], "additionalItems": false}),
        json!({"items": [{"type": "integer"}], "additionalItems": {"type": "string"}}),
        json!({"items": {"type": "integer"}, "additionalItems": false}),
        json!({"additionalItems": false}),
        json!({"minProperties": 2}),
        json!({"maxProperties": 1}),
        json!({"required": ["a"]}),
        json!({"required": ["a", "b"]}),
        json!({"properties": {"a": {"type": "integer"}}}),
        json!({"properties": {"a": {}}, "additionalProperties": false}),
        json!({"properties": {"a": {}}, "additionalProperties": {"type": "string"}}),
        json!({"patternProperties": {"^a": {"type": "integer"}}}),
        json!({"patternProperties": {"^a": {"type": "integer"}}, "additionalProperties": false}),
        json!({"properties": {"ab": {"minimum": 2}}, "patternProperties": {"^a": {"type": "integer"}}}),
        json!({"dependencies": {"a": ["b"]}}),
        json!({"dependencies": {"a": {"properties": {"b": {"type": "integer"}}}}}),
        json!({"allOf": [{"type": "integer"}, {"minimum": 2}]}),
        json!({"anyOf": [{"type": "string"}, {"minimum": 2}]}),
        json!({"oneOf": [{"type": "integer"}, {"minimum": 2}]}),
        json!({"not": {"type": ["integer", "object"]}}),
        json!({"definitions": {"a": {"type": "integer"}}, "items": {"$ref": "#/definitions/a"}}),
        json!({"properties": {"a": {"$ref": "#"}}, "required": ["a"]}),
        json!({"properties": {"a": {"$ref": "#"}}, "additionalProperties": false}),
        json!({"definitions": {"a/b": {"type": "null"}}, "items": {"$ref": "#/definitions/a~1b"}}),
        json!({"definitions": {"a%": {"type": "null"}}, "items": {"$ref": "#/definitions/a%25"}}),
        json!({"id": "http://x/y#", "items": {"$ref": "http://x/y#/not"}, "not": {"type": "string"}}),
        json!({"$ref": "#/definitions/a", "type": "null", "definitions": {"a": {"type": "integer"}}}),
        json!({"$schema": "http://json-schema.org/draft-04/schema#", "type": "object"}),
        // Keywords of later drafts have no effect.
        json!({"const": 1, "contains": {}, "if": {}, "then": {"type": "null"}, "propertyNames": {}}),
        json!({"format": "unknown", "title": "a", "description": "b", "default": 1}),
    ];
    let values = [
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(1),
        json!(1.0),
        json!(-1),
        json!(2),
        json!(3),
        json!(0.3),
        json!(1.5),
        json!(4.5),
        json!(1e3),
        json!(-1e-7),
        json!(0.0075),
        json!(9007199254740992_u64),
        json!(9007199254740993_u64),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(9007199254740994.0),
        json!(""),
        json!("a"),
        json!("ab"),
        json!("ab1"),
        json!("(12"),
        json!("  "),
        json!("42"),
        json!("äß"),
        json!("😀"),
        json!([]),
        json!([1]),
        json!([2]),
        json!(["a"]),
        json!([null]),
        json!([1, "a"]),
        json!([1, 2, 3]),
        json!([1, 1.0]),
        json!([1, true]),
        json!([{"a": 1, "b": 2}, {"b": 2.0, "a": 1}]),
        json!([["a"], ["b"], ["a"]]),
        json!({}),
        json!({"a": 1}),
        json!({"a": "x"}),
        json!({"ab": 1}),
        json!({"b": 1}),
        json!({"a": 1, "b": "x"}),
        json!({"a": 1, "b": [null]}),
        json!({"a": {"a": {"a": {}}}}),
        json!({"a": {"a": {"c": {}}}}),
    ];
    for text in &schemas {
        let ours = schema(text.clone());
        let reference = jsonschema::draft4::new(text).expect("a schema");
        for value in &values {
            let expected = reference.is_valid(value);
            assert_eq!(is_valid(&ours, value), expected, "{value} with {text}");
        }
    }
}

#[test]
fn numbers_that_a_float_does_not_contain_exactly_are_compared_as_decimals() {
    for (of, value, expected) in [
        (json!({"type": "integer"}), json!(2e300), true),
        (json!({"type": "integer"}), json!(9007199254740994.0), false),
        (json!({"multipleOf": 1e3}), json!(2e300), true),
        (json!({"multipleOf": 3}), json!(2e300), false),
        (
            json!({"multipleOf": 0.0075}),
            json!(9007199254740993_u64),
            true,
        ),
        (json!({"multipleOf": 0.0075}), json!(0.015), true),
        (json!({"multipleOf": 0.0075}), json!(0.01), false),
        (json!({"multipleOf": 2e300}), json!(2), false),
        (json!({"multipleOf": 2e300}), json!(0), true),
        (json!({"multipleOf": 1e-300}), json!(2e300), true),
    ] {
        assert_eq!(
            is_valid(&schema(of.clone()), &value),
            expected,
            "{value} with {of}"
        );
    }
}

#[test]
fn each_format_accepts_what_the_reference_accepts() {
    let texts = [
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00.25+02:00",
        "2026-02-30T12:00:00Z",
        "2026-01-31",
        "2026-01-31 12:00",
        "ann@example.com",
        "ann.lee+tea@mail.example.com",
        ".ann@example.com",
        "ann@",
        "@example.com",
        "ann lee@example.com",
        "ann",
        "example.com",
        "a-b.example",
        "-a.example",
        "a..example",
        "a_b.example",
        "127.0.0.1",
        "127.0.0.256",
        "127.0.0",
        "::1",
        "2001:db8::8a2e:370:7334",
        "::g",
        "https://example.com/a?b=c#d",
        "https://example.com/%41",
        "https://example.com/%4",
        "urn:isbn:0451450523",
        "mailto:ann@example.com",
        "//example.com",
        "/a",
        "a b",
        "http:// x",
        "1http://x",
        "",
    ];
    for format in ["date-time", "email", "hostname", "ipv4", "ipv6", "uri"] {
        let text = json!({"format": format});
        let reference = jsonschema::draft4::new(&text).expect("a schema");
        let ours = schema(text);
        for text in texts {
            let value = json!(text);
            let expected = reference.is_valid(&value);
            assert_eq!(is_valid(&ours, &value), expected, "{text:?} as {format}");
        }
        assert!(is_valid(&ours, &json!(1)), "{format}");
    }
}

#[test]
fn a_misfit_names_the_place_and_what_is_expected() {
    for (of, value, expected) in [
        (
            json!({"type": ["integer", "null"]}),
            json!("x"),
            " expected the type integer or null",
        ),
        (json!({"enum": ["a"]}), json!("x"), r#" expected "a""#),
        (
            json!({"enum": ["a", 1]}),
            json!("x"),
            r#" expected one of "a", 1"#,
        ),
        (
            json!({"multipleOf": 5}),
            json!(1),
            " expected a multiple of 5",
        ),
        (json!({"minimum": 5}), json!(1), " expected at least 5"),
        (
            json!({"minimum": 5, "exclusiveMinimum": true}),
            json!(5),
            " expected more than 5",
        ),
        (json!({"maximum": 5}), json!(6), " expected at most 5"),
        (
            json!({"maximum": 5, "exclusiveMaximum": true}),
            json!(5),
            " expected less than 5",
        ),
        (
            json!({"minLength": 2}),
            json!("x"),
            " expected at least 2 characters",
        ),
        (
            json!({"maxLength": 2}),
            json!("xyz"),
            " expected at most 2 characters",
        ),
        (
            json!({"pattern": "^a"}),
            json!("x"),
            " expected a string that matches `^a`",
        ),
        (
            json!({"format": "ipv4"}),
            json!("x"),
            " expected an IPv4 address",
        ),
        (
            json!({"minItems": 1}),
            json!([]),
            " expected at least 1 items",
        ),
        (
            json!({"maxItems": 1}),
            json!([1, 2]),
            " expected at most 1 items",
        ),
        (
            json!({"uniqueItems": true}),
            json!([1, 1]),
            " expected different items",
        ),
        (
            json!({"items": [{}], "additionalItems": false}),
            json!([1, 2]),
            "/1 expected at most 1 items",
        ),
        (
            json!({"minProperties": 1}),
            json!({}),
            " expected at least 1 properties",
        ),
        (
            json!({"maxProperties": 1}),
            json!({"a": 1, "b": 2}),
            " expected at most 1 properties",
        ),
        (
            json!({"properties": {"a": {"required": ["b"]}}}),
            json!({"a": {}}),
            "/a expected the required property `b`",
        ),
        (
            json!({"additionalProperties": false}),
            json!({"a/b~c": 1}),
            "/a~1b~0c the model does not allow this property",
        ),
        (
            json!({"dependencies": {"a": ["b"]}}),
            json!({"a": 1}),
            " expected the property `b`, because there is `a`",
        ),
        (
            json!({"items": {"items": {"type": "string"}}}),
            json!([[], ["a", 1]]),
            "/1/1 expected the type string",
        ),
        (
            json!({"anyOf": [{"minimum": 2}]}),
            json!(1),
            " expected a value that matches a schema of `anyOf`",
        ),
        (
            json!({"oneOf": [{"minimum": 1}, {"minimum": 2}]}),
            json!(3),
            " expected a value that matches one schema of `oneOf`, not 2",
        ),
        (
            json!({"not": {}}),
            json!(1),
            " expected a value that does not match the schema of `not`",
        ),
    ] {
        assert_eq!(misfit(of, value), expected);
    }
}

#[test]
fn a_broken_schema_is_rejected_with_its_place() {
    for (broken, expected) in [
        (
            json!("text"),
            "the schema is not valid: expected a schema, which is an object",
        ),
        (
            json!({"type": "text"}),
            "`/type` is not valid: expected one or several of array, boolean, integer, null, number, object, string",
        ),
        (
            json!({"type": []}),
            "`/type` is not valid: expected a list of different strings",
        ),
        (
            json!({"enum": []}),
            "`/enum` is not valid: expected a list of values",
        ),
        (
            json!({"multipleOf": 0}),
            "`/multipleOf` is not valid: expected a number greater than 0",
        ),
        (
            json!({"minimum": "1"}),
            "`/minimum` is not valid: expected a number",
        ),
        (
            json!({"exclusiveMinimum": 1}),
            "`/exclusiveMinimum` is not valid: expected true or false, beside `minimum`",
        ),
        (
            json!({"exclusiveMaximum": true}),
            "`/exclusiveMaximum` is not valid: expected true or false, beside `maximum`",
        ),
        (
            json!({"minLength": "1"}),
            "`/minLength` is not valid: expected an integer of at least 0",
        ),
        (
            json!({"maxItems": -1}),
            "`/maxItems` is not valid: expected an integer of at least 0",
        ),
        (
            json!({"pattern": "("}),
            "`/pattern` is not valid: expected a regular expression",
        ),
        (
            json!({"patternProperties": {"[": {}}}),
            "`/patternProperties/[` is not valid: expected a regular expression",
        ),
        (
            json!({"uniqueItems": 1}),
            "`/uniqueItems` is not valid: expected true or false",
        ),
        (
            json!({"required": []}),
            "`/required` is not valid: expected a list of different strings",
        ),
        (
            json!({"required": ["a", "a"]}),
            "`/required` is not valid: expected a list of different strings",
        ),
        (
            json!({"required": true}),
            "`/required` is not valid: expected a list of different strings",
        ),
        (
            json!({"properties": {"a/b": {"properties": []}}}),
            "`/properties/a~1b/properties` is not valid: expected an object with schemas",
        ),
        (
            json!({"additionalProperties": 1}),
            "`/additionalProperties` is not valid: expected true, false or a schema",
        ),
        (
            json!({"items": true}),
            "`/items` is not valid: expected a schema, which is an object",
        ),
        (
            json!({"definitions": {"a": 1}}),
            "`/definitions/a` is not valid: expected a schema, which is an object",
        ),
        (
            json!({"dependencies": []}),
            "`/dependencies` is not valid: expected an object with schemas or lists of properties",
        ),
        (
            json!({"allOf": []}),
            "`/allOf` is not valid: expected a list of schemas",
        ),
        (
            json!({"anyOf": {}}),
            "`/anyOf` is not valid: expected a list of schemas",
        ),
        (
            json!({"oneOf": [{}, 1]}),
            "`/oneOf/1` is not valid: expected a schema, which is an object",
        ),
        (
            json!({"not": true}),
            "`/not` is not valid: expected a schema, which is an object",
        ),
        (
            json!({"title": 1}),
            "`/title` is not valid: expected a string",
        ),
        (
            json!({"format": 1}),
            "`/format` is not valid: expected a string such as `date-time`",
        ),
        (
            json!({"$ref": 1}),
            "`/$ref` is not valid: expected a string such as `#/definitions/name`",
        ),
        (
            json!({"$ref": "#/definitions/missing"}),
            "`/$ref` is not valid: expected `#` or the path of a schema, such as `#/definitions/name`",
        ),
    ] {
        let error = Schema::compile(&broken).err();
        let error = error.map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(expected), "{broken}");
    }
}

#[test]
fn other_documents_are_not_fetched() {
    for reference in [
        "http://127.0.0.1:9/elsewhere.json",
        "file:///etc/hostname",
        "a.json#/a",
    ] {
        let error = Schema::compile(&json!({"items": {"$ref": reference}})).err();
        let error = error.expect(reference).to_string();
        assert!(error.starts_with("`/items/$ref` is not valid"), "{error}");
        assert!(
            error.ends_with("put the schema below `definitions`"),
            "{error}"
        );
    }
}

#[test]
fn a_schema_that_never_ends_is_rejected() {
    for endless in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"anyOf": [{"$ref": "#"}]}]}),
        json!({"definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"not": {"$ref": "#/definitions/a"}}}}),
        json!({"dependencies": {"a": {"$ref": "#"}}}),
    ] {
        let error = Schema::compile(&endless).err();
        let error = error.expect("an error").to_string();
        assert!(error.contains("refers to itself"), "{error}: {endless}");
    }
    // Two references to one schema are not a cycle.
    let twice = json!({"allOf": [{"$ref": "#/definitions/a"}, {"$ref": "#/definitions/a"}], "definitions": {"a": {}}});
    assert!(is_valid(&schema(twice), &json!(1)));
}

#[test]
fn patterns_take_linear_time_and_those_that_are_not_supported_are_listed() {
    let slow = schema(json!({"pattern": r"^(\w+\s?)*$"}));
    assert!(!is_valid(&slow, &json!("a".repeat(10_000) + "!")));
    for (pattern, is_checked) in [
        (r"^(?!a|b)(?=.{2}$)c(d|e)", true),
        (r"^(?=[)\]|])\)x", true),
        (r"(?!a)b", false),
        (r"^(?!a)b|c", false),
        (r"a(?=b)", false),
        (r"^a(?<!b)$", false),
        (r"^(a)\1$", false),
        (r"^(?=(?!a)b)", false),
        (r"^\p{Letter}$", false),
        (r"^\cA$", false),
    ] {
        let one =
            schema(json!({"items": {"pattern": pattern}, "patternProperties": {pattern: {}}}));
        let expected = if is_checked { vec![] } else { vec![pattern; 2] };
        let mut unchecked: Vec<_> = one.unchecked_patterns().collect();
        unchecked.sort_unstable();
        assert_eq!(unchecked, expected, "{pattern}");
        if !is_checked {
            assert!(is_valid(&one, &json!(["anything"])), "{pattern}");
        }
    }
}
