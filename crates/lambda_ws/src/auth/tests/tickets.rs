//! Tickets.

use super::{gateway, refusal};
use crate::auth::{Ticket, Tickets};
use crate::store::{Memory, Store, StoreError, VALUE_BYTES};
use crate::testing::Gateway;
use crate::{Error, Opening, Router};
use futures_util::future::join_all;
use http::StatusCode;
use std::time::Duration;

const TTL: Duration = Duration::from_secs(30);
const UNAUTHORIZED: Option<StatusCode> = Some(StatusCode::UNAUTHORIZED);

fn guarded() -> Gateway {
    async fn connect(me: Opening, Ticket(user): Ticket<String>) -> Result<(), Error> {
        Ok(me.user(&user)?)
    }
    gateway(Router::new().connect(connect))
}

#[tokio::test]
async fn a_ticket_opens_one_connection_for_its_user() {
    let gateway = guarded();
    let ticket = gateway.tickets().issue("ann", TTL).await.unwrap();
    let uri = format!("/?ticket={ticket}");
    let client = gateway.connect(&uri).await.expect("accepted");
    let record = gateway.store().record(client.id(), gateway.now()).await;
    assert_eq!(record.unwrap().unwrap().user.as_deref(), Some("ann"));
    assert_eq!(refusal(gateway.request(&uri)).await, UNAUTHORIZED);
}

#[tokio::test]
async fn of_two_concurrent_clients_with_one_ticket_one_is_rejected() {
    let gateway = guarded();
    let ticket = gateway.tickets().issue("ann", TTL).await.unwrap();
    let uri = format!("/?ticket={ticket}");
    let clients = join_all((0..8).map(|_| gateway.connect(&uri))).await;
    assert_eq!(clients.iter().filter(|client| client.is_ok()).count(), 1);
}

#[tokio::test]
async fn a_ticket_that_is_over_missing_or_unknown_is_refused() {
    let gateway = guarded();
    let ticket = gateway.tickets().issue("ann", TTL).await.unwrap();
    gateway.advance(TTL).await;
    let over = gateway.request(&format!("/?ticket={ticket}"));
    assert_eq!(refusal(over).await, UNAUTHORIZED);
    for uri in ["/", "/?ticket=", "/?ticket=guess", "/?token=guess"] {
        assert_eq!(refusal(gateway.request(uri)).await, UNAUTHORIZED, "{uri}");
    }
}

#[tokio::test]
async fn a_ticket_is_good_until_its_last_moment() {
    let gateway = guarded();
    let ticket = gateway.tickets().issue("ann", TTL).await.unwrap();
    gateway.advance(TTL - Duration::from_millis(1)).await;
    assert!(gateway.connect(&format!("/?ticket={ticket}")).await.is_ok());
}

#[tokio::test]
async fn the_store_contains_no_tickets() {
    let store = Memory::new();
    let tickets = Tickets::new(store.clone());
    let (one, two) = (
        tickets.issue("ann", TTL).await,
        tickets.issue("ann", TTL).await,
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.len(), 43, "256 bits");
    assert_ne!(one, two);
    let kept = format!("{store:?}");
    assert!(kept.contains("ann") && !kept.contains(&one) && !kept.contains(&two));
}

#[tokio::test]
async fn a_payload_has_a_limit_and_a_type() {
    let tickets = Tickets::new(Memory::new());
    let large = tickets.issue(&"x".repeat(VALUE_BYTES), TTL).await;
    let is_expected = matches!(large, Err(StoreError::ValueTooLarge(_)));
    assert!(is_expected, "{large:?}");
    let ticket = tickets.issue(&7, TTL).await.unwrap();
    let wrong = tickets.redeem::<String>(&ticket).await;
    assert!(matches!(wrong, Err(StoreError::BadValue(_))), "{wrong:?}");
}
