//! The store requests of lossless rooms, and tasks.

use super::world::{BEGINNING, SECOND, World};
use super::*;
use crate::{Channels, ConnectionId, History};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

const HISTORY: History = History::new(100, Duration::from_secs(3600));

fn channels() -> Channels {
    Channels::new().history("tea", HISTORY).public("*")
}

async fn publish(me: Connection, Json(say): Json<Value>) -> Result<(), Error> {
    let room = say["room"].as_str().unwrap_or_default();
    me.room(room).publish(&say["data"]).await?;
    Ok(())
}

async fn tell(me: Connection, text: String) -> Result<(), Error> {
    me.room("tea").send(text).await?;
    Ok(())
}

fn router() -> Router {
    Router::new().route("publish", publish).route("tell", tell)
}

impl World {
    pub(super) fn serves(&self, router: Router) -> Dispatcher {
        Dispatcher::new(router, self.backend().with_tasks(Arc::new(self.clone()), 3))
    }

    /// A connection in no room.
    pub(super) async fn client(&self, id: &str) -> ConnectionId {
        let record = Record::new(id.into(), BEGINNING, "a1b2c3d4e5/dev", BEGINNING);
        Store::register(&self.store, &record).await.unwrap();
        record.id
    }

    /// Sends a message of a client, and returns the names of the requests.
    pub(super) async fn sends(
        &self,
        dispatcher: &Dispatcher,
        id: &ConnectionId,
        body: Value,
    ) -> BTreeMap<&'static str, usize> {
        self.requests();
        let event = json!({
            "requestContext": {
                "eventType": "MESSAGE",
                "routeKey": "$default",
                "connectionId": id,
                "connectedAt": BEGINNING,
                "apiId": "a1b2c3d4e5",
                "stage": "dev",
            },
            "body": body.to_string(),
        });
        let reply = self.invoke(dispatcher, &event.to_string(), 20).await;
        assert!(reply.unwrap()["statusCode"].is_u64(), "{body}");
        self.requests()
    }
}

#[tokio::test(start_paused = true)]
async fn the_store_requests_of_each_frame_are_known() {
    let world = World::new();
    let dispatcher = world.serves(router().channels(channels()));
    let ann = world.client("ann").await;
    let open = json!({"action": "$subscribe", "room": "open"});
    let tea = json!({"action": "$subscribe", "room": "tea"});
    let position = Store::since(&world.store, "tea", None, &HISTORY, BEGINNING).await;
    let since = position.unwrap().position;
    let resume = json!({"action": "$subscribe", "room": "tea", "since": since});
    let rooms = json!({"tea": since, "open": null, "milk": since});
    for (frame, expected) in [
        (open, &[("join", 1)][..]),
        (tea, &[("join", 1), ("since", 1)]),
        (
            json!({"action": "publish", "room": "tea", "data": 1}),
            &[("append", 1), ("page", 2)],
        ),
        (
            json!({"action": "publish", "room": "open", "data": 1}),
            &[("page", 1)],
        ),
        (
            json!({"action": "publish", "room": "tea", "data": 1, "$id": 7}),
            &[("append", 1), ("page", 2)],
        ),
        (resume, &[("join", 1), ("since", 1)]),
        (json!({"action": "$ping"}), &[("record", 1)]),
        (
            json!({"action": "$ping", "rooms": rooms}),
            &[("record", 1), ("since", 1)],
        ),
        (
            json!({"action": "$unsubscribe", "room": "tea"}),
            &[("leave", 1)],
        ),
        (json!({"action": "tell"}), &[("page", 1)]),
        (json!({"action": "$subscribe", "room": ""}), &[]),
    ] {
        let requests = world.sends(&dispatcher, &ann, frame.clone()).await;
        assert_eq!(requests, expected.iter().copied().collect(), "{frame}");
    }
}

