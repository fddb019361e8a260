use lambda_ws::{Kv, Router};

async fn count(_: Kv<u32>) {}

fn main() {
    let _: Router = Router::new().route("count", count);
}
