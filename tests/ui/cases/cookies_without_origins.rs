use lambda_ws::Router;
use lambda_ws::auth::Cookies;

async fn connect(_: Cookies) {}

fn main() {
    let _: Router = Router::new().connect(connect);
}
