//! The admin API of a running gateway: faults, time and connections, in JSON, at `/_admin` on the gateway's port.
//!
//! | path | methods | content |
//! |---|---|---|
//! | `/_admin` | GET | this list |
//! | `/_admin/faults` | GET, PUT, PATCH | the injected faults; PUT replaces all, PATCH changes those that it names |
//! | `/_admin/time-scale` | GET, PUT | the scale of the gateway's timers |
//! | `/_admin/time/advance` | POST | advances a manual time |
//! | `/_admin/connections` | GET | the open connections, with `?limit=` and `?after=` |
//! | `/_admin/permissions` | GET | the permissions that the calls of functions required |
//! | `/_admin/invoke` | POST | the response of a function to the event in the body; `?function=` selects one of several
//! |
//!
//! Faults are an object such as `{"gone": "0.5%", "post-latency": "20ms"}` or the text of a [`Plan`]. A scale is
//! `{"scale": 600}` or `600`. A time to advance by is `{"by": "10m"}` or `10m` (units `ms`, `s`, `m` and `h`). A
//! rejected request gets `{"message": ...}` with 400, 404 or 405. The gateway's [guard](crate::guard) rejects web pages
//! of other origins and unknown host names.
//!
//! ```
//! use lambda_ws_local::admin::Admin;
//! use lambda_ws_local::gateway::{Api, Gateway, Options};
//! use std::sync::Arc;
//!
//! let options = Options::default();
//! let admin = Admin::new(options.faults.clone());
//! let gateway = Gateway::new(Api::new("abcd1234", "dev"), options).with_pages(Arc::new(admin));
//! ```

mod connections;
mod functions;
mod reply;
#[cfg(test)]
mod tests;
mod time;

use crate::activity::ActivityLog;
use crate::body::Body;
use crate::faults::{Faults, Kind, Plan};
use crate::gateway::{Gateway, Page, Pages};
use crate::lambda::Invocable;
use bytes::Bytes;
use http::{Method, Request, Uri};
use hyper::body::Incoming;
use reply::{AdminError, Reply};
use serde_json::{Map, Value, json};
use std::fmt;
use std::time::Duration;

/// The first segment of all paths of the admin API. A stage must not have this name.
pub const SEGMENT: &str = "_admin";

const BODY_LIMIT: usize = 1024 * 1024;
const BODY_PATIENCE: Duration = Duration::from_secs(30);

/// The admin API of a gateway, for its [pages](Gateway::with_pages).
#[derive(Clone)]
pub struct Admin {
    faults: Faults,
    functions: Vec<Invocable>,
    activity: Option<ActivityLog>,
}

impl Admin {
    /// Returns an API for these faults. Use the faults of the gateway, the functions and DynamoDB.
    pub fn new(faults: Faults) -> Admin {
        Admin {
            faults,
            functions: Vec::new(),
            activity: None,
        }
    }

    /// Adds functions that can be invoked.
    pub fn with_functions(self, functions: Vec<Invocable>) -> Admin {
        Admin { functions, ..self }
    }

    /// Adds an activity log with the permissions of calls. Use the log of the gateway, the functions, DynamoDB and
    /// Lambda's Invoke API.
    pub fn with_activity(self, activity: ActivityLog) -> Admin {
        Admin {
            activity: Some(activity),
            ..self
        }
    }

    async fn reply(&self, gateway: &Gateway, call: &Call) -> Result<Reply, AdminError> {
        match call.path() {
            "invoke" if call.method == Method::POST => {
                functions::invoke(&self.functions, call).await
            }
            "invoke" => Err(AdminError::Method(vec![Method::POST])),
            "" => call.only(&[Method::GET], || Ok(index(gateway))),
            "faults" => {
                let methods = [Method::GET, Method::PUT, Method::PATCH];
                call.only(&methods, || self.faults(call))
            }
            "time-scale" => call.only(&[Method::GET, Method::PUT], || {
                time::scale(gateway.time(), call)
            }),
            "time/advance" => call.only(&[Method::POST], || time::advance(gateway.time(), call)),
            "permissions" => call.only(&[Method::GET], || self.permissions()),
            "connections" => call.only(&[Method::GET], || connections::list(gateway, call)),
            _ => Err(AdminError::NotFound),
        }
    }

    fn permissions(&self) -> Result<Reply, AdminError> {
        let needed = self.activity.as_ref().map(ActivityLog::permissions);
        let needed = needed.ok_or_else(|| {
            AdminError::bad("calls are not recorded without a console: remove --no-console")
        })?;
        Ok(Reply::json(json!({ "functions": needed })))
    }

