//! Authentication with the JWT of an identity provider: Cognito, Auth0, Keycloak, Entra. It needs the feature
//! `jwt`.
//!
//! | variable | value |
//! |---|---|
//! | `ISSUER` | the issuer, such as `https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf` |
//! | `AUDIENCE` | the id of the application at the provider |

use lambda_ws::auth::{Issuer, Jwt, Keys};
use lambda_ws::{Error, Opening, Router, User};
use serde::Deserialize;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let (issuer, audience) = (std::env::var("ISSUER")?, std::env::var("AUDIENCE")?);
    // The keys are fetched for the first client. The URL is in the provider's documentation.
    let keys = Keys::url(&format!("{issuer}/.well-known/jwks.json"))?;
    lambda_ws::run(router(Issuer::new(issuer, audience, keys))).await
}

fn router(issuer: Issuer) -> Router {
    Router::new()
        .connect(connect)
        .route("whoami", async |User(user): User| user)
        .with_state(issuer)
}

/// The claims that this application reads.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    #[serde(default)]
    banned: bool,
}

async fn connect(me: Opening, Jwt(claims): Jwt<Claims>) -> Result<(), Error> {
    if claims.banned {
        return Err(Error::forbidden("the user may not connect"));
    }
    me.user(&claims.sub)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_ws::auth::{Issuer, Keys};
    use lambda_ws::testing::Gateway;

    /// The keys of a provider, and a token that is valid until 2100.
    const FIXTURE: &str = include_str!("../src/auth/jwt/tests/rs256.json");

    #[tokio::test]
    async fn a_valid_token_connects_and_a_forged_one_does_not() {
        let fixture: serde_json::Value = serde_json::from_str(FIXTURE).unwrap();
        let keys = Keys::fixed(&fixture["jwks"].to_string()).expect("keys");
        let issuer = Issuer::new("https://issuer.example", "chat", keys);
        let gateway = Gateway::new(router(issuer));

        let token = fixture["token"].as_str().unwrap();
        let request = gateway.request("/").protocol("bearer").protocol(token);
        let mut ann = request.connect().await.expect("accepted");
        ann.send(r#"{"action":"whoami"}"#).await;
        assert_eq!(ann.recv().await, "ann");

        let forged = format!("/?token={}", token.replace('.', ".e"));
        assert_eq!(gateway.connect(&forged).await.unwrap_err().status, 401);
    }
}
