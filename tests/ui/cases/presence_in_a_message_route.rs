use lambda_ws::{Presence, Router};

async fn who(_: Presence) {}

fn main() {
    let _: Router = Router::new().route("who", who);
}
