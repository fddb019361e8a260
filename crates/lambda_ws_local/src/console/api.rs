//! The API of the page, below `/_console/api/`.

use super::clients::Clients;
use super::reply::{ConsoleError, bytes, json, redirect};
use super::{Console, SEGMENT, assets, stream};
use crate::body::Body;
use crate::gateway::{Gateway, Page, PageBody, Pages, Rate, RateLimits};
use crate::lock::lock;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The maximum size of a body, in bytes: that of an event.
const BODY_LIMIT: usize = 6 * 1024 * 1024;
const BODY_PATIENCE: Duration = Duration::from_secs(30);

impl Pages for Console {
    fn answer(&self, gateway: &Gateway, request: Request<Incoming>) -> Option<Page> {
        let path = request.uri().path();
        let rest = path.strip_prefix('/')?.strip_prefix(SEGMENT)?;
        let Some(name) = rest.strip_prefix('/') else {
            let console = rest.is_empty().then_some("/_console/")?;
            return Some(Box::pin(async move { redirect(console) }));
        };
        if let Some(api) = name.strip_prefix("api/") {
            let (this, gateway, api) = (self.clone(), gateway.clone(), api.to_owned());
            return Some(Box::pin(async move {
                let answer = this.api(&gateway, &api, request).await;
                answer.unwrap_or_else(ConsoleError::response)
            }));
        }
        let asset = assets::find(name);
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        Some(Box::pin(async move {
            match asset {
                None => ConsoleError::not_found().response(),
                Some(_) if !reads => ConsoleError::method("GET").response(),
                Some((kind, content)) => bytes(kind, Bytes::from_static(content)),
            }
        }))
    }
}

#[derive(Deserialize)]
struct Replay {
    function: String,
    event: String,
}

#[derive(Deserialize)]
struct Knobs {
    freeze: Option<bool>,
    /// `null` removes all limits.
    #[serde(default, deserialize_with = "given")]
    throttle: Option<Option<Limits>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Limits {
    rate: f64,
    burst: f64,
    connections: f64,
}

/// Distinguishes a `null` member from a missing one.
fn given<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

impl Console {
    async fn api(
        &self,
        gateway: &Gateway,
        path: &str,
        request: Request<Incoming>,
    ) -> Result<Response<PageBody>, ConsoleError> {
        let (head, body) = request.into_parts();
        if path == "stream" {
            let from = head.headers.get("last-event-id");
            let from = from.and_then(|from| from.to_str().ok()?.parse().ok());
            return Ok(stream::stream(&self.activity, gateway.clone(), from));
        }
        let body = Body::read(body, BODY_LIMIT, BODY_PATIENCE).await;
        let body = body.ok_or_else(|| ConsoleError::bad("the body is incomplete"))?;
        if body.size > BODY_LIMIT {
            return Err(ConsoleError::bad(
                "the body is too large: expected at most 6 MB",
            ));
        }
        let answer = self.call(gateway, &head.method, path, &head.uri, body.bytes);
        Ok(json(StatusCode::OK, &answer.await?))
    }

    async fn call(
        &self,
        gateway: &Gateway,
        method: &Method,
        path: &str,
        uri: &Uri,
        body: Bytes,
    ) -> Result<Value, ConsoleError> {
        let parts: Vec<_> = path.split('/').collect();
        let (get, post) = (method == Method::GET, method == Method::POST);
        let (backend, clients) = (&self.backend, &self.clients);
        match parts.as_slice() {
            ["state"] if get => Ok(self.state(gateway)),
            ["clients", rest @ ..] => clients_call(clients, gateway, method, rest, &body),
            ["details"] if post => {
                let ids: Vec<String> = read(&body)?;
                backend.details(gateway, &ids).await
            }
            ["items"] if get => {
                let id = uri
                    .query()
                    .and_then(|query| query.strip_prefix("connection="));
                let id = id.ok_or_else(|| ConsoleError::bad("`?connection=` is missing"))?;
                let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
                backend.items(&id).await
            }
            ["post"] if post => {
                let call: Value = read(&body)?;
                backend.post(gateway, &call).await
            }
            ["close"] if post => {
                let call: Value = read(&body)?;
                let id = call["connection"].as_str();
                let id = id.ok_or_else(|| ConsoleError::bad("`connection` is missing"))?;
                Ok(backend.close(gateway, id))
            }
            ["rooms"] if get => backend.rooms().await,
            ["log"] if post => backend.log(read(&body)?).await,
            ["dynamodb", operation] if post => backend.read(operation, body).await,
            ["replay"] if post => self.replay(read(&body)?).await,
            ["knobs"] if get => Ok(self.knobs(gateway)),
            ["knobs"] if *method == Method::PATCH => {
                self.turn(gateway, read(&body)?)?;
                Ok(self.knobs(gateway))
            }
            [
                "state" | "details" | "items" | "post" | "close" | "rooms" | "log" | "replay"
                | "knobs",
                ..,
            ] => Err(other_method()),
            _ => Err(ConsoleError::not_found()),
        }
    }

