//! A function with limits of clients: by its first argument `none`, or the reaction `error` or `disconnect`. Each client
//! has a user, and gets an answer to each message. The function prints the duration of each event.

use lambda_runtime::tower::{Service, service_fn};
use lambda_runtime::{LambdaEvent, Runtime};
use lambda_ws::{App, ClientLimits, Error, Json, Opening, Query, Rate, Reaction, Router, Session};
use serde_json::Value;
use serde_json::value::RawValue;
use std::time::Instant;

/// The handshakes of an address at once, if clients are disconnected.
const HANDSHAKES: u32 = 10;

async fn connect(me: Opening, Query(who): Query<Value>) -> Result<(), Error> {
    let user = who["user"].as_str().unwrap_or_default();
    me.user(user)?;
    Ok(me.save(&user)?)
}

async fn say(Session(user): Session<String>) -> Json<String> {
    Json(user)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let router = Router::new().connect(connect).route("say", say);
    let limits = ClientLimits::new()
        .messages_per_connection(Rate::per_second(10))
        .messages_per_user(Rate::per_second(20))
        .connections_per_user(5)
        .handshakes_per_address(Rate::per_minute(60));
    let router = match std::env::args().nth(1).as_deref() {
        Some("error") => router.client_limits(limits),
        // An attack of a few seconds reaches the smaller burst. The closed connections of one user do not count.
        Some("disconnect") => router.client_limits(
            limits
                .connections_per_user(1000)
                .handshakes_per_address(Rate::per_minute(60).burst(HANDSHAKES))
                .reaction(Reaction::Disconnect),
        ),
        _ => router,
    };
    let service = App::new(router).into_service().await?;
    let timed = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let mut service = service.clone();
        async move {
            let began = Instant::now();
            let response = service.call(event).await;
            println!("micros={}", began.elapsed().as_micros());
            response
        }
    });
    Runtime::new(timed).run().await?;
    Ok(())
}
