//! Authentication with a token that the application knows.
//!
//! | client | sends |
//! |---|---|
//! | program | the header `Authorization: Bearer TOKEN` |
//! | browser | `new WebSocket(url, ["chat.v1", "bearer", TOKEN])` |
//! | any | `wss://..?token=TOKEN`; URLs are logged |

use lambda_ws::auth::Token;
use lambda_ws::{Accept, Error, FromRef, Opening, Protocols, Router, State, User};
use std::sync::Arc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

fn router() -> Router {
    let users = Users(Arc::from([("s3cret", "ann"), ("pa55", "bob")]));
    Router::new()
        .connect(connect)
        .route("whoami", async |User(user): User| user)
        .with_state(App { users })
}

#[derive(Clone)]
struct App {
    users: Users,
}

/// The tokens and their users. A real application reads them from its database.
#[derive(Clone)]
struct Users(Arc<[(&'static str, &'static str)]>);

impl FromRef<App> for Users {
    fn from_ref(app: &App) -> Self {
        app.users.clone()
    }
}

async fn connect(
    me: Opening,
    token: Token,
    protocols: Protocols,
    State(users): State<Users>,
) -> Result<Accept, Error> {
    // `matches` takes the same time for every wrong token. `==` would reveal how much of it is right.
    let mut users = users.0.iter();
    let Some((_, user)) = users.find(|(secret, _)| token.matches(secret)) else {
        return Err(Error::unauthorized("the token is unknown"));
    };
    me.user(user)?;
    // Browsers require a sub-protocol. Without a choice the library returns `bearer` if the client offered it.
    Ok(protocols.choose(&["chat.v1"]).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_ws::testing::Gateway;

    #[tokio::test]
    async fn a_browser_sends_its_token_as_a_sub_protocol_and_gets_the_other_one() {
        let gateway = Gateway::new(router());
        let request = gateway.request("/").protocol("chat.v1");
        let request = request.protocol("bearer").protocol("s3cret");
        let mut ann = request.connect().await.expect("accepted");
        assert_eq!(ann.protocol(), Some("chat.v1"));
        ann.send(r#"{"action":"whoami"}"#).await;
        assert_eq!(ann.recv().await, "ann");
    }

    #[tokio::test]
    async fn a_program_sends_its_token_in_the_header_or_the_query() {
        let gateway = Gateway::new(router());
        let header = gateway.request("/").header("Authorization", "Bearer pa55");
        assert!(header.connect().await.is_ok());
        assert!(gateway.connect("/?token=pa55").await.is_ok());
    }

    #[tokio::test]
    async fn a_client_without_a_valid_token_is_rejected() {
        let gateway = Gateway::new(router());
        for uri in ["/", "/?token=guess"] {
            assert_eq!(gateway.connect(uri).await.unwrap_err().status, 401);
        }
    }
}
