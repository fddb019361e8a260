//! Local gateway.
