//! The context of an authorizer.

use super::text::Text;
use super::{FromEvent, OptionalFromEvent};
use crate::error::Error;
use crate::event::{Connect, Disconnect, Event, Message, Opened, Subscribe};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// The context from the API's authorizer, which every event of the connection contains: `principalId` and the members
/// of its `context` (conformance C1), read as a `T`.
///
/// API Gateway converts numbers and booleans to text, and `T` reads them back: a field of type `u32` reads `"7"`, a
/// `bool` reads `"true"`. (This does not work behind `#[serde(flatten)]` and in untagged enums, where serde does not
/// know the type when it reads the text.)
///
/// ```
/// use lambda_ws::{Authorizer, Router};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// #[serde(rename_all = "camelCase")]
/// struct Caller {
///     principal_id: String,
///     admin: bool,
/// }
///
/// async fn whoami(Authorizer(caller): Authorizer<Caller>) -> String {
///     match caller.admin {
///         true => format!("{} (administrator)", caller.principal_id),
///         false => caller.principal_id,
///     }
/// }
///
/// let router: Router = Router::new().route("whoami", whoami);
/// ```
///
/// The extraction fails without an authorizer; `Option<Authorizer<T>>` is then `None`. The function itself may be the
/// authorizer: [`Router::authorize`](crate::Router::authorize).
#[derive(Debug, Clone, Copy, Default)]
pub struct Authorizer<T>(pub T);

fn read<T: DeserializeOwned, K>(event: &Event<K>) -> Result<Option<Authorizer<T>>, Error> {
    let Some(context) = event.context.authorizer() else {
        return Ok(None);
    };
    let context: Map<String, Value> = serde_json::from_str(context.get())?;
    Ok(Some(Authorizer(T::deserialize(Text(context.into()))?)))
}

/// Extractors for events after an authorizer's.
macro_rules! authorized {
    ($($kind:ty)*) => { $(
        impl<S: Sync, T: DeserializeOwned> FromEvent<$kind, S> for Authorizer<T> {
            type Rejection = Error;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Self, Error> {
                read(event)?.ok_or_else(|| {
                    "the event has no authorizer context: add an authorizer to the API's `$connect` route".into()
                })
            }
        }

        impl<S: Sync, T: DeserializeOwned> OptionalFromEvent<$kind, S> for Authorizer<T> {
            type Rejection = Error;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Option<Self>, Error> {
                read(event)
            }
        }
    )* };
}

authorized! { Connect Opened Message Subscribe Disconnect }
