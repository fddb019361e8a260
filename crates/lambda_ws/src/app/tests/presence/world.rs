//! Processes of a function that keeps presence.

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

impl World {
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
        let result = call(dispatcher, &self.event("CONNECT", id, &query, "")).await;
        let reply = result.unwrap();
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

    /// Runs the queued tasks, and the tasks that these queue, each in its own process with this timeout.
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
        self.invoke(&self.process(), task, seconds).await
    }

    pub(super) fn announced(&self) -> Vec<String> {
        take(&self.log)
    }
}
