use lambda_ws::Router;

async fn ask(_: String) {}

fn main() {
    let _: Router = Router::new().two_way("ask", ask);
}
