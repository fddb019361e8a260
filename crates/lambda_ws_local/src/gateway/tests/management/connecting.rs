//! Posts from `$connect` and `$disconnect`: conformance G7 and G8.

use super::*;

#[tokio::test]
async fn g7_a_connection_cannot_be_posted_to_from_its_own_connect() {
    let (known, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let held = Arc::clone(&release);
    let setup = Setup::new().route("$connect", move |_| {
        let (known, held) = (Arc::clone(&known), Arc::clone(&held));
        async move {
            known.notify_one();
            held.notified().await;
            Ok(OK.to_owned())
        }
    });
    let local = setup.start().await;
    let connecting = local.connect();
    let posting = async {
        let id = local.id().await;
        assert_eq!(local.post(&id, "too early").await.status, 410);
        release.notify_one();
        id
    };
    let (mut client, id) = tokio::join!(connecting, posting);
    assert_eq!(local.post(&id, "now").await.status, 200);
    assert_eq!(client.text().await, "now");
}

#[tokio::test]
async fn g8_another_connection_can_be_posted_to_from_connect_and_disconnect() {
    let setup = Setup::new().route("$connect", ok).route("$disconnect", ok);
    let local = setup.start().await;
    let mut first = local.connect().await;
    let id = local.id().await;
    let connecting = local.connect();
    let posting = async {
        local.expect("CONNECT").await;
        assert_eq!(local.post(&id, "one came").await.status, 200);
    };
    let (second, ()) = tokio::join!(connecting, posting);
    assert_eq!(first.text().await, "one came");
    drop(second);
    local.expect("DISCONNECT").await;
    assert_eq!(local.post(&id, "one left").await.status, 200);
    assert_eq!(first.text().await, "one left");
}
