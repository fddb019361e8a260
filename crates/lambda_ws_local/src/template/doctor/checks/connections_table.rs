//! The connections table, with the string keys `pk` and `sk` and the expiry attribute `exp`.

use crate::template::doctor::finding::{Finding, Location};
use crate::template::doctor::input::{CONNECTIONS_TABLE, DoctorInput};
use crate::template::resources::Table;
use crate::template::transform::Resource;

const KEYS: [(&str, &str); 2] = [("pk", "HASH"), ("sk", "RANGE")];
const EXPIRY: &str = "exp";

/// Whether the functions have the variable with the name of their table.
pub(super) fn variable(input: &DoctorInput<'_>) -> Vec<Finding> {
    let functions = input.library_functions();
    functions
        .filter_map(|function| wrong_variable(input, function.resource))
        .collect()
}

fn wrong_variable(input: &DoctorInput<'_>, function: &Resource) -> Option<Finding> {
    let location = DoctorInput::location_of_variable(function, CONNECTIONS_TABLE);
    let fix = format!("write `{CONNECTIONS_TABLE}: !Ref {}`", example(input));
    let cdk_fix =
        format!("write `{CONNECTIONS_TABLE}: table.tableName` in the environment of the function");
    let Some(variable) = input.variable(function, CONNECTIONS_TABLE).ok()? else {
        let id = &function.id;
        let what = format!("function `{id}` has no variable `{CONNECTIONS_TABLE}`");
        let effect = "the function exits when it starts, and every handshake fails with 502";
        return Some(
            Finding::mistake(location, what)
                .effect(effect)
                .fix(fix)
                .cdk_fix(cdk_fix),
        );
    };
    // The table of a parameter or another stack may exist.
    let name = variable.value.as_text()?;
    let is_logical_id = |table: &Table| {
        let resource = input.resource(&table.logical_id);
        let is_named = resource.is_some_and(|one| one.properties.entry("TableName").is_some());
        table.logical_id == name && !is_named
    };
    if input.tables.iter().any(is_logical_id) {
        let what = format!(
            "`{CONNECTIONS_TABLE}` is `{name}`, which is a logical id and not the name of the table"
        );
        let effect = "DynamoDB does not find the table, and every handshake fails";
        return Some(
            Finding::mistake(location, what)
                .effect(effect)
                .fix(fix)
                .cdk_fix(cdk_fix),
        );
    }
    let may_be =
        |table: &Table| table.name == name || !input.has_known_name(&table.logical_id, "TableName");
    if input.tables.iter().any(may_be) {
        return None;
    }
    let what =
        format!("`{CONNECTIONS_TABLE}` is `{name}`, and no table of the template has this name");
    let effect = "every handshake fails if the table does not exist";
    Some(
        Finding::remark(location, what)
            .effect(effect)
            .fix(fix)
            .cdk_fix(cdk_fix),
    )
}

/// Returns a table for the reference in a fix.
fn example<'d>(input: &'d DoctorInput<'_>) -> &'d str {
    let mut tables = input.tables.iter();
    let table = tables.find(|table| keys_of(table) == KEYS.map(|(name, _)| name));
    let table = table.or(input.tables.first());
    table.map_or("Connections", |table| &table.logical_id)
}

fn keys_of(table: &Table) -> Vec<&str> {
    let schema = table.create["KeySchema"].as_array().into_iter().flatten();
    schema
        .filter_map(|key| key["AttributeName"].as_str())
        .collect()
}

/// Returns the connections tables without duplicates.
fn tables<'t>(input: &'t DoctorInput<'_>) -> Vec<(&'t Table, &'t Resource)> {
    let mut tables: Vec<(&Table, &Resource)> = Vec::new();
    for function in input.library_functions() {
        if let Some(table) = input.connections_table(&function)
            && let Some(resource) = input.resource(&table.logical_id)
            && tables.iter().all(|(other, _)| other.name != table.name)
        {
            tables.push((table, resource));
        }
    }
    tables
}

/// Whether the tables have the keys that the library requires.
pub(super) fn keys(input: &DoctorInput<'_>) -> Vec<Finding> {
    let tables = tables(input).into_iter();
    let wrong = tables.filter(|(table, _)| !has_right_keys(table));
    let findings = wrong.map(|(table, resource)| {
        let id = &table.logical_id;
        let what = format!("the keys of table `{id}` are not the strings `pk` and `sk`");
        let fix = match resource.resource_type.starts_with("AWS::Serverless::") {
            true => {
                "make it an `AWS::DynamoDB::Table` with `pk` (S) as HASH and `sk` (S) as RANGE key"
            }
            false => {
                "declare `pk` and `sk` with `AttributeType: S`, `pk` as HASH and `sk` as RANGE key"
            }
        };
        Finding::mistake(Location::of(resource, &["KeySchema"]), what)
            .effect("DynamoDB rejects every item, and every handshake fails")
            .fix(fix)
            .cdk_fix("write `partitionKey: { name: 'pk', type: AttributeType.STRING }` and `sortKey: { name: 'sk', type: AttributeType.STRING }`")
    });
    findings.collect()
}

