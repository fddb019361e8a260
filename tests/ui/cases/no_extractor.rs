use lambda_ws::Router;

struct Price;

async fn say(_: Price) {}

fn main() {
    let _: Router = Router::new().route("say", say);
}
