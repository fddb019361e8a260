use super::*;
use crate::gateway::testing::{Local, Setup, ok};
use crate::gateway::{Time, testing::Reply as Answer};
use std::time::Duration;

async fn start(time: Time) -> (Local, Faults) {
    let faults = Faults::new(Plan::default(), 7);
    let setup = Setup::new().route("$connect", ok).options(|options| {
        options.time = time;
        options.faults = faults.clone();
    });
    let setup = setup.pages(Admin::new(faults.clone()));
    (setup.start().await, faults)
}

async fn call(local: &Local, method: &str, path: &str, body: &str) -> (u16, Value) {
    let answer = local.http(method, path, body.as_bytes()).await;
    let json = serde_json::from_str(&answer.body).unwrap();
    (answer.status, json)
}

/// The message of a call that is refused with 400.
async fn refused(local: &Local, method: &str, path: &str, body: &str) -> String {
    let (status, json) = call(local, method, path, body).await;
    assert_eq!(status, 400, "{body}");
    json["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_index_lists_every_page() {
    let (local, _) = start(Time::default()).await;
    for path in ["/_admin", "/_admin/"] {
        let (status, index) = call(&local, "GET", path, "").await;
        assert_eq!((status, &index["stage"]), (200, &json!("dev")));
        for page in index["pages"].as_object().unwrap().keys() {
            assert_ne!(call(&local, "GET", page, "").await.0, 404, "{page}");
        }
    }
}

#[tokio::test]
async fn faults_are_shown_changed_and_set() {
    let (local, faults) = start(Time::default()).await;
    let path = "/_admin/faults";
    let json_body = r#"{"gone": "0.5%", "throttle": 0.02, "post-latency": "20ms"}"#;
    let (status, shown) = call(&local, "PUT", path, json_body).await;
    assert_eq!(status, 200);
    let on = json!({"gone": "0.5%", "throttle": "2%", "post-latency": "20ms"});
    assert_eq!((&shown["faults"], &shown["seed"]), (&on, &json!("7")));
    let expected = "gone=0.5%,throttle=2%,post-latency=20ms";
    assert_eq!(faults.plan().to_string(), expected);

    call(&local, "PATCH", path, "throttle=off, crash=1%").await;
    let expected = "gone=0.5%,crash=1%,post-latency=20ms";
    assert_eq!(faults.plan().to_string(), expected);
    call(&local, "PATCH", path, r#"{"crash": null}"#).await;
    let (_, shown) = call(&local, "GET", path, "").await;
    assert_eq!(shown["known"].as_object().unwrap().len(), 14);
    call(&local, "PUT", path, "error=1%").await;
    assert_eq!(faults.plan().to_string(), "error=1%");
    call(&local, "PUT", path, "{}").await;
    assert!(faults.plan().is_off());
}

#[tokio::test]
async fn a_mistake_changes_nothing_and_says_what_is_known() {
    let (local, faults) = start(Time::default()).await;
    faults.change("gone=1%").unwrap();
    let path = "/_admin/faults";
    for (body, says) in [
        ("gnoe=1%", "expected one of gone, false-gone"),
        (r#"{"error": "1%", "gone": "lots"}"#, "a rate such as 0.5%"),
        (r#"{"gone": [1]}"#, "`gone` is not valid: expected a string"),
        ("{", "not valid JSON"),
        ("error=1%,gone", "NAME=RATE"),
    ] {
        for method in ["PUT", "PATCH"] {
            let message = refused(&local, method, path, body).await;
            assert!(message.contains(says), "{message}");
        }
    }
    assert_eq!(faults.plan().to_string(), "gone=1%");
    let large = format!("gone={}", " ".repeat(1_100_000));
    assert!(refused(&local, "PUT", path, &large).await.contains("1 MB"));
}

#[tokio::test]
async fn the_scale_of_time_is_shown_and_set() {
    let (local, _) = start(Time::default()).await;
    let path = "/_admin/time-scale";
    assert_eq!(call(&local, "GET", path, "").await.1, json!({"scale": 1.0}));
    for body in [r#"{"scale": 600}"#, "600", r#"{"scale": "600"}"#] {
        local.gateway.time().set_scale(1.0).unwrap();
        let expected = json!({"scale": 600.0});
        assert_eq!(call(&local, "PUT", path, body).await.1, expected);
    }
    for body in ["0", "-1", "fast", "{}", "", "NaN", "null"] {
        refused(&local, "PUT", path, body).await;
    }
    let message = refused(&local, "POST", "/_admin/time/advance", "10m").await;
    assert!(message.contains("manual"), "{message}");
}

#[tokio::test]
async fn a_manual_time_is_advanced() {
    let (local, _) = start(Time::manual()).await;
    let mut client = local.connect().await;
    let path = "/_admin/time/advance";
    assert_eq!(call(&local, "POST", path, r#"{"by": "599s"}"#).await.0, 200);
    client.ping().await;
    assert_eq!(call(&local, "POST", path, "1s").await.0, 200);
    assert_eq!(client.closed().await.0, 1001);
    let scale = "/_admin/time-scale";
    let expected = json!({"manual": true});
    assert_eq!(call(&local, "GET", scale, "").await.1, expected);
    assert!(refused(&local, "PUT", scale, "2").await.contains("advance"));
    assert!(refused(&local, "POST", path, "soon").await.contains("10m"));
}

#[tokio::test]
async fn connections_are_listed_page_by_page() {
    let (local, _) = start(Time::default()).await;
    let agent = [("user-agent", "probe/1")];
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(local.handshake("/dev", &agent).await.unwrap().0);
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/_admin/connections?limit=2{after}");
        let (_, page) = call(&local, "GET", &path, "").await;
        assert_eq!(page["count"], 5);
        for connection in page["connections"].as_array().unwrap() {
            assert_eq!(connection["sourceIp"], "127.0.0.1");
            assert_eq!(connection["userAgent"], "probe/1");
            assert!(connection["connectedAt"].as_str() <= connection["lastActiveAt"].as_str());
            seen.push(connection["id"].as_str().unwrap().to_owned());
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={}", next.replace('=', "%3D")),
            None => break,
        }
    }
    let mut ids = seen.clone();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), &ids), (5, &seen));
    for limit in ["0", "1001", "x"] {
        let path = format!("/_admin/connections?limit={limit}");
        refused(&local, "GET", &path, "").await;
    }
}

#[tokio::test]
async fn other_paths_methods_and_pages_of_other_origins_are_refused() {
    let (local, _) = start(Time::default()).await;
    let (status, body) = call(&local, "GET", "/_admin/nosuch", "").await;
    assert_eq!(status, 404);
    assert!(body["message"].as_str().unwrap().contains("GET /_admin"));
    let answer: Answer = local.http("DELETE", "/_admin/faults", b"").await;
    assert_eq!(answer.status, 405);
    let expected = "allow: get, put, patch";
    assert!(answer.head.contains(expected), "{}", answer.head);
    for headers in [
        "Host: rebound.example\r\n",
        "Host: localhost\r\nOrigin: https://evil.example\r\n",
    ] {
        let put = local.http_with("PUT", "/_admin/faults", headers, b"gone=1%");
        assert_eq!(put.await.status, 403, "{headers}");
    }
    // A4 holds for all that is neither.
    let answer = local.http("GET", "/_administration", b"").await;
    assert_eq!(answer.body, r#"{"message":"Forbidden"}"#);
}

#[tokio::test]
async fn a_switch_of_the_scale_reaches_connections_that_are_open() {
    let (local, _) = start(Time::default()).await;
    let mut client = local.connect().await;
    let found = call(&local, "PUT", "/_admin/time-scale", "1000000").await.0;
    assert_eq!(found, 200);
    // Ten minutes are a millisecond now.
    let closed = tokio::time::timeout(Duration::from_secs(60), client.closed()).await;
    assert_eq!(closed.unwrap().0, 1001);
}
