//! Tests of the log output.

use super::{lines, targets};
use crate::app::{Backend, Dispatcher, InvocationContext, Transports};
use crate::auth::Token;
use crate::error::BoxError;
use crate::payload::Payload;
use crate::store::Memory;
use crate::transport::{Inspection, LogOnly, Transport};
use crate::{Connection, ConnectionId, Error, Json, Opening, PresenceChange, Router, SendError};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing::Level;
use tracing::subscriber::DefaultGuard;

const CONNECT: &str = include_str!("../../../../../events/connect.json");
const SAY: &str = include_str!("../../../../../events/say.json");
const ANN: &str = "AaVuMkdHd_QnW8c=";

/// The logged lines.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Written {
    /// Captures the logs of this thread at a level.
    fn at(level: &str, is_json: bool) -> (Self, DefaultGuard) {
        let written = Self::default();
        let writer = written.clone();
        let lines = lines(super::subscriber::registry(), level, is_json, move || {
            writer.clone()
        });
        (written, tracing::subscriber::set_default(lines))
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    fn json(&self) -> Vec<Value> {
        let text = self.text();
        let lines = text.lines().map(serde_json::from_str);
        lines.collect::<Result<_, _>>().unwrap()
    }
}

/// A transport on which all connections are gone.
struct Empty;

impl Transport for Empty {
    async fn post(&self, _: &ConnectionId, _: &Payload) -> Result<(), SendError> {
        Err(SendError::Gone)
    }

    async fn close(&self, _: &ConnectionId) -> Result<(), SendError> {
        Err(SendError::Gone)
    }

    async fn inspect(&self, _: &ConnectionId) -> Result<Inspection, SendError> {
        Err(SendError::Gone)
    }

    fn url(&self) -> &str {
        "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/dev"
    }
}

fn dispatcher(router: Router, transport: impl Transport) -> Dispatcher {
    let transports = Transports::one(Arc::new(transport));
    Dispatcher::new(router, Backend::new(Arc::new(Memory::new()), transports))
}

async fn call(dispatcher: &Dispatcher, event: &str) -> Result<(), BoxError> {
    let invocation = InvocationContext {
        request_id: Some("8f507cfc-xmpl-4697-b07a-ac58fc914c95"),
        trace_id: Some("Root=1-6566f071-707e729138f4d74b451e8c20"),
        ..InvocationContext::default()
    };
    dispatcher.call(event, invocation).await?;
    Ok(())
}

fn message(body: &str) -> String {
    let mut event: Value = serde_json::from_str(SAY).unwrap();
    event["body"] = body.into();
    event.to_string()
}

async fn connect(me: Opening) -> Result<(), Error> {
    me.user("ann")?;
    me.join("tea")?;
    tracing::info!("the handler's own");
    Ok(())
}

/// A current `$connect` event: the sample's date is long ago.
fn connecting() -> String {
    let now = crate::Timestamp::now().millis();
    let mut event: Value = serde_json::from_str(CONNECT).unwrap();
    event["requestContext"]["connectedAt"] = now.into();
    event["requestContext"]["requestTimeEpoch"] = now.into();
    event.to_string()
}

#[tokio::test]
async fn a_line_names_its_client_event_and_invocation() {
    for level in ["info", "error"] {
        let (written, _guard) = Written::at(level, true);
        let dispatcher = dispatcher(
            Router::new()
                .connect(connect)
                .route("say", async || Err::<(), Error>("the pot is empty".into())),
            LogOnly,
        );
        call(&dispatcher, CONNECT).await.unwrap();
        call(&dispatcher, SAY).await.unwrap();
        let lines = written.json();
        let failed = lines.iter().find(|line| line["level"] == "ERROR").unwrap();
        assert_eq!(failed["message"], "the handler failed");
        assert_eq!(failed["error"], "the pot is empty");
        for line in &lines {
            assert_eq!(line["connection"], ANN, "{line}");
            let request = line["request"].as_str().unwrap();
            assert!(CONNECT.contains(request) || SAY.contains(request), "{line}");
            assert!(["$connect", "$default"].contains(&line["route"].as_str().unwrap()));
            assert_eq!(line["requestId"], "8f507cfc-xmpl-4697-b07a-ac58fc914c95");
            let expected = "Root=1-6566f071-707e729138f4d74b451e8c20";
            assert_eq!(line["xrayTraceId"], expected);
            let members = line.as_object().unwrap().values();
            assert!(members.clone().all(|value| !value.is_object()), "{line}");
        }
        let is_own = |line: &Value| line["message"] == "the handler's own";
        let own = lines.iter().any(is_own);
        assert_eq!(own, level == "info");
    }
}

