//! Tests of admin events: their time, their tasks, and what counts as one.

use super::world::{BEGINNING, SECOND, World};
use super::*;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// A world with connections in the room `tea`.
async fn crowd(count: usize) -> World {
    let world = World::new();
    for number in 0..count {
        let id = format!("m{number:05}").as_str().into();
        let mut record = Record::new(id, BEGINNING, "a1b2c3d4e5/dev", BEGINNING);
        record.rooms.insert("tea".to_owned());
        Store::register(&world.store, &record).await.unwrap();
    }
    world
}

/// A function whose table takes this long to answer.
fn slow(world: &World, pause: Duration) -> Dispatcher {
    let store = InterceptedStore {
        store: world.store.clone(),
        before: move |_: &'static str| -> BoxFuture<'static, Result<(), StoreError>> {
            Box::pin(async move {
                tokio::time::sleep(pause).await;
                Ok(())
            })
        },
    };
    let transports = Transports::one(Arc::new(world.clone()));
    let backend = Backend::new(Arc::new(store), transports).with_clock(world.clone());
    Dispatcher::new(Router::new().admin(), backend)
}

/// A function that closes at this rate, with two processes for the rest of a broadcast.
fn paced(world: &World, rate: u32) -> Dispatcher {
    let backend = world.backend().paced(rate);
    let backend = backend.with_tasks(Arc::new(world.clone()), 2);
    Dispatcher::new(Router::new().admin(), backend)
}

fn event(command: Value) -> String {
    json!({ "admin": command }).to_string()
}

#[tokio::test(start_paused = true)]
async fn a_count_ends_before_the_timeout_and_continues_from_its_cursor() {
    let world = crowd(4500).await;
    let process = slow(&world, SECOND);
    let began = Instant::now();
    let first = event(json!({"count": {"room": "tea"}}));
    let first = world.invoke(&process, &first, 5).await.unwrap();
    assert!(began.elapsed() < SECOND * 5);
    assert_eq!(first["count"], 3000);
    let rest = event(json!({"count": {"room": "tea", "cursor": first["next"]}}));
    let rest = world.invoke(&process, &rest, 60).await.unwrap();
    assert_eq!(rest, json!({"count": 1500}));
}

