//! Doubts are looked into beside the messages.

use super::bench::{API, Bench, OLD, counts};
use lambda_ws::transport::{ApiGateway, Inspection, Transport};
use lambda_ws::{ConnectionId, Payload, SendError, Sender};
use lambda_ws_local::activity::OperationKind::{Inspect, Post};
use lambda_ws_protocol::table_layout;
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use tests::{until, within};
use tokio::sync::watch;

/// The transport, but nothing is posted to a connection for a second time before that is allowed: no
/// doubt is resolved until then.
struct Holding {
    transport: ApiGateway,
    posted: Arc<Mutex<HashSet<ConnectionId>>>,
    allowed: watch::Receiver<bool>,
}

impl Transport for Holding {
    async fn post(&self, id: &ConnectionId, payload: &Payload) -> Result<(), SendError> {
        let is_first = self.posted.lock().unwrap().insert(id.clone());
        if !is_first {
            let mut allowed = self.allowed.clone();
            allowed.wait_for(|allowed| *allowed).await.unwrap();
        }
        self.transport.post(id, payload).await
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), SendError> {
        self.transport.close(id).await
    }

    async fn inspect(&self, id: &ConnectionId) -> Result<Inspection, SendError> {
        self.transport.inspect(id).await
    }

    fn url(&self) -> &str {
        self.transport.url()
    }
}

/// Sends to so many who have ended and so many who live; the latter hear it while nobody is yet known to
/// be gone.
async fn live_ones_do_not_wait(gone: usize, live: usize) {
    let mut bench = Bench::new().await;
    let mut gone_ids = bench.members(gone + live, OLD).await;
    // Those who are gone are asked first, so that everybody else could be kept waiting.
    gone_ids.sort_by_key(|id| (table_layout::hash(id), id.clone()));
    let live_ids = gone_ids.split_off(gone);
    for id in &gone_ids {
        bench.end(id).await;
    }
    let (allow, allowed) = watch::channel(false);
    let holding = Holding {
        transport: bench.transport.clone(),
        posted: Arc::default(),
        allowed,
    };
    bench.sender = Sender::new(bench.store.clone(), holding, API);

    let sending = tokio::spawn(bench.room().send("hello"));
    for client in bench.clients.values_mut() {
        assert_eq!(client.text().await, "hello");
    }
    for id in &gone_ids {
        let asked = "a post to who is gone";
        until(asked, async || (!bench.calls(id).is_empty()).then_some(())).await;
        assert_eq!(bench.calls(id), [(Post, 410)], "it is still doubted");
    }
    assert!(!sending.is_finished());
    assert_eq!(bench.in_room().await.len(), gone + live);

    allow.send(true).unwrap();
    let delivery = within("the end of the doubts", sending).await.unwrap();
    assert_eq!(counts(&delivery.unwrap()), [live, gone, 0, 0]);
    for id in &gone_ids {
        let calls = [(Post, 410), (Post, 410), (Inspect, 410)];
        assert_eq!(bench.calls(id), calls);
        assert!(bench.is_marked(id).await);
    }
    for id in &live_ids {
        assert_eq!(bench.calls(id), [(Post, 200)]);
    }
    assert_eq!(bench.in_room().await.len(), live);
    for (id, heard_since) in bench.heard().await {
        assert_eq!(heard_since, [""; 0], "{id} hears it once");
    }
}

#[tokio::test]
async fn one_gone_client_delays_no_other() {
    live_ones_do_not_wait(1, 200).await;
}

// More than are sent to at once.
#[tokio::test]
async fn seventy_gone_clients_delay_no_other() {
    live_ones_do_not_wait(70, 80).await;
}
