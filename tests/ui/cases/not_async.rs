use lambda_ws::Router;

fn say(text: String) -> String {
    text
}

fn main() {
    let _: Router = Router::new().route("say", say);
}
