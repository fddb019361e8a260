//! Conformance F5, F6, F7 and the end of the gateway itself, on a clock that jumps.

use crate::gateway::testing::{Client, Local, Setup, echo, ok};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_secs(60);

fn setup() -> Setup {
    let setup = Setup::new().two_way("$default", echo);
    setup.route("$connect", ok).route("$disconnect", ok)
}

async fn open(local: &Local) -> (Client, String) {
    let client = local.connect().await;
    (client, local.id().await)
}

async fn goes_away(local: &Local, client: &mut Client) {
    let (code, reason) = (1001, "Going away".to_owned());
    assert_eq!(client.closed().await, (code, reason.clone()));
    assert_eq!(local.disconnected().await, (u64::from(code), reason));
}

fn minutes(since: Instant) -> u64 {
    since.elapsed().as_secs() / 60
}

#[tokio::test(start_paused = true)]
async fn f5_a_connection_without_a_message_goes_away_after_10_minutes() {
    let local = setup().start().await;
    let (mut client, _) = open(&local).await;
    let began = Instant::now();
    goes_away(&local, &mut client).await;
    assert_eq!(minutes(began), 10);
}

#[tokio::test(start_paused = true)]
async fn f5_messages_and_posts_keep_a_connection() {
    let local = setup().start().await;
    let (mut client, id) = open(&local).await;
    let began = Instant::now();
    sleep(9 * MINUTE).await;
    client.send("x").await;
    client.text().await;
    local.expect("MESSAGE").await;
    sleep(9 * MINUTE).await;
    assert_eq!(local.post(&id, "y").await.status, 200);
    assert_eq!(client.text().await, "y");
    goes_away(&local, &mut client).await;
    assert_eq!(minutes(began), 28);
}

#[tokio::test(start_paused = true)]
async fn f7_pings_keep_a_connection_only_if_they_are_said_to() {
    for (pings_reset_idle, lived) in [(false, 10), (true, 15)] {
        let setup = setup().options(|options| options.pings_reset_idle = pings_reset_idle);
        let local = setup.start().await;
        let (mut client, _) = open(&local).await;
        let began = Instant::now();
        sleep(5 * MINUTE).await;
        client.ping().await;
        goes_away(&local, &mut client).await;
        assert_eq!(minutes(began), lived);
    }
}

#[tokio::test(start_paused = true)]
async fn f6_a_connection_goes_away_after_2_hours_however_busy() {
    let local = setup().start().await;
    let (mut client, _) = open(&local).await;
    let began = Instant::now();
    for _ in 0..13 {
        sleep(9 * MINUTE).await;
        client.send("x").await;
        assert_eq!(client.text().await, "x");
        local.expect("MESSAGE").await;
    }
    goes_away(&local, &mut client).await;
    assert_eq!(minutes(began), 120);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_answer_the_close_frame_is_cut_off() {
    use tokio::io::AsyncReadExt;
    let local = setup().start().await;
    let mut stream = local.raw_socket().await;
    local.expect("CONNECT").await;
    let began = Instant::now();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    assert_eq!(all[..4], [0x88, 12, 3, 233]);
    assert_eq!(began.elapsed().as_secs(), 602);
}

#[tokio::test]
async fn a_shutdown_closes_every_connection_with_1001_and_tells_the_function() {
    let local = setup().start().await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(open(&local).await.0);
    }
    let closing = tokio::spawn(async move {
        for client in &mut clients {
            assert_eq!(client.closed().await.0, 1001);
        }
    });
    let mut events = local.shut_down().await;
    closing.await.unwrap();
    for _ in 0..3 {
        let event = events.try_recv().unwrap();
        assert_eq!(event["requestContext"]["disconnectStatusCode"], 1001);
    }
    assert!(events.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_ever() {
    let setup = setup().route("$disconnect", |_| std::future::pending());
    let local = setup.start().await;
    let _client = open(&local).await;
    let _half = local.raw().await;
    let began = Instant::now();
    local.shut_down().await;
    assert_eq!(began.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_idle_http_connections() {
    use tokio::io::AsyncWriteExt;
    let local = setup().start().await;
    let _unused = local.raw().await;
    let mut kept = local.raw().await;
    kept.write_all(b"GET /dev HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    crate::gateway::testing::head(&mut kept).await;
    let began = Instant::now();
    local.shut_down().await;
    assert_eq!(began.elapsed().as_secs(), 0);
}
