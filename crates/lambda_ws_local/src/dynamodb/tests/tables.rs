//! Tables and database files.

use super::*;

#[tokio::test]
async fn a_table_is_created_once_and_items_expire_by_the_attribute() {
    let dynamodb = connections().await;
    ok(&dynamodb, "PutItem", put("1")).await;
    let result = dynamodb.create_table(table(), Some("exp")).await;
    result.expect("the same table");
    let count = ok(
        &dynamodb,
        "Scan",
        json!({"TableName": "connections", "Select": "COUNT"}),
    )
    .await;
    assert_eq!(count["Count"], 1);
    let ttl = ok(
        &dynamodb,
        "DescribeTimeToLive",
        json!({"TableName": "connections"}),
    )
    .await;
    assert_eq!(ttl["TimeToLiveDescription"]["AttributeName"], "exp");
}

#[tokio::test]
async fn another_table_of_the_same_name_is_a_clear_error() {
    let dynamodb = connections().await;
    let mut other = table();
    other["AttributeDefinitions"][1]["AttributeType"] = "N".into();
    let result = dynamodb.create_table(other, None).await;
    let error = result.expect_err("an error");
    let expected = "the table connections has the key pk (S, HASH), sk (S, RANGE), \
     not pk (S, HASH), sk (N, RANGE): delete it, or use another data file";
    assert_eq!(error.to_string(), expected);
    let result = dynamodb.create_table(table(), Some("ttl")).await;
    let error = result.expect_err("an error");
    assert_eq!(
        error.to_string(),
        "items of the table connections expire by exp, not by ttl: delete it, or use another data file"
    );
    let result = dynamodb.create_table(json!({"TableName": "x"}), None).await;
    let error = result.expect_err("an error");
    assert!(
        matches!(
            error,
            DynamoDbError::Refused {
                operation: "CreateTable",
                ..
            }
        ),
        "{error}"
    );
}

#[tokio::test]
async fn fault_l9_a_database_file_is_for_its_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data.db");
    let dynamodb = DynamoDb::open(&file).expect("a database");
    dynamodb.create_table(table(), None).await.unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        files += 1;
    }
    assert!(files > 0);
    drop(dynamodb);
    // What somebody has opened to others stays open.
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o640)).unwrap();
    drop(DynamoDb::open(&file).expect("a database"));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o640);
}

#[tokio::test]
async fn a_file_survives_the_process() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("data");
    let dynamodb = DynamoDb::open(&file).expect("a database");
    let result = dynamodb.create_table(table(), Some("exp")).await;
    result.expect("a table");
    ok(&dynamodb, "PutItem", put("1")).await;
    let mut expired = put("2");
    expired["Item"]["exp"] = json!({"N": "1000000000"});
    ok(&dynamodb, "PutItem", expired).await;
    drop(dynamodb);
    let dynamodb = DynamoDb::open(&file).expect("a database");
    let result = dynamodb.create_table(table(), Some("exp")).await;
    result.expect("the same table");
    let items = ok(&dynamodb, "Scan", json!({"TableName": "connections"})).await;
    assert_eq!(items["Items"], json!([put("1")["Item"]]));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_an_error() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("data");
    std::fs::write(
        &file,
        "not a database, but long enough to be taken for one".repeat(100),
    )
    .expect("a file");
    let error = DynamoDb::open(&file).expect_err("an error");
    assert!(matches!(error, DynamoDbError::Open { .. }), "{error}");
}
