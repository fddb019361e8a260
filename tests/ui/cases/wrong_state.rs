use lambda_ws::{Router, State};

#[derive(Clone)]
struct Prices;

async fn say(State(_): State<Prices>) {}

fn main() {
    let _: Router = Router::new().route("say", say).with_state("not the prices");
}
