use lambda_ws::{Query, Router};
use serde::Deserialize;

#[derive(Deserialize)]
struct Page {
    n: u32,
}

async fn say(Query(page): Query<Page>) -> String {
    page.n.to_string()
}

fn main() {
    let _: Router = Router::new().route("say", say);
}
