//! A store, clients, a queue and a clock that several processes of a function share.

use super::*;

/// A shard of departures.
pub(super) fn pending(world: &World, number: u8) -> PendingShard<'_> {
    let kind = ChangeKind::Left;
    PendingShard {
        store: &world.store,
        clock: world,
        shard: Shard { kind, number },
    }
}

/// Everything around functions that is theirs together: a store, clients, a queue, a clock.
#[derive(Clone)]
pub(super) struct World {
    pub(super) store: Memory,
    /// The names of the store's operations that were called.
    pub(super) calls: Arc<Mutex<Vec<&'static str>>>,
    pub(super) gone: Arc<Mutex<HashSet<ConnectionId>>>,
    pub(super) queue: Arc<Mutex<Vec<String>>>,
    /// Refuses to queue.
    pub(super) closed: bool,
    pub(super) began: Instant,
    pub(super) log: Log,
}

impl Transport for World {
    async fn post(&self, id: &ConnectionId, _: &Payload) -> Result<(), SendError> {
        match self.gone.lock().unwrap().contains(id) {
            true => Err(SendError::Gone),
            false => Ok(()),
        }
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), SendError> {
        self.inspect(id).await.map(drop)
    }

    async fn inspect(&self, id: &ConnectionId) -> Result<Inspection, SendError> {
        match self.gone.lock().unwrap().contains(id) {
            true => Err(SendError::Gone),
            false => Ok(Inspection::default()),
        }
    }

    fn url(&self) -> &str {
        "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/dev"
    }
}

impl Tasks for World {
    fn queue(&self, event: String) -> BoxFuture<'_, Result<(), BoxError>> {
        let queued = match self.closed {
            true => Err("the queue is closed".into()),
            false => {
                self.queue.lock().unwrap().push(event);
                Ok(())
            }
        };
        Box::pin(std::future::ready(queued))
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        BEGINNING + self.began.elapsed()
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            store: Memory::new(),
            calls: Arc::default(),
            gone: Arc::default(),
            queue: Arc::default(),
            closed: false,
            began: Instant::now(),
            log: Log::default(),
        }
    }

    pub(super) fn backend(&self) -> Backend {
        let calls = self.calls.clone();
        let store = InterceptedStore {
            store: self.store.clone(),
            before: move |name: &'static str| -> BoxFuture<'static, Result<(), StoreError>> {
                calls.lock().unwrap().push(name);
                Box::pin(std::future::ready(Ok(())))
            },
        };
        let transports = Transports::one(Arc::new(self.clone()));
        Backend::new(Arc::new(store), transports).with_clock(self.clone())
    }

    /// One process of the function.
    pub(super) fn process(&self) -> Dispatcher {
        self.process_of(hooked(&self.log))
    }

    pub(super) fn process_of(&self, router: Router) -> Dispatcher {
        let backend = self.backend().with_tasks(Arc::new(self.clone()), 3);
        Dispatcher::new(router, backend)
    }

    pub(super) fn event(&self, kind: &str, id: &str, query: &Value, body: &str) -> String {
        let key = match kind {
            "MESSAGE" => "$default".to_owned(),
            kind => format!("${}", kind.to_lowercase()),
        };
        let event = json!({
            "requestContext": {
                "eventType": kind, "routeKey": key, "connectionId": id,
                "connectedAt": BEGINNING.millis(), "requestId": "r", "requestTimeEpoch": 0,
                "apiId": "a1b2c3d4e5", "stage": "dev", "domainName": "example.com",
            },
            "headers": {}, "multiValueHeaders": {},
            "multiValueQueryStringParameters": query,
            "body": body,
        });
        event.to_string()
    }

    pub(super) async fn connects(
        &self,
        dispatcher: &Dispatcher,
        id: &str,
        user: &str,
        rooms: &[&str],
    ) {
        let query = json!({"user": [user], "room": rooms});
        let reply = call(dispatcher, &self.event("CONNECT", id, &query, ""))
            .await
            .unwrap();
        assert_eq!(reply["statusCode"], 200);
    }

    pub(super) async fn disconnects(&self, dispatcher: &Dispatcher, id: &str) {
        let event = self.event("DISCONNECT", id, &Value::Null, "");
        call(dispatcher, &event).await.unwrap();
    }

    pub(super) async fn says(&self, dispatcher: &Dispatcher, id: &str, message: &str) {
        call(
            dispatcher,
            &self.event("MESSAGE", id, &Value::Null, message),
        )
        .await
        .unwrap();
    }

    pub(super) fn queued(&self) -> Vec<String> {
        std::mem::take(&mut self.queue.lock().unwrap())
    }

    /// Does what is queued, and what that queues, each in a process of its own with so many seconds.
    pub(super) async fn work(&self, seconds: u32) -> usize {
        let mut count = 0;
        loop {
            let tasks = self.queued();
            if tasks.is_empty() {
                return count;
            }
            count += tasks.len();
            let work = tasks.iter().map(|task| self.task(task, seconds));
            for done in join_all(work).await {
                assert_eq!(done.unwrap(), "done");
            }
        }
    }

    pub(super) async fn task(&self, task: &str, seconds: u32) -> Result<Value, BoxError> {
        let invocation = InvocationContext {
            deadline: Some(Instant::now() + SECOND * seconds),
            ..InvocationContext::default()
        };
        let reply = self.process().call(task, invocation).await?;
        Ok(serde_json::to_value(reply)?)
    }

    pub(super) fn announced(&self) -> Vec<String> {
        take(&self.log)
    }

    pub(super) fn requests(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for name in std::mem::take(&mut *self.calls.lock().unwrap()) {
            *counts.entry(name).or_default() += 1;
        }
        counts
    }
}
