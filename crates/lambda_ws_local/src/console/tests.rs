use super::*;
use crate::activity::{Observer as _, Observers};
use crate::admin::Admin;
use crate::faults::Faults;
use crate::function::{LogLine, Stream};
use crate::gateway::testing::{Local, Reply, Setup, ok};
use crate::gateway::{Audience, IntegrationError, Rate, RateLimits};
use crate::guard::Guard;
use crate::session_tokens::{Session, SessionTokens};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway with a console, and what it is told.
struct Watched {
    local: Local,
    activity: ActivityLog,
    tokens: SessionTokens,
}

/// A function that repeats its event.
struct Repeating;

impl Functions for Repeating {
    fn names(&self) -> Vec<String> {
        vec!["chat".to_owned()]
    }

    fn invoke(&self, function: &str, event: Bytes) -> Invoked {
        let known = function == "chat";
        Box::pin(async move { known.then_some(event).ok_or("nobody".to_owned()) })
    }

    fn freezes(&self) -> Option<bool> {
        Some(true)
    }

    fn set_freeze(&self, _: bool) {}
}

async fn start(setup: Setup, web: Option<&Path>) -> Watched {
    start_for(setup, web, Audience::ThisMachine).await
}

async fn start_for(setup: Setup, web: Option<&Path>, audience: Audience) -> Watched {
    let tokens = SessionTokens::new();
    let activity = ActivityLog::new(tokens.clone());
    let dynamodb = DynamoDb::memory().unwrap();
    dynamodb.create_table(table(), Some("exp")).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // The clients' address is known before the gateway is.
    let address = listener.local_addr().unwrap();
    let console = Console::new(activity.clone(), dynamodb, Arc::new(Repeating), address);
    let setup = setup.options(|options| {
        options.session_tokens = tokens.clone();
        options.observers = Observers::default().with(activity.clone());
    });
    let setup = setup.pages(Site {
        admin: Admin::new(Faults::default()),
        console: Some(console),
        web: web.map(|folder| Web::new(folder, false)),
        admin_audience: audience,
        console_audience: audience,
    });
    let local = setup.serve(listener);
    Watched {
        local,
        activity,
        tokens,
    }
}

fn table() -> Value {
    json!({
        "TableName": "Connections", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    })
}

/// A function that lets nobody in without a query string, and speaks every sub-protocol.
async fn choosy(event: Value) -> Result<String, IntegrationError> {
    let status = match event["queryStringParameters"].is_object() {
        true => 200,
        false => 401,
    };
    let protocol = &event["headers"]["Sec-WebSocket-Protocol"];
    let mut headers = json!({});
    if protocol.is_string() {
        headers["Sec-WebSocket-Protocol"] = protocol.clone();
    }
    Ok(json!({ "statusCode": status, "headers": headers }).to_string())
}

