use lambda_ws::Router;
use lambda_ws::auth::Token;

async fn say(_: Token) {}

fn main() {
    let _: Router = Router::new().route("say", say);
}
