//! Tests of the configuration from the environment.

use super::*;

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::read(|name| {
        let found = variables.iter().find(|(n, _)| *n == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn outside_lambda_the_error_explains_how_to_run_the_program() {
    let error = environment(&[]).runtime().err().unwrap();
    let line = format!("{error:?}");
    assert!(line.contains("lambda-ws-local -- cargo run") && !line.contains('\n'));
    assert!(
        environment(&[(RUNTIME_API, "127.0.0.1:9001")])
            .runtime()
            .is_ok()
    );
}

#[tokio::test]
async fn without_a_table_the_start_fails_and_names_the_variable() {
    let result = environment(&[]).function(None, None, None).await;
    let error = result.unwrap_err();
    assert!(error.to_string().contains(TABLE), "{error}");
    let result = environment(&[(TABLE, "")]).function(None, None, None).await;
    let error = result.unwrap_err();
    assert!(error.to_string().contains("App::store"), "{error}");
}

#[cfg(feature = "sdk")]
#[tokio::test]
async fn without_an_account_the_start_fails_unless_a_configuration_is_given() {
    let some = environment(&[(TABLE, "table"), ("AWS_REGION", "eu-west-1")]);
    let error = some.function(None, None, None).await.unwrap_err();
    let error = error.to_string();
    let expected = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY";
    assert!(error.contains(expected), "{error}");
    assert!(!error.contains("AWS_REGION,"), "{error}");
    let config = SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest());
    let config = config.build();
    some.function(None, None, Some(config)).await.unwrap();
}

#[cfg(feature = "sdk")]
#[tokio::test]
async fn with_snapstart_lambda_serves_the_credentials() {
    let some = environment(&[
        (TABLE, "table"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/"),
        (INITIALIZATION, "snap-start"),
    ]);
    assert!(some.is_restored);
    some.function(None, None, None).await.unwrap();
}

#[test]
fn the_number_of_workers_is_lambdas() {
    let api = (RUNTIME_API, "127.0.0.1:9001");
    for bad in ["0", "many", "-1"] {
        let error = environment(&[api, (MAX_CONCURRENCY, bad)]).runtime().err();
        let error = error.expect(bad).to_string();
        assert!(error.contains(MAX_CONCURRENCY), "{error}");
    }
    assert!(
        environment(&[api, (MAX_CONCURRENCY, "16")])
            .runtime()
            .is_ok()
    );
}

#[tokio::test]
async fn under_sam_local_no_request_reaches_aws() {
    let backend = environment(&[(SAM_LOCAL, "true"), (TABLE, "table")]);
    let backend = backend.function(None, None, None).await.unwrap();
    assert_eq!(backend.url(), Some("log:"));
}

#[cfg(feature = "apigateway")]
#[tokio::test]
async fn under_sam_local_self_invocation_requires_an_endpoint() {
    let config = SdkConfig::builder()
        .region(aws_config::Region::from_static("us-east-1"))
        .credentials_provider(
            aws_credential_types::provider::SharedCredentialsProvider::new(
                aws_credential_types::Credentials::new("test", "test", None, None, "test"),
            ),
        )
        .build();
    let function = (FUNCTION_NAME, "Chat");
    let lambda = (LAMBDA_ENDPOINT, "http://127.0.0.1:3002");
    let tasks = |variables: &[_]| environment(variables).tasks(&config).unwrap().is_some();
    assert!(tasks(&[function]));
    assert!(!tasks(&[function, (SAM_LOCAL, "true")]));
    assert!(tasks(&[function, (SAM_LOCAL, "true"), lambda]));
}

#[cfg(feature = "apigateway")]
#[test]
fn tasks_run_in_the_same_version_unless_another_function_is_named() {
    let of = |variables: &[_]| {
        let function = environment(variables).function_of_tasks(Some("us-east-1"));
        function.unwrap()
    };
    let (own, version) = ((FUNCTION_NAME, "Chat"), (FUNCTION_VERSION, "7"));
    assert_eq!(of(&[own]).as_deref(), Some("Chat:$LATEST"));
    assert_eq!(of(&[own, version]).as_deref(), Some("Chat:7"));
    assert_eq!(of(&[]), None);
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:ChatTasks:live";
    for name in ["ChatTasks", "ChatTasks:live", arn] {
        let other = (TASK_FUNCTION, name);
        assert_eq!(of(&[own, version, other]).as_deref(), Some(name));
        assert_eq!(of(&[other]).as_deref(), Some(name), "outside Lambda");
    }
    // Both functions can have the same environment.
    let same = (TASK_FUNCTION, "Chat");
    assert_eq!(of(&[own, version, same]).as_deref(), Some("Chat:7"));
    let other = arn.replace("us-east-1", "eu-west-1");
    for wrong in ["Chat Tasks", "a:b:c", &*other] {
        let environment = environment(&[own, (TASK_FUNCTION, wrong)]);
        let error = environment.function_of_tasks(Some("us-east-1"));
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains(TASK_FUNCTION) && error.contains(wrong),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_store_and_a_transport_that_are_given_are_used() {
    let memory: Arc<dyn DynStore> = Arc::new(Memory::new());
    let log: Arc<dyn DynTransport> = Arc::new(LogOnly);
    let backend = environment(&[])
        .function(Some(memory), Some(log), None)
        .await
        .unwrap();
    assert_eq!(backend.url(), Some("log:"));
}

#[test]
fn the_default_rate_is_half_of_the_quota_of_the_region() {
    let rate = |variables: &[_]| environment(variables).send_rate().unwrap();
    assert_eq!(rate(&[]), 5000);
    assert_eq!(rate(&[(REGION, "us-east-1")]), 5000);
    for small in ["eu-south-2", "af-south-1", "mx-central-1"] {
        assert_eq!(rate(&[(REGION, small)]), 1250, "{small}");
        assert_eq!(rate(&[(REGION, small), (RATE, "77")]), 77);
    }
    assert!(environment(&[(RATE, "0")]).send_rate().is_err());
}

#[test]
fn metrics_are_off_unless_a_namespace_is_given_that_cloudwatch_takes() {
    assert!(environment(&[]).metrics().unwrap().is_none());
    let good = environment(&[(METRICS, "Chat/prod"), (FUNCTION_NAME, "chat")]);
    assert!(good.metrics().unwrap().is_some());
    for bad in ["AWS/Lambda", ":chat", "a chat", "chät", &"x".repeat(256)] {
        let error = environment(&[(METRICS, bad)]).metrics().err();
        let error = error.expect(bad).to_string();
        assert!(error.contains(METRICS), "{error}");
    }
}

#[cfg(feature = "dynamodb")]
#[tokio::test]
async fn names_of_the_tables_attributes_that_are_not_valid_fail_the_start() {
    let some = |names| {
        environment(&[
            (TABLE, "table"),
            (TABLE_ATTRIBUTES, names),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ])
    };
    for (names, expected) in [
        ("PK,SK", "such as `PK,SK,ttl`"),
        ("PK,user,ttl", "`user` is not valid"),
    ] {
        let error = some(names).function(None, None, None).await.unwrap_err();
        let error = error.to_string();
        assert!(error.contains(TABLE_ATTRIBUTES), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    some("PK,SK,ttl").function(None, None, None).await.unwrap();
}
