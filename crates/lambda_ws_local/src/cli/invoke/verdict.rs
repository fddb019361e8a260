//! The rules for the response to each kind of event.

use lambda_ws_local::emulator::error_text;
use lambda_ws_local::function::InvokeError;
use lambda_ws_protocol::authorizer::AuthorizerResponse;
use lambda_ws_protocol::response::ProxyResponse;
use serde_json::Value;

/// The kind of an event. It decides how the response is checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An event of a route. It gets a proxy response.
    Route,
    /// An event of a Lambda authorizer. It gets a policy, or the error `Unauthorized`.
    Authorizer,
    /// Records of a queue or a stream, with their ids. They get `batchItemFailures`, or nothing.
    Batch { service: String, ids: Vec<String> },
    /// An HTTP request of a REST API: a proxy response, as for a route.
    RestApi,
    /// An HTTP request of a load balancer: a response with a status code.
    LoadBalancer,
    /// Everything else: an HTTP API or a function URL, which makes a response of any answer; a schedule, S3, SNS,
    /// EventBridge or a direct invocation, whose answer AWS does not read.
    Other,
}

impl Kind {
    pub(super) fn of(event: &Value) -> Self {
        if event["methodArn"].is_string() {
            return Self::Authorizer;
        }
        let event_type = event["requestContext"]["eventType"].as_str();
        if let Some("CONNECT" | "MESSAGE" | "DISCONNECT") = event_type {
            return Self::Route;
        }
        let context = &event["requestContext"];
        if context["elb"].is_object() {
            return Self::LoadBalancer;
        }
        if event["httpMethod"].is_string() && context.is_object() {
            return Self::RestApi;
        }
        let records = event["Records"].as_array().map_or(&[][..], Vec::as_slice);
        let source = records.first().and_then(|one| one["eventSource"].as_str());
        let id: fn(&Value) -> &Value = match source {
            Some("aws:sqs") => |record| &record["messageId"],
            Some("aws:kinesis") => |record| &record["kinesis"]["sequenceNumber"],
            Some("aws:dynamodb") => |record| &record["dynamodb"]["SequenceNumber"],
            _ => return Self::Other,
        };
        let ids = records.iter().filter_map(|record| id(record).as_str());
        Self::Batch {
            service: source.unwrap_or_default().to_owned(),
            ids: ids.map(str::to_owned).collect(),
        }
    }

    /// Checks a response. Returns a remark about a valid response, if any, or the error.
    pub(super) fn judge(
        &self,
        answer: Result<&[u8], &InvokeError>,
    ) -> Result<Option<String>, String> {
        let answer = match (self, answer) {
            (_, Ok(answer)) => answer,
            (Self::Authorizer, Err(InvokeError::Handler { message, .. }))
                if message == "Unauthorized" =>
            {
                return Ok(Some("the client sees 401".to_owned()));
            }
            (_, Err(error)) => return Err(error.to_string()),
        };
        match self {
            Self::Route | Self::RestApi => ProxyResponse::read(answer)
                .map(|_| None)
                .map_err(|error| error.to_string()),
            Self::Authorizer => AuthorizerResponse::read(answer)
                .map(|_| None)
                .map_err(|error| error_text(&error)),
            Self::LoadBalancer => load_balancer(answer),
            Self::Batch { service, ids } => batch(service, ids, answer),
            Self::Other => Ok(None),
        }
    }
}

/// The answer to a load balancer, which sends 502 to the client for any other.
fn load_balancer(answer: &[u8]) -> Result<Option<String>, String> {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    match answer["statusCode"].as_u64() {
        Some(100..600) => Ok(None),
        _ => Err(
            "a load balancer requires a `statusCode`: return {\"statusCode\": 200, \"headers\": {}, \"body\": \"..\"}"
                .to_owned(),
        ),
    }
}