    fn faults(&self, call: &Call) -> Result<Reply, AdminError> {
        if call.method != Method::GET {
            let text = call.text()?;
            let keep = call.method == Method::PATCH;
            let change = |plan: &mut Plan| {
                if !keep {
                    *plan = Plan::default();
                }
                change(plan, text)
            };
            self.faults.update(change)?;
        }
        let plan = self.faults.plan();
        let on: Map<_, _> = plan
            .pairs()
            .map(|(kind, setting)| (kind.name().to_owned(), setting.into()))
            .collect();
        let fired = Kind::ALL.map(|kind| (kind.name().to_owned(), self.faults.fired(kind)));
        let fired = fired.into_iter().filter(|(_, count)| *count > 0);
        let fired: Map<_, _> = fired.map(|(name, count)| (name, count.into())).collect();
        let known = Kind::ALL.map(|kind| (kind.name().to_owned(), kind.about().into()));
        Ok(Reply::json(json!({
            "faults": on,
            "fired": fired,
            // A string, because JSON numbers of many languages are exact only up to 2^53.
            "seed": self.faults.seed().to_string(),
            "known": Map::from_iter(known),
        })))
    }
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.functions.iter().map(|one| &one.name).collect();
        f.debug_struct("Admin")
            .field("functions", &names)
            .finish_non_exhaustive()
    }
}

impl Pages for Admin {
    fn answer(&self, gateway: &Gateway, request: Request<Incoming>) -> Option<Page> {
        let segment = request.uri().path().strip_prefix('/')?;
        let segment = segment.split('/').next()?;
        if segment != SEGMENT {
            return None;
        }
        let (this, gateway) = (self.clone(), gateway.clone());
        Some(Box::pin(async move {
            let (parts, body) = request.into_parts();
            let reply = match Body::read(body, BODY_LIMIT, BODY_PATIENCE).await {
                Some(body) if body.size <= BODY_LIMIT => {
                    let call = Call {
                        method: parts.method,
                        uri: parts.uri,
                        body: body.bytes,
                    };
                    this.reply(&gateway, &call).await
                }
                Some(_) => Err(AdminError::bad(
                    "the body is too large: expected at most 1 MB",
                )),
                None => Err(AdminError::bad("the body is incomplete")),
            };
            reply.unwrap_or_else(Reply::from).into_response()
        }))
    }
}

fn index(gateway: &Gateway) -> Reply {
    Reply::json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "stage": gateway.stage(),
        "connections": gateway.connections(),
        "pages": {
            "/_admin": "GET: this list",
            "/_admin/faults": "GET, PUT, PATCH: the injected faults, such as {\"gone\": \"0.5%\"}",
            "/_admin/time-scale": "GET, PUT: the scale of the gateway's timers, such as {\"scale\": 600}",
            "/_admin/time/advance": "POST: advances a manual time, such as {\"by\": \"10m\"}",
            "/_admin/connections": "GET: the open connections, with ?limit= and ?after=",
            "/_admin/permissions": "GET: the IAM permissions that the calls of functions required",
            "/_admin/invoke": "POST: the response of a function (?function=) to an event",
        },
    }))
}

/// Changes a plan by an object of names and settings, or by a text.
fn change(plan: &mut Plan, text: &str) -> Result<(), AdminError> {
    if !text.trim_start().starts_with('{') {
        return Ok(plan.change(text)?);
    }
    let object: Map<String, Value> = serde_json::from_str(text)
        .map_err(|error| AdminError::bad(format!("the body is not valid JSON: {error}")))?;
    // A rate may be a number, and `null` turns a fault off.
    let settings = object.iter().map(|(name, value)| match value {
        Value::String(text) => Ok((name.as_str(), text.clone())),
        Value::Number(number) => Ok((name.as_str(), number.to_string())),
        Value::Null => Ok((name.as_str(), "off".to_owned())),
        _ => Err(AdminError::bad(format!(
            "`{name}` is not valid: expected a string such as \"0.5%\""
        ))),
    });
    let settings: Vec<_> = settings.collect::<Result<_, _>>()?;
    let pairs = settings.iter().map(|(name, text)| (*name, text.as_str()));
    Ok(plan.change_pairs(pairs)?)
}

struct Call {
    method: Method,
    uri: Uri,
    body: Bytes,
}

impl Call {
    fn path(&self) -> &str {
        let path = self.uri.path().trim_matches('/');
        let path = path.strip_prefix(SEGMENT).unwrap_or(path);
        path.trim_start_matches('/')
    }

    fn only(
        &self,
        methods: &[Method],
        reply: impl FnOnce() -> Result<Reply, AdminError>,
    ) -> Result<Reply, AdminError> {
        match methods.contains(&self.method) {
            true => reply(),
            false => Err(AdminError::Method(methods.to_vec())),
        }
    }

    fn text(&self) -> Result<&str, AdminError> {
        std::str::from_utf8(&self.body).map_err(|_| AdminError::bad("the body is not UTF-8"))
    }

    /// Returns a member of the body's object, or the body itself, as JSON or text.
    fn value(&self, member: &str) -> Result<String, AdminError> {
        let text = self.text()?.trim();
        let value = match serde_json::from_str(text) {
            Ok(Value::Object(mut object)) => object.remove(member).unwrap_or_default(),
            Ok(value) => value,
            Err(_) => text.into(),
        };
        match value {
            Value::String(text) if !text.is_empty() => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            _ => Err(AdminError::bad(format!("the body contains no `{member}`"))),
        }
    }

    /// Returns a decoded parameter of the query string.
    fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.uri.query()?.split('&');
        let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(other, _)| *other == name)?;
        let value = percent_encoding::percent_decode_str(value);
        Some(value.decode_utf8_lossy().into_owned())
    }
}
