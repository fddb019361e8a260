//! Tasks that use a store at the same time, and what they are answered.

use super::calls::Calls;
use super::history::Call;
use super::schedule::{CONNECTIONS, Deed, Round, Step, Task, id, room};
use super::spec::{Action, INTERVAL, Known, Outcome};
use futures_util::future::join_all;
use lambda_ws::store::{Record, Scope, Store, StoreError};
use lambda_ws::{ConnectionId, Timestamp};
use std::cell::Cell;
use std::time::Duration;

/// A store, the connections in it and the time.
pub(crate) struct World<'a, S> {
    pub(crate) store: &'a S,
    pub(crate) now: Timestamp,
    /// The connections that each id has had: when each was opened, and when it expires.
    pub(crate) lives: Vec<Vec<(Timestamp, Timestamp)>>,
    calls: Calls<Action>,
    sessions: Cell<u32>,
}

impl<'a, S: Store> World<'a, S> {
    pub(crate) fn new(store: &'a S) -> Self {
        Self {
            store,
            now: Timestamp::from_secs(1_700_000_000),
            lives: vec![Vec::new(); CONNECTIONS],
            calls: Calls::new(),
            sessions: Cell::new(0),
        }
    }

    /// Runs a round until all its tasks have ended, and returns their calls.
    pub(crate) async fn run(&mut self, round: &Round) -> Vec<Call<Action>> {
        let former = self.lives.clone();
        let mut records = Vec::new();
        for opened in &round.opened {
            let lives = &mut self.lives[opened.connection];
            let at = self.now + Duration::from_millis(lives.len() as u64);
            let record = opened.record(at, self.now);
            lives.push((record.at, record.expires));
            records.push((opened, record));
        }
        let world = &*self;
        let openings = records.iter().map(|(opened, record)| {
            let open = world.open(opened.connection, record);
            world.calls.fated(&opened.fate, open)
        });
        let opening = |connection| round.opened.iter().any(|o| o.connection == connection);
        let tasks = round.tasks.iter().map(|task| {
            let steps = world.steps(task, &former, &opening);
            world.calls.fated(&task.fate, steps)
        });
        futures_util::future::join(join_all(openings), join_all(tasks)).await;
        self.calls.take()
    }

    async fn open(&self, connection: usize, record: &Record) {
        let action = Action::Register(Known::from(record));
        let register = self.store.register(record);
        let _ = self
            .call(connection, action, register, |()| Outcome::Done)
            .await;
    }

    async fn steps(
        &self,
        task: &Task,
        former: &[Vec<(Timestamp, Timestamp)>],
        opening: &impl Fn(usize) -> bool,
    ) {
        for step in &task.steps {
            tokio::time::sleep(Duration::from_millis(step.pause.into())).await;
            let lives = former[step.connection].iter().rev();
            let life = lives.copied().nth(usize::from(step.former));
            let ends = matches!(step.deed, Deed::Remove | Deed::MarkGone | Deed::Forget(_));
            // An id is not used again before its former connection is out of the way.
            if !(ends && opening(step.connection)) {
                self.step(step, life).await;
            }
        }
    }

    async fn step(&self, step: &Step, life: Option<(Timestamp, Timestamp)>) {
        let (n, store) = (step.connection, self.store);
        let id = id(n);
        match (step.deed, life) {
            (Deed::Read, _) => drop(self.read(n).await),
            (Deed::ReadAll, _) => self.read_all().await,
            (Deed::Page(r), _) => self.page(Scope::Room(room(r))).await,
            (Deed::Everyone, _) => self.everyone(n).await,
            (Deed::Forget(r), _) => {
                if let Some(None) = self.read(n).await {
                    let _ = store.forget(&Scope::Room(room(r)), &id).await;
                }
            }
            (_, None) => {}
            (Deed::Join(r), Some((at, expires))) => {
                let (room, action) = (room(r), Action::Join(at, room(r)));
                let join = store.join(&id, at, &room, expires);
                let _ = self.call(n, action, join, |()| Outcome::Done).await;
            }
            (Deed::Leave(r), Some((at, _))) => {
                let (room, action) = (room(r), Action::Leave(at, room(r)));
                let leave = store.leave(&id, at, &room);
                let _ = self.call(n, action, leave, |()| Outcome::Done).await;
            }
            (Deed::Enter(r), Some((at, _))) => self.switch_room(n, at, room(r)).await,
            (Deed::Save, Some((at, _))) => self.save(n, at).await,
            (Deed::MarkSeen(minutes), Some((at, _))) => {
                let now = self.now + Duration::from_secs(60 * u64::from(minutes));
                let mark = store.mark_seen(&id, at, now, INTERVAL);
                let action = Action::MarkSeen(at, now);
                let _ = self.call(n, action, mark, |()| Outcome::Done).await;
            }
            (Deed::MarkGone, Some((at, _))) => {
                let mark = store.mark_gone(&id, at);
                let marked = |won: &bool| Outcome::Marked(*won);
                let _ = self.call(n, Action::MarkGone(at), mark, marked).await;
            }
            (Deed::Remove, Some((at, _))) => {
                let remove = store.remove(&id, at);
                let removed =
                    |record: &Option<Record>| Outcome::Removed(record.as_ref().map(Known::from));
                let _ = self.call(n, Action::Remove(at), remove, removed).await;
            }
        }
    }

