//! Local gateway.

pub mod template;
mod body;
pub mod dynamodb;
pub mod function;
pub mod guard;
mod listener;
