use super::*;
use serde_json::{Value, json};

fn read(command: Value) -> Result<Command, String> {
    let event = json!({ "admin": command }).to_string();
    let event: Result<Event, _> = serde_json::from_str(&event);
    event
        .map(|event| event.admin)
        .map_err(|error| error.to_string())
}

#[test]
fn every_documented_command_is_read_and_written() {
    for command in [
        json!({"count": {}}),
        json!({"count": {"room": "tea", "cursor": "c0"}}),
        json!({"list": {"user": "ann", "details": true}}),
        json!({"show": {"connection": "PJqB0fHsqRcCHlw=", "session": true}}),
        json!({"disconnect": {"user": "ann"}}),
        json!({"broadcast": {"everyone": true, "data": {"tea": 3}}}),
        json!({"follow": {"room": "tea", "since": ["k3f9x0a2b", 57]}}),
        json!({"tasks": {}}),
    ] {
        let read = read(command.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), command);
        assert!(command.get(read.name()).is_some(), "{command}");
    }
}

#[test]
fn a_command_with_an_unknown_or_missing_member_is_rejected() {
    for (command, fault) in [
        (json!({"explode": {}}), "unknown variant `explode`"),
        (json!({"count": {"rooms": "tea"}}), "unknown field `rooms`"),
        (json!({"count": {"room": 5}}), "expected a string"),
        (json!({"show": {}}), "missing field `connection`"),
        (json!({"show": {"connection": ""}}), "1 to 256 bytes"),
        (
            json!({"broadcast": {"room": "tea"}}),
            "missing field `data`",
        ),
        (json!({"follow": {}}), "missing field `room`"),
        (json!({"count": {}, "list": {}}), "expected"),
        (json!({}), "expected"),
        (json!([]), "expected"),
        (json!(5), "expected"),
        (json!(null), "expected"),
    ] {
        let error = read(command.clone()).expect_err("garbage");
        assert!(error.contains(fault), "{command}: {error}");
    }
}

#[test]
fn exactly_one_target_is_accepted() {
    let disconnect = |members: Value| {
        let disconnect: Disconnect = serde_json::from_value(members).unwrap();
        disconnect.target()
    };
    let room = Target::Room("tea".to_owned());
    assert_eq!(disconnect(json!({"room": "tea"})), Ok(room));
    assert_eq!(disconnect(json!({"everyone": true})), Ok(Target::Everyone));
    assert_eq!(disconnect(json!({})), Err(TargetError::Missing));
    let both = json!({"room": "tea", "everyone": true});
    assert_eq!(disconnect(both), Err(TargetError::Several));
    let not = json!({"everyone": false});
    assert_eq!(disconnect(not), Err(TargetError::NotEveryone));
    assert_eq!(Count::default().target(), Ok(Target::Everyone));
    let two = Count {
        room: Some("tea".to_owned()),
        user: Some("ann".to_owned()),
        ..Count::default()
    };
    assert_eq!(two.target(), Err(TargetError::Several));
}

#[test]
fn a_target_and_its_members_are_the_same() {
    for target in [
        Target::Everyone,
        Target::Room("tea".to_owned()),
        Target::User("ann".to_owned()),
        Target::Connection("c".to_owned()),
    ] {
        assert_eq!(Disconnect::of(target.clone()).target(), Ok(target));
    }
}
