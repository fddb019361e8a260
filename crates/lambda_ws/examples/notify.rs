//! A job outside the function that tells clients what has changed.
//!
//! It needs `CONNECTIONS_TABLE` and `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI`, because it has no event that
//! contains the endpoint. It also needs `execute-api:ManageConnections` and access to the table.

use lambda_ws::{Delivery, Error, Json, SendError, Sender};
use serde::Serialize;

#[derive(Serialize)]
struct Price {
    symbol: &'static str,
    cents: u32,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let sender = Sender::from_env().await?;
    let price = Price {
        symbol: "TEA",
        cents: 420,
    };
    let delivery = publish(&sender, &price).await?;
    println!("{} sent, {} gone", delivery.sent, delivery.gone);
    for (id, error) in delivery.failures {
        eprintln!("{id} got no message: {error}");
    }
    Ok(())
}

async fn publish(sender: &Sender, price: &Price) -> Result<Delivery, SendError> {
    sender.room("prices").send(Json(price)).await
}

#[cfg(test)]
mod tests {
    use super::{Price, publish};
    use lambda_ws::testing::Gateway;
    use lambda_ws::{Error, Opening, Router};

    async fn connect(me: Opening) -> Result<(), Error> {
        me.join("prices")?;
        Ok(())
    }

    #[tokio::test]
    async fn clients_in_the_room_receive_the_price() {
        let gateway = Gateway::new(Router::new().connect(connect));
        let mut ann = gateway.connect("/").await.expect("accepted");
        let bob = gateway.connect("/").await.expect("accepted");
        bob.close().await;

        let tea = Price {
            symbol: "TEA",
            cents: 420,
        };
        let delivery = publish(&gateway.sender(), &tea).await.expect("sent");
        assert_eq!(delivery.sent, 1);
        assert_eq!(ann.recv().await, r#"{"symbol":"TEA","cents":420}"#);
    }
}
