//! The functions that can be invoked.

use super::asynchronous::Asynchronous;
use crate::function::{Function, InvokeError};
use bytes::Bytes;
use std::pin::Pin;
use std::sync::Arc;

/// The program that runs a function: local processes or another program.
pub trait Target: Send + Sync + 'static {
    /// Invokes the function with one event. Nothing is retried.
    fn invoke<'a>(&'a self, event: Bytes, request_id: &'a str) -> ResponseFuture<'a>;
}

/// The future response to an event, or an error.
pub type ResponseFuture<'a> = Pin<Box<dyn Future<Output = Result<Bytes, InvokeError>> + Send + 'a>>;

impl Target for Function {
    fn invoke<'a>(&'a self, event: Bytes, request_id: &'a str) -> ResponseFuture<'a> {
        Box::pin(Function::invoke(self, event, request_id))
    }
}

/// A function that can be invoked.
#[derive(Clone)]
pub struct Invocable {
    /// Its name.
    pub name: String,
    /// Its name in any version, for another program that runs it. The function uses it to invoke itself.
    pub remote_name: Option<String>,
    /// The retry settings of its asynchronous events.
    pub asynchronous: Asynchronous,
    /// The program that gets its events.
    pub target: Arc<dyn Target>,
}