#[tokio::test(start_paused = true)]
async fn a_table_that_does_not_answer_is_an_error_before_the_timeout() {
    let world = crowd(1).await;
    let process = slow(&world, SECOND * 100);
    for command in [
        json!({"count": {}}),
        json!({"list": {}}),
        json!({"show": {"connection": "m00000"}}),
        json!({"tasks": {}}),
    ] {
        let began = Instant::now();
        let error = world.invoke(&process, &event(command), 3).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("did not answer"), "{error}");
        assert!(began.elapsed() <= SECOND * 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_of_10_000_is_closed_at_the_rate_of_broadcasts_in_tasks_that_are_listed() {
    let world = crowd(10_000).await;
    let process = paced(&world, 300);
    let disconnect = event(json!({"disconnect": {"room": "tea"}}));
    let closed = world.invoke(&process, &disconnect, 20).await.unwrap();
    assert_eq!(closed["tasks"], 2);
    let closed = closed["closed"].as_u64().unwrap();
    assert!(closed < 1000, "{closed} at 300 a second");

    // The tasks run beside each other.
    let queued = world.queued();
    let tasks = queued.iter().map(|task| world.invoke(&process, task, 600));
    let running = futures_util::future::join_all(tasks);
    let listed = async {
        tokio::time::sleep(SECOND * 8).await;
        let tasks = event(json!({"tasks": {}}));
        world.invoke(&process, &tasks, 20).await.unwrap()
    };
    let (done, listed) = futures_util::future::join(running, listed).await;
    for done in done {
        assert_eq!(done.unwrap(), "done");
    }
    let listed = listed["tasks"].as_array().unwrap();
    assert_eq!(listed.len(), 2, "{listed:?}");
    for task in listed {
        assert_eq!(task["state"], "running");
        let parts = task["remainingParts"].as_u64().unwrap();
        assert!((1..=128).contains(&parts), "{task}");
    }
    let took = world.began.elapsed();
    assert!((SECOND * 25..SECOND * 60).contains(&took), "{took:?}");
    let tasks = event(json!({"tasks": {}}));
    let tasks = world.invoke(&process, &tasks, 20);
    assert_eq!(tasks.await.unwrap(), json!({"tasks": []}));
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_invocation_ended_early_is_listed_as_waiting() {
    let world = crowd(9000).await;
    let process = paced(&world, 300);
    let disconnect = event(json!({"disconnect": {"everyone": true}}));
    world.invoke(&process, &disconnect, 20).await.unwrap();
    let queued = world.queued();
    let killed = world.invoke(&process, &queued[0], 600);
    let killed = tokio::time::timeout(SECOND * 3, killed).await;
    assert!(killed.is_err(), "it runs for longer");
    tokio::time::sleep(SECOND * 20).await;
    let tasks = event(json!({"tasks": {}}));
    let tasks = world.invoke(&process, &tasks, 20);
    let tasks = tasks.await.unwrap();
    assert_eq!(tasks["tasks"][0]["state"], "waiting", "{tasks}");
}

#[tokio::test(start_paused = true)]
async fn closing_that_cannot_continue_says_that_it_is_incomplete() {
    let world = crowd(9000).await;
    let process = Dispatcher::new(Router::new().admin(), world.backend().paced(300));
    let disconnect = event(json!({"disconnect": {"room": "tea"}}));
    let closed = world.invoke(&process, &disconnect, 10).await.unwrap();
    assert_eq!(closed["incomplete"], true, "{closed}");
    assert_eq!(closed["failed"], 0);
}

#[tokio::test]
async fn a_program_that_does_not_accept_admin_events_names_the_fix() {
    let gateway = Gateway::new(Router::new());
    let error = gateway.invoke(json!({"admin": {"count": {}}})).await;
    let error = error.unwrap_err();
    assert!(error.contains("`Router::admin()`"), "{error}");
}

#[tokio::test]
async fn only_a_direct_invocation_is_an_admin_event() {
    let gateway = Gateway::new(Router::new().admin());
    let _ann = gateway.connect("/").await.unwrap();
    let admin = json!({"admin": {"disconnect": {"everyone": true}}});
    let text = admin.to_string();
    for event in [
        json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text}}]}),
        json!({"Records": [{"eventSource": "aws:sqs", "messageId": "1", "body": text}]}),
        json!({"source": "shop", "detail-type": "price", "detail": admin}),
        json!({"source": "shop", "detail-type": "price", "detail": {}, "admin": admin["admin"]}),
        json!([admin]),
        json!(text),
    ] {
        let result = gateway.invoke(&event).await;
        assert!(result.is_err(), "{event}: {result:?}");
    }
    let counted = gateway.invoke(json!({"admin": {"count": {}}})).await;
    assert_eq!(counted, Ok(json!({"count": 1})), "nothing was closed");
}

#[tokio::test]
async fn the_handler_of_other_events_gets_admin_events_only_where_they_are_off() {
    async fn other() -> Result<&'static str, Error> {
        Ok("other")
    }
    let admin = json!({"admin": {"count": {}}});
    let off = Gateway::new(Router::new().event(other));
    assert_eq!(off.invoke(&admin).await, Ok(json!("other")));
    // Both ways to build a router keep the switch.
    let merged = Router::new().merge(Router::new().admin());
    let on = Gateway::new(merged.event(other).with_state(()));
    assert_eq!(on.invoke(&admin).await, Ok(json!({"count": 0})));
    assert_eq!(on.invoke(json!({"order": 7})).await, Ok(json!("other")));
}

#[tokio::test]
async fn a_rejected_command_has_the_type_of_admin_errors() {
    let store: Arc<dyn DynStore> = Arc::new(Memory::new());
    for (router, command) in [
        (Router::new().admin(), json!({"explode": {}})),
        (Router::new(), json!({"count": {}})),
    ] {
        let backend = Backend::new(store.clone(), Transports::one(Arc::new(LogOnly)));
        let process = Dispatcher::new(router, backend);
        let event = event(command);
        let called = process.call(&event, InvocationContext::default());
        let failure = called.await.unwrap_err();
        assert_eq!(failure.error_type, lambda_ws_protocol::admin::ERROR_TYPE);
    }
}
