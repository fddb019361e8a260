//! Tests of concurrent clients and of panics.

use super::*;

#[tokio::test]
async fn clients_may_act_at_the_same_time() {
    let gateway = Gateway::new(noting().0);
    let (ann, bob) = tokio::join!(gateway.connect("/?user=ann"), gateway.connect("/?user=bob"));
    let (mut ann, mut bob) = (ann.unwrap(), bob.unwrap());
    let found = members(&gateway, "all").await.len();
    assert_eq!(found, 2, "nobody is taken for gone");
    ann.recv_all();
    bob.recv_all();
    let (heard, ()) = tokio::join!(bob.recv(), async {
        gateway.sender().send(ann.id(), "x").await.unwrap();
        ann.send("y").await;
        gateway.connect("/?user=eve").await.unwrap();
    });
    assert_eq!(heard, "eve is here");
    assert_eq!(ann.recv_all(), ["x", "y", "eve is here"]);
}

#[tokio::test]
#[should_panic(
    expected = "has no message: it received [\n    \"hello\",\n]; it was closed with 1001"
)]
async fn a_missing_message_fails_at_once_and_lists_the_received_ones() {
    let gateway = Gateway::new(noting().0);
    let mut ann = connected(&gateway).await;
    ann.send("hello").await;
    ann.recv().await;
    gateway.advance(IDLE_TIMEOUT).await;
    ann.recv().await;
}

#[tokio::test]
#[should_panic(expected = "cannot send: it never received a message; it was closed with 1000")]
async fn a_closed_client_cannot_send() {
    let gateway = Gateway::new(noting().0);
    let ann = connected(&gateway).await;
    gateway.sender().close(ann.id()).await.unwrap();
    ann.send("hello").await;
}

#[tokio::test]
async fn a_router_in_layers_is_served_too() {
    use tower::util::MapRequestLayer;
    let counted = Arc::new(Mutex::new(0));
    let counter = counted.clone();
    let layer = MapRequestLayer::new(move |event: crate::AnyEvent| {
        *counter.lock().unwrap() += 1;
        event
    });
    let router = Router::new().fallback(echo).layer(layer);
    let mut ann = connected(&Gateway::new(router)).await;
    ann.send("hello").await;
    assert_eq!(ann.recv().await, "hello");
    assert_eq!(*counted.lock().unwrap(), 2);
}
