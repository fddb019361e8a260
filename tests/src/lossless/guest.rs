//! A client in one room, behind its own network.

use super::checker::Checker;
use super::proxy::Proxy;
use crate::Gateway;
use lambda_ws_client::{Client, Position};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// A client in one room, with its own network and a checker.
#[derive(Debug)]
pub struct Guest {
    /// The room.
    pub room: &'static str,
    /// The client.
    pub client: Client,
    /// The network between the client and the gateway.
    pub network: Proxy,
    checker: Arc<Mutex<Checker>>,
}

impl Guest {
    /// Connects a client with a query string through its own network, and subscribes to a room.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    pub async fn join(gateway: &Gateway, room: &'static str, query: &str) -> Self {
        let (_, stage) = gateway.url.rsplit_once('/').expect("a URL");
        let network = Proxy::to(gateway.port()).await;
        let url = format!("ws://127.0.0.1:{}/{stage}?{query}", network.port);
        let client = connect(url);
        let mut events = client.room(room).subscribe();
        let checker = Arc::new(Mutex::new(Checker::new(&events)));
        let noted = checker.clone();
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                noted.lock().unwrap().note(event);
            }
            noted.lock().unwrap().ended(events.error());
        });
        Self {
            room,
            client,
            network,
            checker,
        }
    }

    /// The checker of the client.
    ///
    /// # Panics
    ///
    /// If the checker panicked.
    pub fn checker(&self) -> MutexGuard<'_, Checker> {
        self.checker.lock().unwrap()
    }

    /// Whether the client has received everything up to a position.
    pub fn is_at(&self, end: &Position) -> bool {
        self.checker().position.as_ref() >= Some(end)
    }
}

/// Returns a client that waits at most 2 s before it connects again, so that a test has many connections.
pub fn connect(url: String) -> Client {
    let (min, max) = (Duration::from_millis(100), Duration::from_secs(2));
    Client::builder(url).backoff(min, max).connect()
}
