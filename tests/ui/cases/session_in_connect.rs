use lambda_ws::{Router, Session};

async fn connect(_: Session<u32>) {}

fn main() {
    let _: Router = Router::new().connect(connect);
}
