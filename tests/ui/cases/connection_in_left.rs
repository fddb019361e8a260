use lambda_ws::{Connection, Router};

async fn left(_: Connection) {}

fn main() {
    let _: Router = Router::new().left(left);
}
