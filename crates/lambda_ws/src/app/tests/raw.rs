//! The whole event, and the types of `aws_lambda_events`.

use super::*;
use crate::{AnyEvent, Context, Event, EventData, Raw};
use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayWebsocketProxyRequest};
use lambda_runtime::tower::util::MapRequestLayer;

macro_rules! events {
    ($($name:literal)*) => {
        [$(($name, event!($name))),*]
    };
}

#[tokio::test]
async fn our_data_and_the_whole_event_agree_on_all_sample_events() {
    let events = events! {
        "connect" "connect-with-subprotocol" "connect-without-user" "direct" "disconnect-by-client"
        "disconnect-by-delete" "disconnect-idle" "join" "not-json" "say" "unknown-action" "who"
    };
    let seen = Arc::new(Mutex::new(0));
    let compared = seen.clone();
    let layer = MapRequestLayer::new(move |event: AnyEvent| {
        let theirs = ApiGatewayWebsocketProxyRequest::try_from(&event).unwrap();
        compare(&event, theirs);
        *compared.lock().unwrap() += 1;
        event
    });
    for (_, event) in events {
        let _ = crate::testing::answer(Router::new().layer(layer.clone()), event)
            .await
            .unwrap();
    }
    assert_eq!(*seen.lock().unwrap(), events.len());
}

fn compare(ours: &AnyEvent, theirs: ApiGatewayWebsocketProxyRequest) {
    let context = theirs.request_context.clone();
    assert_eq!(
        Some(ours.connection_id().as_str()),
        context.connection_id.as_deref()
    );
    assert_eq!(
        Some(ours.context().request_id()),
        context.request_id.as_deref()
    );
    assert_eq!(
        Some(ours.context().route_key()),
        context.route_key.as_deref()
    );
    assert_eq!(Some(ours.context().stage()), context.stage.as_deref());
    assert_eq!(
        ours.context().connected_at().millis() as i64,
        context.connected_at
    );
    let text = |value: &dyn std::fmt::Debug| format!("{value:?}");
    match (&ours.data, EventData::try_from(theirs).unwrap()) {
        (EventData::Connect(ours), EventData::Connect(theirs)) => {
            assert_eq!(ours.headers, theirs.headers);
            let sorted = |query: &str| {
                let mut pairs: Vec<_> = query.split('&').map(str::to_owned).collect();
                pairs.sort();
                pairs
            };
            assert_eq!(sorted(&ours.query), sorted(&theirs.query));
        }
        (EventData::Message(ours), EventData::Message(theirs)) => {
            assert_eq!(ours.body, theirs.body)
        }
        (EventData::Disconnect(ours), EventData::Disconnect(theirs)) => {
            assert_eq!(text(ours), text(&theirs));
        }
        (ours, theirs) => panic!("{ours:?} is not {theirs:?}"),
    }
}

#[tokio::test]
async fn handlers_of_all_kinds_of_a_connection_get_the_whole_event() {
    type Seen = Arc<Mutex<Vec<Value>>>;
    async fn note(Raw(event): Raw<Value>, State(seen): State<Seen>) {
        seen.lock().unwrap().push(event);
    }
    let seen = Seen::default();
    let router = Router::new().connect(note).disconnect(note).fallback(note);
    let gateway = Gateway::new(router.with_state(seen.clone()));
    let ann = gateway.connect("/").await.unwrap();
    ann.send("hello").await;
    ann.close().await;
    let expected: Vec<_> = gateway
        .events()
        .into_iter()
        .map(|event| event.json)
        .collect();
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[tokio::test]
async fn an_event_of_another_type_is_an_internal_error() {
    let router = Router::new().fallback(async |_: Raw<ApiGatewayV2httpRequest>| "never");
    let gateway = Gateway::new(router);
    let mut ann = gateway.connect("/").await.unwrap();
    ann.send("hello").await;
    assert!(ann.recv().await.contains(r#""code":"internal""#));
}

#[tokio::test]
async fn a_handler_that_a_task_calls_has_no_whole_event() {
    struct Whole(String);
    impl<S: Sync> crate::FromEvent<crate::Opened, S> for Whole {
        type Rejection = Error;

        async fn from_event(event: &Event<crate::Opened>, _: &S) -> Result<Self, Error> {
            let error = event.raw::<Value>().unwrap_err();
            Ok(Self(error.to_string()))
        }
    }
    let gateway = Gateway::new(Router::new().opened(async |whole: Whole| whole.0));
    let mut ann = gateway.connect("/").await.unwrap();
    let error = ann.recv().await;
    assert!(
        error.contains("runs in a task and has no event of AWS"),
        "{error}"
    );
}

#[tokio::test]
async fn an_event_that_was_parsed_elsewhere_is_invoked_as_any_other() {
    async fn ids(
        Raw(event): Raw<ApiGatewayWebsocketProxyRequest>,
        context: Context,
    ) -> Json<[String; 2]> {
        let message_id = event.request_context.message_id.unwrap();
        Json([context.request_id().to_owned(), message_id])
    }
    let mut event: ApiGatewayWebsocketProxyRequest = serde_json::from_str(event!("say")).unwrap();
    event.request_context.route_key = Some("ids".to_owned());
    let gateway = Gateway::new(Router::new().two_way("ids", ids));
    let response = gateway.invoke(&event).await.unwrap();
    let context = event.request_context;
    let expected = [context.request_id.unwrap(), context.message_id.unwrap()];
    let body: [String; 2] = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
    assert_eq!(body, expected);
}

#[test]
fn the_event_is_not_in_the_debug_output_of_a_context() {
    let event = bytes::Bytes::from_static(b"{\"token\":\"s3cret\"}");
    let context = Context::trigger("$event", None, None, event, Timestamp::default());
    let shown = format!("{context:?}");
    assert!(
        shown.contains("18 bytes") && !shown.contains("s3cret"),
        "{shown}"
    );
}

#[test]
fn a_handler_keeps_the_bytes_that_the_program_received() {
    let bytes = bytes::Bytes::from(event!("say").to_owned());
    let invocation = InvocationContext::default().with_event(&bytes);
    let kept = invocation.json(event!("say"));
    assert_eq!(kept.as_ptr(), bytes.as_ptr());
}
