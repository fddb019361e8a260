//! Tables in the embedded DynamoDB.

use super::connector::{Connector, wait};
use super::meter::Meter;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Region, StalledStreamProtectionConfig};
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use lambda_ws::Timestamp;
use lambda_ws::store::{DynamoDb, TableAttributes};
use serde_json::{Value, json};
use std::time::Duration;

/// One table of connections, in a database of its own.
pub(crate) struct Table {
    database: lambda_ws_local::dynamodb::DynamoDb,
    attributes: TableAttributes,
    pub(crate) store: DynamoDb,
}

const NAME: &str = "connections";

impl Table {
    pub(crate) fn new() -> Self {
        Self::with(TableAttributes::default())
    }

    /// A table whose keys and TTL attribute have other names, two of which are those of other attributes by default.
    pub(crate) fn with_other_names() -> Self {
        let attributes = TableAttributes::new("sk", "exp", "ttl");
        Self::with(attributes.expect("names that are valid"))
    }

    fn with(attributes: TableAttributes) -> Self {
        Self::reached(attributes, |connector| connector)
    }

    /// A table whose requests are counted.
    pub(crate) fn metered(meter: &Meter) -> Self {
        let attributes = TableAttributes::default();
        Self::reached(attributes, |connector| connector.metered(meter.clone()))
    }

    fn reached(attributes: TableAttributes, through: impl FnOnce(Connector) -> Connector) -> Self {
        let database = lambda_ws_local::dynamodb::DynamoDb::memory().expect("a database");
        let definition = tests::Table::definition_with(NAME, &attributes);
        wait(database.create_table(definition, None)).expect("a table");
        let client = client(through(Connector::new(database.clone())));
        Self {
            database,
            store: DynamoDb::with_attributes(client, NAME, attributes.clone()),
            attributes,
        }
    }

    /// The store of another process, with a client and caches of its own. Its requests without a course take some time.
    pub(crate) fn process(&self, meter: &Meter, request_time: Duration) -> DynamoDb {
        let connector = Connector::new(self.database.clone()).slow(request_time);
        DynamoDb::new(client(connector.metered(meter.clone())), NAME)
    }

    /// Removes some of the items that have expired, as the time to live does in its own time.
    pub(crate) fn sweep(&self, now: Timestamp, which: u8) {
        let found = self.call("Scan", &json!({"TableName": NAME}));
        let items = found["Items"].as_array().cloned().unwrap_or_default();
        let [pk, sk, ttl] = self.attributes.names();
        for (n, item) in items.iter().enumerate() {
            // A value may have none.
            let exp = item[ttl]["N"].as_str().map(|n| n.parse::<u64>());
            let is_over = exp.is_some_and(|exp| exp.expect("seconds") <= now.secs());
            if is_over && which >> (n % 8) & 1 == 1 {
                let key = json!({pk: item[pk], sk: item[sk]});
                self.call("DeleteItem", &json!({"TableName": NAME, "Key": key}));
            }
        }
    }

    fn call(&self, operation: &str, body: &Value) -> Value {
        let (status, answer) = wait(self.database.call(operation, body.to_string().into()));
        assert!(status.is_success(), "{operation}: {answer:?}");
        serde_json::from_slice(&answer).expect("answers are JSON")
    }
}

/// The SDK as the library configures it, without timeouts, because virtual time passes at once.
fn client(connector: Connector) -> Client {
    let partition = RetryPartition::custom("store").token_bucket(TokenBucket::unlimited());
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .endpoint_url("http://dynamodb")
        .allow_no_auth()
        .http_client(connector)
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(50)))
        .retry_partition(partition.build())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    Client::from_conf(config.build())
}
