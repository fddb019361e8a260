//! Messages that are with their integrations: conformance F8.

use super::*;

#[tokio::test]
async fn f8_messages_of_one_connection_are_with_their_integrations_at_once() {
    let barrier = Arc::new(Barrier::new(3));
    let answer = move |event| {
        let barrier = Arc::clone(&barrier);
        async move {
            barrier.wait().await;
            echo(event).await
        }
    };
    let local = Setup::new().two_way("$default", answer).start().await;
    let mut client = local.connect().await;
    for text in ["a", "b", "c"] {
        client.send(text).await;
    }
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(client.text().await);
    }
    answers.sort();
    assert_eq!(answers, ["a", "b", "c"]);
}

#[tokio::test]
async fn f8_so_many_messages_in_flight_and_the_next_one_waits() {
    let release = Arc::new(Notify::new());
    let setup = Setup::new().route("$default", held(&release, ok));
    let local = setup.options(|options| options.in_flight = 2).start().await;
    let mut client = local.connect().await;
    for text in ["a", "b", "c"] {
        client.send(text).await;
    }
    assert_eq!(local.event().await["body"], "a");
    assert_eq!(local.event().await["body"], "b");
    // Whatever else is ready on this machine happens before this answer.
    assert_eq!(local.http("GET", "/dev", b"").await.status, 426);
    local.silent().await;
    release.notify_one();
    // At once, and not when something else happens: the next thing would be a timeout after 29 s.
    let next = tokio::time::timeout(millis(10_000), local.event()).await;
    assert_eq!(next.unwrap()["body"], "c");
}

#[tokio::test]
async fn a_message_in_flight_goes_on_when_its_connection_has_gone() {
    let (release, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let done = Arc::clone(&ended);
    let answer = held(&release, move |event| {
        done.notify_one();
        echo(event)
    });
    let setup = Setup::new().route("$disconnect", ok);
    let setup = setup.two_way("$default", answer);
    let local = setup.start().await;
    let mut client = local.connect().await;
    client.send("x").await;
    local.expect("MESSAGE").await;
    drop(client);
    local.expect("DISCONNECT").await;
    release.notify_one();
    ended.notified().await;
}
