//! The function behind the gateway: this very program, when a Runtime API is there to ask.

use lambda_ws::store::Memory;
use lambda_ws::{App, Connection, Error, Router};

/// Whether this process is a function's.
pub(super) fn is_wanted() -> bool {
    std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// Sends every message back, by the way that its route names.
pub(super) async fn serve() -> Result<(), Error> {
    let router = Router::new()
        .two_way("ask", async |text: String| text)
        .route("post", async |me: Connection, text: String| {
            me.send(text).await?;
            Ok::<_, Error>(())
        });
    // A store in memory: what DynamoDB costs is not the gateway's.
    App::new(router).store(Memory::new()).run().await
}
