//! Local gateway.

pub mod template;
