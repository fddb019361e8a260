//! Frames that are not valid, `$ping` and `bye`.

use super::*;
use crate::Bye;
use crate::store::{MAX_ROOMS, Store};

#[tokio::test]
async fn an_invalid_frame_is_answered_and_closes_nothing() {
    let gateway = gateway(channels());
    let mut ann = gateway.connect("/").await.unwrap();
    let many: serde_json::Map<_, _> = (0..=MAX_ROOMS)
        .map(|n| (n.to_string(), Value::Null))
        .collect();
    for (frame, named) in [
        (json!({"action": "$subscribe"}), "`room`"),
        (json!({"action": "$subscribe", "room": 7}), "`room`"),
        (json!({"action": "$subscribe", "room": ""}), "`room`"),
        (
            json!({"action": "$subscribe", "room": "x".repeat(257)}),
            "`room`",
        ),
        (
            json!({"action": "$subscribe", "room": "tea", "since": 7}),
            "`since`",
        ),
        (
            json!({"action": "$subscribe", "room": "tea", "since": ["a", -1]}),
            "`since`",
        ),
        (
            json!({"action": "$subscribe", "room": "tea", "since": ["a", 1, 2]}),
            "`since`",
        ),
        (
            json!({"action": "$subscribe", "room": "tea", "token": {}}),
            "`token`",
        ),
        (json!({"action": "$unsubscribe", "room": null}), "`room`"),
        (json!({"action": "$ping", "rooms": ["tea"]}), "`rooms`"),
        (json!({"action": "$ping", "rooms": {"tea": 7}}), "`rooms`"),
        (json!({"action": "$ping", "rooms": many}), "`rooms`"),
        (json!({"action": "$publish"}), "`action`"),
        (json!({"action": "$ping", "$id": {}}), "`$id`"),
        (json!({"action": "$ping", "$id": "x".repeat(65)}), "`$id`"),
        (json!({"action": "say", "$id": true}), "`$id`"),
    ] {
        let answer = ask(&mut ann, frame.clone()).await;
        assert_eq!(answer["$"], "error", "{frame}");
        assert_eq!(answer["error"]["code"], "bad_frame", "{frame}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(
            message.starts_with(named) && message.contains("expected"),
            "{frame}: {message}"
        );
    }
    assert!(ann.closed().is_none());
}

#[tokio::test]
async fn a_connection_in_many_rooms_is_told_so() {
    let gateway = gateway(channels());
    let mut ann = gateway.connect("/").await.unwrap();
    for n in 0..MAX_ROOMS {
        subscribed(&mut ann, &format!("tea{n}")).await;
    }
    let answer = ask(&mut ann, json!({"action": "$subscribe", "room": "tea"})).await;
    assert_eq!(answer["error"]["code"], "too_many_rooms");
    assert_eq!(answer["room"], "tea");
}

#[tokio::test]
async fn a_ping_returns_what_was_missed_and_which_rooms_were_left() {
    let gateway = gateway(channels());
    let mut ann = gateway.connect("/").await.unwrap();
    let (epoch, _) = subscribed(&mut ann, "tea").await;
    let (other, _) = subscribed(&mut ann, "tea2").await;
    assert_eq!(
        ask(&mut ann, json!({"action": "$ping"})).await,
        json!({"$": "pong"})
    );
    for n in 1..=2 {
        ann.send(said("tea", n)).await;
    }
    ann.recv_all();
    let rooms = json!({"tea": [epoch, 1], "tea2": [other, 0], "milk": ["000000000", 0]});
    let pong = ask(
        &mut ann,
        json!({"action": "$ping", "rooms": rooms, "$id": 5}),
    )
    .await;
    let part = json!({"epoch": epoch, "seq": 2, "recovered": true, "messages": [[2, 2]]});
    assert_eq!(
        pong,
        json!({"$": "pong", "id": 5, "rooms": {"tea": part}, "left": ["milk"]})
    );
    let gap = json!({"action": "$ping", "rooms": {"tea": [epoch, 7]}});
    assert_eq!(ask(&mut ann, gap).await["rooms"]["tea"]["recovered"], false);
}

