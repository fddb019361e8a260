//! What an event and its answer are.

use super::*;

#[tokio::test]
async fn an_event_goes_in_and_a_response_comes_out() {
    let probe = Probe::start(probe(&[])).await;
    assert_eq!(probe.answer("echo hello").await, "hello");
    assert_eq!(probe.answer("echo again").await, "again");
    probe.function.stop().await;
}

#[tokio::test]
async fn an_event_has_lambdas_headers() {
    let probe = Probe::start(probe(&[])).await;
    let header = async |name: &str| probe.answer(&format!("header {name}")).await;
    assert_eq!(header("content-type").await, "application/json");
    let expected = "arn:aws:lambda:us-east-1:000000000000:function:probe";
    assert_eq!(header("function-arn").await, expected);
    let now = std::time::UNIX_EPOCH
        .elapsed()
        .expect("a clock")
        .as_millis();
    let deadline: u128 = header("deadline-ms").await.parse().expect("ms");
    let left = deadline.saturating_sub(now);
    let possible = 1..=LONG.as_millis() + 20_000;
    assert!(possible.contains(&left), "{left} ms are left");
    let trace = header("trace-id").await;
    let parts: Vec<&str> = trace.split([';', '=', '-']).collect();
    let ["Root", "1", time, id, "Parent", parent, "Sampled", "0"] = parts[..] else {
        panic!("{trace}");
    };
    assert_eq!([time, id, parent].map(str::len), [8, 24, 16], "{trace}");
    let response = probe.invoke_as("r-1", "header request-id").await;
    assert_eq!(response.expect("a response"), "r-1");
}

#[tokio::test]
async fn a_request_id_that_cannot_stand_in_a_header_is_an_error() {
    let probe = Probe::start(probe(&[])).await;
    for id in ["", "two words", "a/b", "ü", "a\r\nHost: evil"] {
        let result = probe.function.invoke("echo".into(), id).await;
        let error = result.expect_err("an error");
        assert!(matches!(error, InvokeError::BadRequestId), "{id}: {error}");
    }
}

#[test]
fn request_ids_are_uuids_of_version_4() {
    let id = request_id();
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
    assert_eq!(&id[14..15], "4");
    assert!("89ab".contains(&id[19..20]), "{id}");
    assert_ne!(id, request_id());
}

#[tokio::test]
async fn the_environment_of_a_process_is_what_it_was_given() {
    let mut config = probe(&[]);
    config.environment.insert("COLOUR".into(), "blue".into());
    let probe = Probe::start(config).await;
    assert_eq!(probe.answer("env COLOUR").await, "blue");
    assert_eq!(probe.answer("env HOME").await, "");
    let log_stream = probe.answer("env AWS_LAMBDA_LOG_STREAM_NAME").await;
    assert!(log_stream.starts_with("local/[$LATEST]"), "{log_stream}");
}

#[tokio::test]
async fn an_error_report_is_an_error_and_the_process_goes_on() {
    // With more, another is started if the next event comes before the process has asked for it.
    let probe = Probe::start(single()).await;
    let pid = probe.pid().await;
    let error = probe
        .invoke(r#"error {"errorType":"Oops","errorMessage":"broken","stackTrace":[]}"#)
        .await;
    let expected = "the function failed: Oops: broken";
    assert_eq!(error.expect_err("an error").to_string(), expected);
    let error = probe.invoke("error what is JSON?").await;
    let expected = "the function failed: Unhandled: what is JSON?";
    assert_eq!(error.expect_err("an error").to_string(), expected);
    assert_eq!(probe.pid().await, pid);
}

#[tokio::test]
async fn a_response_over_six_megabytes_is_an_error() {
    let probe = Probe::start(probe(&[])).await;
    let found = probe.answer(&format!("huge {RESPONSE_LIMIT}")).await.len();
    assert_eq!(found, RESPONSE_LIMIT);
    let result = probe.invoke(&format!("huge {}", RESPONSE_LIMIT + 1)).await;
    let error = result.expect_err("an error");
    assert!(
        matches!(error, InvokeError::TooLarge { size } if size == RESPONSE_LIMIT + 1),
        "{error}"
    );
    assert_eq!(probe.answer("echo on").await, "on");
}

#[tokio::test]
async fn a_streamed_response_is_a_response() {
    let mut probe = Probe::start(probe(&[])).await;
    assert_eq!(probe.answer("stream one two").await, "one two");
    probe.line("streamed 202").await;
}

#[tokio::test]
async fn what_a_process_prints_carries_the_event() {
    let mut probe = Probe::start(probe(&[])).await;
    let response = probe.invoke_as("r-7", "print out\ncomplain err").await;
    response.expect("a response");
    for _ in 0..2 {
        let line = probe.lines.recv().await.expect("a line");
        let is_out = line.stream == Stream::Stdout;
        let expected = if is_out { "out" } else { "err" };
        assert_eq!(line.environment, 1);
        assert_eq!(line.request_id.as_deref(), Some("r-7"));
        assert_eq!(&*line.text, expected);
    }
}
