//! The resources of a template, with those that SAM's transform generates.

mod function_parts;
mod globals;
pub(crate) mod resource;
pub(crate) mod resource_type;
mod websocket_api;

pub(crate) use resource::Resource;
