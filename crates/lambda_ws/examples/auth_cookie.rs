//! Authentication with the session cookie of the page that opens the connection.
//!
//! The API needs a custom domain on the page's own site, such as `ws.example.com` for `app.example.com`.
//! Otherwise the browser does not send the cookie.

use lambda_ws::auth::{Cookies, Origins};
use lambda_ws::{Error, Opening, Router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

// The list prevents other pages from connecting as the user who visits them. The program does not compile
// without it.
fn router() -> Router {
    let origins = Origins::new(["https://app.example.com"]);
    Router::new().connect(connect).with_state(origins)
}

async fn connect(me: Opening, cookies: Cookies) -> Result<(), Error> {
    // A real application reads the session from its database.
    let session = cookies.token("__Host-session")?;
    if !session.matches("s3cret") {
        return Err(Error::unauthorized("the session is over"));
    }
    me.user("ann")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_ws::testing::Gateway;

    async fn status(origin: &str, cookie: &str) -> Option<u16> {
        let request = Gateway::new(router()).request("/").header("Origin", origin);
        let connected = request.header("Cookie", cookie).connect().await;
        connected.err().map(|refusal| refusal.status.as_u16())
    }

    #[tokio::test]
    async fn only_pages_of_an_allowed_origin_connect_with_a_cookie() {
        let (own, good) = ("https://app.example.com", "__Host-session=s3cret");
        assert_eq!(status(own, good).await, None);
        assert_eq!(status("https://evil.example", good).await, Some(403));
        assert_eq!(status(own, "__Host-session=old").await, Some(401));
        assert_eq!(status(own, "other=s3cret").await, Some(401));
    }
}
