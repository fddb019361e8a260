use lambda_ws::{Connection, Error, Router};

async fn connect(me: Connection) -> Result<(), Error> {
    me.send("hello").await?;
    Ok(())
}

fn main() {
    let _: Router = Router::new().connect(connect);
}
