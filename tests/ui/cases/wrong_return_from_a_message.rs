use lambda_ws::Router;

async fn count() -> u32 {
    42
}

fn main() {
    let _: Router = Router::new().route("count", count);
}
