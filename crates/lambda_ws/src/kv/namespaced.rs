//! Types with a namespace.

use super::Kv;
use crate::event::{Event, Kind};
use crate::extract::FromEvent;
use std::convert::Infallible;

/// A type with its own namespace. Handlers take a [`Kv`] of it as an argument.
///
/// The type of the argument determines the namespace, so no two handlers read the same values as different types.
///
/// ```
/// use lambda_ws::Namespaced;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Topic(String);
///
/// impl Namespaced for Topic {
///     const NAMESPACE: &'static str = "topics";
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "the values of type `{Self}` have no namespace",
    label = "`Namespaced` is not implemented for `{Self}`",
    note = "implement `Namespaced` for a type of your own, or ask for a `Sender` and name the namespace: `Kv::new(&sender, \"scores\")`"
)]
pub trait Namespaced {
    /// The namespace, of 1 to 256 bytes. Another name makes the stored values unreachable.
    const NAMESPACE: &'static str;
}

impl<K: Kind, S: Sync, T: Namespaced> FromEvent<K, S> for Kv<T> {
    type Rejection = Infallible;

    async fn from_event(event: &Event<K>, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&event.sender))
    }
}
