//! The function as the Lambda authorizer of its own API.
//!
//! The template needs an authorizer of type `REQUEST` with the ARN of this function and the identity source
//! `route.request.querystring.token`. The route `$connect` needs `AuthorizationType: CUSTOM`.
//! The authorizer costs one more invocation per connection. The API's access log and every event contain its
//! principal and context.

use lambda_ws::auth::{Policy, Token};
use lambda_ws::{Authorizer, Error, Opening, Router};
use serde::Deserialize;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

fn router() -> Router {
    Router::new()
        .authorize(authorize)
        .connect(connect)
        .route("whoami", whoami)
}

async fn authorize(token: Token) -> Result<Policy, Error> {
    match token.as_str() {
        "s3cret" => Ok(Policy::allow("ann").context("admin", true)),
        // A known user who is not allowed: the client sees 403.
        "banned" => Ok(Policy::deny("eve")),
        // The client sees 401.
        _ => Err(Error::unauthorized("the token is unknown")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Caller {
    principal_id: String,
    // API Gateway passes the text `"true"`. `Authorizer` converts it.
    admin: bool,
}

async fn connect(me: Opening, Authorizer(caller): Authorizer<Caller>) -> Result<(), Error> {
    me.user(&caller.principal_id)?;
    Ok(())
}

async fn whoami(Authorizer(caller): Authorizer<Caller>) -> String {
    match caller.admin {
        true => format!("{}, who may do anything", caller.principal_id),
        false => caller.principal_id,
    }
}

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_ws::testing::Gateway;

    #[tokio::test]
    async fn the_authorizer_allows_or_denies_clients_and_names_the_user() {
        let gateway = Gateway::new(router()).authorizer(["route.request.querystring.token"]);
        let mut ann = gateway.connect("/?token=s3cret").await.expect("accepted");
        ann.send(r#"{"action":"whoami"}"#).await;
        assert_eq!(ann.recv().await, "ann, who may do anything");

        for (uri, status) in [("/?token=banned", 403), ("/?token=guess", 401), ("/", 401)] {
            assert_eq!(gateway.connect(uri).await.unwrap_err().status, status);
        }
    }
}
