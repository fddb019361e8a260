//! Tests of the wire formats against the events in `events/` and the types of `aws_lambda_events`.

use super::*;
use crate::Timestamp;
use aws_lambda_events::apigw::ApiGatewayWebsocketProxyRequest;
use serde_json::Value;

macro_rules! events {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../../../events/", $name, ".json")))),*]
    };
}

const EVENTS: &[(&str, &str)] = events! {
    "connect" "connect-with-subprotocol" "connect-without-user" "direct" "disconnect-by-client"
    "disconnect-by-delete" "disconnect-idle" "join" "not-json" "say" "unknown-action" "who"
};

fn event(name: &str) -> &'static str {
    EVENTS.iter().find(|(n, _)| *n == name).expect("an event").1
}

#[test]
fn every_sample_event_is_tested() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../events");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| path.file_stem().unwrap().to_owned())
        .collect();
    names.sort();
    let tested: Vec<_> = EVENTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, tested);
}

#[test]
fn this_parser_and_aws_lambda_events_agree_on_every_used_member() {
    for (name, json) in EVENTS {
        let theirs: ApiGatewayWebsocketProxyRequest = serde_json::from_str(json).unwrap();
        let ours: IncomingEvent<'_> = serde_json::from_str(json).unwrap();
        let context = ours.request_context.as_ref().unwrap();
        let expected = &theirs.request_context;
        let kind = match context.event_type.unwrap() {
            EventType::Connect => "CONNECT",
            EventType::Message => "MESSAGE",
            EventType::Disconnect => "DISCONNECT",
            EventType::Other => "?",
        };
        assert_eq!(Some(kind), expected.event_type.as_deref(), "{name}");
        assert_eq!(context.connection_id, expected.connection_id, "{name}");
        let found = Some(&context.route_key);
        assert_eq!(found, expected.route_key.as_ref(), "{name}");
        let found = Some(&context.request_id);
        assert_eq!(found, expected.request_id.as_ref(), "{name}");
        assert_eq!(Some(&context.stage), expected.stage.as_ref(), "{name}");
        assert_eq!(Some(&context.api_id), expected.apiid.as_ref(), "{name}");
        let found = Some(&context.domain_name);
        assert_eq!(found, expected.domain_name.as_ref(), "{name}");
        assert_eq!(context.connected_at as i64, expected.connected_at, "{name}");
        let found = context.request_time_epoch as i64;
        assert_eq!(found, expected.request_time_epoch, "{name}");
        assert_eq!(
            context.disconnect_status_code, expected.disconnect_status_code,
            "{name}"
        );
        assert_eq!(
            context.disconnect_reason, expected.disconnect_reason,
            "{name}"
        );
        let identity = context.identity.as_ref().unwrap();
        assert_eq!(identity.source_ip, expected.identity.source_ip, "{name}");
        assert_eq!(identity.user_agent, expected.identity.user_agent, "{name}");
        let found = ours.headers().unwrap();
        assert_eq!(found, theirs.multi_value_headers, "{name}");
        let ours_query: Vec<(String, String)> =
            serde_urlencoded::from_str(&ours.query().unwrap()).unwrap();
        let their_query = theirs.multi_value_query_string_parameters.iter();
        let their_query = their_query.map(|(n, v)| (n.to_owned(), v.to_owned()));
        let mut their_query: Vec<_> = their_query.collect();
        let mut ours_query = ours_query;
        ours_query.sort();
        their_query.sort();
        assert_eq!(ours_query, their_query, "{name}");
        assert_eq!(ours.body, theirs.body, "{name}");
    }
}

#[test]
fn an_event_written_from_the_same_data_is_the_same_json() {
    for (name, json) in EVENTS {
        let expected: Value = serde_json::from_str(json).unwrap();
        assert_eq!(rewritten(&expected), expected, "{name}");
        // The order of the members must be the same, too.
        let written = rewritten(&expected).to_string();
        assert_eq!(written, expected.to_string(), "{name}");
    }
}

/// Writes an event again, as a [`ProxyRequest`] with the same data.
fn rewritten(event: &Value) -> Value {
    let pairs = |name: &str| -> Option<Pairs> {
        let object = event.get(name)?.as_object()?;
        let all = object.iter().flat_map(|(name, values)| {
            let values = values.as_array().expect("a list").iter();
            values.map(move |v| (name.clone(), v.as_str().unwrap().to_owned()))
        });
        Some(all.collect())
    };
    let (headers, query) = (
        pairs("multiValueHeaders"),
        pairs("multiValueQueryStringParameters"),
    );
    let context = &event["requestContext"];
    let text = |name: &str| context[name].as_str().unwrap();
    let time = |name: &str| Timestamp::from_millis(context[name].as_u64().unwrap());
    let request = ProxyRequest {
        headers: headers.as_ref(),
        multi_value_headers: headers.as_ref(),
        query_string_parameters: query.as_ref(),
        multi_value_query_string_parameters: query.as_ref(),
        stage_variables: None,
        request_context: RequestContext {
            route_key: text("routeKey"),
            authorizer: None,
            disconnect_status_code: context["disconnectStatusCode"].as_u64().map(|c| c as u16),
            message_id: context["messageId"].as_str().map(Some),
            event_type: text("eventType"),
            extended_request_id: text("extendedRequestId"),
            request_time: time("requestTimeEpoch"),
            message_direction: "IN",
            disconnect_reason: context["disconnectReason"].as_str(),
            stage: text("stage"),
            connected_at: time("connectedAt"),
            request_time_epoch: time("requestTimeEpoch"),
            identity: Identity {
                user_agent: context["identity"]["userAgent"].as_str(),
                source_ip: context["identity"]["sourceIp"].as_str().unwrap(),
                ..Identity::default()
            },
            request_id: text("requestId"),
            domain_name: text("domainName"),
            connection_id: text("connectionId"),
            api_id: text("apiId"),
        },
        body: event["body"].as_str(),
        is_base64_encoded: false,
    };
    serde_json::to_value(&request).unwrap()
}

#[test]
fn c3_the_headers_of_a_disconnect_are_those_of_the_sample() {
    let sample: Value = serde_json::from_str(event("disconnect-idle")).unwrap();
    let host = sample["headers"]["Host"].as_str().unwrap();
    let headers = disconnect_headers(host);
    let headers: Vec<_> = headers.iter().collect();
    let expected = sample["headers"].as_object().unwrap();
    let expected: Vec<_> = expected
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str().unwrap()))
        .collect();
    assert_eq!(headers, expected);
}

#[test]
fn c1_events_of_2019_with_nulls_and_without_lists_are_read() {
    let json = r#"{
        "headers": {"Host": "h", "bad header": "x", "X": "1"}, "multiValueHeaders": null,
        "queryStringParameters": null, "multiValueQueryStringParameters": {"a": null, "b": ["1", "2"]},
        "requestContext": {"eventType": "CONNECT", "connectionId": "c", "messageId": null, "authorizer": null,
            "identity": {"userAgent": null, "sourceIp": "1.2.3.4", "caller": null}, "disconnectReason": null},
        "body": null, "isBase64Encoded": false}"#;
    let event: IncomingEvent<'_> = serde_json::from_str(json).unwrap();
    let read = event.headers().unwrap();
    let expected = (2, &"h".parse().unwrap(), &"1".parse().unwrap());
    assert_eq!((read.len(), &read["host"], &read["x"]), expected);
    assert_eq!(event.query().unwrap(), "b=1&b=2");
    assert!(event.body.is_none() && event.request_context.unwrap().authorizer.is_none());
}
