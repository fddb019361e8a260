//! The stream of activity.

use super::*;

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
    assert_eq!(done["route"], "$default");
    assert_eq!(done["connection"], json!(id));
    assert_eq!(done["outcome"], "ok");
    assert_eq!(done["good"], true);
    let close = json!({ "connection": id }).to_string();
    watched.call("POST", "close", &close).await;
    let closed = page.entry("closed", |_| true).await;
    assert_eq!(closed["connection"], json!(id));
    assert_eq!(closed["outcome"], "1000");
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
    let kinds = first["entries"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|one| &one["k"]).collect();
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
            .environment_started("chat", environment, &id.into(), "Root=1-1", None);
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
    assert_eq!(told["id"], "b");
    assert_eq!(told["origin"], "during");
    assert_eq!(told["action"], "ListTables");
    assert_eq!(told["status"], 200);
    let _nobody = call(None).await;
    assert_eq!(page.entry("call", |_| true).await["origin"], "unknown");
    watched.activity.environment_idle("chat", 2, "b");
    watched
        .activity
        .invocation_ended("b", Duration::ZERO, Ok(&event));
    let _late = call(token(2)).await;
    assert_eq!(page.entry("call", |_| true).await["origin"], "after");
    let _nobody = call(Some("local-0/chat/2".to_owned())).await;
    let likely = page.entry("call", |_| true).await;
    assert_eq!(likely["id"], "a");
    assert_eq!(likely["origin"], "likely");
    serving.abort();
}
