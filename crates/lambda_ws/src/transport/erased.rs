//! [`Transport`] behind a pointer.

use super::{Inspection, Transport};
use crate::ConnectionId;
use crate::error::SendError;
use crate::payload::Payload;
use futures_util::future::BoxFuture;

/// The future of an operation of a transport.
type Op<'a, T> = BoxFuture<'a, Result<T, SendError>>;

/// [`Transport`], for use behind a pointer: the same operations, boxed.
pub(crate) trait DynTransport: Send + Sync {
    fn post<'a>(&'a self, id: &'a ConnectionId, payload: &'a Payload) -> Op<'a, ()>;
    fn close<'a>(&'a self, id: &'a ConnectionId) -> Op<'a, ()>;
    fn inspect<'a>(&'a self, id: &'a ConnectionId) -> Op<'a, Inspection>;
    fn url(&self) -> &str;
}

impl<T: Transport> DynTransport for T {
    fn post<'a>(&'a self, id: &'a ConnectionId, payload: &'a Payload) -> Op<'a, ()> {
        Box::pin(Transport::post(self, id, payload))
    }

    fn close<'a>(&'a self, id: &'a ConnectionId) -> Op<'a, ()> {
        Box::pin(Transport::close(self, id))
    }

    fn inspect<'a>(&'a self, id: &'a ConnectionId) -> Op<'a, Inspection> {
        Box::pin(Transport::inspect(self, id))
    }

    fn url(&self) -> &str {
        Transport::url(self)
    }
}