fn has_right_keys(table: &Table) -> bool {
    let has = |list: &str, name: &str, property: &str, value: &str| {
        let mut list = table.create[list].as_array().into_iter().flatten();
        let first = list.find(|one| one["AttributeName"] == name);
        first.is_some_and(|one| one[property] == value)
    };
    keys_of(table).len() == KEYS.len()
        && KEYS.into_iter().all(|(name, kind)| {
            has("KeySchema", name, "KeyType", kind)
                && has("AttributeDefinitions", name, "AttributeType", "S")
        })
}

/// Whether the items of the tables expire.
pub(super) fn time_to_live(input: &DoctorInput<'_>) -> Vec<Finding> {
    let findings = tables(input).into_iter().filter_map(|(table, resource)| {
        let id = &table.logical_id;
        let what = match table.ttl_attribute.as_deref() {
            Some(EXPIRY) => return None,
            Some(other) => format!("items of table `{id}` expire by `{other}` instead of `{EXPIRY}`"),
            None => format!("items of table `{id}` never expire"),
        };
        let location = Location::of(resource, &["TimeToLiveSpecification", "AttributeName"]);
        let finding = Finding::remark(location, what)
            .effect("connections without a `$disconnect` remain forever, and rooms become slow and expensive")
            .fix(format!("write `TimeToLiveSpecification: {{ AttributeName: {EXPIRY}, Enabled: true }}`"))
            .cdk_fix(format!("write `timeToLiveAttribute: '{EXPIRY}'`"));
        Some(finding)
    });
    findings.collect()
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::tests::{SAM, all, broken, finds, is_right, without};

    const VARIABLE: &str = "          CONNECTIONS_TABLE: !Ref Connections\n";

    #[test]
    fn a_missing_or_wrong_table_variable_is_a_finding() {
        let finding = finds(&without(SAM, VARIABLE), "connections-table");
        assert_eq!(finding.fix, "write `CONNECTIONS_TABLE: !Ref Connections`");
        for (name, expected) in [
            ("chat", "no table of the template"),
            ("Connections", "not the name of the table"),
        ] {
            let to = format!("CONNECTIONS_TABLE: {name}");
            let text = broken(SAM, "CONNECTIONS_TABLE: !Ref Connections", &to);
            assert!(finds(&text, "connections-table").what.contains(expected));
        }
        let to = "      TableName: chat\n      BillingMode";
        let named = broken(SAM, "      BillingMode", to);
        let changed = broken(&named, VARIABLE, "          CONNECTIONS_TABLE: chat\n");
        is_right(&changed);
    }

    #[test]
    fn a_table_outside_the_template_is_not_examined() {
        for elsewhere in ["!ImportValue Table", "!Ref TableName"] {
            let to = format!("CONNECTIONS_TABLE: {elsewhere}");
            let text = broken(SAM, "CONNECTIONS_TABLE: !Ref Connections", &to);
            is_right(&broken(
                &text,
                "Resources:\n",
                "Parameters:\n  TableName: { Type: String }\nResources:\n",
            ));
        }
    }

    #[test]
    fn the_keys_must_be_the_strings_pk_and_sk() {
        for (from, to) in [
            (
                "AttributeName: sk, KeyType: RANGE",
                "AttributeName: pk, KeyType: RANGE",
            ),
            (
                "AttributeName: pk, AttributeType: S",
                "AttributeName: pk, AttributeType: N",
            ),
            ("        - { AttributeName: sk, KeyType: RANGE }\n", ""),
        ] {
            finds(&broken(SAM, from, to), "table-keys");
        }
    }

    #[test]
    fn items_must_expire_by_exp() {
        let right = "TimeToLiveSpecification: { AttributeName: exp, Enabled: true }";
        for wrong in [
            "TableClass: STANDARD",
            "TimeToLiveSpecification: { AttributeName: ttl, Enabled: true }",
            "TimeToLiveSpecification: { AttributeName: exp, Enabled: false }",
        ] {
            let found = finds(&broken(SAM, right, wrong), "table-ttl");
            assert!(found.fix.contains(right), "{found:?}");
        }
        assert!(all(SAM).is_empty());
    }
}
