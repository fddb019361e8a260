//! API keys: conformance B11.

use super::*;

fn with_keys(setup: Setup, source: ApiKeySource) -> Setup {
    let key = |id: &str, value: &str| ApiKey {
        id: id.to_owned(),
        value: value.to_owned(),
    };
    let setup = setup.with(
        "$connect",
        |_| async { Ok(OK.to_owned()) },
        |route| route.api_key_required = true,
    );
    setup.api(|api| {
        api.api_keys = ApiKeys {
            source,
            accepted: vec![key("one", "k1"), key("two", "k2")],
        }
    })
}

#[tokio::test]
async fn b11_who_has_no_key_or_another_sees_403_and_connect_is_not_invoked() {
    let setup = with_keys(Setup::new(), ApiKeySource::Header);
    let local = setup.start().await;
    for headers in [&[][..], &[("x-api-key", "k3")], &[("x-api-key", "")]] {
        let refused = local.handshake("/dev", headers).await.err().unwrap();
        assert_eq!(refused.status(), 403, "{headers:?}");
        assert_eq!(refused.headers()["x-amzn-errortype"], "ForbiddenException");
    }
    local.silent().await;
}

#[tokio::test]
async fn b11_the_key_and_its_id_are_in_connect_and_in_no_later_event() {
    let setup = with_keys(Setup::new(), ApiKeySource::Header).route("$default", ok);
    let local = setup.start().await;
    let headers = [("x-api-key", "k2")];
    let (mut client, _) = local.handshake("/dev", &headers).await.unwrap();
    let event = local.expect("CONNECT").await;
    let identity = &event["requestContext"]["identity"];
    assert_eq!(identity["apiKey"], "k2");
    assert_eq!(identity["apiKeyId"], "two");
    assert_eq!(event["headers"]["x-api-key"], "k2");
    client.send("hello").await;
    let event = local.expect("MESSAGE").await;
    assert_eq!(event["requestContext"]["identity"].get("apiKey"), None);
}

#[tokio::test]
async fn b11_the_authorizer_may_be_the_one_to_name_the_key() {
    let name = |event: Value| async move {
        let mut answer = policy(&event, "Allow");
        if let Some(key) = event["queryStringParameters"].get("token") {
            answer["usageIdentifierKey"] = key.clone();
        }
        Ok(answer.to_string())
    };
    let setup = Setup::new().authorizer(&[], name);
    let local = with_keys(setup, ApiKeySource::Authorizer).start().await;
    assert_eq!(status(&local, "k3").await, 403);
    let headers = [("x-api-key", "k1")];
    let refused = local.handshake("/dev", &headers).await.err().unwrap();
    assert_eq!(refused.status(), 403);
    local.event().await;
    local.event().await;
    assert_eq!(status(&local, "k1").await, 101);
    local.event().await;
    let event = local.expect("CONNECT").await;
    assert_eq!(event["requestContext"]["identity"]["apiKeyId"], "one");
}
