use lambda_ws::Router;

async fn disconnect() -> &'static str {
    "bye"
}

fn main() {
    let _: Router = Router::new().disconnect(disconnect);
}
