//! Any text as an invocation's event: whoever asks for everything there is in it is answered without a
//! panic, and with what API Gateway takes.

#![no_main]

use lambda_ws::auth::{Cookies, Origins, Policy, Ticket, Token};
use lambda_ws::{
    Accept, Authorizer, Close, Connection, Context, Error, Json, Opening, Protocols, Query, Rooms,
    RouteKey, Router, Session, User, testing,
};
use lambda_ws_protocol::authorizer::AuthorizerResponse;
use lambda_ws_protocol::response::ProxyResponse;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime without I/O needs nothing")
});

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    let router = Router::new()
        .authorize(authorize)
        .connect(connect)
        .disconnect(disconnect)
        .route("join", join)
        .route("say", async |Json(said): Json<Value>| Json(said))
        .two_way("ask", async |RouteKey(key), text: String| key + &text)
        .fallback(other);
    router.with_state(Origins::new(["https://app.example.com"]))
});

fuzz_target!(|json: &str| {
    let Ok(answer) = RUNTIME.block_on(testing::answer(ROUTER.clone(), json)) else {
        return;
    };
    let answer = answer.to_string();
    if let Err(proxy) = ProxyResponse::read(answer.as_bytes()) {
        let policy = AuthorizerResponse::read(answer.as_bytes());
        assert!(policy.is_ok(), "{answer}: {proxy}; {policy:?}");
    }
});

async fn authorize(
    token: Option<Token>,
    cookies: Result<Cookies, Error>,
    query: Query<HashMap<String, String>>,
) -> Result<Policy, Error> {
    let token = token.map_or_else(|| cookies?.token("session"), Ok)?;
    let policy = Policy::allow(token.as_str());
    let said = query.0.into_iter();
    Ok(said.fold(policy, |policy, (name, value)| policy.context(name, value)))
}

async fn connect(
    me: Opening,
    Query(query): Query<HashMap<String, String>>,
    protocols: Protocols,
    said: Option<Authorizer<HashMap<String, u32>>>,
    ticket: Result<Ticket<String>, Error>,
) -> Result<Accept, Error> {
    if let Some(user) = query.get("user") {
        me.user(user)?;
        me.announce("tea", user.clone())?;
    }
    for room in query.values() {
        me.join(room)?;
    }
    me.save(&(said.map(|said| said.0), ticket.is_ok()))?;
    let offered = protocols.0.clone();
    let offered: Vec<_> = offered.iter().map(String::as_str).collect();
    Ok(protocols.choose(&offered).unwrap_or_default())
}

async fn join(me: Connection, Json(rooms): Json<HashMap<String, String>>) -> Result<(), Error> {
    for room in rooms.values() {
        me.join(room).await?;
        me.room(room).send("hello").await?;
    }
    Ok(())
}

async fn other(
    me: Connection,
    context: Context,
    said: Option<Authorizer<Value>>,
    user: Option<User>,
    text: String,
) -> Result<String, Error> {
    me.save(&(context.source_ip(), context.user_agent()))
        .await?;
    Ok(format!("{said:?} {user:?} {text}"))
}

async fn disconnect(close: Close, Rooms(_): Rooms, session: Option<Session<Value>>) {
    let _ = format!("{close:?} {session:?}");
}
