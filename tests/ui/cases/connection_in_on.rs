use lambda_ws::{Connection, EventSource, Router};

fn main() {
    let _: Router = Router::new().on(EventSource::S3, async |_: Connection| ());
}
