//! Local gateway.

mod body;
pub mod dynamodb;
pub mod function;
pub mod gateway;
pub mod guard;
mod listener;
pub mod template;
