//! An HTTP API beside the WebSocket API, in one function: it issues tickets, receives a webhook and publishes.
//!
//! Give the function a second API or a function URL. Sending needs `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI`, because an
//! HTTP event does not contain the endpoint.

use axum::extract::{Extension, Path};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use lambda_ws::auth::{Ticket, Tickets};
use lambda_ws::{Error, EventSource, Kv, Opening, Router, Sender};
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

fn router() -> Router {
    let http = axum::Router::new()
        .route("/tickets", post(ticket))
        .route("/webhook", post(webhook))
        .route("/publish/{room}", post(publish));
    Router::new()
        .connect(connect)
        .on(EventSource::Schedule, tick)
        .on(EventSource::S3, tick)
        .http(http)
}

#[derive(Serialize, Deserialize)]
struct Client {
    user: String,
    room: String,
}

async fn connect(me: Opening, Ticket(client): Ticket<Client>) -> Result<(), Error> {
    me.user(&client.user)?;
    me.join(&client.room)?;
    Ok(())
}

/// The server's error, which is logged and not sent.
fn internal(error: impl std::error::Error) -> StatusCode {
    eprintln!("{error}");
    StatusCode::INTERNAL_SERVER_ERROR
}

/// Issues a ticket for the user that the page is signed in as. A real program verifies a session here.
async fn ticket(
    Extension(tickets): Extension<Tickets>,
    headers: HeaderMap,
) -> Result<String, StatusCode> {
    let user = headers.get("x-user").and_then(|user| user.to_str().ok());
    let client = Client {
        user: user.ok_or(StatusCode::UNAUTHORIZED)?.to_owned(),
        room: "lobby".to_owned(),
    };
    let issued = tickets.issue(&client, Duration::from_secs(30));
    issued.await.map_err(internal)
}

/// Counts the calls of another service, and tells the room.
async fn webhook(Extension(sender): Extension<Sender>) -> Result<String, StatusCode> {
    let calls = Kv::<u32>::new(&sender, "webhook");
    let count = calls.update("calls", |count| count.unwrap_or(0) + 1).await;
    let count = count.map_err(internal)?;
    let message = format!("webhook {count}");
    sender.room("lobby").send(message).await.map_err(internal)?;
    Ok(count.to_string())
}

/// Publishes the body to a room. A real program allows only some callers.
async fn publish(
    Extension(sender): Extension<Sender>,
    Path(room): Path<String>,
    text: String,
) -> Result<String, StatusCode> {
    let delivery = sender.room(room).send(text).await.map_err(internal)?;
    Ok(format!("{} sent", delivery.sent))
}

async fn tick(sender: Sender) -> Result<usize, Error> {
    Ok(sender.room("lobby").send("tick").await?.sent)
}

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_ws::testing::Gateway;
    use serde_json::{Value, json};

    /// The event of an HTTP API.
    fn request(path: &str, user: &str, body: &str) -> Value {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events/other/http.json");
        let text = std::fs::read_to_string(file).expect("a file");
        let mut event: Value = serde_json::from_str(&text).expect("JSON");
        event["rawPath"] = path.into();
        event["requestContext"]["http"]["path"] = path.into();
        event["headers"]["x-user"] = user.into();
        event["headers"]["content-length"] = body.len().to_string().into();
        event["body"] = body.into();
        event
    }

    async fn body(gateway: &Gateway, event: Value) -> String {
        let response = gateway.invoke(event).await.expect("a response");
        assert_eq!(response["statusCode"], 200, "{response}");
        response["body"].as_str().expect("text").to_owned()
    }

    #[tokio::test]
    async fn a_client_connects_with_a_ticket_and_hears_the_webhook_and_what_is_published() {
        let gateway = Gateway::new(router());
        assert_eq!(gateway.connect("/").await.unwrap_err().status, 401);
        let ticket = body(&gateway, request("/tickets", "ann", "")).await;
        let uri = format!("/?ticket={ticket}");
        let mut ann = gateway.connect(&uri).await.expect("accepted");

        assert_eq!(body(&gateway, request("/webhook", "", "")).await, "1");
        assert_eq!(ann.recv().await, "webhook 1");
        let published = request("/publish/lobby", "", "hello");
        assert_eq!(body(&gateway, published).await, "1 sent");
        assert_eq!(ann.recv().await, "hello");

        let unknown = gateway.invoke(request("/nothing", "", "")).await;
        assert_eq!(unknown.expect("a response")["statusCode"], 404);
    }

    #[tokio::test]
    async fn rest_apis_and_load_balancers_are_served_too() {
        let gateway = Gateway::new(router());
        let headers = json!({"host": "example.com", "content-type": "text/plain"});
        let rest = json!({
            "resource": "/{proxy+}", "path": "/webhook", "httpMethod": "POST", "headers": headers,
            "multiValueHeaders": {}, "requestContext": {
                "resourcePath": "/{proxy+}", "httpMethod": "POST", "stage": "$default",
                "requestId": "1", "apiId": "f6g7h8i9j0", "identity": {"sourceIp": "192.0.2.1"},
            }, "body": null, "isBase64Encoded": false,
        });
        assert_eq!(body(&gateway, rest).await, "1");
        let balancer = json!({
            "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:1:t"}},
            "httpMethod": "POST", "path": "/webhook", "queryStringParameters": {}, "headers": headers,
            "body": "", "isBase64Encoded": false,
        });
        assert_eq!(body(&gateway, balancer).await, "2");
    }

    #[tokio::test]
    async fn an_invalid_request_is_an_error_of_the_event() {
        let gateway = Gateway::new(router());
        let invalid = json!({"requestContext": {"http": {"method": 7}}});
        gateway.invoke(invalid).await.expect_err("not a request");
    }
}
