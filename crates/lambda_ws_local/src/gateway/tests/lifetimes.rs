//! Conformance F5, F6, F7 and the end of the gateway itself: hours that take milliseconds, over real sockets.

use crate::gateway::Time;
use crate::gateway::testing::{Client, Local, Setup, echo, ok};
use std::time::Duration;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);
const MOMENT: Duration = Duration::from_millis(1);

fn setup() -> Setup {
    let setup = Setup::new().two_way("$default", echo);
    setup.route("$connect", ok).route("$disconnect", ok)
}

/// A gateway whose time stands still until it is moved.
async fn timeless() -> Local {
    let setup = setup().options(|options| options.time = Time::manual());
    setup.start().await
}

async fn open(local: &Local) -> (Client, String) {
    let client = local.connect().await;
    (client, local.id().await)
}

fn pass(local: &Local, time: Duration) {
    local.gateway.time().advance(time).unwrap();
}

async fn goes_away(local: &Local, client: &mut Client) {
    let (code, reason) = (1001, "Going away".to_owned());
    assert_eq!(client.closed().await, (code, reason.clone()));
    assert_eq!(local.disconnected().await, (u64::from(code), reason));
}

#[tokio::test]
async fn f5_a_connection_without_a_message_goes_away_after_10_minutes() {
    let local = timeless().await;
    let (mut client, _) = open(&local).await;
    pass(&local, 10 * MINUTE - MOMENT);
    client.ping().await;
    pass(&local, MOMENT);
    goes_away(&local, &mut client).await;
}

#[tokio::test]
async fn f5_messages_and_posts_keep_a_connection() {
    let local = timeless().await;
    let (mut client, id) = open(&local).await;
    pass(&local, 9 * MINUTE);
    client.send("x").await;
    client.text().await;
    local.expect("MESSAGE").await;
    pass(&local, 9 * MINUTE);
    assert_eq!(local.post(&id, "y").await.status, 200);
    assert_eq!(client.text().await, "y");
    pass(&local, 10 * MINUTE - MOMENT);
    client.ping().await;
    pass(&local, MOMENT);
    goes_away(&local, &mut client).await;
}

#[tokio::test]
async fn f7_pings_keep_a_connection_only_if_they_are_said_to() {
    for pings_reset_idle in [false, true] {
        let setup = setup().options(|options| {
            options.time = Time::manual();
            options.pings_reset_idle = pings_reset_idle;
        });
        let local = setup.start().await;
        let (mut client, _) = open(&local).await;
        pass(&local, 5 * MINUTE);
        client.ping().await;
        pass(&local, 5 * MINUTE);
        if pings_reset_idle {
            client.ping().await;
            pass(&local, 10 * MINUTE);
        }
        goes_away(&local, &mut client).await;
    }
}

#[tokio::test]
async fn f6_a_connection_goes_away_after_2_hours_however_busy() {
    let local = timeless().await;
    let (mut client, _) = open(&local).await;
    for _ in 0..13 {
        pass(&local, 9 * MINUTE);
        client.send("x").await;
        assert_eq!(client.text().await, "x");
        local.expect("MESSAGE").await;
    }
    pass(&local, 3 * MINUTE - MOMENT);
    client.ping().await;
    pass(&local, MOMENT);
    goes_away(&local, &mut client).await;
}

#[tokio::test]
async fn a_crowd_of_idle_connections_goes_away_at_once_when_its_time_has_come() {
    let local = timeless().await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(open(&local).await.0);
    }
    pass(&local, 10 * MINUTE);
    for client in &mut clients {
        assert_eq!(client.closed().await.0, 1001);
    }
    local.until(0).await;
}

#[tokio::test(start_paused = true)]
async fn f5_ten_minutes_are_a_second_at_a_scale_of_600() {
    let setup = setup().options(|options| options.time = Time::scaled(600.0).unwrap());
    let local = setup.start().await;
    let (mut client, _) = open(&local).await;
    let began = Instant::now();
    goes_away(&local, &mut client).await;
    assert_eq!(began.elapsed().as_millis() / 10, 100);
}

#[tokio::test(start_paused = true)]
async fn a_switch_of_the_scale_is_felt_by_connections_that_are_open() {
    let local = setup().start().await;
    let (mut client, _) = open(&local).await;
    tokio::time::advance(5 * MINUTE).await;
    local.gateway.time().set_scale(300.0).unwrap();
    let began = Instant::now();
    goes_away(&local, &mut client).await;
    assert_eq!(began.elapsed().as_millis() / 10, 100);
}

#[tokio::test]
async fn timestamps_of_events_stay_on_the_clock_of_the_wall() {
    let local = timeless().await;
    let before = lambda_ws_protocol::Timestamp::now().millis();
    let mut client = local.connect().await;
    local.expect("CONNECT").await;
    pass(&local, 9 * MINUTE);
    client.send("x").await;
    let event = local.expect("MESSAGE").await;
    let at = event["requestContext"]["requestTimeEpoch"]
        .as_u64()
        .unwrap();
    let after = lambda_ws_protocol::Timestamp::now().millis();
    assert!((before..=after).contains(&at), "{before} {at} {after}");
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