#[tokio::test]
async fn a_ping_leaves_what_does_not_fit_into_a_frame_for_the_next_one() {
    for (size, pings) in [(60_000, 3), (126_000, 5)] {
        let gateway = gateway(channels());
        let mut ann = gateway.connect("/").await.unwrap();
        let sender = gateway.sender().with_channels(&channels());
        let mut rooms = serde_json::Map::new();
        for n in 0..5 {
            let room = format!("tea{n}");
            let (epoch, _) = subscribed(&mut ann, &room).await;
            rooms.insert(room, json!([epoch, 0]));
        }
        for room in rooms.keys() {
            let data = "x".repeat(size);
            sender.room(room).publish(&data).await.unwrap();
        }
        ann.recv_all();
        rooms.insert("milk".to_owned(), Value::Null);
        let mut delivered = Vec::new();
        let mut count = 0;
        while delivered.len() < 5 {
            count += 1;
            assert!(count <= pings, "{delivered:?}");
            let pong = ask(&mut ann, json!({"action": "$ping", "rooms": rooms})).await;
            assert_eq!(pong["left"], json!(["milk"]));
            for (room, part) in pong["rooms"].as_object().expect("rooms") {
                assert_eq!(part["recovered"], true);
                let is_later = part["messages"] == json!([]);
                assert_eq!(part.get("more").is_some(), is_later, "{room}");
                rooms[room] = json!([part["epoch"], part["seq"]]);
                if !is_later {
                    delivered.push(room.clone());
                }
            }
        }
        delivered.sort();
        assert_eq!(delivered, ["tea0", "tea1", "tea2", "tea3", "tea4"]);
    }
}

#[tokio::test]
async fn a_connection_without_a_record_is_closed_with_bye() {
    for frame in [
        json!({"action": "$ping"}),
        json!({"action": "$subscribe", "room": "tea"}),
    ] {
        let gateway = gateway(channels());
        let mut ann = gateway.connect("/").await.unwrap();
        let record = gateway.store().record(ann.id(), gateway.now()).await;
        let record = record.unwrap().unwrap();
        gateway.store().remove(&record.id, record.at).await.unwrap();
        let bye = ask(&mut ann, frame).await;
        assert_eq!(bye, json!({"$": "bye", "code": "unknown", "retry": 1000}));
        assert!(ann.closed().is_some());
    }
}

#[tokio::test]
async fn a_close_with_a_reason_sends_it_first() {
    let gateway = gateway(channels());
    let mut phone = gateway.connect("/?user=ann").await.unwrap();
    let mut laptop = gateway.connect("/?user=ann").await.unwrap();
    let mut bob = gateway.connect("/?user=bob").await.unwrap();
    let expired = Bye::new("expired").retry(Duration::from_millis(1500));
    let closed = gateway
        .sender()
        .user("ann")
        .close_with(expired)
        .await
        .unwrap();
    assert_eq!(closed.sent, 2);
    for client in [&mut phone, &mut laptop] {
        let bye = json!({"$": "bye", "code": "expired", "retry": 1500});
        assert_eq!(received(client), [bye]);
        assert!(client.closed().is_some());
    }
    let sender = gateway.sender();
    sender
        .close_with(bob.id(), Bye::new("closed"))
        .await
        .unwrap();
    assert_eq!(received(&mut bob), [json!({"$": "bye", "code": "closed"})]);
    assert!(bob.closed().is_some());
}

#[tokio::test]
async fn without_channels_frames_are_messages_of_the_application() {
    let router = Router::new()
        .connect(connect)
        .route("say", async |text: String| text);
    let gateway = Gateway::new(router);
    let mut ann = gateway.connect("/").await.unwrap();
    let answer = ask(&mut ann, json!({"action": "$ping"})).await;
    assert_eq!(answer["error"]["code"], "unknown_action");
    assert!(answer.get("$").is_none());
    let message = r#"{"action":"say","$id":7}"#;
    ann.send(message).await;
    assert_eq!(ann.recv_all(), [message]);
}
