//! Clients of lossless rooms behind networks that break, and what they must have received.

mod checker;
mod guest;
mod proxy;

pub use checker::Checker;
pub use guest::{Guest, connect};
pub use proxy::Proxy;

use crate::{Gateway, within};
use lambda_ws_client::{Position, RoomEvent};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// The messages of one room.
pub type Log = BTreeMap<Position, Value>;

/// The positions of rooms.
pub type Positions = HashMap<&'static str, Position>;

/// Returns the ends of the logs of rooms, as a new client learns them.
///
/// # Panics
///
/// If a room has no history, or does not answer.
pub async fn ends(gateway: &Gateway, rooms: &[&'static str]) -> Positions {
    let client = connect(gateway.at("user=reader"));
    let mut ends = HashMap::new();
    for &name in rooms {
        let mut room = client.room(name).subscribe();
        let end = async {
            loop {
                match room.next().await {
                    Some(RoomEvent::Subscribed { position, .. }) => return position,
                    Some(_) => {}
                    None => panic!("{name}: {:?}", room.error()),
                }
            }
        };
        let end = within("the end of a log", end).await;
        ends.insert(name, end.expect("a room with history"));
    }
    client.close().await;
    ends
}

/// Reads the log of a room after a position.
///
/// # Panics
///
/// If the log has a hole, or does not answer.
pub async fn read(gateway: &Gateway, name: &str, start: Position, end: &Position) -> Log {
    let client = connect(gateway.at("user=reader"));
    let mut room = client.room(name).since(start).subscribe();
    let mut checker = Checker::new(&room);
    while checker.position.as_ref() < Some(end) {
        let event = within("the log of a room", room.next()).await;
        checker.note(event.unwrap_or_else(|| panic!("{name}: {:?}", room.error())));
    }
    client.close().await;
    assert_eq!((checker.mistakes, checker.gaps), (vec![], 0), "{name}");
    checker.received
}

/// Waits until all guests are at the ends of their logs, for up to `patience`.
///
/// # Panics
///
/// If some are not.
pub async fn recover(guests: &[Guest], ends: &Positions, patience: Duration) {
    let is_late = |guest: &&Guest| !guest.is_at(&ends[guest.room]);
    let recovered = async {
        while guests.iter().any(|guest| is_late(&guest)) {
            sleep(Duration::from_millis(50)).await;
        }
    };
    if timeout(patience, recovered).await.is_err() {
        let late = guests.iter().filter(is_late);
        let late = late.map(|guest| format!("{:?} {:?}", guest.checker(), guest.client.status()));
        let late: Vec<_> = late.collect();
        panic!("not at {ends:?} after {patience:?}: {late:#?}");
    }
}
