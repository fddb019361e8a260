use lambda_ws::{Json, Router};

async fn connect(Json(_): Json<u32>) {}

fn main() {
    let _: Router = Router::new().connect(connect);
}