impl Watched {
    async fn call(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let path = format!("/_console/api/{path}");
        let answer = self.local.http(method, &path, body.as_bytes()).await;
        let json = serde_json::from_str(&answer.body);
        (answer.status, json.unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Reply {
        self.local.http("GET", path, b"").await
    }

    /// A page that listens.
    async fn page(&self) -> Listening {
        let mut stream = self.local.raw().await;
        let request = "GET /_console/api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        Listening(BufReader::new(stream).lines())
    }
}

struct Listening(Lines<BufReader<TcpStream>>);

impl Listening {
    /// The next batch; `None` at the end.
    async fn batch(&mut self) -> Option<Value> {
        let next = async {
            while let Some(line) = self.0.next_line().await.ok()? {
                if let Some(data) = line.strip_prefix("data: ") {
                    return Some(serde_json::from_str(data).unwrap());
                }
            }
            None
        };
        let next = tokio::time::timeout(PATIENCE, next).await;
        next.expect("the stream goes on or ends")
    }

    /// The first entry of this kind that is so.
    async fn entry(&mut self, kind: &str, is: impl Fn(&Value) -> bool) -> Value {
        let found = async {
            loop {
                let batch = self.batch().await.expect("the stream goes on");
                let mut entries = batch["entries"].as_array().unwrap().iter();
                if let Some(found) = entries.find(|one| one["k"] == kind && is(one)) {
                    return found.clone();
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.unwrap_or_else(|_| panic!("no entry `{kind}` is told"))
    }
}

#[tokio::test]
async fn the_page_is_whole_and_keeps_to_itself() {
    let watched = start(Setup::new(), None).await;
    let page = watched.get("/_console/").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<title>lambda_ws console</title>"));
    let policy = page.header("content-security-policy").unwrap().to_owned();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );
    for asset in ["app.js", "style.css", "icon.svg"] {
        let found = watched.get(&format!("/_console/{asset}")).await;
        assert_eq!(found.status, 200, "{asset}");
    }
    let moved = watched.get("/_console").await;
    assert_eq!(
        (moved.status, moved.header("location")),
        (308, Some("/_console/"))
    );
    assert_eq!(watched.get("/_console/nothing").await.status, 404);
    assert_eq!(watched.call("GET", "nothing", "").await.0, 404);
    assert_eq!(watched.call("PUT", "post", "").await.0, 405);
    assert_eq!(
        watched.local.http("POST", "/_console/", b"").await.status,
        405
    );
}

#[tokio::test]
async fn a_page_of_elsewhere_is_refused() {
    let watched = start(Setup::new(), None).await;
    for headers in [
        "Host: evil.example\r\n",
        "Host: localhost\r\nOrigin: https://evil.example\r\n",
    ] {
        for path in ["/_console/", "/_console/api/state", "/_console/api/stream"] {
            let answer = watched.local.http_with("GET", path, headers, b"").await;
            assert_eq!(answer.status, 403, "{path} {headers}");
        }
    }
}

#[tokio::test]
async fn fault_m4_a_page_on_another_port_of_this_machine_is_refused_everywhere_but_at_the_websocket()
 {
    let setup = Setup::new().route("$connect", ok).route("$default", ok);
    let watched = start(setup, None).await;
    for (method, path) in [
        ("GET", "/_admin"),
        ("POST", "/_admin/invoke"),
        ("GET", "/_console/"),
        ("POST", "/_console/api/post"),
        ("GET", "/_console/api/stream"),
        ("POST", "/dev/@connections/AAAAAAAAAAAAAAA="),
    ] {
        for header in [
            "Origin: http://localhost:8080",
            "Origin: null",
            "Sec-Fetch-Site: same-site",
            "Sec-Fetch-Site: cross-site",
        ] {
            let headers =
                format!("Host: localhost:3001\r\n{header}\r\nContent-Type: text/plain\r\n");
            let answer = watched.local.http_with(method, path, &headers, b"{}").await;
            assert_eq!(answer.status, 403, "{path} {header}");
        }
    }
    let own =
        "Host: localhost:3001\r\nOrigin: http://localhost:3001\r\nSec-Fetch-Site: same-origin\r\n";
    let answer = watched.local.http_with("GET", "/_admin", own, b"").await;
    assert_eq!(answer.status, 200);
    // As on AWS, where only the function decides about origins.
    let evil = [("Origin", "https://evil.example")];
    let handshake = watched.local.handshake("/dev", &evil).await;
    assert!(handshake.is_ok());
}

#[tokio::test]
async fn fault_l8_the_console_and_the_admin_api_answer_to_this_machine_alone_unless_exposed() {
    for (audience, status) in [(Audience::ThisMachine, 403), (Audience::OtherMachines, 200)] {
        let setup = Setup::new().options(|options| {
            options.guard = Guard::new(["tunnel.example"]);
        });
        let watched = start_for(setup, None, audience).await;
        for path in ["/_console/", "/_admin"] {
            let host = |host: &str| format!("Host: {host}\r\n");
            let far = host("tunnel.example");
            let answer = watched.local.http_with("GET", path, &far, b"").await;
            assert_eq!(answer.status, status, "{path} {audience:?}");
            let near = host("127.0.0.1:3001");
            let answer = watched.local.http_with("GET", path, &near, b"").await;
            assert_eq!(answer.status, 200, "{path} {audience:?}");
        }
    }
}

#[tokio::test]
async fn what_happens_is_told_in_its_order() {
    let setup = Setup::new().route("$connect", ok).route("$default", ok);
    let watched = start(setup, None).await;
    let mut page = watched.page().await;
    let mut client = watched.local.connect().await;
    let opened = page.entry("opened", |_| true).await;
    let id = opened["connection"].as_str().unwrap();
    client.send("hello").await;
    let done = page.entry("done", |one| one["what"] == "message").await;
    assert_eq!(
        (&done["route"], &done["connection"]),
        (&json!("$default"), &json!(id))
    );
    assert_eq!(
        (&done["outcome"], &done["good"]),
        (&json!("ok"), &json!(true))
    );
    watched
        .call("POST", "close", &json!({ "connection": id }).to_string())
        .await;
    let closed = page.entry("closed", |_| true).await;
    assert_eq!(
        (&closed["connection"], &closed["outcome"]),
        (&json!(id), &json!("1000"))
    );
}

#[tokio::test]
async fn a_new_page_hears_the_past_and_another_one_goes_on() {
    let watched = start(Setup::new().route("$connect", ok), None).await;
    let event = Bytes::from_static(b"{}");
    watched.activity.invocation_begun("chat", "a", None, &event);
    watched
        .activity
        .invocation_ended("a", Duration::from_millis(3), Ok(&event));
    let mut page = watched.page().await;
    let first = page.batch().await.unwrap();
    let kinds: Vec<_> = first["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["k"])
        .collect();
    assert_eq!(kinds, ["begun", "ended"]);
    let headers = format!("Host: localhost\r\nLast-Event-ID: {}\r\n", first["next"]);
    let mut stream = watched.local.raw().await;
    let request = format!("GET /_console/api/stream HTTP/1.1\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut again = Listening(BufReader::new(stream).lines());
    assert_eq!(again.batch().await.unwrap()["entries"], json!([]));
}

#[tokio::test]
async fn a_page_that_does_not_read_holds_nobody_up_and_is_told_what_it_lost() {
    let watched = start(Setup::new(), None).await;
    let mut page = watched.page().await;
    page.batch().await.unwrap();
    let text = "x".repeat(100_000);
    for _ in 0..1_000 {
        let line = LogLine {
            environment: 1,
            request_id: None,
            stream: Stream::Stdout,
            text: text.clone(),
        };
        // 100 MB: far more than is kept, and than a socket takes.
        watched.activity.log_line("chat", &line);
    }
    let mut lost = 0;
    while lost == 0 {
        let batch = page.batch().await.unwrap();
        lost = batch["lost"].as_u64().unwrap();
    }
    assert!(lost > 500, "{lost}");
}

#[tokio::test]
async fn very_much_is_sampled_by_whole_invocations() {
    let watched = start(Setup::new(), None).await;
    let mut page = watched.page().await;
    page.batch().await.unwrap();
    let event = Bytes::from_static(b"{}");
    for number in 0..3_000 {
        let id = number.to_string();
        watched.activity.invocation_begun("chat", &id, None, &event);
        watched
            .activity
            .invocation_ended(&id, Duration::ZERO, Ok(&event));
    }
    let (mut begun, mut ended, mut sampled) = (Vec::new(), Vec::new(), 1);
    while sampled == 1 {
        let batch = page.batch().await.unwrap();
        for entry in batch["entries"].as_array().unwrap() {
            let list = if entry["k"] == "begun" {
                &mut begun
            } else {
                &mut ended
            };
            list.push(entry["id"].clone());
        }
        sampled = batch["sampled"].as_u64().unwrap_or(1);
    }
    assert!(begun.len() < 500, "{}", begun.len());
    assert_eq!(begun, ended);
}

#[tokio::test]
async fn the_stream_ends_with_the_gateway() {
    let watched = start(Setup::new(), None).await;
    let mut page = watched.page().await;
    page.batch().await.unwrap();
    let ended = tokio::time::timeout(PATIENCE, watched.local.shut_down());
    let (_, ended) = tokio::join!(async { while page.batch().await.is_some() {} }, ended);
    ended.expect("a page that listens does not hold the end up");
}

#[tokio::test]
async fn a_client_of_the_console_connects_sends_and_hears() {
    let setup = Setup::new()
        .route("$connect", choosy)
        .two_way("$default", crate::gateway::testing::echo);
    let watched = start(setup, None).await;
    let mut page = watched.page().await;
    let wanted = json!({
        "name": "ann", "query": "user=ann", "headers": [["X-Who", "ann"]], "protocols": ["chat.v1"],
    });
    let (status, told) = watched.call("POST", "clients", &wanted.to_string()).await;
    assert_eq!(status, 200, "{told}");
    page.entry("client", |one| one["state"] == "open").await;
    let event = watched.local.expect("CONNECT").await;
    assert_eq!(event["headers"]["x-who"], "ann");
    assert_eq!(event["headers"]["Sec-WebSocket-Protocol"], "chat.v1");
    watched.call("POST", "clients/1/send", "hi there").await;
    let heard = page
        .entry("said", |one| one["direction"] == "received")
        .await;
    assert_eq!(
        (&heard["text"], &heard["bytes"]),
        (&json!("hi there"), &json!(8))
    );
    let (_, all) = watched.call("GET", "clients", "").await;
    assert_eq!(all[0]["messages"].as_array().unwrap().len(), 2);
    watched.call("POST", "clients/1/close", "").await;
    page.entry("client", |one| one["state"] == "closed").await;
    assert_eq!(watched.call("DELETE", "clients/1", "").await.0, 200);
    assert_eq!(watched.call("GET", "clients", "").await.1, json!([]));
}

#[tokio::test]
async fn a_client_that_is_refused_shows_the_status_and_the_request() {
    let watched = start(Setup::new().route("$connect", choosy), None).await;
    let mut page = watched.page().await;
    watched.call("POST", "clients", "{}").await;
    let refused = page.entry("client", |one| one["state"] == "refused").await;
    assert_eq!(refused["more"]["status"], 401);
    let body: Value = serde_json::from_str(refused["more"]["body"].as_str().unwrap()).unwrap();
    let event = watched.local.expect("CONNECT").await;
    assert_eq!(body["requestId"], event["requestContext"]["requestId"]);
    assert_eq!(watched.call("POST", "clients/1/send", "hi").await.0, 400);
    let bad = json!({ "headers": [["no header", "x"]] }).to_string();
    assert_eq!(watched.call("POST", "clients", &bad).await.0, 400);
}

#[tokio::test]
async fn the_console_posts_to_one_to_a_room_and_to_all() {
    let watched = start(Setup::new().route("$connect", ok), None).await;
    let (mut ann, mut bob) = (watched.local.connect().await, watched.local.connect().await);
    let (ann_id, bob_id) = (watched.local.id().await, watched.local.id().await);
    let to = |to: Value| json!({ "to": to, "data": "hello" }).to_string();
    let (_, done) = watched
        .call("POST", "post", &to(json!({ "connection": ann_id })))
        .await;
    assert_eq!((&done["asked"], &done["sent"]), (&json!(1), &json!(1)));
    assert_eq!(ann.text().await, "hello");
    let (_, done) = watched
        .call("POST", "post", &to(json!({ "everyone": true })))
        .await;
    assert_eq!(done["sent"], 2);
    assert_eq!(
        (ann.text().await, bob.text().await),
        ("hello".into(), "hello".into())
    );
    let (_, done) = watched
        .call("POST", "post", &to(json!({ "room": "empty" })))
        .await;
    assert_eq!(done["asked"], 0);
    let (_, gone) = watched
        .call(
            "POST",
            "post",
            &to(json!({ "connection": "L0SM9cOFvHcCIhw=" })),
        )
        .await;
    assert_eq!(gone["failed"], json!({ "410": 1 }));
    let (_, known) = watched
        .call("POST", "details", &json!([bob_id, "nobody"]).to_string())
        .await;
    assert_eq!(known.as_object().unwrap().len(), 1);
    let (_, closed) = watched
        .call(
            "POST",
            "close",
            &json!({ "connection": bob_id }).to_string(),
        )
        .await;
    assert_eq!(closed["status"], 204);
}

#[tokio::test]
async fn tables_are_read_and_never_written() {
    let watched = start(Setup::new(), None).await;
    let (_, tables) = watched.call("POST", "dynamodb/ListTables", "{}").await;
    assert_eq!(tables["TableNames"], json!(["Connections"]));
    let (status, refused) = watched
        .call(
            "POST",
            "dynamodb/DeleteTable",
            r#"{"TableName":"Connections"}"#,
        )
        .await;
    assert_eq!(status, 400, "{refused}");
    let (_, items) = watched
        .call("GET", "items?connection=L0SM9cOFvHcCIhw%3D", "")
        .await;
    assert_eq!(items, json!({ "items": [], "looked": 0, "whole": true }));
}

#[tokio::test]
async fn an_event_is_sent_again() {
    let watched = start(Setup::new(), None).await;
    let event = json!({ "function": "chat", "event": "{\"a\":1}" }).to_string();
    let (_, answer) = watched.call("POST", "replay", &event).await;
    assert_eq!(
        (&answer["response"], &answer["error"]),
        (&json!("{\"a\":1}"), &Value::Null)
    );
    let nobody = json!({ "function": "x", "event": "{}" }).to_string();
    assert_eq!(
        watched.call("POST", "replay", &nobody).await.1["error"],
        "nobody"
    );
    let none = json!({ "function": "chat", "event": "{" }).to_string();
    assert_eq!(watched.call("POST", "replay", &none).await.0, 400);
}

#[tokio::test]
async fn limits_are_set_and_lifted_while_the_template_s_stay() {
    let mut limits = RateLimits::default();
    limits.routes.insert("say".to_owned(), Rate::new(1.0, 2.0));
    let setup = Setup::new().options(|options| options.throttle.set(Some(limits)));
    let watched = start(setup, None).await;
    let wanted = r#"{"throttle":{"rate":5,"burst":6,"connections":7}}"#;
    let (_, knobs) = watched.call("PATCH", "knobs", wanted).await;
    assert_eq!(
        knobs["throttle"],
        json!({ "rate": 5.0, "burst": 6.0, "connections": 7.0 })
    );
    assert_eq!(knobs["freeze"], true);
    let limits = watched.local.gateway.throttle().limits().unwrap();
    assert_eq!(limits.routes["say"], Rate::new(1.0, 2.0));
    let (_, knobs) = watched.call("PATCH", "knobs", r#"{"throttle":null}"#).await;
    assert_eq!(knobs["throttle"], Value::Null);
    let (status, _) = watched
        .call(
            "PATCH",
            "knobs",
            r#"{"throttle":{"rate":-1,"burst":1,"connections":1}}"#,
        )
        .await;
    assert_eq!(status, 400);
    let (_, knobs) = watched.call("PATCH", "knobs", wanted).await;
    assert_eq!(knobs["throttle"]["rate"], 5.0);
    let limits = watched.local.gateway.throttle().limits().unwrap();
    assert_eq!(
        limits.routes["say"],
        Rate::new(1.0, 2.0),
        "after they were lifted, too"
    );
}

#[tokio::test]
async fn a_call_belongs_to_the_event_of_the_process_that_makes_it() {
    let watched = start(Setup::new(), None).await;
    let mut page = watched.page().await;
    let dynamodb = DynamoDb::memory()
        .unwrap()
        .with_observers(Observers::default().with(watched.activity.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { dynamodb.serve(listener, Default::default()).await });
    let event = Bytes::from_static(b"{}");
    for (environment, id) in [(1, "a"), (2, "b")] {
        watched.activity.invocation_begun("chat", id, None, &event);
        watched
            .activity
            .environment_started("chat", environment, &id.into(), None);
    }
    let call = async |token: Option<String>| {
        let token = token.map(|token| format!("X-Amz-Security-Token: {token}\r\n"));
        let request = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: DynamoDB_20120810.ListTables\r\n{}Content-Length: 2\r\n\r\n{{}}",
            token.unwrap_or_default()
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    };
    let token = |environment| {
        watched.tokens.issue(Session {
            function: "chat",
            environment,
        })
    };
    let _second = call(token(2)).await;
    let told = page.entry("call", |_| true).await;
    assert_eq!(
        (&told["id"], &told["origin"]),
        (&json!("b"), &json!("during"))
    );
    assert_eq!(
        (&told["action"], &told["status"]),
        (&json!("ListTables"), &json!(200))
    );
    let _nobody = call(None).await;
    assert_eq!(page.entry("call", |_| true).await["origin"], "unknown");
    watched.activity.environment_idle("chat", 2);
    watched
        .activity
        .invocation_ended("b", Duration::ZERO, Ok(&event));
    let _late = call(token(2)).await;
    assert_eq!(page.entry("call", |_| true).await["origin"], "after");
    let _nobody = call(Some("local-0/chat/2".to_owned())).await;
    let likely = page.entry("call", |_| true).await;
    assert_eq!(
        (&likely["id"], &likely["origin"]),
        (&json!("a"), &json!("likely"))
    );
    serving.abort();
}

#[tokio::test]
async fn the_application_s_own_page_is_served_beside_the_stage() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("index.html", "<title>mine</title>");
    write(".secret", "no");
    std::fs::write(folder.path().with_extension("outside"), "no").unwrap();
    let watched = start(Setup::new(), Some(folder.path())).await;
    let page = watched.get("/").await;
    assert_eq!(
        (page.status, page.body.as_str()),
        (200, "<title>mine</title>")
    );
    assert!(
        page.header("content-security-policy")
            .unwrap()
            .contains("default-src 'self'")
    );
    let config: Value = serde_json::from_str(&watched.get("/config.json").await.body).unwrap();
    assert_eq!(config["websocket"], "ws://localhost/dev");
    let outside = folder.path().with_extension("outside");
    let outside = format!("/../{}", outside.file_name().unwrap().to_str().unwrap());
    for path in [
        "/nothing.js",
        "/.secret",
        &outside,
        "/%2e%2e/x",
        "//etc/passwd",
    ] {
        assert_eq!(watched.get(path).await.status, 403, "{path}");
    }
    // A3.
    assert_eq!(watched.get("/dev").await.status, 426);
    // Files are read anew.
    write("index.html", "changed");
    write("config.json", "{}");
    assert_eq!(watched.get("/").await.body, "changed");
    assert_eq!(watched.get("/config.json").await.body, "{}");
    std::fs::remove_file(folder.path().with_extension("outside")).unwrap();
}
