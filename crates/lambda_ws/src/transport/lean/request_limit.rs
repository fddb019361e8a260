//! The limit of concurrent requests.

use crate::error::BoxError;
use crate::sync::{detach, lock};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use tokio::time::{Instant, sleep_until};

/// A semaphore whose waits have deadlines. Requests get permits in the order of their calls.
///
/// One task checks the deadlines of all waiting requests. A timer for each of them would be added to the runtime's
/// timers and removed again, which takes up to a fifth of the CPU time of a request.
#[derive(Debug)]
pub(super) struct RequestLimit(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// The number of free permits. It is zero while a request waits.
    free: usize,
    /// The waiting requests in the order of their numbers, and so of their deadlines.
    waiting: VecDeque<Waiting>,
    /// The requests that got a permit and have not been polled since. They are few.
    granted: Vec<u64>,
    /// The number of the next request that waits.
    next: u64,
    /// Whether a task checks the deadlines.
    is_checked: bool,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    waker: Waker,
    deadline: Instant,
}

/// The permission to send a request.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    limit: &'a RequestLimit,
    /// When the call must end.
    pub(super) end: Instant,
}

impl RequestLimit {
    pub(super) fn new(permits: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: permits,
            waiting: VecDeque::new(),
            granted: Vec::new(),
            next: 0,
            is_checked: false,
        })))
    }

    /// Returns a permit if one is free.
    pub(super) fn try_acquire(&self, end: Instant) -> Option<Permit<'_>> {
        let mut state = lock(&self.0);
        state.free = state.free.checked_sub(1)?;
        Some(Permit { limit: self, end })
    }

    /// Waits for a permit.
    ///
    /// # Cancel safety
    ///
    /// A dropped wait leaves the queue, and a permit that it got goes to the next request.
    ///
    /// # Errors
    ///
    /// No permit was free until `end`.
    pub(super) async fn acquire(&self, end: Instant) -> Result<Permit<'_>, BoxError> {
        let mut wait = Wait {
            limit: self,
            number: None,
        };
        match poll_fn(|cx| wait.poll(cx, end)).await {
            true => Ok(Permit { limit: self, end }),
            false => Err("the host has no free connection in time".into()),
        }
    }

    fn release(&self) {
        let waker = lock(&self.0).release();
        // Outside the lock, because a waker can run any code.
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.limit.release();
    }
}

impl State {
    /// Passes a permit to the first waiting request, and returns its waker.
    fn release(&mut self) -> Option<Waker> {
        let Some(first) = self.waiting.pop_front() else {
            self.free += 1;
            return None;
        };
        self.granted.push(first.number);
        Some(first.waker)
    }

    /// Returns the place of a request in the queue.
    fn place(&self, number: u64) -> Option<usize> {
        let place = self.waiting.binary_search_by_key(&number, |one| one.number);
        place.ok()
    }

    /// Removes a request from those that got a permit. Returns whether it was one.
    fn take_granted(&mut self, number: u64) -> bool {
        let place = self.granted.iter().position(|&one| one == number);
        place.map(|place| self.granted.swap_remove(place)).is_some()
    }

    /// Ends the waits whose deadlines have passed. Returns their wakers, and the next deadline.
    fn expire(&mut self, now: Instant) -> (Vec<Waker>, Option<Instant>) {
        let mut wakers = Vec::new();
        while let Some(first) = self.waiting.pop_front() {
            if first.deadline > now {
                let next = first.deadline;
                self.waiting.push_front(first);
                return (wakers, Some(next));
            }
            wakers.push(first.waker);
        }
        (wakers, None)
    }
}

/// A request that waits for a permit.
struct Wait<'a> {
    limit: &'a RequestLimit,
    /// Its number, while it is in the queue.
    number: Option<u64>,
}

impl Wait<'_> {
    /// Returns whether it got a permit.
    fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<bool> {
        let mut state = lock(&self.limit.0);
        match self.number {
            None if state.free > 0 => {
                state.free -= 1;
                return Poll::Ready(true);
            }
            None => {
                let (number, waker) = (state.next, cx.waker().clone());
                state.next += 1;
                state.waiting.push_back(Waiting {
                    number,
                    waker,
                    deadline,
                });
                self.number = Some(number);
            }
            Some(number) => match state.place(number) {
                Some(place) => state.waiting[place].waker.clone_from(cx.waker()),
                None => {
                    self.number = None;
                    return Poll::Ready(state.take_granted(number));
                }
            },
        }
        if !std::mem::replace(&mut state.is_checked, true) {
            drop(state);
            detach(DeadlineCheck(Arc::clone(&self.limit.0)).run());
        }
        Poll::Pending
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = lock(&self.limit.0);
        if let Some(place) = state.place(number) {
            state.waiting.remove(place);
        }
        let is_granted = state.take_granted(number);
        drop(state);
        if is_granted {
            self.limit.release();
        }
    }
}

/// The task that ends waits at their deadlines. It ends when no request waits.
struct DeadlineCheck(Arc<Mutex<State>>);

impl DeadlineCheck {
    async fn run(self) {
        loop {
            let (expired, next) = lock(&self.0).expire(Instant::now());
            expired.into_iter().for_each(Waker::wake);
            match next {
                Some(next) => sleep_until(next).await,
                None => return,
            }
        }
    }
}

impl Drop for DeadlineCheck {
    /// Wakes the waiting requests, so that one of them starts another task: the runtime of this one may have ended.
    fn drop(&mut self) {
        let mut state = lock(&self.0);
        state.is_checked = false;
        let waiting = state.waiting.iter().map(|one| one.waker.clone());
        let waiting: Vec<_> = waiting.collect();
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}
