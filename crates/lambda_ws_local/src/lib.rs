//! Local gateway.

pub mod gateway;
