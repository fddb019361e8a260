//! The state of connections: their data, their outboxes, and the registry.

mod close;
mod connecting;
mod data;
mod outbox;
mod registry;
mod run;

pub(super) use close::Close;
pub(super) use connecting::ConnectingSet;
pub(super) use data::{Connection, InFlight};
pub(super) use outbox::{Bounds, Outbox, PushError};
pub(super) use registry::Registry;
pub(super) use run::{lost, run};
