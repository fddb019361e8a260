//! Limits of clients in a function with several processes.

use super::world::{BEGINNING, SECOND, World};
use super::*;
use crate::{ClientLimits, ConnectionId, Limited, Rate, Reaction};
use futures_util::future::join_all;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// A function that counts its messages, with several processes.
struct Fleet {
    world: World,
    processes: Vec<Dispatcher>,
    handled: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Handled(Arc<AtomicUsize>);

async fn count(State(Handled(handled)): State<Handled>) -> &'static str {
    handled.fetch_add(1, Ordering::Relaxed);
    "ok"
}

impl Fleet {
    fn new(processes: usize, limits: impl Fn() -> ClientLimits) -> Self {
        Self::of(World::new(), processes, |router| {
            router.client_limits(limits())
        })
    }

    fn of(world: World, processes: usize, with: impl Fn(Router) -> Router) -> Self {
        let handled = Arc::new(AtomicUsize::new(0));
        let process = || {
            let router = Router::new().connect(connect_as).fallback(count);
            let router = with(router.with_state(Handled(handled.clone())));
            Dispatcher::new(router, world.backend())
        };
        Self {
            processes: (0..processes).map(|_| process()).collect(),
            handled,
            world,
        }
    }

    fn event(kind: &str, id: &str, address: &str) -> Value {
        json!({
            "requestContext": {
                "eventType": kind,
                "routeKey": if kind == "CONNECT" { "$connect" } else { "$default" },
                "connectionId": id,
                "connectedAt": BEGINNING,
                "apiId": "a1b2c3d4e5",
                "stage": "dev",
                "identity": {"sourceIp": address},
            },
        })
    }

    /// Opens a connection through a process. Returns the status.
    async fn connect(&self, process: usize, id: &str, user: &str, address: &str) -> u64 {
        let mut event = Self::event("CONNECT", id, address);
        event["queryStringParameters"] = json!({"user": user});
        event["headers"] = json!({});
        let process = &self.processes[process % self.processes.len()];
        let reply = self.world.invoke(process, &event.to_string(), 29).await;
        reply.unwrap()["statusCode"].as_u64().expect("a status")
    }

    /// A connection that is open, without a handshake.
    async fn client(&self, id: &str, user: Option<&str>) -> ConnectionId {
        let mut record = Record::new(id.into(), BEGINNING, "a1b2c3d4e5/dev", BEGINNING);
        record.user = user.map(str::to_owned);
        Store::register(&self.world.store, &record).await.unwrap();
        record.id
    }

    /// Sends a message through a process. Returns whether it was handled.
    async fn send(&self, process: usize, id: &ConnectionId, text: &str) -> bool {
        let mut event = Self::event("MESSAGE", id.as_str(), "192.0.2.1");
        event["body"] = text.into();
        let before = self.handled();
        let process = &self.processes[process % self.processes.len()];
        let reply = self.world.invoke(process, &event.to_string(), 29).await;
        reply.unwrap();
        self.handled() > before
    }

    fn handled(&self) -> usize {
        self.handled.load(Ordering::Relaxed)
    }

    fn posts(&self, id: &ConnectionId) -> usize {
        self.world
            .got
            .lock()
            .unwrap()
            .get(id)
            .copied()
            .unwrap_or_default()
    }
}

async fn connect_as(me: Opening, Query(who): Query<Who>) -> Result<(), Error> {
    Ok(me.user(&who.user)?)
}

