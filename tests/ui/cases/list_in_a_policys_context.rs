use lambda_ws::auth::Policy;

fn main() {
    let _ = Policy::allow("ann").context("rooms", vec!["tea", "salt"]);
}
