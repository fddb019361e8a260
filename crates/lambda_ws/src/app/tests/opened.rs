//! The `opened` handler, in a task and beside the next event.

use super::world::World;
use super::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::Instant;

/// A new client, with the current time.
fn ann_connects() -> String {
    let mut event: Value = serde_json::from_str(event!("connect")).unwrap();
    event["requestContext"]["connectedAt"] = Timestamp::now().millis().into();
    event.to_string()
}

/// A function without self-invocation, with `greet` as its `opened` handler.
fn function<F>(
    greet: impl Fn() -> F + Clone + Send + Sync + 'static,
) -> (Dispatcher, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let greet = move || {
        counted.fetch_add(1, Relaxed);
        greet()
    };
    let router = Router::new().opened(greet).two_way("say", async || "heard");
    (dispatcher(router, &[]).0, calls)
}

/// Sends another client's message and returns how long its response takes.
async fn bob_speaks(dispatcher: &Dispatcher) -> Duration {
    let began = Instant::now();
    let event = event!("say").replace("\"$default\"", "\"say\"");
    let reply = call(dispatcher, &event).await.unwrap();
    assert_eq!(reply["body"], "heard");
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn fault_l5_a_slow_opened_handler_delays_another_client_by_at_most_a_second() {
    let (dispatcher, calls) = function(std::future::pending);
    call(&dispatcher, &ann_connects()).await.unwrap();
    for attempts in 1..=3 {
        let took = bob_speaks(&dispatcher).await;
        assert!(took <= Duration::from_millis(1100), "{took:?}");
        assert_eq!(calls.load(Relaxed), attempts);
    }
    assert_eq!(bob_speaks(&dispatcher).await, Duration::ZERO);
    assert_eq!(calls.load(Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn fault_l5_one_greeting_that_takes_long_holds_up_no_other() {
    let (first, greeted) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let done = greeted.clone();
    let (dispatcher, _) = function(move || {
        let (is_first, done) = (first.fetch_add(1, Relaxed) == 0, done.clone());
        async move {
            if is_first {
                std::future::pending::<()>().await;
            }
            done.fetch_add(1, Relaxed);
        }
    });
    for id in ["AaVuMkdHd_QnW8c=", "BaVuMkdHd_QnW8c="] {
        let event = ann_connects().replace(ANN, id);
        call(&dispatcher, &event).await.unwrap();
    }
    // The second event of this test runs beside the first handler and defers it again.
    bob_speaks(&dispatcher).await;
    bob_speaks(&dispatcher).await;
    assert_eq!(greeted.load(Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn fault_l5_a_greeting_that_panics_fails_no_other_clients_event() {
    let (dispatcher, calls) = function(|| async { panic!("the pot fell") });
    call(&dispatcher, &ann_connects()).await.unwrap();
    assert_eq!(bob_speaks(&dispatcher).await, Duration::ZERO);
    bob_speaks(&dispatcher).await;
    assert_eq!(calls.load(Relaxed), 1, "it is not tried again");
}

#[tokio::test]
async fn fault_l5_a_hook_that_panics_fails_no_clients_event() {
    async fn join(me: Opening) -> Result<(), Error> {
        me.user("ann")?;
        Ok(me.join("tea")?)
    }

    async fn panics() {
        panic!("the pot fell")
    }

    let router = Router::new().connect(join).joined(panics).left(panics);
    let (dispatcher, _) = dispatcher(router, &[]);
    let reply = call(&dispatcher, &ann_connects()).await.unwrap();
    assert_eq!(reply["statusCode"], 200);
}

fn welcoming() -> Router {
    async fn connect(me: Opening, Query(who): Query<Who>) -> Result<(), Error> {
        me.user(&who.user)?;
        me.join("tea")?;
        Ok(())
    }

    async fn greet(me: Connection, User(user): User, Rooms(rooms): Rooms) -> Result<String, Error> {
        me.send("welcome").await?;
        Ok(format!("{user} in {rooms:?}"))
    }

    Router::new().connect(connect).opened(greet)
}

#[tokio::test]
async fn a_new_client_gets_its_welcome_messages() {
    let gateway = Gateway::new(welcoming());
    let mut ann = gateway.connect("/?user=ann").await.unwrap();
    assert_eq!(ann.recv().await, "welcome");
    assert_eq!(ann.recv().await, r#"ann in ["tea"]"#);
    gateway.connect("/").await.unwrap_err();
}

#[tokio::test]
async fn only_a_connected_client_is_welcomed() {
    let world = World::new();
    let dispatcher = |world: &World| {
        let transports = Transports::one(Arc::new(world.clone()));
        let backend = Backend::new(Arc::new(world.store.clone()), transports);
        let backend = backend.with_tasks(Arc::new(world.clone()), 3);
        Dispatcher::new(welcoming(), backend)
    };
    let result = call(&dispatcher(&world), event!("connect-without-user")).await;
    result.unwrap();
    assert!(world.queued().is_empty());
    call(&dispatcher(&world), event!("connect")).await.unwrap();
    let [task] = <[String; 1]>::try_from(world.queued()).unwrap();
    assert_eq!(call(&dispatcher(&world), &task).await.unwrap(), "done");
    assert_eq!(world.counts(), BTreeMap::from([(2, 1)]));
    call(&dispatcher(&world), &ann_leaves()).await.unwrap();
    assert_eq!(call(&dispatcher(&world), &task).await.unwrap(), "known");
    assert_eq!(world.counts(), BTreeMap::from([(2, 1)]));
}

#[tokio::test]
async fn an_opened_handler_that_cannot_be_queued_runs_with_the_next_event() {
    let mut world = World::new();
    world.closed = true;
    let transports = Transports::one(Arc::new(world.clone()));
    let backend = Backend::new(Arc::new(world.store.clone()), transports);
    let dispatcher = Dispatcher::new(welcoming(), backend.with_tasks(Arc::new(world.clone()), 3));
    call(&dispatcher, event!("connect")).await.unwrap();
    assert!(world.counts().is_empty());
    call(&dispatcher, event!("disconnect-idle")).await.unwrap();
    assert_eq!(world.counts(), BTreeMap::from([(2, 1)]));
    call(&dispatcher, event!("disconnect-idle")).await.unwrap();
    assert_eq!(world.counts(), BTreeMap::from([(2, 1)]));
}
