//! Faults on purpose, as clients, functions and senders meet them.

use crate::faults::{Faults, Kind, Plan};
use crate::gateway::testing::{Client, Local, Reply, Setup, echo, head, ok};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout};

/// A gateway with faults, none of them on yet, and a connection.
async fn opened() -> (Local, Faults, Client, String) {
    let (local, faults) = start("off").await;
    let client = local.connect().await;
    let id = local.id().await;
    (local, faults, client, id)
}

async fn start(plan: &str) -> (Local, Faults) {
    let faults = Faults::new(plan.parse().unwrap(), 7);
    let setup = Setup::new().two_way("$default", echo);
    let setup = setup.route("$connect", ok).route("$disconnect", ok);
    let setup = setup.options(|options| options.faults = faults.clone());
    (setup.start().await, faults)
}

fn path(id: &str) -> String {
    format!("/dev/@connections/{id}")
}

#[tokio::test]
async fn gone_is_the_truth_the_client_is_cut_off_and_the_function_hears_1006() {
    let (local, faults, mut client, id) = opened().await;
    faults.change("gone=100%").unwrap();
    let reply = local.post(&id, "lost").await;
    assert_eq!((reply.status, reply.kind()), (410, "goneexception"));
    assert_eq!(local.disconnected().await.0, 1006);
    // No close frame, no message.
    let end = futures_util::StreamExt::next(&mut client.0).await;
    assert!(!matches!(end, Some(Ok(_))), "{end:?}");
    assert_eq!(local.http("GET", &path(&id), b"").await.status, 410);
    assert_eq!(faults.fired(Kind::Gone), 1);
}

#[tokio::test]
async fn a_false_410_is_a_lie_that_a_look_finds_out() {
    let (local, faults, mut client, id) = opened().await;
    faults.change("false-gone=100%").unwrap();
    let reply = local.post(&id, "not sent").await;
    assert_eq!((reply.status, reply.kind()), (410, "goneexception"));
    assert_eq!(local.http("GET", &path(&id), b"").await.status, 200);
    faults.set(Plan::default());
    assert_eq!(local.post(&id, "sent").await.status, 200);
    assert_eq!(client.text().await, "sent");
    local.silent().await;
}

#[tokio::test]
async fn throttled_and_failing_calls_do_nothing() {
    let (local, faults, mut client, id) = opened().await;
    for (plan, status, kind) in [
        ("throttle=100%,error=off", 429, "limitexceededexception"),
        ("throttle=off,error=100%", 500, "internalfailure"),
    ] {
        faults.change(plan).unwrap();
        for method in ["POST", "GET", "DELETE"] {
            let reply = local.http(method, &path(&id), b"").await;
            assert_eq!((reply.status, reply.kind()), (status, kind), "{method}");
        }
    }
    faults.set(Plan::default());
    assert_eq!(local.post(&id, "sent").await.status, 200);
    assert_eq!(client.text().await, "sent");
    assert_eq!(
        [Kind::Throttle, Kind::Error].map(|kind| faults.fired(kind)),
        [3, 3]
    );
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_is_carried_out() {
    let (local, faults, mut client, id) = opened().await;
    faults.change("lost-answer=100%").unwrap();
    for (method, body) in [("POST", "heard"), ("DELETE", "")] {
        let mut stream = local.raw().await;
        let (path, length) = (path(&id), body.len());
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8(answer).unwrap(), "", "{method}");
    }
    assert_eq!(client.text().await, "heard");
    assert_eq!(client.closed().await.0, 1000);
}

#[tokio::test]
async fn e8_a_disconnect_may_never_come() {
    let (local, faults, client, id) = opened().await;
    faults.change("lost-disconnect=100%").unwrap();
    drop(client);
    local.until(0).await;
    assert_eq!(local.http("GET", &path(&id), b"").await.status, 410);
    let mut events = local.shut_down().await;
    assert!(events.try_recv().is_err());
    assert_eq!(faults.fired(Kind::LostDisconnect), 1);
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_hears_everything_ten_seconds_late() {
    let (local, _) = start("slow-client=100%").await;
    let began = Instant::now();
    let mut client = local.connect().await;
    let id = local.id().await;
    for text in ["a", "b"] {
        assert_eq!(local.post(&id, text).await.status, 200);
    }
    client.send("c").await;
    for text in ["a", "b", "c"] {
        assert_eq!(client.text().await, text);
    }
    assert_eq!(began.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn g6_what_waits_for_a_slow_client_is_bounded() {
    let faults = Faults::new("slow-client=100%".parse().unwrap(), 7);
    let setup = Setup::new().route("$connect", ok).options(|options| {
        options.faults = faults;
        options.outbox_messages = 3;
    });
    let local = setup.start().await;
    let _client = local.connect().await;
    let id = local.id().await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(local.post(&id, "x").await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 429]);
}

#[tokio::test]
async fn calls_take_longer() {
    let (local, faults, mut client, id) = opened().await;
    faults.change("post-latency=30ms..40ms").unwrap();
    for (method, path) in [("POST", path(&id)), ("GET", path(&id))] {
        let began = Instant::now();
        assert_eq!(local.http(method, &path, b"x").await.status, 200);
        assert!(began.elapsed() >= Duration::from_millis(30), "{method}");
    }
    assert_eq!(client.text().await, "x");
}

#[tokio::test]
async fn a_seed_decides_which_posts_fail() {
    let mut courses = Vec::new();
    for _ in 0..2 {
        let (local, faults, client, id) = opened().await;
        let reading = tokio::spawn(async move {
            let mut client = client;
            while let Some(Ok(_)) = futures_util::StreamExt::next(&mut client.0).await {}
        });
        faults
            .change("false-gone=20%,throttle=20%,error=20%")
            .unwrap();
        let mut stream = local.raw().await;
        let mut course = Vec::new();
        for _ in 0..100 {
            let path = path(&id);
            let post =
                format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx");
            stream.write_all(post.as_bytes()).await.unwrap();
            let reply = Reply::parse(&head(&mut stream).await);
            let length = reply.head.split("content-length: ").nth(1).unwrap();
            let length = length.lines().next().unwrap().parse().unwrap();
            stream.read_exact(&mut vec![0; length]).await.unwrap();
            course.push(reply.status);
        }
        for status in [200, 410, 429, 500] {
            assert!(course.contains(&status), "{course:?}");
        }
        courses.push(course);
        local.shut_down().await;
        timeout(Duration::from_secs(60), reading)
            .await
            .unwrap()
            .unwrap();
    }
    assert_eq!(courses[0], courses[1]);
}
