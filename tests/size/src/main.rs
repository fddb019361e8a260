//! Rooms over websockets, and one use of each feature that is on.

use lambda_ws::{App, Connection, Error, Json, Opening, Router};
use serde::Deserialize;

#[derive(Deserialize)]
struct Say {
    text: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let router = Router::new().route("say", say);
    #[cfg(not(feature = "jwt"))]
    let router = router.connect(connect);
    #[cfg(feature = "jwt")]
    let router = {
        use lambda_ws::auth::{Issuer, Keys};

        let (issuer, audience) = (std::env::var("ISSUER")?, std::env::var("AUDIENCE")?);
        let keys = Keys::url(&format!("{issuer}/.well-known/jwks.json"))?;
        let issuer = Issuer::new(issuer, audience, keys);
        router.connect(connect_with_jwt).with_state(issuer)
    };
    #[cfg(feature = "http")]
    let router = router.http(lambda_http::service_fn(hello));
    let app = App::new(router);
    #[cfg(feature = "otel")]
    let app = app.otel(lambda_ws::otel::Otel::from_env()?);
    app.run().await
}

#[cfg(not(feature = "jwt"))]
async fn connect(me: Opening) -> Result<(), Error> {
    me.join("all")?;
    Ok(())
}

#[cfg(feature = "jwt")]
#[derive(Deserialize)]
struct Claims {
    sub: String,
}

#[cfg(feature = "jwt")]
async fn connect_with_jwt(
    me: Opening,
    lambda_ws::auth::Jwt(claims): lambda_ws::auth::Jwt<Claims>,
) -> Result<(), Error> {
    me.user(&claims.sub)?;
    me.join("all")?;
    Ok(())
}

#[cfg(feature = "http")]
async fn hello(_: lambda_http::Request) -> Result<String, std::convert::Infallible> {
    Ok("hello".to_owned())
}

async fn say(me: Connection, Json(say): Json<Say>) -> Result<(), Error> {
    let _ = me.room("all").send(say.text).await?;
    Ok(())
}
