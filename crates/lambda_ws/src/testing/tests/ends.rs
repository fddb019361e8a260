//! Tests of the ends of connections.

use super::*;

#[tokio::test]
async fn f1_a_binary_message_closes_with_1003() {
    let (router, ends) = noting();
    let gateway = Gateway::new(router);
    let ann = connected(&gateway).await;
    ann.send_binary().await;
    assert_eq!(ann.closed().map(|c| c.0), Some(1003));
    assert_eq!(ends.lock().unwrap()[0].1.code, Some(1003));
}

#[tokio::test]
async fn f2_a_frame_over_32_kb_closes_with_1009() {
    let (router, ends) = noting();
    let gateway = Gateway::new(router);
    let mut ann = connected(&gateway).await;
    ann.send("x".repeat(FRAME_BYTES)).await;
    assert_eq!(ann.recv().await.len(), FRAME_BYTES);
    let bob = connected(&gateway).await;
    for (client, bytes) in [(&ann, FRAME_BYTES + 1), (&bob, 200_000)] {
        client.send("x".repeat(bytes)).await;
        assert_eq!(client.closed().map(|c| c.0), Some(1009));
    }
    assert_eq!(ends.lock().unwrap().len(), 2);
    assert_eq!(gateway.events().len(), 5, "nothing else was invoked");
}

#[tokio::test]
async fn f5_a_silent_connection_is_closed_after_ten_minutes() {
    let (router, ends) = noting();
    let gateway = Gateway::new(router);
    let mut ann = connected(&gateway).await;
    let bob = connected(&gateway).await;
    let eve = connected(&gateway).await;
    let minute = Duration::from_secs(60);
    gateway.advance(9 * minute).await;
    ann.send("hello").await;
    gateway.sender().send(bob.id(), "hello").await.unwrap();
    gateway.advance(minute).await;
    assert_eq!(eve.closed(), Some((1001, "Going away")));
    assert_eq!(ann.closed(), None, "a message either way counts");
    assert_eq!(bob.closed(), None, "a message either way counts");
    let expected = [(eve.id().clone(), close(1001, "Going away"))];
    assert_eq!(*ends.lock().unwrap(), expected);
    assert_eq!(ann.recv_all(), ["hello", "somebody left"]);

    // The announcement of Eve's departure counts as well.
    gateway.advance(9 * minute).await;
    assert_eq!(ann.closed(), None);
    let time = gateway.events().last().unwrap().json["requestContext"]["requestTimeEpoch"].clone();
    let expected = gateway.now().millis() - (9 * minute).as_millis() as u64;
    assert_eq!(time, expected);
    gateway.advance(IDLE_TIMEOUT).await;
    let ends = ends.lock().unwrap();
    let left: Vec<_> = ends.iter().map(|(id, _)| id).collect();
    let ids = [eve.id(), ann.id(), bob.id()];
    assert_eq!(left, ids, "both at once, the elder first");
}

#[tokio::test]
async fn f6_no_connection_lives_longer_than_two_hours() {
    let (router, ends) = noting();
    let gateway = Gateway::new(router);
    let ann = connected(&gateway).await;
    let mut minutes = 0;
    while ann.closed().is_none() {
        ann.send("hello").await;
        gateway.advance(Duration::from_secs(60)).await;
        minutes += 1;
    }
    assert_eq!(minutes, CONNECTION_DURATION.as_secs() / 60);
    assert_eq!(ends.lock().unwrap()[0].1, close(1001, "Going away"));
}

#[tokio::test]
async fn g7_a_connection_in_its_handshake_receives_no_messages() {
    async fn connect(id: ConnectionId, sender: Sender) -> Result<(), Error> {
        let sent = sender.send(&id, "hello").await;
        assert!(matches!(sent, Err(SendError::NotOpen)), "{sent:?}");
        Ok(())
    }
    let gateway = Gateway::new(Router::new().connect(connect));
    let mut ann = connected(&gateway).await;
    assert_eq!(ann.try_recv(), None);
}

#[tokio::test]
async fn g9_the_server_closes_with_1000_and_disconnect_follows_the_handler() {
    let (router, ends) = noting();
    let gateway = Gateway::new(router);
    let ann = connected(&gateway).await;
    let bob = connected(&gateway).await;
    ann.send(r#"{"action":"leave"}"#).await;
    let normal = close(1000, "Connection Closed Normally");
    assert_eq!(*ends.lock().unwrap(), [(ann.id().clone(), normal)]);
    assert_eq!(ann.closed(), Some((1000, "Connection Closed Normally")));

    // It works outside of an event too, but only once.
    gateway.sender().close(bob.id()).await.unwrap();
    assert_eq!(ends.lock().unwrap().len(), 2);
    let again = gateway.sender().close(bob.id()).await;
    assert!(matches!(again, Err(SendError::Gone)));
    assert_eq!(record(&gateway, bob.id()).await, None);
}

#[tokio::test]
async fn c3_a_client_closes_with_its_own_code_or_none() {
    let (router, ends) = noting();
    let gateway = Gateway::new(router);
    connected(&gateway).await.close().await;
    connected(&gateway).await.close_with(4321, "bye").await;
    let ends = ends.lock().unwrap();
    let closes: Vec<_> = ends.iter().map(|(_, close)| close).collect();
    let none = close(1005, "Client-side close frame status not set");
    assert_eq!(closes, [&none, &close(4321, "bye")]);
}

#[tokio::test]
async fn k4_a_lost_connection_is_found_gone_and_marked() {
    let (router, ends) = noting();
    let gateway = Gateway::new(router);
    let ann = connected(&gateway).await;
    let mut bob = connected(&gateway).await;
    let id = ann.id().clone();
    ann.drop_silently();
    gateway.advance(Duration::from_secs(30)).await;
    assert_eq!(members(&gateway, "all").await.len(), 2);
    let delivery = gateway.sender().room("all").send("hello").await.unwrap();
    assert_eq!((delivery.sent, delivery.gone), (1, 1));
    assert_eq!(bob.recv().await, "hello");
    assert_eq!(members(&gateway, "all").await, [bob.id().clone()]);
    assert!(
        record(&gateway, &id).await.unwrap().gone,
        "$disconnect may still come"
    );
    assert!(ends.lock().unwrap().is_empty());
}
