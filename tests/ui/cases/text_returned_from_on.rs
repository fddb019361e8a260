use lambda_ws::{EventSource, Router};

fn main() {
    let _: Router = Router::new().on(EventSource::S3, async || "done");
}
