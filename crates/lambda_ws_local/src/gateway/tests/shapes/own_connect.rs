//! Posts to a connection from its own `$connect`: conformance G7.

use super::*;

#[tokio::test]
async fn g7_if_it_is_said_to_a_post_from_the_own_connect_hangs_until_that_has_ended() {
    let posted = Arc::new(Notify::new());
    let answered = Arc::clone(&posted);
    // A function that posts to its own connection, and only then accepts it.
    let posts = move |_| {
        let answered = Arc::clone(&answered);
        async move {
            answered.notified().await;
            Ok(OK.to_owned())
        }
    };
    let setup = Setup::new().with("$connect", posts, |route| route.timeout = millis(500));
    let setup = setup.options(|options| options.own_post_hangs = true);
    let local = setup.start().await;
    let posting = async {
        let reply = local.post(&local.id().await, "too early").await;
        posted.notify_one();
        reply
    };
    let (status, reply) = tokio::join!(local.status(), posting);
    assert_eq!(status, 504);
    assert_eq!((reply.status, reply.kind()), (410, "goneexception"));
}

#[tokio::test]
async fn g7_a_post_that_hung_fails_even_if_its_connection_is_open_by_then() {
    let setup = Setup::new().route("$connect", ok);
    let setup = setup.options(|options| options.own_post_hangs = true);
    let local = setup.start().await;
    let mut client = local.connect().await;
    let id = local.id().await;
    let connecting = local.gateway.state.connecting.begin(&id);
    let ending = async {
        while connecting.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        drop(connecting);
    };
    let (reply, ()) = tokio::join!(local.post(&id, "too early"), ending);
    assert_eq!((reply.status, reply.kind()), (410, "goneexception"));
    assert_eq!(local.post(&id, "now").await.status, 200);
    assert_eq!(client.text().await, "now");
}

#[tokio::test]
async fn g7_a_post_to_another_connection_does_not_hang() {
    let (known, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let held = Arc::clone(&release);
    let setup = Setup::new().route("$connect", move |event: Value| {
        let (known, held) = (Arc::clone(&known), Arc::clone(&held));
        async move {
            known.notify_one();
            if event.get("queryStringParameters").is_some() {
                held.notified().await;
            }
            Ok(OK.to_owned())
        }
    });
    let setup = setup.options(|options| options.own_post_hangs = true);
    let local = setup.start().await;
    let mut first = local.connect().await;
    let id = local.id().await;
    let connecting = local.handshake("/dev?wait=1", &[]);
    let posting = async {
        local.expect("CONNECT").await;
        assert_eq!(local.post(&id, "one comes").await.status, 200);
        release.notify_one();
    };
    let (second, ()) = tokio::join!(connecting, posting);
    assert!(second.is_ok());
    assert_eq!(first.text().await, "one comes");
}
