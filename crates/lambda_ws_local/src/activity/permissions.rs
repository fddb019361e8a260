//! The permissions that the calls of functions require.

use super::Call;
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The number of calls per function, action and resource.
#[derive(Debug, Default)]
pub(super) struct Permissions {
    functions: BTreeMap<Box<str>, Actions>,
}

type Actions = BTreeMap<Box<str>, BTreeMap<Box<str>, u64>>;

/// The members of a DynamoDB request that name its tables.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Tables {
    table_name: Option<String>,
    request_items: BTreeMap<String, IgnoredAny>,
    /// Each has one entry, with its kind as the key.
    transact_items: Vec<BTreeMap<String, Tables>>,
}

/// Passes each required action and its resource to `count`.
pub(super) fn needed(call: &Call<'_>, mut count: impl FnMut(&str, &str)) {
    match call.service {
        "management" => count(
            "execute-api:ManageConnections",
            match call.action {
                "POST" => "POST/@connections/*",
                "GET" => "GET/@connections/*",
                _ => "DELETE/@connections/*",
            },
        ),
        "dynamodb" => needed_of_dynamodb(call.action, &call.request, count),
        _ => {
            let name = call.target.split('/').nth(3).unwrap_or_default();
            let name = percent_decode_str(name).decode_utf8_lossy();
            count("lambda:InvokeFunction", &format!("function:{name}"));
        }
    }
}

fn needed_of_dynamodb(operation: &str, request: &Bytes, mut count: impl FnMut(&str, &str)) {
    let tables: Tables = serde_json::from_slice(request).unwrap_or_default();
    let named = tables.table_name.iter().chain(tables.request_items.keys());
    let own = named.map(|table| (operation, table));
    // A transaction requires the permissions of its parts, and none of its own.
    let parts = tables.transact_items.iter().flatten();
    let parts = parts.filter_map(|(kind, part)| {
        let action = match &**kind {
            "ConditionCheck" => "ConditionCheckItem",
            "Delete" => "DeleteItem",
            "Get" => "GetItem",
            "Put" => "PutItem",
            _ => "UpdateItem",
        };
        Some((action, part.table_name.as_ref()?))
    });
    for (action, table) in own.chain(parts) {
        // The name may be an ARN.
        let name = table
            .rsplit_once(":table/")
            .map_or(&**table, |(_, name)| name);
        count(&format!("dynamodb:{action}"), &format!("table/{name}"));
    }
}

impl Permissions {
    pub(super) fn count(&mut self, function: &str, action: &str, resource: &str) {
        // Most calls repeat an earlier one, which needs no allocation.
        let known = self.functions.get_mut(function);
        let known = known.and_then(|actions| actions.get_mut(action)?.get_mut(resource));
        match known {
            Some(count) => *count += 1,
            None => {
                let actions = self.functions.entry(function.into()).or_default();
                let resources = actions.entry(action.into()).or_default();
                resources.insert(resource.into(), 1);
            }
        }
    }

    /// Returns the resources by function and action, each with the number of calls.
    pub(super) fn show(&self) -> Value {
        json!(self.functions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn call<'a>(
        service: &'static str,
        action: &'a str,
        target: &'a str,
        request: &Value,
    ) -> Call<'a> {
        Call {
            service,
            action,
            target,
            status: 200,
            duration: Duration::ZERO,
            request: request.to_string().into(),
            response: Bytes::new(),
            detail: None,
        }
    }

    fn noted<'a>(calls: impl IntoIterator<Item = Call<'a>>) -> Value {
        let mut permissions = Permissions::default();
        for call in calls {
            needed(&call, |action, resource| {
                permissions.count("Chat", action, resource)
            });
        }
        permissions.show()["Chat"].clone()
    }

    #[test]
    fn posts_to_many_connections_need_one_permission() {
        let post = |id| call("management", "POST", id, &Value::Null);
        let delete = call("management", "DELETE", "a", &Value::Null);
        let resources = json!({"DELETE/@connections/*": 1, "POST/@connections/*": 2});
        let expected = json!({"execute-api:ManageConnections": resources});
        assert_eq!(noted([post("a"), post("b"), delete]), expected);
    }

    #[test]
    fn a_transaction_needs_what_it_is_made_of() {
        let request = json!({"TransactItems": [
            {"Put": {"TableName": "members", "Item": {}}},
            {"Delete": {"TableName": "arn:aws:dynamodb:us-east-1:000000000000:table/members", "Key": {}}},
            {"Update": {"TableName": "connections", "Key": {}}},
        ]});
        assert_eq!(
            noted([call("dynamodb", "TransactWriteItems", "", &request)]),
            json!({
                "dynamodb:DeleteItem": {"table/members": 1},
                "dynamodb:PutItem": {"table/members": 1},
                "dynamodb:UpdateItem": {"table/connections": 1},
            })
        );
    }

    #[test]
    fn a_batch_is_an_action_of_its_own() {
        let batch = json!({"RequestItems": {"members": [{"PutRequest": {"Item": {}}}]}});
        let query = json!({"TableName": "connections", "Limit": 1});
        assert_eq!(
            noted([
                call("dynamodb", "BatchWriteItem", "", &batch),
                call("dynamodb", "Query", "", &query)
            ]),
            json!({
                "dynamodb:BatchWriteItem": {"table/members": 1},
                "dynamodb:Query": {"table/connections": 1},
            })
        );
    }

    #[test]
    fn an_invocation_is_of_a_function_in_a_version() {
        let path = "/2015-03-31/functions/Chat%3A%24LATEST/invocations";
        assert_eq!(
            noted([call("lambda", "Invoke", path, &Value::Null)]),
            json!({"lambda:InvokeFunction": {"function:Chat:$LATEST": 1}})
        );
    }
}
