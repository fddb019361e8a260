//! The handlers of a router that are not routes.

use super::route::Route;
use crate::event::{
    Authorize, Changed, Connect, Disconnect, Joined, Left, Message, Opened, Trigger,
};

/// Lists the handlers once, for all operations on them.
macro_rules! handlers {
    ($($name:ident: $kind:ty,)*) => {
        #[derive(Clone)]
        pub(super) struct Handlers<S> {
            $(pub(super) $name: Option<Route<$kind, S>>,)*
        }

        impl<S> Default for Handlers<S> {
            fn default() -> Self {
                Self { $($name: None,)* }
            }
        }

        impl<S: Clone + Send + Sync + 'static> Handlers<S> {
            #[track_caller]
            pub(super) fn merge(&mut self, other: Self) {
                $(if let Some(handler) = other.$name {
                    set(&mut self.$name, stringify!($name), handler);
                })*
            }

            pub(super) fn with_state(self, state: &S) -> Handlers<()> {
                Handlers { $($name: self.$name.map(|handler| handler.with_state(state)),)* }
            }
        }
    };
}

handlers! {
    authorize: Authorize,
    connect: Connect,
    opened: Opened,
    disconnect: Disconnect,
    joined: Joined,
    left: Left,
    changed: Changed,
    fallback: Message,
    event: Trigger,
}

#[track_caller]
pub(super) fn set<T>(slot: &mut Option<T>, name: &str, value: T) {
    let old = slot.replace(value);
    assert!(old.is_none(), "`{name}` is defined twice");
}
