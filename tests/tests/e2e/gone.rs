//! 410s that are not true: no live connection is taken for gone.

use bytes::Bytes;
use futures_util::StreamExt;
use lambda_ws::store::{Memory, Record, Scope, Slice, Store};
use lambda_ws::transport::ApiGateway;
use lambda_ws::{ConnectionId, Sender, Timestamp};
use lambda_ws_local::gateway::{Api, Fault, Gateway, Integration, Invocation, Options, Route};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

const API: &str = "abcd1234/dev";

/// How many clients listen.
const CLIENTS: usize = 500;

/// Accepts everybody, and notes who that is.
#[derive(Clone, Default)]
struct Accepting(Arc<Mutex<Vec<ConnectionId>>>);

impl Integration for Accepting {
    fn invoke(&self, event: Bytes, _: &str) -> Invocation {
        let event: serde_json::Value = serde_json::from_slice(&event).expect("an event is JSON");
        let id = event["requestContext"]["connectionId"].as_str();
        let id = id.expect("an event has a connection").into();
        self.0.lock().unwrap().push(id);
        Box::pin(async { Ok(Bytes::from_static(br#"{"statusCode":200}"#)) })
    }
}

/// The posts of one run: 10 000, or as many as `POSTS` says.
fn posts() -> usize {
    let posts = std::env::var("POSTS").ok();
    posts.map_or(10_000, |posts| posts.parse().expect("POSTS is a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_live_connection_is_removed_though_one_post_in_a_hundred_is_called_gone() {
    let connected = Accepting::default();
    let mut api = Api::new("abcd1234", "dev");
    let route = Route::new(Arc::new(connected.clone()));
    api.routes.insert("$connect".to_owned(), route);
    let random = Mutex::new(fastrand::Rng::with_seed(410));
    let false_gone = Arc::new(Mutex::new(0));
    let mut options = Options::default();
    let counted = false_gone.clone();
    options.faults = Some(Arc::new(move |_| {
        let unlucky = random.lock().unwrap().usize(..100) == 0;
        *counted.lock().unwrap() += usize::from(unlucky);
        unlucky.then_some(Fault::Gone)
    }));
    let gateway = Gateway::new(api, options);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (url, management) = (gateway.url(address), gateway.management_url(address));
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = gateway.clone();
    let serving = tokio::spawn(async move {
        serving.serve(listener, async { drop(stopped.await) }).await;
    });

    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (mut socket, _) = connect_async(&url).await.unwrap();
        clients.spawn(async move {
            let mut heard: HashMap<String, usize> = HashMap::new();
            while let Some(Ok(Message::Text(text))) = socket.next().await {
                *heard.entry(text.to_string()).or_default() += 1;
            }
            heard
        });
    }

    let store = Memory::new();
    let ids = connected.0.lock().unwrap().clone();
    assert_eq!(ids.len(), CLIENTS);
    let now = Timestamp::now();
    let long_ago = Timestamp::from_millis(now.millis() - 60_000);
    for id in &ids {
        let mut record = Record::new(id.clone(), long_ago, API, now);
        record.rooms.insert("all".to_owned());
        store.register(&record).await.unwrap();
    }
    let sender = Sender::new(store.clone(), ApiGateway::new(&config(), management), API);
    let rounds = posts().div_ceil(CLIENTS);
    for round in 0..rounds {
        let delivery = sender.room("all").send(round.to_string()).await.unwrap();
        assert_eq!(delivery.sent, CLIENTS, "round {round}: {delivery:?}");
    }

    let all = Scope::Room("all".to_owned());
    let page = store.page(&all, Slice::ALL, None, now).await.unwrap();
    assert_eq!(page.ids.len(), CLIENTS, "a live connection was removed");
    let false_gone = *false_gone.lock().unwrap();
    assert!(
        false_gone > posts() / 200,
        "{false_gone} posts were called gone"
    );
    println!(
        "{} posts, {false_gone} of them called gone, nobody removed",
        rounds * CLIENTS
    );

    drop(stop);
    tokio::time::timeout(Duration::from_secs(30), serving)
        .await
        .unwrap()
        .unwrap();
    while let Some(heard) = clients.join_next().await {
        let heard = heard.unwrap();
        assert_eq!(heard.len(), rounds, "everybody hears every message");
        assert!(heard.values().all(|times| *times == 1), "and hears it once");
    }
}

/// What the AWS SDK needs: the local gateway takes any key.
fn config() -> aws_config::SdkConfig {
    let key =
        aws_sdk_apigatewaymanagement::config::Credentials::new("test", "test", None, None, "test");
    aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("us-east-1"))
        .credentials_provider(
            aws_sdk_apigatewaymanagement::config::SharedCredentialsProvider::new(key),
        )
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build()
}
