//! Subscribing, publishing and resuming.

use super::*;
use crate::error::SendError;
use crate::limits::MESSAGE_BYTES;
use crate::store::Store;

#[tokio::test]
async fn a_member_receives_each_message_with_its_position() {
    let gateway = gateway(channels());
    let mut ann = gateway.connect("/").await.unwrap();
    let (epoch, seq) = subscribed(&mut ann, "tea").await;
    assert_eq!((epoch.len(), seq), (9, 0));
    for (n, data) in [json!("hi"), json!({"a": [1, null]}), Value::Null]
        .into_iter()
        .enumerate()
    {
        ann.send(said("tea", data.clone())).await;
        let expected =
            json!({"$": "message", "room": "tea", "epoch": epoch, "seq": n + 1, "data": data});
        assert_eq!(received(&mut ann), [expected]);
    }
    let mut bob = gateway.connect("/").await.unwrap();
    assert_eq!(
        subscribed(&mut bob, "tea").await,
        (epoch, 3),
        "a new member begins at the end"
    );
}

#[tokio::test]
async fn a_client_that_was_away_receives_what_it_missed() {
    let gateway = gateway(channels());
    let mut ann = gateway.connect("/").await.unwrap();
    let (epoch, _) = subscribed(&mut ann, "tea").await;
    for n in 1..=3 {
        ann.send(said("tea", n)).await;
    }
    let mut bob = gateway.connect("/").await.unwrap();
    let frame = json!({"action": "$subscribe", "room": "tea", "since": [epoch, 1], "$id": "a"});
    let expected = json!({
        "$": "subscribed", "room": "tea", "id": "a", "epoch": epoch, "seq": 3, "recovered": true,
        "messages": [[2, 2], [3, 3]],
    });
    assert_eq!(ask(&mut bob, frame).await, expected);
    let frame = json!({"action": "$subscribe", "room": "tea", "since": [epoch, 3]});
    let expected = json!({
        "$": "subscribed", "room": "tea", "epoch": epoch, "seq": 3, "recovered": true, "messages": [],
    });
    assert_eq!(ask(&mut bob, frame).await, expected);

    // The future, a foreign epoch, and what is not an epoch.
    for since in [json!([epoch, 4]), json!(["000000000", 1]), json!(["x", 0])] {
        let frame = json!({"action": "$subscribe", "room": "tea", "since": since});
        let answer = ask(&mut bob, frame).await;
        assert_eq!(answer["recovered"], false, "{answer}");
        assert_eq!(answer["messages"], json!([[1, 1], [2, 2], [3, 3]]));
    }
    assert!(bob.closed().is_none(), "errors and gaps close nothing");
}

