use lambda_ws::{ConnectionId, Router};

type Id = ConnectionId;

async fn say(_: Id, _: Id, _: Id, _: Id, _: Id, _: Id, _: Id, _: Id, _: Id) {}

fn main() {
    let _: Router = Router::new().route("say", say);
}
