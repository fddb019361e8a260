//! The clients of the console. They live in the gateway, so that they survive a reload of the page and can send
//! headers, which scripts cannot.

use super::client::{Client, Place, Setup};
use super::reply::ConsoleError;
use crate::activity::ActivityLog;
use crate::gateway::Gateway;
use crate::lock::lock;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio_tungstenite::Connector;

const MOST: usize = 100;

#[derive(Clone)]
pub(super) struct Clients {
    address: SocketAddr,
    connector: Option<Connector>,
    activity: ActivityLog,
    all: Arc<Mutex<All>>,
}

#[derive(Default)]
struct All {
    last: u64,
    clients: BTreeMap<u64, Client>,
}

impl Clients {
    pub(super) fn new(address: SocketAddr, activity: ActivityLog) -> Clients {
        Clients {
            address,
            connector: None,
            activity,
            all: Arc::default(),
        }
    }

    pub(super) fn with_tls(self, connector: Connector) -> Clients {
        Clients {
            connector: Some(connector),
            ..self
        }
    }

    pub(super) fn url(&self, gateway: &Gateway) -> String {
        gateway.url(self.address)
    }

    /// Starts to connect a client, and returns its number.
    pub(super) fn connect(&self, gateway: &Gateway, setup: Setup) -> Result<u64, ConsoleError> {
        let mut all = lock(&self.all);
        if all.clients.len() >= MOST {
            // The oldest closed client is removed first.
            let over = all.clients.values().find(|client| client.is_over());
            let over = over.map(Client::id);
            let over = over.ok_or_else(|| {
                ConsoleError::bad(format!("too many clients: remove one of the {MOST} first"))
            })?;
            all.clients.remove(&over);
        }
        let place = Place {
            address: self.address,
            stage: gateway.stage().to_owned(),
            connector: self.connector.clone(),
        };
        let id = all.last + 1;
        let client = Client::start(id, setup, place, self.activity.clone())?;
        all.last = id;
        all.clients.insert(id, client);
        Ok(id)
    }

    pub(super) fn find(&self, id: &str) -> Result<Client, ConsoleError> {
        let id = id.parse().ok();
        let found = id.and_then(|id: u64| lock(&self.all).clients.get(&id).cloned());
        found.ok_or_else(ConsoleError::not_found)
    }

    pub(super) fn remove(&self, id: &str) -> Result<(), ConsoleError> {
        let client = self.find(id)?;
        client.close();
        lock(&self.all).clients.remove(&client.id());
        Ok(())
    }

    pub(super) fn show(&self) -> Value {
        lock(&self.all).clients.values().map(Client::show).collect()
    }
}
