//! The session cookie of the page that opens the connection.
//!
//! The API needs a custom domain of the page's own site, such as `ws.example.com` for
//! `app.example.com`: else the browser does not send the cookie.

use lambda_ws::auth::{Cookies, Origins};
use lambda_ws::{Error, Opening, Router};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

// Without this list the program does not compile: any page could connect as the user who visits it.
fn router() -> Router {
    let origins = Origins::new(["https://app.example.com"]);
    Router::new().connect(connect).with_state(origins)
}

async fn connect(me: Opening, cookies: Cookies) -> Result<(), Error> {
    // A real application looks the session up in its database.
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
    async fn only_the_applications_own_page_connects_with_a_cookie() {
        let (own, good) = ("https://app.example.com", "__Host-session=s3cret");
        assert_eq!(status(own, good).await, None);
        assert_eq!(status("https://evil.example", good).await, Some(403));
        assert_eq!(status(own, "__Host-session=old").await, Some(401));
        assert_eq!(status(own, "other=s3cret").await, Some(401));
    }
}
