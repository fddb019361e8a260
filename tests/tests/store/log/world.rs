//! Processes that append to one log, and readers.

use super::checker::Checker;
use super::schedule::{Deed, PROCESSES, READERS, Schedule, Step, Task};
use crate::store::course::{COURSE, Course};
use crate::store::meter::Meter;
use crate::store::table::Table;
use futures_util::future::{join_all, select};
use lambda_ws::store::{DynamoDb, History, Store, StoreError};
use lambda_ws::{Position, Timestamp};
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::time::Duration;
use tokio::time::Instant;

const BEGINNING: u64 = 1_767_607_440;
const ROOM: &str = "tea";
const HISTORY: History = History::new(1_000, Duration::from_secs(48 * 60 * 60));
/// As short as possible: messages are stored for 25 hours.
const STORED: History = History::new(1_000, Duration::from_secs(24 * 60 * 60));

/// A log, the processes that use it, and its readers.
pub(crate) struct World {
    table: Table,
    /// What the processes' requests cost.
    pub(crate) meter: Meter,
    processes: Vec<DynamoDb>,
    ahead: Vec<i8>,
    began: Instant,
    pub(crate) checker: RefCell<Checker>,
    readers: RefCell<Vec<Option<Position>>>,
    messages: Cell<usize>,
}

/// Runs a schedule, and all readers after it.
pub(crate) async fn try_out(schedule: &Schedule) {
    let world = World::new(&schedule.ahead);
    let tasks = schedule.tasks.iter().map(|task| world.task(task));
    join_all(tasks).await;
    for reader in 0..READERS {
        let read = world.read(reader % PROCESSES, reader);
        COURSE.scope(Course::new(&[], None), read).await;
    }
}

impl World {
    pub(crate) fn new(ahead: &[i8]) -> Self {
        let (table, meter) = (Table::new(), Meter::default());
        Self {
            processes: ahead
                .iter()
                .map(|_| table.process(&meter, Duration::ZERO))
                .collect(),
            table,
            meter,
            ahead: ahead.to_vec(),
            began: Instant::now(),
            checker: RefCell::default(),
            readers: RefCell::new(vec![None; READERS]),
            messages: Cell::new(0),
        }
    }

    /// The time by the clock of a process.
    fn now(&self, process: usize) -> Timestamp {
        let ahead = i64::from(self.ahead[process]);
        let beginning = BEGINNING.saturating_add_signed(ahead);
        Timestamp::from_secs(beginning) + self.began.elapsed()
    }

    async fn task(&self, task: &Task) {
        let course = Course::new(&task.fate.turns, task.fate.crash);
        let crashed = course.clone();
        let steps = pin!(COURSE.scope(course, async {
            for Step { pause, deed } in &task.steps {
                tokio::time::sleep(*pause).await;
                match deed {
                    Deed::Append => drop(self.append(task.process).await),
                    Deed::Read(reader) => self.read(task.process, *reader).await,
                    Deed::Sweep(which) => self.sweep(*which),
                }
            }
        }));
        select(steps, pin!(crashed.crashed())).await;
    }

    /// Has the time to live remove some of the expired items.
    pub(crate) fn sweep(&self, which: u8) {
        let now = Timestamp::from_secs(BEGINNING) + self.began.elapsed();
        self.table.sweep(now, which);
    }

    pub(crate) async fn append(&self, process: usize) -> Option<Position> {
        let data = self.messages.get().to_string();
        self.messages.set(self.messages.get() + 1);
        let before = self.checker.borrow().begin(self.began.elapsed());
        let (store, now) = (&self.processes[process], self.now(process));
        match store.append(ROOM, &data, &STORED, now).await {
            Ok(position) => {
                let mut checker = self.checker.borrow_mut();
                checker.append(&before, position.clone(), data);
                Some(position)
            }
            Err(StoreError::Unavailable(_)) => None,
            Err(error) => panic!("an append cannot end with: {error}"),
        }
    }

    pub(crate) async fn read(&self, process: usize, reader: usize) {
        let since = self.readers.borrow()[reader].clone();
        let before = self.checker.borrow().begin(self.began.elapsed());
        let (store, now) = (&self.processes[process], self.now(process));
        match store.since(ROOM, since.as_ref(), &HISTORY, now).await {
            Ok(read) => {
                let mut checker = self.checker.borrow_mut();
                checker.read(&before, since.as_ref(), &read);
                self.readers.borrow_mut()[reader] = Some(read.position);
            }
            Err(StoreError::Unavailable(_)) => {}
            Err(error) => panic!("a reading cannot end with: {error}"),
        }
    }
}
