use lambda_ws::{Close, Router};

async fn say(_: Close) {}

fn main() {
    let _: Router = Router::new().route("say", say);
}
