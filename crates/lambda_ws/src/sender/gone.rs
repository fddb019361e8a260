//! Connections that are gone: the check after a 410, the memory of a process, and the removal from the store.

mod check;
mod endpoint_state;
mod memory;
mod removal;
mod suspects;

pub(super) use check::{GoneCheck, Idle};
pub(crate) use endpoint_state::EndpointState;
pub(crate) use memory::GoneMemory;
pub(super) use memory::KnownGone;
#[cfg(test)]
pub(crate) use removal::ALL_GONE;
pub(super) use removal::Removal;
