use lambda_ws::Router;

async fn connect() -> &'static str {
    "welcome"
}

fn main() {
    let _: Router = Router::new().connect(connect);
}
