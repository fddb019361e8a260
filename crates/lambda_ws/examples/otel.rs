//! Sends a trace of every message to a collector of OpenTelemetry.
//!
//! Try it with the local gateway and a collector on this machine, such as Jaeger with its port 4318:
//!
//! ```sh
//! lambda-ws-local --env OTEL_SERVICE_NAME=rooms -- cargo run --example otel --features otel
//! ```

use lambda_ws::otel::Otel;
use lambda_ws::{App, Connection, Error, Json, Opening, Router};
use serde::Deserialize;
use tracing::Instrument;

#[derive(Deserialize)]
struct Say {
    text: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    App::new(router()).otel(Otel::from_env()?).run().await
}

fn router() -> Router {
    Router::new().connect(connect).route("say", say)
}

async fn connect(me: Opening) -> Result<(), Error> {
    me.join("all")?;
    Ok(())
}

async fn say(me: Connection, Json(say): Json<Say>) -> Result<(), Error> {
    // A span of the program is a part of the message's span.
    let text = translate(say.text).instrument(tracing::info_span!("translate"));
    let _ = me.room("all").send(text.await).await?;
    Ok(())
}

/// Stands for a call of another service.
async fn translate(text: String) -> String {
    text.to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_ws::testing::Gateway;

    #[tokio::test]
    async fn a_message_with_a_parent_reaches_the_room() {
        let gateway = Gateway::new(router());
        let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let mut ann = gateway
            .connect(&format!("/?traceparent={trace}"))
            .await
            .expect("accepted");
        ann.send(format!(
            r#"{{"action":"say","text":"hello","traceparent":"{trace}"}}"#
        ))
        .await;
        assert_eq!(ann.recv().await, "HELLO");
    }
}
