use lambda_ws::{PresenceChange, Router};

async fn who(_: PresenceChange) {}

fn main() {
    let _: Router = Router::new().route("who", who);
}
