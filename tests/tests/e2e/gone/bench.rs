//! A gateway that lies as it is told, and a sender that has to find out.

use bytes::Bytes;
use futures_util::future::{join, join_all};
use lambda_ws::store::{Memory, Record, Scope, Slice, Store};
use lambda_ws::transport::{ApiGateway, Transport};
use lambda_ws::{Audience, ConnectionId, Delivery, SendError, Sender, Timestamp};
use lambda_ws_local::activity::{Observers, Operation, OperationKind};
use lambda_ws_local::gateway::{
    Api, Fault, Gateway, Integration, Invocation, Options, Outcome, Route, Script,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tests::{Client, sdk_config, until, within};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(super) const API: &str = "abcd1234/dev";
const ROOM: &str = "all";

/// The age of a connection that has been open for a while.
pub(super) const OLD: Duration = Duration::from_secs(60);

/// A gateway, its clients, and a sender to them through the AWS SDK.
pub(super) struct Bench {
    pub(super) sender: Sender,
    pub(super) store: Memory,
    /// What the sender sends through.
    pub(super) transport: ApiGateway,
    /// The clients that are connected.
    pub(super) clients: HashMap<ConnectionId, Client>,
    url: String,
    accepting: Accepting,
    lies: Lies,
    calls: Arc<Mutex<Vec<Call>>>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

/// Accepts everybody, and notes who that is.
#[derive(Clone, Default)]
struct Accepting(Arc<Mutex<Option<ConnectionId>>>);

impl Integration for Accepting {
    fn invoke(&self, event: Bytes, _: &str) -> Invocation {
        let event: serde_json::Value = serde_json::from_slice(&event).expect("an event is JSON");
        let id = event["requestContext"]["connectionId"].as_str();
        let id = id.expect("an event has a connection").into();
        *self.0.lock().unwrap() = Some(id);
        Box::pin(async { Ok(Bytes::from_static(br#"{"statusCode":200}"#)) })
    }
}

/// What posts to each connection are answered instead of being sent.
type Lies = Arc<Mutex<HashMap<String, Box<dyn Iterator<Item = Fault> + Send>>>>;

/// One call of the management API.
struct Call {
    id: ConnectionId,
    kind: OperationKind,
    status: u16,
    when: Instant,
}

impl Bench {
    /// A gateway that lies where it is told to.
    pub(super) async fn new() -> Self {
        let lies = Lies::default();
        let told = lies.clone();
        let script: Script = Arc::new(move |id| told.lock().unwrap().get_mut(id)?.next());
        let bench = Self::with_script(script).await;
        Self { lies, ..bench }
    }

    /// A gateway on which one request of `of` gets a false 410, with the number of those. A connection never gets three
    /// in a row, because the request fails then.
    pub(super) async fn with_false_410s(of: usize) -> (Self, Arc<AtomicUsize>) {
        let state = Mutex::new((fastrand::Rng::with_seed(410), HashMap::new()));
        let count = Arc::new(AtomicUsize::new(0));
        let counted = count.clone();
        let script: Script = Arc::new(move |id| {
            let (random, rows) = &mut *state.lock().unwrap();
            let row: &mut usize = rows.entry(id.to_owned()).or_default();
            let is_false = *row < 2 && random.usize(..of) == 0;
            *row = if is_false { *row + 1 } else { 0 };
            is_false.then(|| {
                counted.fetch_add(1, Ordering::Relaxed);
                Fault::Gone
            })
        });
        (Self::with_script(script).await, count)
    }

    /// A gateway that lies as `script` says.
    async fn with_script(script: Script) -> Self {
        let accepting = Accepting::default();
        let mut api = Api::new("abcd1234", "dev");
        let route = Route::new(Arc::new(accepting.clone()));
        api.routes.insert("$connect".to_owned(), route);
        let calls = Arc::new(Mutex::new(Vec::new()));
        let noted = calls.clone();
        let mut options = Options::default();
        options.script = Some(script);
        options.observers = Observers::default().with(move |operation: &Operation<'_>| {
            noted.lock().unwrap().extend(Call::of(operation));
        });
        let gateway = Gateway::new(api, options);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = gateway.url(address);
        let transport =
            ApiGateway::new(&sdk_config("test", "test"), gateway.management_url(address));
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            gateway.serve(listener, async { drop(stopped.await) }).await;
        });
        let store = Memory::new();
        Self {
            sender: Sender::new(store.clone(), transport.clone(), API),
            store,
            transport,
            clients: HashMap::new(),
            url,
            accepting,
            lies: Lies::default(),
            calls,
            stop,
            serving,
        }
    }

    /// A client that is connected, and of which the store knows nothing.
    pub(super) async fn stranger(&mut self) -> ConnectionId {
        let client = Client::connect(&self.url).await;
        let id = self.accepting.0.lock().unwrap().take();
        let id = id.expect("who is let in was announced");
        self.clients.insert(id.clone(), client);
        id
    }

    /// A client in the room whose connection was opened so long ago, as far as the store knows.
    pub(super) async fn member(&mut self, age: Duration) -> ConnectionId {
        let id = self.stranger().await;
        self.register(Self::record(&id, age)).await;
        id
    }

    /// So many of them.
    pub(super) async fn members(&mut self, count: usize, age: Duration) -> Vec<ConnectionId> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.member(age).await);
        }
        ids
    }

    /// The record of a connection in the room that was opened so long ago.
    pub(super) fn record(id: &ConnectionId, age: Duration) -> Record {
        let now = Timestamp::now();
        let at = now.millis() - u64::try_from(age.as_millis()).unwrap();
        let mut record = Record::new(id.clone(), Timestamp::from_millis(at), API, now);
        record.rooms.insert(ROOM.to_owned());
        record
    }

    pub(super) async fn register(&self, record: Record) {
        self.store.register(&record).await.unwrap();
    }

    /// Lets the client end its connection; the store does not learn of it.
    pub(super) async fn end(&mut self, id: &ConnectionId) {
        let client = self.clients.remove(id).expect("it is connected");
        client.close().await;
        until("the end of a connection", async || {
            let found = self.transport.inspect(id).await;
            matches!(found, Err(SendError::Gone)).then_some(())
        })
        .await;
        self.calls.lock().unwrap().retain(|call| call.id != *id);
    }

    /// Has the next posts to a connection answered so, instead of sent.
    pub(super) fn lie<L>(&self, id: &ConnectionId, lies: L)
    where
        L: IntoIterator<Item = Fault, IntoIter: Send + 'static>,
    {
        let lies = Box::new(lies.into_iter());
        self.lies.lock().unwrap().insert(id.to_string(), lies);
    }

    /// The room that everybody is in.
    pub(super) fn room(&self) -> Audience {
        self.sender.room(ROOM)
    }

    /// Who is in it.
    pub(super) async fn in_room(&self) -> Vec<ConnectionId> {
        self.in_scope(Scope::Room(ROOM.to_owned())).await
    }

    pub(super) async fn in_scope(&self, scope: Scope) -> Vec<ConnectionId> {
        let page = self
            .store
            .page(&scope, Slice::ALL, None, Timestamp::now())
            .await;
        page.unwrap().ids
    }

    /// Whether the store takes a connection for gone.
    pub(super) async fn is_marked(&self, id: &ConnectionId) -> bool {
        let record = self.store.record(id, Timestamp::now()).await.unwrap();
        record.expect("its record is kept").gone
    }

    /// What the management API was asked about a connection, and with which status it answered.
    pub(super) fn calls(&self, id: &ConnectionId) -> Vec<(OperationKind, u16)> {
        let calls = self.calls.lock().unwrap();
        let calls = calls.iter().filter(|call| call.id == *id);
        calls.map(|call| (call.kind, call.status)).collect()
    }

    /// The time between these calls.
    pub(super) fn pauses(&self, id: &ConnectionId) -> Vec<Duration> {
        let calls = self.calls.lock().unwrap();
        let of_it = calls.iter().filter(|call| call.id == *id);
        let times: Vec<_> = of_it.map(|call| call.when).collect();
        times.windows(2).map(|two| two[1] - two[0]).collect()
    }

    /// Ends the gateway.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(());
        let result = within("the end of the gateway", self.serving).await;
        result.unwrap();
    }

    /// Ends the gateway; returns all that each client has heard.
    pub(super) async fn heard(mut self) -> HashMap<ConnectionId, Vec<String>> {
        let clients = std::mem::take(&mut self.clients).into_iter();
        let listening = clients.map(async |(id, client)| (id, client.all_texts().await));
        let (heard, ()) = join(join_all(listening), self.stop()).await;
        heard.into_iter().collect()
    }

    /// Ends the gateway.
    ///
    /// # Panics
    ///
    /// If not every client has heard `message`, once, and nothing else.
    #[track_caller]
    pub(super) fn all_heard(self, message: &str) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            for (id, heard) in self.heard().await {
                assert_eq!(heard, [message], "{id} hears ({caller})");
            }
        }
    }
}

impl Call {
    fn of(observed: &Operation<'_>) -> Option<Self> {
        let Outcome::Status(status) = observed.outcome else {
            return None;
        };
        Some(Self {
            id: observed.connection_id.into(),
            kind: observed.kind,
            status,
            when: Instant::now(),
        })
        .filter(|call| call.kind != OperationKind::Connect)
    }
}

/// How many it was sent to, were gone, throttled, and failed.
pub(super) fn counts(delivery: &Delivery) -> [usize; 4] {
    [
        delivery.sent,
        delivery.gone,
        delivery.throttled,
        delivery.failed,
    ]
}
