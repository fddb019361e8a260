//! The response to one event.

use crate::app::{Backend, Dispatcher, InvocationContext};
use crate::error::BoxError;
use crate::router::Router;
use serde_json::Value;

/// Returns the response of `router` to one raw event, by the same code as on Lambda. Use it for events from files or
/// logs.
///
/// The store is new and empty, and messages are logged instead of sent. For clients that receive messages use
/// [`Gateway`](super::Gateway).
///
/// ```
/// use lambda_ws::{Router, testing};
/// use serde_json::json;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let router = Router::new().two_way("ping", async || "pong");
/// let event = r#"{
///     "requestContext": {"eventType": "MESSAGE", "routeKey": "ping", "connectionId": "AaVuMkdHd_QnW8c="},
///     "body": "{\"action\":\"ping\"}"
/// }"#;
/// let answer = testing::answer(router, event).await.expect("a WebSocket API's event");
/// assert_eq!(answer, json!({"statusCode": 200, "body": "pong"}));
/// # }
/// ```
///
/// # Errors
///
/// As on Lambda: `json` is not an event of a WebSocket API, or an authorizer's event fails. A handler's own error is
/// a response.
///
/// # Panics
///
/// If the handler panics, and outside of a Tokio runtime.
pub async fn answer(router: Router, json: &str) -> Result<Value, BoxError> {
    let dispatcher = Dispatcher::new(router, Backend::in_memory());
    let reply = dispatcher.call(json, InvocationContext::default()).await?;
    Ok(serde_json::to_value(&reply)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Policy;
    use crate::{Connection, Error, Opening};
    use serde_json::json;

    const CONNECT: &str = include_str!("../../../../events/connect.json");
    const SAY: &str = include_str!("../../../../events/say.json");

    #[tokio::test]
    async fn an_event_from_a_file_gets_the_response_of_lambda() {
        let router = Router::new()
            .connect(async |me: Opening| me.join("tea").map_err(Error::from))
            .route("say", async |me: Connection| {
                me.room("tea").send("hi").await?;
                Ok::<_, Error>("said")
            });
        for event in [CONNECT, SAY] {
            let answer = answer(router.clone(), event).await.unwrap();
            assert_eq!(answer, json!({"statusCode": 200}));
        }
        let unknown = answer(router, "{}").await.unwrap_err();
        assert!(unknown.to_string().contains("requestContext"), "{unknown}");
    }

    #[tokio::test]
    async fn an_authorizer_responds_with_its_policy() {
        let mut event: Value = serde_json::from_str(CONNECT).unwrap();
        event["type"] = "REQUEST".into();
        event["methodArn"] = "arn:aws:execute-api:us-east-1:1:a/dev/$connect".into();
        let router = Router::new().authorize(async || Policy::allow("ann"));
        let policy = answer(router, &event.to_string()).await.unwrap();
        assert_eq!(policy["principalId"], "ann");
        assert_eq!(
            policy["policyDocument"]["Statement"][0]["Resource"],
            event["methodArn"]
        );
    }
}
