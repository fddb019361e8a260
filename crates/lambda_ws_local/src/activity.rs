//! The activity of the emulator. This is the bottom layer, which the gateway, functions, DynamoDB and Lambda's API
//! report to.
//!
//! They report to [`Observers`]. An [`ActivityLog`] is an observer that keeps the last entries, figures and required
//! permissions. The console and the admin API read it.
//!
//! # Attribution of calls to invocations
//!
//! Each process of a function gets a [session token](crate::session_tokens), which every AWS SDK sends with its calls,
//! and a process handles one event at a time. The log marks less certain attributions: a call after the response or
//! before the first event, or a call without a token.

mod attribution;
mod entry;
mod figures;
mod log;
mod observer;
mod operation;
mod permissions;
mod ring;
mod snapshot;

pub use entry::Call;
pub(crate) use entry::{EntryKind, millis};
pub use log::ActivityLog;
pub(crate) use log::Reader;
pub use observer::{Observer, Observers};
pub use operation::{Operation, OperationKind, Outcome};
pub use snapshot::Snapshot;