#[tokio::test]
async fn a_page_says_that_there_are_more() {
    let gateway = gateway(
        Channels::new()
            .history("*", History::new(1000, Duration::from_secs(60)))
            .public("*"),
    );
    let mut ann = gateway.connect("/").await.unwrap();
    let (epoch, _) = subscribed(&mut ann, "tea").await;
    ann.send(Json(json!({"action": "$unsubscribe", "room": "tea"})))
        .await;
    let sender = gateway.sender().with_channels(
        &Channels::<()>::new().history("*", History::new(1000, Duration::from_secs(60))),
    );
    for n in 1..=650 {
        sender.room("tea").publish(&n).await.unwrap();
    }
    ann.recv_all();
    let mut answer = ask(
        &mut ann,
        json!({"action": "$subscribe", "room": "tea", "since": [epoch, 0]}),
    )
    .await;
    let mut numbers = Vec::new();
    loop {
        let part = match answer["$"].as_str() {
            Some("pong") => answer["rooms"]["tea"].clone(),
            _ => answer.clone(),
        };
        assert_eq!(part["recovered"], true);
        let messages = part["messages"].as_array().unwrap();
        assert!(messages.len() <= 300);
        numbers.extend(messages.iter().map(|message| message[1].as_u64().unwrap()));
        if part["more"] != true {
            break;
        }
        let rooms = json!({"tea": [part["epoch"], part["seq"]]});
        answer = ask(&mut ann, json!({"action": "$ping", "rooms": rooms})).await;
    }
    assert_eq!(numbers, (1..=650).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_quiet_room_keeps_its_positions_for_a_day() {
    let gateway = gateway(channels());
    let mut ann = gateway.connect("/").await.unwrap();
    let (epoch, seq) = subscribed(&mut ann, "tea").await;
    let resume = json!({"action": "$subscribe", "room": "tea", "since": [epoch, seq]});
    for _ in 0..12 {
        gateway.advance(Duration::from_secs(2 * 3600)).await;
        let mut ann = gateway.connect("/").await.unwrap();
        assert_eq!(ask(&mut ann, resume.clone()).await["recovered"], true);
    }
    gateway.advance(Duration::from_secs(3 * 3600)).await;
    let mut ann = gateway.connect("/").await.unwrap();
    let answer = ask(&mut ann, resume).await;
    assert_eq!(
        (&answer["recovered"], &answer["seq"]),
        (&json!(false), &json!(0))
    );
    assert!(answer["epoch"].as_str().unwrap() > &*epoch);
}

#[tokio::test]
async fn a_room_without_history_has_no_positions() {
    let gateway = gateway(channels());
    let mut ann = gateway.connect("/").await.unwrap();
    let answer = ask(
        &mut ann,
        json!({"action": "$subscribe", "room": "open", "since": ["000000000", 1]}),
    )
    .await;
    assert_eq!(answer, json!({"$": "subscribed", "room": "open"}));
    ann.send(said("open", "hi")).await;
    assert_eq!(
        received(&mut ann),
        [json!({"$": "message", "room": "open", "data": "hi"})]
    );
    let pong = ask(
        &mut ann,
        json!({"action": "$ping", "rooms": {"open": null, "tea": null}}),
    )
    .await;
    assert_eq!(pong, json!({"$": "pong", "left": ["tea"]}));
}

#[tokio::test]
async fn who_unsubscribes_receives_nothing() {
    let gateway = gateway(channels());
    let mut ann = gateway.connect("/").await.unwrap();
    subscribed(&mut ann, "tea").await;
    let answer = ask(
        &mut ann,
        json!({"action": "$unsubscribe", "room": "tea", "$id": 2}),
    )
    .await;
    assert_eq!(answer, json!({"$": "unsubscribed", "room": "tea", "id": 2}));
    ann.send(said("tea", "hi")).await;
    assert_eq!(received(&mut ann), [Value::Null; 0]);
}

#[tokio::test]
async fn only_a_whole_room_can_be_published_to() {
    let gateway = gateway(channels());
    let ann = gateway.connect("/?user=ann").await.unwrap();
    let sender = gateway.sender().with_channels(&channels());
    let refused = [
        gateway.sender().room("tea").publish("x").await,
        sender.user("ann").publish("x").await,
        sender.everyone().publish("x").await,
        sender.room("tea").except(ann.id()).publish("x").await,
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert!(matches!(error, SendError::NotPublishable(_)), "{error}");
        assert!(error.to_string().contains("fix: "), "{error}");
    }
    let bad = sender.room("").publish("x").await.unwrap_err();
    assert!(matches!(bad, SendError::Store(_)), "{bad}");
    let end = gateway
        .store()
        .since("tea", None, &HISTORY, gateway.now())
        .await;
    assert_eq!(end.unwrap().position.seq, 0, "nothing was written");
}

#[tokio::test]
async fn the_largest_message_can_be_broadcast_and_read_again() {
    // The longest names and ids, with escapes.
    let room = format!("tea{}", "\u{1}".repeat(253));
    let gateway = gateway(channels());
    let mut ann = gateway.connect("/").await.unwrap();
    let (epoch, _) = subscribed(&mut ann, &room).await;
    let sender = gateway.sender().with_channels(&channels());
    let name = serde_json::to_string(&room).unwrap().len();
    let largest = "x".repeat(MESSAGE_BYTES - 1024 - name - 2);
    let published = sender.room(&*room).publish(&largest).await.unwrap();
    assert_eq!(published.delivery.sent, 1);
    assert_eq!(received(&mut ann)[0]["data"], *largest);
    let larger = format!("{largest}x");
    let error = sender.room(&*room).publish(&larger).await.unwrap_err();
    assert!(matches!(error, SendError::TooLarge));

    sender.room(&*room).publish(&largest).await.unwrap();
    ann.recv_all();
    let id = "\u{1}".repeat(64);
    let frame = json!({"action": "$subscribe", "room": room, "since": [epoch, 0], "$id": id});
    let answer = ask(&mut ann, frame).await;
    assert_eq!((&answer["seq"], &answer["more"]), (&json!(1), &json!(true)));
    let ping = json!({"action": "$ping", "rooms": {&room: [epoch, 1]}, "$id": id});
    let pong = ask(&mut ann, ping).await;
    assert_eq!(pong["rooms"][&room]["seq"], 2);
}

#[tokio::test]
async fn subscribing_makes_a_user_present() {
    use crate::{PresenceChange, Sender};
    let joined = async |PresenceChange { room, users }: PresenceChange, sender: Sender| {
        sender.room(room).publish(&users).await?;
        Ok::<_, Error>(())
    };
    let router = Router::new()
        .connect(connect)
        .joined(joined)
        .channels(channels());
    let gateway = Gateway::new(router);
    let mut ann = gateway.connect("/?user=ann").await.unwrap();
    subscribed_with_hook(&mut ann).await;
    let present = gateway.sender().presence("tea").count().await;
    assert_eq!(present.unwrap(), 1);
}

async fn subscribed_with_hook(client: &mut Client) {
    client
        .send(Json(json!({"action": "$subscribe", "room": "tea"})))
        .await;
    let frames = received(client);
    let kinds: Vec<_> = frames.iter().map(|frame| &frame["$"]).collect();
    assert_eq!(kinds, ["subscribed", "message"], "{frames:?}");
    assert_eq!(frames[1]["data"], json!(["ann"]));
}

#[tokio::test]
async fn a_publish_event_goes_through_the_log_of_its_room() {
    let gateway = gateway(channels());
    let mut ann = gateway.connect("/").await.unwrap();
    let (epoch, _) = subscribed(&mut ann, "tea").await;
    ask(&mut ann, json!({"action": "$subscribe", "room": "open"})).await;
    let event = json!({"publish": {"room": "tea", "data": {"price": 3}}});
    let published = gateway.invoke(event).await.unwrap();
    let expected =
        json!({"sent": 1, "gone": 0, "throttled": 0, "failed": 0, "position": [epoch, 1]});
    assert_eq!(published, expected);
    let expected =
        json!({"$": "message", "room": "tea", "epoch": epoch, "seq": 1, "data": {"price": 3}});
    assert_eq!(received(&mut ann), [expected]);
    // A room without history receives the data itself.
    let event = json!({"publish": {"room": "open", "data": {"price": 3}}});
    gateway.invoke(event).await.unwrap();
    assert_eq!(received(&mut ann), [json!({"price": 3})]);
}
