//! Runs on the runtime of `lambda_runtime`, with its layers and one more.

use lambda_runtime::layers::TracingLayer;
use lambda_runtime::{LambdaInvocation, Runtime};
use lambda_ws::{App, Connection, Error, Router};
use std::sync::Arc;
use tower::util::MapRequestLayer;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let service = App::new(router()).into_service().await?;
    let log_size = MapRequestLayer::new(|invocation: LambdaInvocation| {
        println!("an event of {} bytes", invocation.body.len());
        invocation
    });
    Runtime::new(service.clone())
        .register_snapstart_resource(Arc::new(service))
        .layer(TracingLayer::new())
        .layer(log_size)
        .run()
        .await?;
    Ok(())
}

fn router() -> Router {
    Router::new()
        .fallback(async |me: Connection, text: String| me.send(text).await.map_err(Error::from))
}

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_runtime::{Context, LambdaEvent};
    use lambda_ws::store::Memory;
    use lambda_ws::transport::{Inspection, Transport};
    use lambda_ws::{App, ConnectionId, Payload, SendError};
    use serde_json::value::RawValue;
    use std::sync::{Arc, Mutex};
    use tower::ServiceExt;

    /// Remembers the receivers of messages.
    #[derive(Clone, Default)]
    struct Sent(Arc<Mutex<Vec<ConnectionId>>>);

    impl Transport for Sent {
        async fn post(&self, id: &ConnectionId, _: &Payload) -> Result<(), SendError> {
            self.0.lock().unwrap().push(id.clone());
            Ok(())
        }

        async fn close(&self, _: &ConnectionId) -> Result<(), SendError> {
            Ok(())
        }

        async fn inspect(&self, _: &ConnectionId) -> Result<Inspection, SendError> {
            Ok(Inspection::default())
        }

        fn url(&self) -> &str {
            "test:"
        }
    }

    #[tokio::test]
    async fn the_service_answers_an_event_of_lambda() {
        let sent = Sent::default();
        let app = App::new(router())
            .store(Memory::new())
            .transport(sent.clone());
        let service = app.into_service().await.expect("nothing else is needed");
        let say = include_str!("../../../events/say.json").to_owned();
        let say = RawValue::from_string(say).expect("JSON");
        let response = service.oneshot(LambdaEvent::new(say, Context::default()));
        let response = serde_json::to_value(response.await.expect("a response"));
        assert_eq!(response.unwrap()["statusCode"], 200);
        assert_eq!(sent.0.lock().unwrap().len(), 1);
    }
}