#[tokio::test]
async fn text_lines_say_the_same() {
    let (written, _guard) = Written::at("warn", false);
    let failing = Router::new().fallback(async || Err::<(), Error>("the pot is empty".into()));
    call(&dispatcher(failing, LogOnly), SAY).await.unwrap();
    let text = written.text();
    for part in [
        "the handler failed",
        "the pot is empty",
        ANN,
        "$default",
        "8f507cfc-xmpl-4697-b07a-ac58fc914c95",
        "Root=1-6566f071-707e729138f4d74b451e8c20",
    ] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
}

#[tokio::test]
async fn an_error_is_logged_with_all_its_causes() {
    let (written, _guard) = Written::at("info", true);
    let cause = std::io::Error::other("no route to host");
    let error = SendError::Unavailable(cause.into());
    tracing::error!(
        error = &error as &dyn std::error::Error,
        times = 3,
        "not sent"
    );
    let lines = written.json();
    let error = "API Gateway is not available: no route to host";
    assert_eq!(lines[0]["error"], json!(error));
    assert_eq!(lines[0]["times"], 3);
}

#[tokio::test]
async fn log_lines_name_their_handler() {
    let (written, _guard) = Written::at("info", true);
    let router = Router::new()
        .connect(connect)
        .opened(async || Err::<(), Error>("no greeting".into()))
        .joined(async |_: PresenceChange| Err::<(), Error>("no herald".into()));
    let dispatcher = dispatcher(router, LogOnly);
    call(&dispatcher, &connecting()).await.unwrap();
    // There are no tasks here, so the `opened` handler runs with the next event.
    let task = r#"{"lambdaWsTask": {"form": 3, "id": "t1", "hop": 3}}"#;
    assert!(call(&dispatcher, task).await.is_err());
    let lines = written.json();
    let about = |error: &str| {
        let found = lines.iter().find(|line| line["error"] == error);
        found.unwrap_or_else(|| panic!("no line says `{error}`: {lines:?}"))
    };
    let herald = about("no herald");
    assert_eq!(herald["route"], "$joined");
    assert_eq!(herald["room"], "tea");
    assert_eq!(herald["users"], 1);
    let greeting = about("no greeting");
    assert_eq!(greeting["route"], "$opened");
    for line in [herald, greeting] {
        assert_eq!(line["connection"], ANN);
        assert_eq!(line["requestId"], "8f507cfc-xmpl-4697-b07a-ac58fc914c95");
    }
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_before_the_opened_handler_is_not_an_error() {
    let (written, _guard) = Written::at("debug", true);
    async fn greet(me: Connection) -> Result<(), Error> {
        me.send("hello").await?;
        Ok(())
    }
    let dispatcher = dispatcher(Router::new().connect(connect).opened(greet), Empty);
    call(&dispatcher, &connecting()).await.unwrap();
    // There are no tasks here, so the `opened` handler runs with the next event.
    let _ = call(&dispatcher, "{}").await;
    let lines = written.json();
    let gone = lines.iter().find(|line| {
        let message = line["message"].as_str().unwrap_or_default();
        message.starts_with("the client disconnected before")
    });
    assert_eq!(gone.expect("it is logged")["level"], "DEBUG");
    let error = lines.iter().find(|line| line["level"] == "ERROR");
    assert_eq!(error, None);
}

#[tokio::test]
async fn no_line_has_a_token_or_a_message_at_any_level() {
    const SECRET: &str = "hunter2";
    for is_json in [true, false] {
        let (written, _guard) = Written::at("trace", is_json);
        async fn announce(token: Option<Token>, me: Opening) -> Result<(), Error> {
            assert!(token.is_some());
            me.announce("tea", "hunter2")?;
            me.save(&"hunter2")?;
            Ok(me.join("tea")?)
        }
        let router = Router::new()
            .connect(announce)
            .route("say", async |me: Connection, Json(text): Json<String>| {
                me.room("tea").send(text).await?;
                Ok::<_, Error>(())
            })
            .route("ask", async || {
                Err::<(), Error>(Error::client("no", "hunter2"))
            })
            .route("echo", async |text: String| text);
        let dispatcher = dispatcher(router, LogOnly);
        for (header, value) in [
            ("Authorization", "Bearer hunter2"),
            ("Sec-WebSocket-Protocol", "bearer, hunter2"),
            ("Sec-WebSocket-Protocol", "hunter2"),
        ] {
            let mut event: Value = serde_json::from_str(CONNECT).unwrap();
            event["headers"][header] = value.into();
            event["multiValueHeaders"][header] = json!([value]);
            event["queryStringParameters"] = json!({"token": SECRET, "user": "ann"});
            event["multiValueQueryStringParameters"] = json!({"token": [SECRET], "user": ["ann"]});
            call(&dispatcher, &event.to_string()).await.unwrap();
        }
        for body in [
            r#"{"action": "hunter2"}"#,
            "hunter2",
            r#"{"action": "say", "hunter2": 1}"#,
            r#"{"action": "ask"}"#,
            r#"{"action": "echo", "text": "hunter2"}"#,
        ] {
            call(&dispatcher, &message(body)).await.unwrap();
        }
        for event in [
            r#"{"publish": {"room": "tea", "data": "hunter2"}}"#,
            r#"{"publish": {"room": "tea", "data": {"hunter2": 1}}}"#,
            r#"{"Records": [{"messageId": "1", "body": "{\"publish\": {\"everyone\": true, \"data\": \"hunter2\"}}"}]}"#,
        ] {
            call(&dispatcher, event).await.unwrap();
        }
        let text = written.text();
        assert!(text.contains("the client is rejected"), "it logs: {text}");
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[test]
fn a_level_may_name_a_module_and_invalid_directives_are_ignored() {
    let is_shown = |level: &str, target: &str, at: Level| targets(level).would_enable(target, &at);
    for level in ["", " ", "info", "INFO", "[span]=debug"] {
        assert!(is_shown(level, "chat", Level::INFO), "{level}");
        assert!(!is_shown(level, "chat", Level::DEBUG), "{level}");
    }
    let level = "warn, chat=debug,what?=ever";
    assert!(is_shown(level, "chat::rooms", Level::DEBUG));
    assert!(!is_shown(level, "other", Level::INFO));
    assert!(is_shown(level, "other", Level::WARN));
    assert!(!is_shown("off", "chat", Level::ERROR));
}

#[tokio::test]
async fn each_admin_command_is_one_line_without_the_message() {
    let (written, _guard) = Written::at("INFO", true);
    let admin = dispatcher(Router::new().admin(), Empty);
    for command in [
        json!({"count": {"room": "tea"}}),
        json!({"disconnect": {"connection": ANN}}),
        json!({"broadcast": {"user": "ann", "data": "a secret"}}),
    ] {
        let event = json!({ "admin": command }).to_string();
        let context = InvocationContext {
            request_id: Some("r1"),
            ..InvocationContext::default()
        };
        admin.call(&event, context).await.unwrap();
    }
    assert!(!written.text().contains("a secret"), "{}", written.text());
    let mut lines = written.json();
    lines.retain(|line| line["message"] == "admin command");
    let fields: Vec<_> = lines
        .iter()
        .map(|line| (&line["command"], &line["target"], &line["requestId"]))
        .collect();
    let line = |command, target| (json!(command), json!(target), json!("r1"));
    let expected = [
        line("count", "room \"tea\""),
        line("disconnect", &format!("connection \"{ANN}\"")),
        line("broadcast", "user \"ann\""),
    ];
    let expected: Vec<_> = expected.iter().map(|(a, b, c)| (a, b, c)).collect();
    assert_eq!(fields, expected);
}
