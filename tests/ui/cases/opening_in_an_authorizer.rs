use lambda_ws::auth::Policy;
use lambda_ws::{Opening, Router};

async fn authorize(me: Opening) -> Policy {
    Policy::allow(me.id().to_string())
}

fn main() {
    let _: Router = Router::new().authorize(authorize);
}
