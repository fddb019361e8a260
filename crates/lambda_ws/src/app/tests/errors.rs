//! The error frame of a failed message.

use super::*;

/// Returns the code and the message that a client gets when it sends `hello`.
async fn error_for<M, H, A>(handler: H) -> (Value, String)
where
    H: crate::Handler<A, Future: Send, Output = M>,
    H::Args: crate::FromEvent<crate::Message, ()> + Send + 'static,
    M: crate::IntoResponse<crate::Message>,
{
    let gateway = Gateway::new(Router::new().fallback(handler));
    let mut ann = gateway.connect("/").await.unwrap();
    ann.send("hello").await;
    let text = ann.recv().await;
    let id = gateway.events()[1].request_id.clone();
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["error"]["requestId"], id);
    assert_eq!(json.as_object().unwrap().len(), 1);
    assert_eq!(json["error"].as_object().unwrap().len(), 3);
    (
        json["error"]["code"].clone(),
        json["error"]["message"].as_str().unwrap().to_owned(),
    )
}

#[tokio::test]
async fn a_client_gets_client_errors_and_no_internal_ones() {
    let (code, message) =
        error_for(async || Err::<(), _>(Error::client("full", "try later"))).await;
    assert_eq!((code.as_str(), &*message), (Some("full"), "try later"));

    let (code, message) = error_for(async || {
        let secret = std::io::Error::other("password is hunter2");
        Err::<(), _>(Error::from(secret))
    })
    .await;
    assert_eq!(code.as_str(), Some("internal"));
    assert_eq!(&*message, "internal error");

    let (code, message) = error_for(async || {
        Err::<(), _>(Error::client("full", "try later").with_source("password is hunter2"))
    })
    .await;
    assert_eq!((code.as_str(), &*message), (Some("full"), "try later"));
}

#[tokio::test]
async fn a_message_that_is_too_large_is_an_error_for_the_client() {
    async fn say(me: Connection) -> Result<(), Error> {
        me.send("x".repeat(200_000)).await?;
        Ok(())
    }
    assert_eq!(error_for(say).await.0, "too_large");
    assert_eq!(error_for(async || "x".repeat(200_000)).await.0, "too_large");
    async fn error() -> Result<(), Error> {
        Err(Error::client("long", "x".repeat(200_000)))
    }
    let (code, message) = error_for(error).await;
    assert_eq!(code.as_str(), Some("long"));
    assert_eq!(&*message, "the error's message is too large");
}

#[tokio::test]
async fn an_error_that_is_too_large_is_only_logged() {
    async fn error() -> Result<(), Error> {
        Err(Error::client("x".repeat(200_000), "code"))
    }
    let gateway = Gateway::new(Router::new().fallback(error));
    let mut ann = gateway.connect("/").await.unwrap();
    ann.send("hello").await;
    assert_eq!(ann.try_recv(), None);
}

#[tokio::test]
async fn a_response_to_a_client_that_is_gone_is_not_a_failure() {
    async fn answer(me: Connection) -> Result<String, SendError> {
        me.close().await?;
        Ok("too late".to_owned())
    }
    let gateway = Gateway::new(
        Router::new().fallback(async |me: Connection| answer(me).await.map_err(Error::from)),
    );
    let mut ann: Client = gateway.connect("/").await.unwrap();
    ann.send("hello").await;
    assert_eq!(ann.try_recv(), None);
    assert_eq!(gateway.events().len(), 3);
}
