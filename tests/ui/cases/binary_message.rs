use lambda_ws::{Connection, Error, Router};

async fn say(me: Connection) -> Result<(), Error> {
    me.send(vec![1_u8, 2, 3]).await?;
    Ok(())
}

fn main() {
    let _: Router = Router::new().route("say", say);
}
