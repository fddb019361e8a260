use lambda_ws::{Connection, Error, Router};
use std::rc::Rc;

async fn say(me: Connection) -> Result<(), Error> {
    let shared = Rc::new("hello");
    me.send(*shared).await?;
    println!("{shared}");
    Ok(())
}

fn main() {
    let _: Router = Router::new().route("say", say);
}