/// The answer to records, by the rules of `ReportBatchItemFailures`.
fn batch(service: &str, ids: &[String], answer: &[u8]) -> Result<Option<String>, String> {
    const FIX: &str = r#"return {"batchItemFailures": [{"itemIdentifier": ID}]}, or return an error to get all records again"#;
    let Ok(answer) = serde_json::from_slice::<Value>(answer) else {
        return Err(format!(
            "the response to an {service} event is not JSON: {FIX}"
        ));
    };
    if answer.get("statusCode").is_some() {
        return Err(format!(
            "a proxy response is not valid for an {service} event: Lambda ignores it and counts all records as done. \
             {FIX}"
        ));
    }
    let failures = match answer.get("batchItemFailures") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(failures)) => failures,
        Some(_) => return Err(format!("batchItemFailures must be a list: {FIX}")),
    };
    for failure in failures {
        match failure["itemIdentifier"].as_str() {
            Some(id) if ids.iter().any(|one| one == id) => {}
            Some(id) => {
                return Err(format!(
                    "itemIdentifier `{id}` is not a record of the event: Lambda sends all records again"
                ));
            }
            None => {
                return Err(format!(
                    "a batch item failure has no itemIdentifier: Lambda sends all records again. {FIX}"
                ));
            }
        }
    }
    Ok(match failures.len() {
        0 => None,
        failed => Some(format!("{failed} of {} records failed", ids.len())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use serde_json::json;

    fn judge(event: &Value, answer: &Value) -> Result<Option<String>, String> {
        Kind::of(event).judge(Ok(answer.to_string().as_bytes()))
    }

    fn failure(message: &str) -> InvokeError {
        InvokeError::Handler {
            error_type: "Error".to_owned(),
            message: message.to_owned(),
            report: Bytes::new(),
        }
    }

    #[test]
    fn fault_f12_records_are_answered_by_batch_item_failures_and_not_by_a_proxy_response() {
        let sqs = json!({"Records": [
            {"eventSource": "aws:sqs", "messageId": "m1"}, {"eventSource": "aws:sqs", "messageId": "m2"},
        ]});
        let failures = |failures: Value| json!({ "batchItemFailures": failures });
        for fine in [
            json!(null),
            json!({}),
            json!("done"),
            failures(json!(null)),
            failures(json!([])),
        ] {
            assert_eq!(judge(&sqs, &fine), Ok(None), "{fine}");
        }
        let one = failures(json!([{"itemIdentifier": "m2"}]));
        let expected = Ok(Some("1 of 2 records failed".to_owned()));
        assert_eq!(judge(&sqs, &one), expected);
        for (bad, reason) in [
            (json!({"statusCode": 200}), "not valid for an aws:sqs event"),
            (failures(json!({})), "must be a list"),
            (
                failures(json!([{"itemIdentifier": "m3"}])),
                "`m3` is not a record",
            ),
            (
                failures(json!([{"itemIdentifier": ""}])),
                "`` is not a record",
            ),
            (
                failures(json!([{"itemIdentifier": null}])),
                "no itemIdentifier",
            ),
            (failures(json!([{"id": "m1"}])), "no itemIdentifier"),
            (failures(json!(["m1"])), "no itemIdentifier"),
        ] {
            let error = judge(&sqs, &bad).unwrap_err();
            assert!(error.contains(reason), "{bad}: {error}");
        }
        assert!(
            Kind::of(&sqs)
                .judge(Ok(b"<html>"))
                .unwrap_err()
                .contains("not JSON")
        );
        let expected = Err(failure("boom").to_string());
        assert_eq!(Kind::of(&sqs).judge(Err(&failure("boom"))), expected);
        let stream = json!({"Records": [{"eventSource": "aws:dynamodb", "dynamodb": {"SequenceNumber": "7"}}]});
        let seven = failures(json!([{"itemIdentifier": "7"}]));
        let expected = Ok(Some("1 of 1 records failed".to_owned()));
        assert_eq!(judge(&stream, &seven), expected);
    }

    #[test]
    fn fault_f12_sns_eventbridge_and_direct_events_may_be_answered_by_anything_but_an_error() {
        for event in [
            json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "x"}}]}),
            json!({"source": "app", "detail-type": "x", "detail": {}}),
            json!({"publish": {"room": "lobby"}}),
            json!([]),
            json!("text"),
        ] {
            for answer in [
                json!(null),
                json!("ok"),
                json!({"statusCode": 200, "Data": 1}),
                json!([1]),
            ] {
                assert_eq!(judge(&event, &answer), Ok(None), "{event} {answer}");
            }
            assert!(
                Kind::of(&event).judge(Err(&failure("boom"))).is_err(),
                "{event}"
            );
        }
    }

    #[test]
    fn fault_f12_http_requests_are_answered_by_a_proxy_response_where_aws_requires_it() {
        let rest = json!({"httpMethod": "GET", "path": "/", "requestContext": {"stage": "dev"}});
        let balancer = json!({"httpMethod": "GET", "path": "/", "requestContext": {"elb": {}}});
        let response = json!({"statusCode": 200, "multiValueHeaders": {}, "body": "hello"});
        for event in [&rest, &balancer] {
            assert_eq!(judge(event, &response), Ok(None), "{event}");
            assert!(judge(event, &json!("hello")).is_err(), "{event}");
            assert!(Kind::of(event).judge(Err(&failure("boom"))).is_err());
        }
        let described = json!({"statusCode": 200, "statusDescription": "200 OK"});
        assert_eq!(judge(&balancer, &described), Ok(None));
        assert!(judge(&rest, &described).is_err());
        // An HTTP API makes a response of any JSON.
        let http = json!({"version": "2.0", "requestContext": {"http": {"method": "GET"}}});
        for answer in [response, json!("hello"), json!({"message": "hello"})] {
            assert_eq!(judge(&http, &answer), Ok(None), "{answer}");
        }
    }

    #[test]
    fn fault_f12_an_authorizer_is_answered_by_a_policy_and_a_route_by_a_proxy_response() {
        let authorizer = json!({
            "type": "REQUEST", "methodArn": "arn:aws:execute-api:us-east-1:1:a/dev/$connect",
            "requestContext": {"eventType": "CONNECT"},
        });
        let statement = json!({"Effect": "Deny", "Action": "*", "Resource": "*"});
        let policy = json!({"principalId": "ann", "policyDocument": {"Statement": [statement]}});
        let proxy = json!({"statusCode": 200});
        assert_eq!(judge(&authorizer, &policy), Ok(None));
        let error = judge(&authorizer, &proxy).unwrap_err();
        assert!(error.contains("principalId"), "{error}");
        let judged = Kind::of(&authorizer).judge(Err(&failure("Unauthorized")));
        assert_eq!(judged, Ok(Some("the client sees 401".to_owned())));
        assert!(Kind::of(&authorizer).judge(Err(&failure("boom"))).is_err());
        let route = json!({"requestContext": {"eventType": "MESSAGE", "routeKey": "say"}});
        assert_eq!(judge(&route, &proxy), Ok(None));
        assert!(judge(&route, &policy).is_err());
        assert!(judge(&route, &json!(null)).is_err());
        assert!(
            Kind::of(&route)
                .judge(Err(&failure("Unauthorized")))
                .is_err()
        );
    }
}
