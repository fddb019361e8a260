//! A client in one room, behind its own network.

use super::checker::Checker;
use super::proxy::Proxy;
use lambda_ws_client::{Client, Position};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tests::Gateway;

pub(super) struct Guest {
    pub(super) room: &'static str,
    pub(super) client: Client,
    pub(super) network: Proxy,
    checker: Arc<Mutex<Checker>>,
}

impl Guest {
    pub(super) async fn join(gateway: &Gateway, room: &'static str, user: &str) -> Self {
        let address = gateway.url.strip_prefix("ws://127.0.0.1:");
        let (port, stage) = address
            .and_then(|rest| rest.split_once('/'))
            .expect("a URL");
        let network = Proxy::to(port.parse().expect("a port")).await;
        let url = format!("ws://127.0.0.1:{}/{stage}?user={user}", network.port);
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

    pub(super) fn checker(&self) -> MutexGuard<'_, Checker> {
        self.checker.lock().unwrap()
    }

    pub(super) fn is_at(&self, end: &Position) -> bool {
        self.checker().position.as_ref() >= Some(end)
    }
}

/// Returns a client that waits at most 2 s before it connects again, so that a test has many connections.
pub(super) fn connect(url: String) -> Client {
    let (min, max) = (Duration::from_millis(100), Duration::from_secs(2));
    Client::builder(url).backoff(min, max).connect()
}