    /// As [`Connection::switch_room`](lambda_ws::Connection::switch_room) does it.
    async fn switch_room(&self, n: usize, at: Timestamp, room: String) {
        for _ in 0..4 {
            let Some(Some(record)) = self.read(n).await else {
                return;
            };
            if record.at != at {
                return;
            }
            let action = Action::Enter(at, record.rooms.clone(), room.clone());
            let switch_room = self.store.switch_room(&record, &room);
            match self.call(n, action, switch_room, |()| Outcome::Done).await {
                Err(StoreError::Conflict) => {}
                _ => return,
            }
        }
    }

    async fn save(&self, n: usize, at: Timestamp) {
        let Some(Some(record)) = self.read(n).await else {
            return;
        };
        if record.at == at {
            let session = self.sessions.get().to_string();
            self.sessions.set(self.sessions.get() + 1);
            let action = Action::Save(at, record.session, session.clone());
            let id = id(n);
            let save = self.store.save(&id, at, &session, record.version);
            let _ = self.call(n, action, save, |_| Outcome::Done).await;
        }
    }

    async fn read(&self, n: usize) -> Option<Option<Record>> {
        let id = id(n);
        let read = self.store.record(&id, self.now);
        let known = |record: &Option<Record>| Outcome::Read(record.as_ref().map(Known::from));
        self.call(n, Action::Read(self.now), read, known).await.ok()
    }

    async fn read_all(&self) {
        let ids: Vec<_> = (0..CONNECTIONS).map(id).collect();
        let begin = self.calls.tick();
        let Ok(records) = self.store.records(&ids, self.now).await else {
            return;
        };
        for n in 0..CONNECTIONS {
            let record = records
                .iter()
                .find(|record| record.id == id(n))
                .map(Known::from);
            self.calls
                .observe(n, begin, Action::Read(self.now), Outcome::Read(record));
        }
    }

    async fn page(&self, scope: Scope) {
        let begin = self.calls.tick();
        let Ok(ids) = self.members(&scope, self.now).await else {
            return;
        };
        for n in 0..CONNECTIONS {
            let found = Outcome::Found(ids.contains(&id(n)));
            self.calls
                .observe(n, begin, Action::Find(scope.clone(), self.now), found);
        }
    }

    /// A read that need not be consistent: whom it finds was there at some time.
    async fn everyone(&self, n: usize) {
        let slice = Scope::Everyone
            .slices()
            .find(|slice| slice.contains(&id(n)));
        let slice = slice.expect("slices cover all ids");
        let Ok(page) = self
            .store
            .page(&Scope::Everyone, slice, None, self.now)
            .await
        else {
            return;
        };
        for found in page.ids {
            let known = (0..CONNECTIONS).any(|n| id(n) == found && !self.lives[n].is_empty());
            assert!(known, "{found} was never registered");
        }
    }

    pub(crate) async fn members(
        &self,
        scope: &Scope,
        now: Timestamp,
    ) -> Result<Vec<ConnectionId>, StoreError> {
        let (mut ids, slices) = (Vec::new(), scope.slices());
        for slice in slices.filter(|slice| (0..CONNECTIONS).any(|n| slice.contains(&id(n)))) {
            let page = self.store.page(scope, slice, None, now).await?;
            assert_eq!(page.next, None, "so few fit on a page");
            ids.extend(page.ids);
        }
        Ok(ids)
    }

    async fn call<T>(
        &self,
        connection: usize,
        action: Action,
        call: impl Future<Output = Result<T, StoreError>>,
        outcome: impl Fn(&T) -> Outcome,
    ) -> Result<T, StoreError> {
        let answered = |result: &Result<T, StoreError>| match result {
            Ok(done) => outcome(done),
            Err(StoreError::NotConnected) => Outcome::NotConnected,
            Err(StoreError::Conflict) => Outcome::Conflict,
            Err(other) => panic!("nothing here can end with: {other}"),
        };
        self.calls.call(connection, action, call, answered).await
    }
}
