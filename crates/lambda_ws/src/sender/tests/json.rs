//! The remaining recipients of a broadcast, as JSON from outside.

use crate::task::Remaining;
use crate::task::Task;
use proptest::prelude::*;
use serde_json::{Value, json};

fn rest(scope: &Value, ranges: &Value) -> Result<Remaining, serde_json::Error> {
    let rest = json!({"scope": scope, "message": "hello", "ranges": ranges});
    serde_json::from_str(&rest.to_string())
}

#[test]
fn fault_l2_an_invalid_range_is_rejected_when_it_is_read() {
    let tea = json!({"room": "tea"});
    for (range, problem) in [
        (json!({"from": 200, "to": 100}), "ends before it starts"),
        (json!({"from": 0, "to": 256}), "expected u8"),
        (json!({"from": -1, "to": 255}), "expected u8"),
        (json!({"from": 0}), "missing field"),
        // Its hash is 179.
        (
            json!({"from": 0, "to": 178, "after": "PJqB0fHsqRcCHlw="}),
            "is not in the slice",
        ),
        (json!({"from": 0, "to": 255, "after": ""}), "got 0"),
    ] {
        let error = rest(&tea, &json!([range])).expect_err(&range.to_string());
        assert!(error.to_string().contains(problem), "{range}: {error}");
    }
    let everyone = rest(&json!("everyone"), &json!([{"from": 0, "to": 255}])).unwrap_err();
    assert!(
        everyone.to_string().contains("is not a slice"),
        "{everyone}"
    );
    assert!(rest(&json!("everyone"), &json!([{"from": 16, "to": 31}])).is_ok());
    let inside = json!([{"from": 0, "to": 179, "after": "PJqB0fHsqRcCHlw="}]);
    assert!(rest(&tea, &inside).is_ok());
}

#[test]
fn fault_l1_a_task_with_an_invalid_name_is_not_valid() {
    let good = json!({"form": 3, "id": "a", "hop": 1, "kind": {"send": {"rate": 1, "rest":
        {"scope": {"room": "tea"}, "ids": ["a"], "except": ["b"], "ranges": []}}}});
    assert!(Task::read(&good.to_string()).is_ok());
    for pointer in [
        "/kind/send/rest/scope/room",
        "/kind/send/rest/ids/0",
        "/kind/send/rest/except/0",
    ] {
        for name in [String::new(), "x".repeat(257)] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = name.into();
            let error = Task::read(&bad.to_string()).expect_err(pointer);
            let error = crate::error::chain(&error);
            assert!(error.contains("1 to 256 bytes"), "{pointer}: {error}");
        }
    }
}

/// A valid or invalid range.
fn range() -> impl Strategy<Value = Value> {
    let after = prop_oneof![
        Just(Value::Null),
        "[A-Za-z0-9]{0,3}".prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
    ];
    (-1..258, -1..258, after)
        .prop_map(|(from, to, after)| json!({"from": from, "to": to, "after": after}))
}

proptest! {
    #[test]
    fn fault_l2_no_ranges_from_outside_panic(
        room in any::<bool>(),
        ranges in prop::collection::vec(range(), 0..6),
        parts in 0_usize..12,
    ) {
        let scope = match room {
            true => json!({"room": "tea"}),
            false => json!("everyone"),
        };
        if let Ok(rest) = rest(&scope, &json!(ranges)) {
            let split = rest.clone().split(parts);
            let all: usize = split.iter().map(|part| part.ranges.len()).sum();
            prop_assert!(all >= rest.ranges.len());
        }
    }
}
