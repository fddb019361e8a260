//! Conformance tests of the in-memory gateway.

mod ends;
mod handshakes;
mod routes;
mod together;

use super::{Client, Gateway};
use crate::store::{Record, Scope, Slice, Store};
use crate::{
    Accept, Authorizer, Close, Connection, ConnectionId, Context, Error, Json, Opening, Protocols,
    Query, Router, SendError, Sender, State,
};
use http::{HeaderMap, StatusCode};
use lambda_ws_protocol::limits::{CONNECTION_DURATION, FRAME_BYTES, IDLE_TIMEOUT};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Deserialize)]
struct Who {
    user: Option<String>,
    status: Option<u16>,
}

async fn connect(me: Opening, Query(who): Query<Who>) -> Result<StatusCode, Error> {
    me.join("all")?;
    if let Some(user) = who.user {
        me.user(&user)?;
        me.announce("all", format!("{user} is here"))?;
    }
    let status = StatusCode::from_u16(who.status.unwrap_or(200))?;
    Ok(status)
}

async fn echo(text: String) -> String {
    text
}

async fn fails() {
    panic!("on purpose");
}

type Ends = Arc<Mutex<Vec<(ConnectionId, Close)>>>;

/// Returns a router that records the ends of connections.
fn noting() -> (Router, Ends) {
    let ends = Ends::default();
    let router = Router::new()
        .connect(connect)
        .disconnect(
            async |State(ends): State<Ends>, id: ConnectionId, close: Close, sender: Sender| {
                let everyone = sender.everyone().send("somebody left").await;
                ends.lock().unwrap().push((id, close));
                everyone.map(drop).map_err(Error::from)
            },
        )
        .route("leave", async |me: Connection| {
            me.close().await.map_err(Error::from)
        })
        .fallback(echo)
        .with_state(ends.clone());
    (router, ends)
}

fn close(code: u16, reason: &str) -> Close {
    Close {
        code: Some(code),
        reason: Some(reason.to_owned()),
    }
}

async fn connected(gateway: &Gateway) -> Client {
    gateway.connect("/").await.expect("accepted")
}

async fn members(gateway: &Gateway, room: &str) -> Vec<ConnectionId> {
    let scope = Scope::Room(room.to_owned());
    let page = gateway
        .store()
        .page(&scope, Slice::ALL, None, gateway.now());
    page.await.unwrap().ids
}

async fn record(gateway: &Gateway, id: &ConnectionId) -> Option<Record> {
    gateway.store().record(id, gateway.now()).await.unwrap()
}
