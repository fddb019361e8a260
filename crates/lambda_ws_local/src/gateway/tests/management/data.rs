//! The data of posts and its limits: conformance F4 and G6.

use super::*;

#[tokio::test]
async fn g6_128_kb_pass_and_more_is_too_large() {
    let (local, mut client, id) = opened().await;
    let data = "x".repeat(131_072);
    assert_eq!(local.post(&id, &data).await.status, 200);
    assert_eq!(client.text().await, data);
    let reply = local.post(&id, &"x".repeat(131_073)).await;
    assert_eq!(reply.status, 413);
    assert_eq!(reply.kind(), "payloadtoolargeexception");
    assert!(reply.body.starts_with(r#"{"message":""#), "{}", reply.body);
    let reply = local.post(&id, &"x".repeat(2_000_000)).await;
    assert_eq!(reply.status, 413);
    assert_eq!(local.gateway.connections(), 1);
}

#[tokio::test]
async fn g6_data_without_a_length_is_limited_too() {
    let (local, mut client, id) = opened().await;
    for (bytes, status) in [(131_072, 200), (131_073, 413)] {
        let mut stream = local.raw().await;
        let request = format!(
            "POST /dev/@connections/{id} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{bytes:x}\r\n{}\r\n0\r\n\r\n",
            "x".repeat(bytes)
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(Reply::parse(&head(&mut stream).await).status, status);
    }
    assert_eq!(client.text().await.len(), 131_072);
}

#[tokio::test]
async fn f4_data_that_is_not_text_is_refused() {
    let (local, _client, id) = opened().await;
    let path = format!("/dev/@connections/{id}");
    let reply = local.http("POST", &path, b"\xff").await;
    assert_eq!((reply.status, reply.kind()), (400, "badrequestexception"));
}

#[tokio::test]
async fn g6_a_client_that_does_not_read_is_a_429_and_gets_all_that_was_taken() {
    let setup = Setup::new().route("$connect", ok);
    let setup = setup.options(|options| options.outbox_bytes = 200_000);
    let local = setup.start().await;
    let mut client = local.connect().await;
    let id = local.id().await;
    let data = "x".repeat(100_000);
    let mut taken = 0;
    let refused = loop {
        let reply = local.post(&id, &data).await;
        if reply.status != 200 {
            break reply;
        }
        taken += 1;
        // Far above what the two socket buffers hold.
        assert!(taken < 1000);
    };
    assert_eq!(refused.status, 429);
    assert_eq!(refused.kind(), "limitexceededexception");
    assert_eq!(refused.body, "");
    for _ in 0..taken {
        assert_eq!(client.text().await.len(), 100_000);
    }
    assert_eq!(local.post(&id, "again").await.status, 200);
    assert_eq!(client.text().await, "again");
}
