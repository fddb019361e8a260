//! What happens to the requests of one task.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// What happens to a request, if it can happen to a request of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Refused: the table's capacity is used up.
    Throttled,
    /// Refused: another transaction works on the same item.
    InTheWay,
    /// It does not reach DynamoDB.
    NotSent,
    /// It is carried out, and the answer does not arrive.
    AnswerLost,
    /// Of a batch, only this many are carried out.
    Partly(u8),
    /// A read that need not be consistent is answered as if it had come earlier.
    Stale(u8),
    /// It reaches DynamoDB so many minutes later.
    Late(u8),
}

/// What happens to one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    /// Milliseconds until DynamoDB has the request.
    pub(crate) there: u8,
    pub(crate) fault: Fault,
    /// Milliseconds until the answer is back.
    pub(crate) back: u8,
}

impl Turn {
    const CALM: Self = Self {
        there: 1,
        fault: Fault::None,
        back: 1,
    };

    pub(crate) fn at_once(fault: Fault) -> Self {
        Self {
            there: 0,
            fault,
            back: 0,
        }
    }
}

/// What happens to the requests of one task, one after another; all goes well after the last turn.
#[derive(Debug, Clone)]
pub(crate) struct Course(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    crashed: Notify,
}

#[derive(Debug)]
struct State {
    turns: VecDeque<Turn>,
    left: Option<u8>,
    /// The call to the store that is under way, by its number.
    call: Option<usize>,
    lost: bool,
    failed: bool,
}

tokio::task_local! {
    /// The course of the task that sends the request.
    pub(crate) static COURSE: Course;
}

impl Course {
    /// These turns; the task ends when the answer to its request number `crash` would travel back.
    pub(crate) fn new(turns: &[Turn], crash: Option<u8>) -> Self {
        let state = State {
            turns: turns.iter().copied().collect(),
            left: crash,
            call: None,
            lost: false,
            failed: false,
        };
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            crashed: Notify::new(),
        }))
    }

    pub(crate) fn next(&self) -> Turn {
        self.state().turns.pop_front().unwrap_or(Turn::CALM)
    }

    /// Counts a request that has had its effect. It never returns if the task ends with it.
    pub(crate) async fn count(&self) {
        let ends = {
            let left = &mut self.state().left;
            *left = left.map(|left| left.saturating_sub(1));
            *left == Some(0)
        };
        if ends {
            self.0.crashed.notify_one();
            std::future::pending().await
        }
    }

    /// Waits for the end of the task half-way.
    pub(crate) async fn crashed(&self) {
        self.0.crashed.notified().await;
    }

    /// Remembers that a call to the store begins.
    pub(crate) fn begin(&self, call: usize) {
        let state = &mut self.state();
        (state.call, state.lost, state.failed) = (Some(call), false, false);
    }

    /// The call to the store that has begun last.
    pub(crate) fn call(&self) -> Option<usize> {
        self.state().call
    }

    /// Remembers that the answer to a request that was carried out did not arrive.
    pub(crate) fn lose(&self) {
        self.state().lost = true;
    }

    /// Whether that happened to the call.
    pub(crate) fn has_lost(&self) -> bool {
        self.state().lost
    }

    /// Remembers whether the last answer to a request is that it is done.
    pub(crate) fn note(&self, done: bool) {
        self.state().failed = !done;
    }

    /// Whether the call's last request was not done: it gave up.
    pub(crate) fn has_failed(&self) -> bool {
        self.state().failed
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().expect("no test panics with it")
    }
}