#[tokio::test(start_paused = true)]
async fn an_attack_through_ten_processes_costs_what_the_limit_allows() {
    let rate = Rate::per_second(10);
    let fleet = Fleet::new(10, || ClientLimits::new().messages_per_connection(rate));
    let (eve, ann) = (
        fleet.client("eve", None).await,
        fleet.client("ann", None).await,
    );
    fleet.world.requests();
    for millisecond in 0..10_000 {
        fleet.send(millisecond, &eve, "spam").await;
        if millisecond % 500 == 0 {
            // A client beside it is not limited.
            assert!(fleet.send(millisecond, &ann, "hello").await);
        }
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    let handled = fleet.handled() - 20;
    // 10 at once, 10 per second, and in each process 5 without the store and a grant of 2.
    assert!((100..=10 + 100 + 10 * 7).contains(&handled), "{handled}");
    // One error per second and process, beside the answers.
    let errors = fleet.posts(&eve) - handled;
    assert!((10..=10 * 11).contains(&errors), "{errors}");
    let requests = fleet.world.requests();
    assert!(requests["replace_value"] <= handled, "{requests:?}");
    assert!(
        requests["read_value"] <= handled + 10 * 10 * 5,
        "{requests:?}"
    );
    assert_eq!(requests.len(), 2, "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn fifty_connections_of_one_user_share_the_limit_of_the_user() {
    let rate = Rate::per_second(20);
    let fleet = Fleet::new(10, || ClientLimits::new().messages_per_user(rate));
    let mut eves = Vec::new();
    for number in 0..50 {
        eves.push(fleet.client(&format!("eve{number}"), Some("eve")).await);
    }
    let bob = fleet.client("bob", Some("bob")).await;
    fleet.world.requests();
    for millisecond in 0..10_000 {
        let eve = &eves[millisecond % 50];
        fleet.send(millisecond / 7, eve, "spam").await;
        if millisecond % 1000 == 0 {
            assert!(fleet.send(millisecond, &bob, "hello").await);
        }
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    let handled = fleet.handled() - 10;
    assert!((200..=20 + 200 + 10 * 15).contains(&handled), "{handled}");
    let requests = fleet.world.requests();
    // The record of each connection is read once by each process.
    assert!(requests["record"] <= 51 * 10, "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn an_ordinary_client_and_a_program_without_limits_cost_no_request() {
    let limited = || {
        let rate = Rate::per_second(10);
        ClientLimits::new().messages_per_connection(rate)
    };
    for fleet in [
        Fleet::new(3, limited),
        Fleet::of(World::new(), 3, |router| router),
    ] {
        let ann = fleet.client("ann", Some("ann")).await;
        fleet.world.requests();
        for second in 0..60 {
            assert!(fleet.send(second, &ann, "hello").await);
            tokio::time::advance(SECOND).await;
        }
        assert_eq!(fleet.world.requests(), BTreeMap::new());
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_are_limited_and_the_resource_is_reported() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let hook = seen.clone();
    let fleet = Fleet::new(1, move || {
        let hook = hook.clone();
        ClientLimits::new()
            .bytes_per_connection(Rate::per_minute(6_000).burst(2_000))
            .on_limit(move |limited: &Limited| {
                let seen = (limited.scope(), limited.resource(), limited.retry_after());
                hook.lock().unwrap().push(seen);
                Reaction::Error
            })
    });
    let ann = fleet.client("ann", None).await;
    let text = "x".repeat(1_000);
    assert!(fleet.send(0, &ann, &text).await && fleet.send(0, &ann, &text).await);
    assert!(!fleet.send(0, &ann, &text).await);
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    let [(scope, resource, retry)] = seen[..] else {
        panic!("{seen:?}");
    };
    assert_eq!(format!("{scope:?} {resource:?}"), "Connection Bytes");
    tokio::time::advance(retry).await;
    assert!(fleet.send(0, &ann, &text).await);
}

#[tokio::test(start_paused = true)]
async fn a_user_never_has_more_connections_than_allowed_also_not_at_the_same_time() {
    let fleet = Fleet::new(10, || ClientLimits::new().connections_per_user(5));
    let ids: Vec<_> = (0..50).map(|number| format!("c{number}")).collect();
    let all = ids.iter().enumerate();
    let all = all.map(|(number, id)| fleet.connect(number, id, "eve", "192.0.2.1"));
    let open = join_all(all)
        .await
        .into_iter()
        .filter(|status| *status == 200);
    assert!(open.count() <= 5);
    // One after the other they fill the rest, and no more.
    let mut open = 0;
    for (number, id) in ids.iter().enumerate() {
        let known = Store::record(&fleet.world.store, &id.as_str().into(), BEGINNING).await;
        open += usize::from(known.unwrap().is_some());
        let id = format!("d{number}");
        let status = fleet.connect(number, &id, "eve", "192.0.2.1").await;
        assert!(status == 200 || status == 429, "{status}");
        open += usize::from(status == 200);
    }
    assert_eq!(open, 5);
    assert_eq!(fleet.connect(0, "bob", "bob", "192.0.2.1").await, 200);
}

#[tokio::test(start_paused = true)]
async fn ended_connections_without_a_disconnect_do_not_count_for_ever() {
    let fleet = Fleet::new(1, || ClientLimits::new().connections_per_user(2));
    for id in ["a", "b"] {
        assert_eq!(fleet.connect(0, id, "ann", "192.0.2.1").await, 200);
    }
    assert_eq!(fleet.connect(0, "c", "ann", "192.0.2.1").await, 429);
    // The `$disconnect` of one is lost.
    fleet.world.gone.lock().unwrap().insert("a".into());
    tokio::time::advance(SECOND * 61).await;
    assert_eq!(fleet.connect(0, "d", "ann", "192.0.2.1").await, 200);
    assert_eq!(fleet.connect(0, "e", "ann", "192.0.2.1").await, 429);
}

#[tokio::test(start_paused = true)]
async fn the_handshakes_of_an_address_are_limited_exactly() {
    let fleet = Fleet::new(10, || {
        ClientLimits::new().handshakes_per_address(Rate::per_minute(30))
    });
    let mut open = 0;
    for number in 0..600_usize {
        let (id, address) = (format!("c{number}"), format!("2001:db8::{number:x}"));
        let status = fleet.connect(number, &id, "eve", &address).await;
        assert!(status == 200 || status == 429, "{status}");
        open += usize::from(status == 200);
        tokio::time::advance(SECOND / 10).await;
    }
    // 30 at once, and 30 in the minute; the last may not be due yet.
    assert!((58..=60).contains(&open), "{open}");
    let other = fleet.connect(0, "other", "ann", "2001:db8:0:1::1").await;
    assert_eq!(other, 200);
    // A rejected handshake is not registered.
    let requests = fleet.world.requests();
    assert_eq!(requests["register"], open + 1);
    assert!(requests["read_value"] <= open + 1 + 10 * 60, "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn an_authorizer_counts_the_handshake_once() {
    let fleet = Fleet::of(World::new(), 1, |router| {
        let limits = ClientLimits::new().handshakes_per_address(Rate::per_minute(2));
        let allow = async || crate::auth::Policy::allow("ann");
        router.authorize(allow).client_limits(limits)
    });
    let authorize = json!({
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:us-east-1:1:a/dev/$connect",
        "headers": {},
        "requestContext": {
            "eventType": "CONNECT", "routeKey": "$connect", "connectionId": "a", "connectedAt": BEGINNING,
            "apiId": "a1b2c3d4e5", "stage": "dev", "identity": {"sourceIp": "192.0.2.1"},
        },
    });
    for effect in ["Allow", "Allow", "Deny"] {
        let process = &fleet.processes[0];
        let reply = fleet
            .world
            .invoke(process, &authorize.to_string(), 29)
            .await;
        let policy = reply.unwrap();
        assert_eq!(policy["policyDocument"]["Statement"][0]["Effect"], effect);
        if effect == "Allow" {
            let mut event = Fleet::event("CONNECT", "a", "192.0.2.1");
            event["queryStringParameters"] = json!({"user": "ann"});
            event["requestContext"]["authorizer"] = json!({"principalId": "ann"});
            let reply = fleet.world.invoke(process, &event.to_string(), 29).await;
            assert_eq!(reply.unwrap()["statusCode"], 200);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_delayed_message_is_handled_later_and_delays_are_bounded() {
    let fleet = Fleet::new(40, || {
        ClientLimits::new()
            .messages_per_connection(Rate::per_second(10))
            .delay(SECOND)
    });
    let eve = fleet.client("eve", None).await;
    let began = Instant::now();
    for process in 0..40 {
        // The messages that each process allows without the store.
        for _ in 0..5 {
            assert!(fleet.send(process, &eve, "spam").await);
        }
    }
    // All at once, each in an execution environment of its own.
    let late = (0..40).map(|process| {
        let (fleet, eve) = (&fleet, &eve);
        async move {
            fleet.send(process, eve, "late").await;
            began.elapsed()
        }
    });
    let times = join_all(late).await;
    let delayed = times.iter().filter(|time| !time.is_zero()).count();
    assert!((1..=10).contains(&delayed), "{times:?}");
    assert!(times.iter().all(|time| *time <= SECOND * 2), "{times:?}");
}

#[tokio::test]
async fn a_disconnected_client_gets_a_bye_only_with_channels() {
    for has_channels in [false, true] {
        let limits = ClientLimits::new()
            .messages_per_connection(Rate::per_second(2))
            .reaction(Reaction::Disconnect);
        let router = Router::new().fallback(async || "ok").client_limits(limits);
        let router = match has_channels {
            true => router.channels(crate::Channels::new().public("*")),
            false => router,
        };
        let gateway = Gateway::new(router);
        let mut eve = gateway.connect("/").await.expect("accepted");
        for _ in 0..3 {
            eve.send("spam").await;
        }
        let mut expected = vec!["ok", "ok"];
        if has_channels {
            expected.push(r#"{"$":"bye","code":"too_many_requests","retry":500}"#);
        }
        assert_eq!(eve.recv_all(), expected);
        assert_eq!(eve.closed().map(|(code, _)| code), Some(1000));
    }
}

#[tokio::test]
async fn the_answer_to_a_request_over_a_limit_names_the_request() {
    let limits = ClientLimits::new().messages_per_connection(Rate::per_second(1));
    let router = Router::new().fallback(async || "ok").client_limits(limits);
    let router = router.channels(crate::Channels::new().public("*"));
    let gateway = Gateway::new(router);
    let mut ann = gateway.connect("/").await.expect("accepted");
    ann.send(r#"{"action":"$ping","$id":1}"#).await;
    ann.send(r#"{"action":"$ping","$id":2}"#).await;
    // Only one error per second.
    ann.send(r#"{"action":"$ping","$id":3}"#).await;
    let [_, error] = ann.recv_all().try_into().expect("two answers");
    let error: Value = serde_json::from_str(&error).expect("JSON");
    assert_eq!((&error["$"], &error["id"]), (&json!("error"), &json!(2)));
    assert_eq!(error["error"]["code"], "too_many_requests");
    assert_eq!(error["error"]["retry"], 1000);
}

#[tokio::test(start_paused = true)]
async fn without_an_answer_of_the_store_the_process_applies_the_limit_by_itself() {
    for never in [false, true] {
        let store = InterceptedStore {
            store: Memory::new(),
            before: move |_: &str| -> BoxFuture<'static, Result<(), StoreError>> {
                match never {
                    true => Box::pin(std::future::pending()),
                    false => Box::pin(async { Err(StoreError::unavailable("on fire")) }),
                }
            },
        };
        let world = World::new();
        let transports = Transports::one(Arc::new(world.clone()));
        let backend = Backend::new(Arc::new(store), transports).with_clock(world.clone());
        let limits = ClientLimits::new().messages_per_connection(Rate::per_second(10));
        let handled = Handled(Arc::default());
        let router = Router::new().fallback(count).with_state(handled.clone());
        let mut fleet = Fleet::of(world, 0, |router| router);
        fleet.processes = vec![Dispatcher::new(router.client_limits(limits), backend)];
        fleet.handled = handled.0;
        let (ann, began) = (ConnectionId::from("ann"), Instant::now());
        while began.elapsed() < SECOND * 60 {
            fleet.send(0, &ann, "hello").await;
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        let handled = fleet.handled();
        let least = if never { 60 } else { 500 };
        assert!((least..=600 + 10).contains(&handled), "{never}: {handled}");
    }
}