#[tokio::test(start_paused = true)]
async fn channels_cost_nothing_where_they_are_not_used() {
    let world = World::new();
    let ann = world.client("ann").await;
    for router in [router(), router().channels(channels())] {
        let dispatcher = world.serves(router);
        let tell = json!({"action": "tell", "text": "hi"});
        let requests = world.sends(&dispatcher, &ann, tell).await;
        assert_eq!(requests, BTreeMap::from([("page", 1)]));
        let other = json!({"action": "other"});
        assert_eq!(world.sends(&dispatcher, &ann, other).await, BTreeMap::new());
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_continue_the_broadcast_of_a_published_message() {
    let world = World {
        post_time: SECOND / 50,
        ..World::new()
    };
    for number in 0..2000 {
        let id = format!("m{number:05}").as_str().into();
        let mut record = Record::new(id, BEGINNING, "a1b2c3d4e5/dev", BEGINNING);
        record.rooms.insert("tea".to_owned());
        Store::register(&world.store, &record).await.unwrap();
    }
    let process = || {
        let backend = world.backend().paced(50);
        let backend = backend.with_tasks(Arc::new(world.clone()), 2);
        Dispatcher::new(router().channels(channels()), backend)
    };
    let id = "m00000".into();
    let publish = json!({"action": "publish", "room": "tea", "data": 1});
    let requests = world.sends(&process(), &id, publish).await;
    assert_eq!(requests["append"], 1);
    let tasks = world.queued();
    assert_eq!(tasks.len(), 2);
    let frame = r#"{\"$\":\"message\",\"room\":\"tea\",\"epoch\":"#;
    for task in &tasks {
        assert!(task.contains(frame), "{task}");
        let done = world.invoke(&process(), task, 600).await;
        assert_eq!(done.unwrap(), "done");
    }
    assert_eq!(world.counts(), BTreeMap::from([(1, 2000)]));
    assert!(
        !world.requests().contains_key("append"),
        "tasks append nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_is_not_broadcast_says_that_it_is_in_the_log() {
    let world = World::new();
    let fails = InterceptedStore {
        store: world.store.clone(),
        before: |name: &'static str| -> BoxFuture<'static, Result<(), StoreError>> {
            let outcome = match name {
                "page" => Err(StoreError::unavailable("no members")),
                _ => Ok(()),
            };
            Box::pin(std::future::ready(outcome))
        },
    };
    let transports = Transports::one(Arc::new(world.clone()));
    let backend = Backend::new(Arc::new(fails), transports).with_clock(world.clone());
    let sender = backend.sender().unwrap().with_channels(&channels());
    let error = sender.room("tea").publish("hi").await.unwrap_err();
    let SendError::NotBroadcast { position, .. } = &error else {
        panic!("{error}");
    };
    let start = crate::Position::new(&*position.epoch, 0);
    let read = Store::since(&world.store, "tea", Some(&start), &HISTORY, BEGINNING);
    assert_eq!(read.await.unwrap().messages, [(1, r#""hi""#.to_owned())]);
    let error = crate::error::chain(&error);
    assert!(
        error.contains(&position.to_string()) && error.contains("no members"),
        "{error}"
    );

    // An event that publishes succeeds: to repeat it would publish the message twice.
    let dispatcher = Dispatcher::new(router().channels(channels()), backend);
    let event = r#"{"publish": {"room": "tea", "data": 1}}"#;
    let published = world.invoke(&dispatcher, event, 20).await.unwrap();
    assert_eq!(
        (&published["sent"], &published["position"][1]),
        (&json!(0), &json!(2))
    );
}

#[tokio::test(start_paused = true)]
async fn a_table_that_does_not_answer_is_unavailable() {
    type Answer = Arc<Mutex<Vec<String>>>;
    for (fails, code) in [("join", "unavailable"), ("since", "unavailable")] {
        let answers = Answer::default();
        let router = {
            let answers = answers.clone();
            let layer = tower::util::MapResponseLayer::new(move |response: crate::Response| {
                let error = response.error().map(|error| error.code().to_owned());
                answers.lock().unwrap().extend(error);
                response
            });
            router().channels(channels()).layer(layer)
        };
        let world = World::new();
        let ann = world.client("ann").await;
        let store = InterceptedStore {
            store: world.store.clone(),
            before: move |name: &'static str| -> BoxFuture<'static, Result<(), StoreError>> {
                let outcome = match name == fails {
                    true => Err(StoreError::unavailable("no answer")),
                    false => Ok(()),
                };
                Box::pin(std::future::ready(outcome))
            },
        };
        let transports = Transports::one(Arc::new(world.clone()));
        let backend = Backend::new(Arc::new(store), transports).with_clock(world.clone());
        let dispatcher = Dispatcher::new(router, backend);
        let frame = json!({"action": "$subscribe", "room": "tea"});
        world.sends(&dispatcher, &ann, frame).await;
        assert_eq!(*answers.lock().unwrap(), [code], "{fails}");
    }
}
