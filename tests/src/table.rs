//! A look into the connections' table, from outside.

use crate::deadline::until;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use lambda_ws::store::TableAttributes;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The connections' table, seen from outside.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// The only table of a DynamoDB.
    ///
    /// # Panics
    ///
    /// If it has none or several.
    pub async fn at(endpoint: &str) -> Self {
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .endpoint_url(endpoint)
            .http_client(lambda_ws::transport::https_client())
            .build();
        let client = Client::from_conf(config);
        let tables = client.list_tables().send().await.expect("it answers");
        let [name] = tables.table_names() else {
            panic!("one table is expected: {tables:?}");
        };
        Self {
            name: name.clone(),
            client,
        }
    }

    /// The name of the table.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store that the library keeps connections in, on this table.
    pub fn store(&self) -> lambda_ws::store::DynamoDb {
        lambda_ws::store::DynamoDb::new(self.client.clone(), &*self.name)
    }

    /// What makes a table of this name, for DynamoDB's `CreateTable`: without its time to live.
    pub fn definition(name: &str) -> Value {
        Self::definition_with(name, &TableAttributes::default())
    }

    /// The same for a table whose keys have these names.
    pub fn definition_with(name: &str, attributes: &TableAttributes) -> Value {
        let [pk, sk, _] = attributes.names();
        json!({
            "TableName": name,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [
                {"AttributeName": pk, "AttributeType": "S"},
                {"AttributeName": sk, "AttributeType": "S"},
            ],
            "KeySchema": [
                {"AttributeName": pk, "KeyType": "HASH"},
                {"AttributeName": sk, "KeyType": "RANGE"},
            ],
        })
    }

    /// How many items there are of each kind: `C` connections, `R` members of rooms, `U` users'
    /// connections.
    ///
    /// # Panics
    ///
    /// If the table does not answer.
    pub async fn items(&self) -> BTreeMap<String, usize> {
        let mut items = BTreeMap::new();
        let scan = self
            .client
            .scan()
            .table_name(&self.name)
            .consistent_read(true);
        let mut pages = scan.projection_expression("pk").into_paginator().send();
        while let Some(page) = pages.next().await {
            for item in page.expect("it answers").items() {
                let key = item["pk"].as_s().expect("keys are strings");
                let (kind, _) = key.split_once('#').expect("keys have a kind");
                *items.entry(kind.to_owned()).or_default() += 1;
            }
        }
        items
    }

    /// Waits until there are so many connections, members of rooms and users' connections.
    ///
    /// # Panics
    ///
    /// If that does not come about.
    pub async fn has(&self, connections: usize, members: usize, users: usize) {
        let wanted = [("C", connections), ("R", members), ("U", users)];
        let what = format!("items in the table: {wanted:?}");
        until(&what, async || {
            let items = self.items().await;
            let count = |kind| items.get(kind).copied().unwrap_or_default();
            wanted
                .iter()
                .all(|(kind, n)| count(*kind) == *n)
                .then_some(())
        })
        .await;
    }
}
