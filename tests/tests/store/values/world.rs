//! Tasks that use values at the same time, and what they are answered.

use super::schedule::{Deed, KEYS, Round, Step, TTL, Task};
use super::spec::{Action, Kept, Outcome};
use crate::store::calls::Calls;
use crate::store::history::Call;
use futures_util::future::join_all;
use lambda_ws::Timestamp;
use lambda_ws::store::{KeyValueStore, StoreError, Value};
use std::cell::Cell;
use std::time::Duration;

const NAMESPACE: &str = "n";

fn key(n: usize) -> String {
    format!("k{n}")
}

/// A store of values, and the time.
pub(crate) struct World<'a, S> {
    store: &'a S,
    pub(crate) now: Timestamp,
    calls: Calls<Action>,
    written: Cell<u32>,
}

impl<'a, S: KeyValueStore> World<'a, S> {
    pub(crate) fn new(store: &'a S) -> Self {
        Self {
            store,
            now: Timestamp::from_secs(1_700_000_000),
            calls: Calls::new(),
            written: Cell::new(0),
        }
    }

    /// What is kept, by key, when nothing is under way.
    pub(crate) async fn look(&self) -> Vec<Option<Kept>> {
        let mut all = Vec::new();
        for n in 0..KEYS {
            let found = self.store.read(NAMESPACE, &key(n), self.now).await;
            all.push(found.expect("read").as_ref().map(Kept::from));
        }
        let listed = self.store.keys(NAMESPACE, "k", None, self.now).await;
        let found: Vec<_> = (0..KEYS).filter(|n| all[*n].is_some()).map(key).collect();
        assert_eq!(
            listed.expect("keys").keys,
            found,
            "all keys are listed once"
        );
        all
    }

    /// Runs a round until all its tasks have ended, and returns their calls.
    pub(crate) async fn run(&self, round: &Round) -> Vec<Call<Action>> {
        let tasks = round.tasks.iter();
        join_all(tasks.map(|task| self.calls.fated(&task.fate, self.steps(task)))).await;
        self.calls.take()
    }

    async fn steps(&self, task: &Task) {
        for step in &task.steps {
            tokio::time::sleep(Duration::from_millis(step.pause.into())).await;
            self.step(step).await;
        }
    }

    async fn step(&self, step: &Step) {
        let (n, now) = (step.key, self.now);
        match step.deed {
            Deed::Read => drop(self.read(n).await),
            Deed::Keys => self.keys().await,
            Deed::Write => {
                let (key, new) = (key(n), self.fresh(step));
                let write = self.store.write(NAMESPACE, &key, &new.value, new.expires);
                self.call(n, Action::Write(new.clone()), write, |_| Outcome::Done)
                    .await;
            }
            Deed::Insert => self.replace(n, None, self.fresh(step)).await,
            Deed::Replace => {
                if let Some(found) = self.read(n).await {
                    self.replace(n, found, self.fresh(step)).await;
                }
            }
            Deed::Delete => {
                let key = key(n);
                let delete = self.store.delete(NAMESPACE, &key, now);
                let deleted = |deleted: &bool| Outcome::Deleted(*deleted);
                self.call(n, Action::Delete, delete, deleted).await;
            }
            Deed::Take => {
                let key = key(n);
                let take = self.store.take(NAMESPACE, &key, now);
                let taken = |taken: &Option<String>| Outcome::Taken(taken.clone());
                self.call(n, Action::Take, take, taken).await;
            }
        }
    }

    /// A value that nobody has written.
    fn fresh(&self, step: &Step) -> Kept {
        self.written.set(self.written.get() + 1);
        Kept {
            value: self.written.get().to_string(),
            expires: step.expires.then(|| self.now + TTL),
        }
    }

    async fn read(&self, n: usize) -> Option<Option<Value>> {
        let key = key(n);
        let read = self.store.read(NAMESPACE, &key, self.now);
        let found = |found: &Option<Value>| Outcome::Read(found.as_ref().map(Kept::from));
        self.call(n, Action::Read, read, found).await
    }

    async fn replace(&self, n: usize, found: Option<Value>, new: Kept) {
        let (key, version) = (key(n), found.as_ref().map(|found| found.version));
        let action = Action::Replace(found.map(|found| found.value), new.clone());
        let Kept { value, expires } = &new;
        let replace = self
            .store
            .replace(NAMESPACE, &key, value, *expires, version, self.now);
        self.call(n, action, replace, |_| Outcome::Done).await;
    }

    async fn keys(&self) {
        let begin = self.calls.tick();
        let Ok(page) = self.store.keys(NAMESPACE, "", None, self.now).await else {
            return;
        };
        assert_eq!(page.next, None, "so few fit on a page");
        for n in 0..KEYS {
            let found = Outcome::Found(page.keys.contains(&key(n)));
            self.calls.observe(n, begin, Action::Find, found);
        }
    }

    async fn call<T>(
        &self,
        n: usize,
        action: Action,
        call: impl Future<Output = Result<T, StoreError>>,
        outcome: impl Fn(&T) -> Outcome,
    ) -> Option<T> {
        let answered = |result: &Result<T, StoreError>| match result {
            Ok(done) => outcome(done),
            Err(StoreError::Conflict) => Outcome::Conflict,
            Err(other) => panic!("nothing here can end with: {other}"),
        };
        self.calls.call(n, action, call, answered).await.ok()
    }
}
