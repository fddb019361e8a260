//! Functions as handlers.

use crate::event::{Event, Kind};
use crate::extract::FromEvent;
use crate::response::{IntoResponse, Response};

/// An async function or closure of up to 8 extractors.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "expected an async function of at most 8 extractors",
    note = "a handler is `async fn(A, B, ..) -> R`; check that it is `async`, has at most 8 arguments, and owns what it captures"
)]
pub trait Handler<Args>: Clone + Send + Sync + 'static {
    /// The return type.
    type Output;
    /// The future of a call.
    type Future: Future<Output = Self::Output> + 'static;
    /// The arguments, as a tuple.
    type Args;

    /// Calls the handler.
    fn call(&self, args: Self::Args) -> Self::Future;
}

macro_rules! handlers {
    ($([$($ty:ident)*])*) => { $(
        impl<F, Fut, $($ty,)*> Handler<($($ty,)*)> for F
        where
            F: Fn($($ty),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future + 'static,
        {
            type Args = ($($ty,)*);
            type Output = Fut::Output;
            type Future = Fut;

            #[allow(non_snake_case)]
            fn call(&self, ($($ty,)*): ($($ty,)*)) -> Fut {
                self($($ty),*)
            }
        }

        impl<K: Kind, S: Sync, $($ty: FromEvent<K, S> + Send,)*> FromEvent<K, S> for ($($ty,)*) {
            type Rejection = Response;

            #[allow(non_snake_case, unused_variables)]
            async fn from_event(event: &Event<K>, state: &S) -> Result<Self, Response> {
                $(
                    let $ty = $ty::from_event(event, state)
                        .await
                        .map_err(IntoResponse::<K>::into_response)?;
                )*
                Ok(($($ty,)*))
            }
        }
    )* };
}

handlers! {
    []
    [A]
    [A B]
    [A B C]
    [A B C D]
    [A B C D E]
    [A B C D E G]
    [A B C D E G H]
    [A B C D E G H I]
}