    fn state(&self, gateway: &Gateway) -> Value {
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "stage": gateway.stage(),
            "websocket": self.clients.url(gateway),
            "connections": gateway.connections(),
            "functions": self.functions.names(),
        })
    }

    /// Invokes a function with an earlier event. Only the page gets the response.
    async fn replay(&self, replay: Replay) -> Result<Value, ConsoleError> {
        serde_json::from_str::<serde::de::IgnoredAny>(&replay.event)
            .map_err(|error| ConsoleError::bad(format!("the event is not valid JSON: {error}")))?;
        let started = Instant::now();
        let invoked = self.functions.invoke(&replay.function, replay.event.into());
        let (response, error) = match invoked.await {
            Ok(response) => (Some(String::from_utf8_lossy(&response).into_owned()), None),
            Err(error) => (None, Some(error)),
        };
        let ms = crate::activity::millis(started.elapsed());
        Ok(json!({ "response": response, "error": error, "ms": ms }))
    }

    fn knobs(&self, gateway: &Gateway) -> Value {
        let limits = gateway.throttle().limits();
        let rate = |rate: Option<Rate>| rate.map(|rate| (rate.per_second, rate.burst));
        let throttle = limits.map(|limits| {
            let account = rate(limits.account);
            json!({
                "rate": account.map(|(rate, _)| rate),
                "burst": account.map(|(_, burst)| burst),
                "connections": rate(limits.connections).map(|(rate, _)| rate),
            })
        });
        json!({ "freeze": self.functions.freezes(), "throttle": throttle })
    }

    fn turn(&self, gateway: &Gateway, knobs: Knobs) -> Result<(), ConsoleError> {
        if let Some(throttle) = knobs.throttle {
            let limits = throttle.map(|limits| {
                let numbers = [limits.rate, limits.burst, limits.connections];
                match numbers.iter().all(|n| n.is_finite() && *n >= 0.0) {
                    true => Ok(limits),
                    false => Err(ConsoleError::bad(
                        "a limit is not valid: expected a number of at least 0",
                    )),
                }
            });
            let mut lifted = lock(&self.lifted);
            // The template's limits of routes stay.
            let before = gateway.throttle().limits();
            let before = before.unwrap_or_else(|| lifted.clone());
            lifted.clone_from(&before);
            let limits = limits.transpose()?.map(|limits| RateLimits {
                account: Some(Rate::new(limits.rate, limits.burst)),
                connections: Some(Rate::new(limits.connections, limits.connections)),
                ..before
            });
            gateway.throttle().set(limits);
        }
        if let Some(freeze) = knobs.freeze {
            self.functions.set_freeze(freeze);
        }
        Ok(())
    }
}

fn clients_call(
    clients: &Clients,
    gateway: &Gateway,
    method: &Method,
    path: &[&str],
    body: &Bytes,
) -> Result<Value, ConsoleError> {
    match (method, path) {
        (&Method::GET, []) => return Ok(clients.show()),
        (&Method::POST, []) => {
            let id = clients.connect(gateway, read(body)?)?;
            return Ok(json!({ "client": id }));
        }
        (&Method::DELETE, [id]) => clients.remove(id)?,
        (&Method::POST, [id, "send"]) => {
            let text = String::from_utf8(body.to_vec());
            let text = text.map_err(|_| ConsoleError::bad("the message is not valid UTF-8"))?;
            clients.find(id)?.send(text)?;
        }
        (&Method::POST, [id, "close"]) => clients.find(id)?.close(),
        _ => return Err(other_method()),
    }
    Ok(json!({}))
}

fn other_method() -> ConsoleError {
    ConsoleError::method("the methods of this path")
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, ConsoleError> {
    serde_json::from_slice(body).map_err(|error| ConsoleError::bad(format!("the body: {error}")))
}
