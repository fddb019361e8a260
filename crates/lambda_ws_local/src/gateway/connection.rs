//! The state of the connections: their data, what waits for each client, and the registry.

mod close;
mod connecting;
mod outbox;
mod registry;
mod run;

pub(super) use close::Close;
pub(super) use connecting::Opening;
pub(super) use outbox::{Bounds, NotTaken, Outbox};
pub(super) use registry::Connections;
pub(super) use run::{Connection, InFlight, lost, run};
