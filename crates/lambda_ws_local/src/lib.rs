//! Local gateway.

pub mod function;
pub mod guard;
mod listener;
