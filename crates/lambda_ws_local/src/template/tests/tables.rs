use super::*;
use serde_json::json;

#[test]
fn a_table_is_created_with_its_keys_indexes_throughput_and_stream() {
    insta::assert_json_snapshot!(read(RAW).tables[0].create);
}

#[test]
fn a_simple_table_has_one_key_and_is_on_demand() {
    let table = read("Transform: AWS::Serverless-2016-10-31\nResources:\n  Table: { Type: AWS::Serverless::SimpleTable }\n").tables.remove(0);
    let expected = json!({
        "TableName": "Table",
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
        "BillingMode": "PAY_PER_REQUEST",
    });
    assert_eq!(table.create, expected);
}

#[test]
fn items_expire_only_if_time_to_live_is_enabled() {
    assert_eq!(read(SAM).tables[0].ttl_attribute.as_deref(), Some("exp"));
    assert_eq!(
        read(&SAM.replace("Enabled: true", "Enabled: false")).tables[0].ttl_attribute,
        None
    );
}

#[test]
fn values_that_dynamodb_rejects_are_problems() {
    let change = |text: &str, from: &str, to: &str| errors(&text.replacen(from, to, 1));
    insta::assert_snapshot!(
        [
            change(
                SAM,
                "BillingMode: PAY_PER_REQUEST",
                "BillingMode: PROVISIONED"
            ),
            change(SAM, "BillingMode: PAY_PER_REQUEST", "BillingMode: FREE"),
            change(SAM, "${AWS::StackName}-settings", "Connections"),
            change(SAM, "Type: String }", "Type: S }"),
            change(RAW, "TableName: Rooms", "TableName: r"),
            change(RAW, "KeySchema:", "Keys:"),
        ]
        .join("\n")
    );
}
