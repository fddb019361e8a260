use lambda_ws::{Error, Opening, Router};

async fn connect(me: Opening) -> Result<(), Error> {
    me.send("hello").await?;
    Ok(())
}

fn main() {
    let _: Router = Router::new().connect(connect);
}
