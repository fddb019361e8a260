//! The calls of tasks that use a store at the same time, as they are made.

use super::course::{COURSE, Course};
use super::history::{Action, Call};
use super::schedule::Fate;
use futures_util::future::{Either, select};
use lambda_ws::store::StoreError;
use std::cell::{Cell, RefCell};
use std::pin::pin;

/// The calls of tasks that use a store at the same time, as they are made.
pub(crate) struct Calls<A: Action> {
    calls: RefCell<Vec<Call<A>>>,
    ticks: Cell<u32>,
}

impl<A: Action> Calls<A> {
    pub(crate) fn new() -> Self {
        Self {
            calls: RefCell::default(),
            ticks: Cell::new(0),
        }
    }

    /// All that were made since this was last asked.
    pub(crate) fn take(&self) -> Vec<Call<A>> {
        self.calls.take()
    }

    pub(crate) fn tick(&self) -> u32 {
        self.ticks.set(self.ticks.get() + 1);
        self.ticks.get()
    }

    /// Runs a task on its course, until it ends or crashes.
    pub(crate) async fn fated(&self, fate: &Fate, task: impl Future<Output = ()>) {
        let course = Course::new(&fate.turns, fate.crash);
        let crashed = course.clone();
        let task = pin!(COURSE.scope(course, task));
        if let Either::Right(_) = select(task, pin!(crashed.crashed())).await
            && let Some(call) = crashed.call()
        {
            // Nothing of it happens later than this.
            let call = &mut self.calls.borrow_mut()[call];
            call.end = call.end.min(self.tick());
        }
    }

    /// Makes a call.
    pub(crate) async fn call<T>(
        &self,
        about: usize,
        action: A,
        call: impl Future<Output = Result<T, StoreError>>,
        outcome: impl Fn(&Result<T, StoreError>) -> A::Outcome,
    ) -> Result<T, StoreError> {
        let begin = self.tick();
        let index = self.push(Call {
            about,
            action,
            outcome: A::UNKNOWN,
            lost: false,
            failed: false,
            begin,
            end: u32::MAX,
        });
        COURSE.with(|course| course.begin(index));
        let result = call.await;
        let end = self.tick();
        let call = &mut self.calls.borrow_mut()[index];
        call.end = end;
        call.lost = COURSE.with(Course::has_lost);
        call.failed = COURSE.with(Course::has_failed);
        call.outcome = match &result {
            Err(StoreError::Unavailable(_)) => A::UNKNOWN,
            known => outcome(known),
        };
        result
    }

    /// Remembers what a call about many things says of one.
    pub(crate) fn observe(&self, about: usize, begin: u32, action: A, outcome: A::Outcome) {
        let end = self.tick();
        self.push(Call {
            about,
            action,
            outcome,
            lost: false,
            failed: false,
            begin,
            end,
        });
    }

    fn push(&self, call: Call<A>) -> usize {
        let mut calls = self.calls.borrow_mut();
        calls.push(call);
        calls.len() - 1
    }
}
