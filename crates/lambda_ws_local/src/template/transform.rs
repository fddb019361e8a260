//! The resources of a template, with those that SAM's transform generates.

mod function_parts;
mod globals;
pub(crate) mod resource;
mod websocket_api;

pub(crate) use resource::Resource;
