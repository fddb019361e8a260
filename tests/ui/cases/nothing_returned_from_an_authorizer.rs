use lambda_ws::Router;
use lambda_ws::auth::Token;

async fn authorize(_: Token) {}

fn main() {
    let _: Router = Router::new().authorize(authorize);
}
