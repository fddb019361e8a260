//! What a process knows of presences.

use super::Departure;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// What a router that keeps presences does with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hooks {
    /// How long a user who has left may take to come back.
    pub(crate) grace: Duration,
}

/// What a process knows of presences.
#[derive(Debug, Default)]
pub(crate) struct Presences {
    /// The router's, once an event has reached it.
    hooks: OnceLock<Option<Hooks>>,
    /// Who was noticed to be gone, and is yet to be seen off. Some are noticed behind the end of an event.
    departed: Mutex<Vec<Departure>>,
    is_told: AtomicBool,
}

impl Presences {
    /// The router says what it has: with every event, before a handler sees that.
    pub(crate) fn tell(&self, hooks: Option<Hooks>) {
        self.hooks.get_or_init(|| hooks);
    }

    /// What the router has, if that is known.
    pub(crate) fn hooks(&self) -> Option<Option<Hooks>> {
        self.hooks.get().copied()
    }

    /// Whether presences are kept, as far as is known.
    pub(crate) fn are_kept(&self) -> bool {
        matches!(self.hooks(), Some(Some(_)))
    }

    /// Notes who is to be seen off, unless nobody will be.
    pub(crate) fn depart(&self, departure: Departure) {
        if self.hooks() != Some(None) {
            let departed = self.departed.lock();
            departed
                .unwrap_or_else(PoisonError::into_inner)
                .push(departure);
        }
    }

    /// Who is to be seen off.
    pub(crate) fn departed(&self) -> Vec<Departure> {
        let departed = self.departed.lock();
        std::mem::take(&mut *departed.unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether this is the first call.
    pub(crate) fn is_first(&self) -> bool {
        !self.is_told.swap(true, Ordering::Relaxed)
    }
}
