//! The console of a running gateway: a page at `/_console/` on its port that shows the activity, and acts as a client
//! and as the backend. At `/` it serves the application's own page.
//!
//! The page is plain HTML, CSS and JavaScript without a build step, and is compiled into the program. Its
//! Content-Security-Policy allows requests to the gateway only. The gateway's [guard](crate::guard) rejects web pages
//! of other origins and unknown host names.
//!
//! It shows an [`ActivityLog`], which observes the gateway, functions, DynamoDB and Lambda's Invoke API:
//!
//! ```
//! use lambda_ws_local::activity::{ActivityLog, Observers};
//! use lambda_ws_local::admin::Admin;
//! use lambda_ws_local::console::{Console, Functions, NoFunctions, Site};
//! use lambda_ws_local::dynamodb::DynamoDb;
//! use lambda_ws_local::gateway::{Api, Audience, Gateway, Options};
//! use lambda_ws_local::session_tokens::SessionTokens;
//! use std::sync::{Arc, Mutex};
//!
//! let mut options = Options::default();
//! options.session_tokens = SessionTokens::new();
//! let activity = ActivityLog::new(options.session_tokens.clone());
//! options.observers = Observers::default().with(activity.clone());
//! let dynamodb = DynamoDb::memory()?.with_observers(options.observers.clone());
//! let address = "127.0.0.1:3001".parse()?;
//! let console = Console::new(activity, dynamodb, Arc::new(NoFunctions), address);
//! let site = Site {
//!     admin: Admin::new(options.faults.clone()),
//!     console: Some(console),
//!     web: None,
//!     admin_audience: Audience::ThisMachine,
//!     console_audience: Audience::ThisMachine,
//! };
//! let gateway = Gateway::new(Api::new("abcd1234", "dev"), options).with_pages(Arc::new(site));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod api;
mod assets;
mod backend;
mod client;
mod clients;
mod logs;
mod reply;
mod sampler;
mod stream;
#[cfg(test)]
mod tests;
mod web;

pub use web::Web;

use crate::activity::ActivityLog;
use crate::admin::{self, Admin};
use crate::dynamodb::DynamoDb;
use crate::gateway::{Audience, Gateway, Page, Pages, RateLimits};
use backend::Backend;
use bytes::Bytes;
use clients::Clients;
use http::Request;
use hyper::body::Incoming;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use tokio_tungstenite::Connector;

/// The first segment of all paths of the console. A stage must not have this name.
pub const SEGMENT: &str = "_console";

/// The functions behind a gateway, for a console.
pub trait Functions: Send + Sync {
    /// Returns their names, as in the activity log.
    fn names(&self) -> Vec<String>;

    /// Invokes a function with an unchanged event.
    fn invoke(&self, function: &str, event: Bytes) -> Invoked;

    /// Whether processes are stopped between events, or `None` if that cannot be changed.
    fn freezes(&self) -> Option<bool>;

    /// Turns the stop of processes between events on or off.
    fn set_freeze(&self, on: bool);
}

/// The future response of a function, or its error.
pub type Invoked = Pin<Box<dyn Future<Output = Result<Bytes, String>> + Send>>;

/// The implementation without functions.
#[derive(Debug, Clone, Copy)]
pub struct NoFunctions;

impl Functions for NoFunctions {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn invoke(&self, _: &str, _: Bytes) -> Invoked {
        Box::pin(async { Err("unknown function".to_owned()) })
    }

    fn freezes(&self) -> Option<bool> {
        None
    }

    fn set_freeze(&self, _: bool) {}
}

/// The console of a gateway. Clones share it.
#[derive(Clone)]
pub struct Console {
    activity: ActivityLog,
    functions: Arc<dyn Functions>,
    backend: Backend,
    clients: Clients,
    /// The limits that were removed last.
    lifted: Arc<Mutex<RateLimits>>,
}

impl Console {
    /// Returns a console of this activity log. Its clients connect to `address`.
    pub fn new(
        activity: ActivityLog,
        dynamodb: DynamoDb,
        functions: Arc<dyn Functions>,
        address: SocketAddr,
    ) -> Console {
        Console {
            backend: Backend::new(dynamodb, activity.clone()),
            clients: Clients::new(crate::gateway::reachable(address), activity.clone()),
            functions,
            activity,
            lifted: Arc::default(),
        }
    }

    /// Lets its clients connect through TLS.
    pub fn with_tls(mut self, connector: Connector) -> Console {
        self.clients = self.clients.with_tls(connector);
        self
    }
}

/// The pages of a gateway beside its stage.
pub struct Site {
    /// At `/_admin`.
    pub admin: Admin,
    /// At `/_console/`.
    pub console: Option<Console>,
    /// At `/`. Links from other sites may lead here.
    pub web: Option<Web>,
    /// The audience of the admin API.
    pub admin_audience: Audience,
    /// The audience of the console.
    pub console_audience: Audience,
}

impl Pages for Site {
    fn answer(&self, gateway: &Gateway, request: Request<Incoming>) -> Option<Page> {
        let segment = request.uri().path().trim_start_matches('/');
        match segment.split('/').next()? {
            admin::SEGMENT => self.admin.answer(gateway, request),
            SEGMENT => self.console.as_ref()?.answer(gateway, request),
            _ => self.web.as_ref()?.answer(gateway, request),
        }
    }

    fn audience(&self, path: &str) -> Audience {
        match path.trim_start_matches('/').split('/').next() {
            Some(admin::SEGMENT) => self.admin_audience,
            Some(SEGMENT) => self.console_audience,
            _ => Audience::Everyone,
        }
    }
}
